"""The HTTP/1.1 client that deliveries go out with: pinned dial, pool per endpoint, hard bounds in bytes and time.

Knows requests and answers, nothing of messages, signatures or retries. Runs on uvloop and on asyncio's own loop.
"""

from switchhook.delivery.http.client import Client, Stats
from switchhook.delivery.http.limits import Limits
from switchhook.delivery.http.proxy import Proxy
from switchhook.delivery.http.resolver import Resolver, SystemResolver

__all__ = ["Client", "Limits", "Proxy", "Resolver", "Stats", "SystemResolver"]

"""Where a receiver notes which messages it has: in memory, SQLite, PostgreSQL or Redis.

`contract` says what each of them keeps to; the modules are imported one by one, and
need no client library themselves.
"""

from switchhook.webhooks.dedupe.contract import AsyncDedupe, Claim, Dedupe, State, Waiting
from switchhook.webhooks.dedupe.memory import MemoryDedupe

__all__ = ["AsyncDedupe", "Claim", "Dedupe", "MemoryDedupe", "State", "Waiting"]

"""What leads outside: HTTP clients as the configuration wants them, and lines to phone systems of others."""

from collections.abc import Callable

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import Client, Proxy, SystemResolver
from switchhook.delivery.http.limits import Limits
from switchhook.serving.line import Line, OnFact, Telephones
from switchhook.settings.config import TELEPHONY, Config
from switchhook.storage.store import Store
from switchhook.workspace.switchboard import Switchboard


def client(config: Config, clock: Clock, policy: AddressPolicy, limits: Limits | None = None) -> Client:
    """An HTTP client that goes through the proxy of the configuration, if there is one."""
    proxy = Proxy.parse(config.egress_proxy) if config.egress_proxy else None
    return Client(clock, policy, SystemResolver(clock), limits=limits or Limits(), proxy=proxy)


def outside_line(
    config: Config,
    store: Store,
    switchboard: Switchboard,
    clock: Clock,
    open_line: Callable[[OnFact], Telephones] | None,
    *,
    name: str,
    title: str,
) -> Line:
    """A line to a phone system that keeps its own calls, not started; `open_line` is None where there is none."""

    async def configure() -> None:
        """Who is who is in the configuration alone."""

    return Line(
        store,
        clock,
        switchboard,
        configure,
        open_line,
        runs=TELEPHONY in config.role,
        name=name,
        title=title,
        keeps=True,
    )

"""The connections of one endpoint. How many may be open is the caller's business: one is opened when none is idle."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from switchhook.delivery.address import Target
from switchhook.delivery.exchange import Request
from switchhook.delivery.http.call import Call
from switchhook.delivery.http.limits import Limits

if TYPE_CHECKING:
    from switchhook.delivery.http.client import Client
    from switchhook.delivery.http.connection import Connection


class Pool:
    """Idle connections, the last used on top, and what all requests of the endpoint begin with."""

    __slots__ = ("_client", "_heads", "dialling", "idle", "limits", "monotonic", "open", "origin", "target")

    def __init__(
        self, client: "Client", target: Target, limits: Limits, monotonic: Callable[[], float]
    ) -> None:
        self._client = client
        self._heads: dict[str, bytes] = {}
        self.target = target
        self.origin = target.origin
        self.limits = limits
        self.monotonic = monotonic
        self.open: set[Connection] = set()
        self.idle: list[Connection] = []
        self.dialling = 0

    def retarget(self, target: Target) -> None:
        """The endpoint has (perhaps) another URL: what is connected to another origin is not used for it."""
        if target.origin != self.origin:
            self.close_idle()
        self.target = target
        self.origin = target.origin
        self._heads.clear()

    def head(self, request: Request) -> bytes:
        """The request line and the client's own headers."""
        if request.target is not self.target:
            return _head(request)  # it was on its way when the endpoint's URL changed
        head = self._heads.get(request.method)
        if head is None:
            head = self._heads[request.method] = _head(request)
        return head

    def take(self) -> "Connection | None":
        """An idle connection, the one used last: those below it get the chance to grow old."""
        while self.idle:
            connection = self.idle.pop()
            if connection.transport is not None and not connection.transport.is_closing():
                return connection
        return None

    def release(self, connection: "Connection", now: float) -> None:
        """A connection has become idle at `now` (monotonic seconds)."""
        if (
            now - connection.opened_at >= self.limits.lifetime_seconds
            or connection.origin != self.origin
            or not self._client.keeps_idle()
        ):
            connection.end()
            return
        connection.idle_since = now
        self.idle.append(connection)

    def forget(self, connection: "Connection") -> None:
        """An idle connection is of no more use."""
        if connection in self.idle:
            self.idle.remove(connection)

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long, or is too old."""
        limits = self.limits
        for connection in list(self.idle):
            if (
                now - connection.idle_since >= limits.idle_seconds
                or now - connection.opened_at >= limits.lifetime_seconds
            ):
                self.idle.remove(connection)
                connection.end()

    def close_idle(self) -> None:
        """Close every idle connection."""
        idle, self.idle = self.idle, []
        for connection in idle:
            connection.end()

    def opened(self, connection: "Connection") -> None:
        """A connection has been made."""
        self.open.add(connection)

    def lost(self, connection: "Connection") -> None:
        """A connection is gone for good."""
        self.open.discard(connection)
        self.forget(connection)

    def again(self, call: Call) -> None:
        """The connection of `call` had gone stale: make it once more on a fresh one."""
        self._client.again(call, self)


def _head(request: Request) -> bytes:
    # Bodies are asked for uncompressed: 16 KiB are kept for people to read, and nothing is ever unpacked.
    target = request.target
    return (
        f"{request.method} {target.path_and_query} HTTP/1.1\r\n"
        f"host: {target.host_header}\r\n"
        "accept-encoding: identity\r\n"
    ).encode("ascii")

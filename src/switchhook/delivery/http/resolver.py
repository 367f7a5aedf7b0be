"""From a host name to addresses."""

import asyncio
import socket
import threading
from collections import deque
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Protocol

from switchhook.clock import Clock
from switchhook.delivery.address import Address

_MAX_CACHED = 4096


class Resolver(Protocol):
    """Looks names up. The client bounds the time and judges what comes back."""

    async def resolve(self, host: str) -> tuple[Address, ...]:
        """Every address of `host`, in the order in which they should be tried; at least one.

        Raises:
            OSError: there is none (`socket.gaierror`), or the look-up failed.
        """


class SystemResolver:
    """The machine's own resolver, getaddrinfo(3), in threads of its own.

    Neither loop's own getaddrinfo is used: uvloop's has four threads for everything, so that four names whose servers
    hang would stop all look-ups, and the threads of an executor hold up the exit of the process until they are done.
    Here a name has at most one thread, however many wait for it; at most `threads` run, and none outlives the process.
    What was found is kept for `ttl` seconds, so that a burst of new connections asks once.
    """

    def __init__(self, clock: Clock, *, ttl: float = 5.0, threads: int = 64) -> None:
        self._clock = clock
        self._ttl = ttl
        self._free = threads
        self._found: dict[str, tuple[float, tuple[Address, ...]]] = {}
        self._waiting: dict[str, list[asyncio.Future[tuple[Address, ...]]]] = {}
        self._queue: deque[str] = deque()

    async def resolve(self, host: str) -> tuple[Address, ...]:
        """See `Resolver.resolve`."""
        found = self._found.get(host)
        if found is not None and self._clock.monotonic() < found[0]:
            return found[1]
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[tuple[Address, ...]] = loop.create_future()
        waiters = self._waiting.get(host)
        if waiters is not None:
            waiters.append(waiter)
        else:
            self._waiting[host] = [waiter]
            self._queue.append(host)
            self._start(loop)
        return await waiter

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._free and self._queue:
            host = self._queue.popleft()
            if all(waiter.done() for waiter in self._waiting[host]):
                del self._waiting[host]  # everybody who asked has given up
                continue
            thread = threading.Thread(
                target=self._look_up, args=(host, loop), name="switchhook-dns", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:  # the system gives no more threads
                self._settle(host, OSError(str(error)))
                continue
            self._free -= 1

    def _look_up(self, host: str, loop: asyncio.AbstractEventLoop) -> None:
        answer: tuple[Address, ...] | Exception
        try:
            answer = look_up(host)
        except (
            OSError,
            ValueError,
        ) as error:  # ValueError: a name that the codec of the socket module refuses
            answer = (
                error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "not a host name")
            )
        try:
            loop.call_soon_threadsafe(self._done, host, answer, loop)
        except RuntimeError:
            pass  # the loop has closed meanwhile, and nobody waits

    def _done(
        self, host: str, answer: tuple[Address, ...] | Exception, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._free += 1
        self._settle(host, answer)
        self._start(loop)

    def _settle(self, host: str, answer: tuple[Address, ...] | Exception) -> None:
        if not isinstance(answer, Exception) and self._ttl > 0:
            if len(self._found) >= _MAX_CACHED:
                self._found.clear()
            self._found[host] = (self._clock.monotonic() + self._ttl, answer)
        for waiter in self._waiting.pop(host, []):
            if waiter.done():
                continue
            if isinstance(answer, Exception):
                waiter.set_exception(answer)
            else:
                waiter.set_result(answer)


def look_up(host: str) -> tuple[Address, ...]:
    """Ask getaddrinfo(3), which blocks. Zones of link-local addresses are dropped; the policy refuses those anyway.

    Raises:
        OSError: there is no address, or the look-up failed.
    """
    found: dict[IPv4Address | IPv6Address, None] = {}
    for family, _, _, _, place in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
        if family in (socket.AF_INET, socket.AF_INET6):
            found[ip_address(str(place[0]).partition("%")[0])] = None
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return tuple(found)

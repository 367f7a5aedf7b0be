"""The smaller parts of the HTTP client by themselves: the resolver's threads and the coarse timer."""

import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest

from switchhook.clock import ManualClock
from switchhook.delivery.address import Address, AddressPolicy, parse_target
from switchhook.delivery.exchange import Request, header_block
from switchhook.delivery.http import SystemResolver, resolver
from switchhook.delivery.http.call import Call
from switchhook.delivery.http.deadlines import Deadlines
from tests.delivery.receivers import on_both_loops

ONE = (ip_address("192.0.2.1"),)


class Library:
    """Stands in for getaddrinfo(3); a look-up ends when the test lets it."""

    def __init__(self, *, held: bool = False) -> None:
        self.asked: list[str] = []
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()
        self.go = threading.Event()
        if not held:
            self.go.set()

    def look_up(self, host: str) -> tuple[Address, ...]:
        with self._lock:
            self.asked.append(host)
            self.running += 1
            self.most = max(self.most, self.running)
        self.go.wait(10)
        with self._lock:
            self.running -= 1
        if host.startswith("missing"):
            raise socket.gaierror(socket.EAI_NONAME, "no")
        if host.startswith("odd"):
            raise UnicodeError("label too long")
        return ONE


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library()
    monkeypatch.setattr(resolver, "look_up", library.look_up)
    return library


@on_both_loops
async def test_the_machines_own_names_are_found() -> None:
    found = await SystemResolver(ManualClock()).resolve("localhost")
    assert found
    assert all(ip.is_loopback for ip in found)


@on_both_loops
async def test_however_many_wait_for_a_name_it_is_asked_once(library: Library) -> None:
    names = SystemResolver(ManualClock())
    library.go.clear()
    waiting = [asyncio.ensure_future(names.resolve("a.example")) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # one that gives up takes nothing from the others
    await asyncio.sleep(0)
    library.go.set()
    assert await asyncio.gather(*waiting[1:]) == [ONE] * 49
    assert library.asked == ["a.example"]


@on_both_loops
async def test_what_was_found_is_kept_for_its_time_and_no_longer(library: Library) -> None:
    clock = ManualClock()
    names = SystemResolver(clock, ttl=5)
    for seconds, questions in ((0.0, 1), (4.9, 1), (0.2, 2)):
        await clock.advance(seconds)
        assert await names.resolve("a.example") == ONE
        assert len(library.asked) == questions


@on_both_loops
async def test_a_failure_is_not_kept(library: Library) -> None:
    names = SystemResolver(ManualClock())
    for name in ("missing.example", "odd.example"):
        for _ in range(2):
            with pytest.raises(socket.gaierror):
                await names.resolve(name)
    assert len(library.asked) == 4


@on_both_loops
async def test_names_that_hang_hold_no_more_than_their_threads(library: Library) -> None:
    names = SystemResolver(ManualClock(), threads=3)
    library.go.clear()
    waiting = [asyncio.ensure_future(names.resolve(f"{number}.example")) for number in range(10)]
    await asyncio.sleep(0)
    waiting[9].cancel()
    library.go.set()
    assert await asyncio.gather(*waiting[:9]) == [ONE] * 9
    assert library.most <= 3
    assert "9.example" not in library.asked  # nobody waits for it any more


@on_both_loops
async def test_a_deadline_rings_at_most_a_tick_late_and_never_early() -> None:
    clock = ManualClock()
    policy = AddressPolicy.parse("127.0.0.0/8")
    request = Request(
        pool_key=1, target=parse_target("http://127.0.0.1/", policy), headers=header_block([]), body=b""
    )
    rung: list[tuple[Call, float]] = []
    deadlines = Deadlines(clock, 0.25, lambda call: rung.append((call, clock.monotonic())))
    wanted: dict[Call, float] = {}
    for seconds in (0.0, 20.0, 0.1, 0.25, 5.0, 0.26, 19.99, 3.1):
        await clock.advance(0.07)
        call = Call(request, clock.monotonic(), lambda _: None)
        deadlines.add(call, clock.monotonic(), seconds)
        wanted[call] = clock.monotonic() + seconds
    assert len(deadlines) == 8 - len(rung)
    await clock.advance(30)
    assert len(rung) == 8
    assert len(deadlines) == 0
    for call, at in rung:
        assert -1e-6 <= at - wanted[call] <= 0.2501
    assert clock.next_timer() is None

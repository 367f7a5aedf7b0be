"""What a worker and its parent say to each other, and when a worker that died is started anew."""

import asyncio
import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest

from switchhook.serving.installation import InstallationError
from switchhook.serving.seat import Board, Seat
from switchhook.serving.workers import PAUSES, pause_after
from switchhook.settings.config import ConfigError


@pytest.fixture
def channel() -> Iterator[tuple[socket.socket, socket.socket]]:
    parent, worker = socket.socketpair()
    parent.settimeout(30)
    yield parent, worker
    parent.close()
    worker.close()


@pytest.fixture
def parent(channel: tuple[socket.socket, socket.socket]) -> socket.socket:
    return channel[0]


@pytest.fixture
def seat(channel: tuple[socket.socket, socket.socket]) -> Seat:
    return Seat(2, "http://127.0.0.1:1", channel[1], Board(2))


async def nothing(_: int) -> None:
    """Nobody is to be buried."""


async def test_a_connection_comes_to_the_worker_whole(parent: socket.socket, seat: Seat) -> None:
    taken: asyncio.Queue[socket.socket] = asyncio.Queue()
    seat.begin(taken.put_nowait, nothing, lambda: None)
    for n in range(3):
        client, server = socket.socketpair()
        socket.send_fds(parent, [b"take\n"], [server.fileno()])
        server.close()
        async with asyncio.timeout(30):
            connection = await taken.get()
        connection.send(b"%d" % n)
        assert client.recv(10) == b"%d" % n
        assert connection.getblocking() is False
        connection.close()
        client.close()


async def test_the_dead_are_buried_one_after_the_other_and_an_error_stops_nothing(
    parent: socket.socket, seat: Seat
) -> None:
    buried: asyncio.Queue[int] = asyncio.Queue()

    async def bury(process: int) -> None:
        buried.put_nowait(process)
        if process == 7:
            raise RuntimeError("the database is away")

    seat.begin(lambda _: None, bury, lambda: None)
    parent.send(b"dead 7\ndead")
    parent.send(b" 8\n")
    async with asyncio.timeout(30):
        assert [await buried.get(), await buried.get()] == [7, 8]


async def test_the_end_of_the_channel_is_the_sign_to_stop(parent: socket.socket, seat: Seat) -> None:
    stopped = asyncio.Event()
    seat.begin(lambda _: None, nothing, stopped.set)
    await asyncio.sleep(0)
    assert not stopped.is_set()
    parent.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(30):
        await stopped.wait()


def test_what_a_worker_says(parent: socket.socket, seat: Seat) -> None:
    seat.joined(7)
    seat.say("ready http://x")
    seat.failed(ConfigError("one\nline"))
    seat.failed(InstallationError("taken"))
    assert parent.recv(1000) == b"process 7\nsay ready http://x\nfail config one line\nfail other taken\n"


def test_a_parent_that_is_gone_is_no_error(parent: socket.socket, seat: Seat) -> None:
    parent.close()
    seat.say("ready")
    seat.say("ready")


def test_a_worker_tells_the_figures_of_the_others_and_not_its_own() -> None:
    board = Board(3)
    seats = [Seat(number, "", socket.socket(), board) for number in (1, 2, 3)]
    seats[0].publish(b"one")
    seats[1].publish(b"two")
    assert seats[1].others() == {"1": b"one"}
    assert seats[2].others() == {"1": b"one", "2": b"two"}
    board.clear(0)
    assert seats[2].others() == {"2": b"two"}
    for seat in seats:
        seat._channel.close()


def test_pauses_grow_and_are_bounded() -> None:
    found = [pause_after(failures) for failures in range(1, 100)]
    assert all(0 < a <= b for a, b in pairwise(found))
    assert found[0] == PAUSES[0]
    assert found[-1] == PAUSES[-1] == 30

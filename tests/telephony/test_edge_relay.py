"""Sound goes through sockets of ours: to whom it belongs, from nobody else, and through a NAT."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from switchhook.clock import ManualClock
from switchhook.telephony.sip.edge.order import HOLD_SECONDS
from switchhook.telephony.sip.edge.relay import Ports, Relay
from switchhook.telephony.sip.edge.sdp import sound_at
from tests.telephony.sip_world import PATIENCE, rtp_ports
from tests.telephony.test_edge_order import numbers, packet

Place = tuple[str, int]
HOME = "127.0.0.2"  # where the peer's SIP comes from


def sdp(host: str, port: int) -> bytes:
    return b"v=0\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n" % (host.encode(), port)


class End:
    """A socket that says and hears."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind((host, 0))
        self.place: Place = self._socket.getsockname()

    def says(self, data: bytes, to: Place) -> None:
        self._socket.sendto(data, to)

    async def hears(self) -> tuple[bytes, Place]:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.sock_recvfrom(self._socket, 2048), PATIENCE)

    def close(self) -> None:
        self._socket.close()


class Call:
    """A relay between a peer and what stands for the stack."""

    def __init__(self, said: str = "") -> None:
        self.clock = ManualClock()
        first, _, last = rtp_ports().partition("-")
        self.relay = Relay(
            Ports("127.0.0.1", int(first), int(last)), Ports("127.0.0.1", 40_000, 60_000), self.clock, HOME
        )
        self.peer, self.stack, self.stranger = End(HOME), End("127.0.0.1"), End("127.0.0.3")
        port = self.peer.place[1]
        self.inner = sound_at(self.relay.to_stack(sdp(said or HOME, port))) or ("", 0)
        self.outer = sound_at(self.relay.to_peer(sdp(*self.stack.place))) or ("", 0)
        self.ports = int(first), int(last)


@pytest.fixture
async def calls() -> AsyncIterator[list[Call]]:
    made: list[Call] = []
    yield made
    for one in made:
        one.relay.close()
        for end in (one.peer, one.stack, one.stranger):
            end.close()


async def test_both_hear_each_other_through_us(calls: list[Call]) -> None:
    call = Call()
    calls.append(call)
    assert call.ports[0] <= call.outer[1] <= call.ports[1]
    assert call.outer[1] % 2 == 0
    call.peer.says(packet(1), call.outer)
    assert await call.stack.hears() == (packet(1), call.inner)
    call.stack.says(packet(9), call.inner)
    assert await call.peer.hears() == (packet(9), call.outer)


async def test_what_overtakes_waits_for_what_it_has_overtaken(calls: list[Call]) -> None:
    call = Call()
    calls.append(call)
    for number in (1, 3, 3, 2, 2, 6, 5):
        call.peer.says(packet(number), call.outer)
    assert [numbers([(await call.stack.hears())[0]]) for _ in range(3)] == [[1], [2], [3]]
    call.peer.says(b"\x80\xc8" + bytes(26), call.outer)  # RTCP on the same port: all before it has been read
    assert (await call.stack.hears())[0][1] == 0xC8
    await call.clock.advance(HOLD_SECONDS)
    assert [numbers([(await call.stack.hears())[0]]) for _ in range(2)] == [[5], [6]]


async def test_a_peer_behind_a_nat_is_sent_to_where_it_comes_from(calls: list[Call]) -> None:
    call = Call(said="10.1.2.3")
    calls.append(call)
    call.peer.says(packet(1), call.outer)
    await call.stack.hears()
    call.stack.says(packet(9), call.inner)
    assert await call.peer.hears() == (packet(9), call.outer)
    call.relay.to_stack(sdp("10.1.2.3", 4000))  # it renegotiates, and is still behind it
    call.stack.says(packet(10), call.inner)
    assert await call.peer.hears() == (packet(10), call.outer)


async def test_a_peer_that_moves_is_sent_to_where_it_says(calls: list[Call]) -> None:
    call = Call()
    calls.append(call)
    call.peer.says(packet(1), call.outer)
    await call.stack.hears()
    moved = End(HOME)
    call.relay.to_stack(sdp(*moved.place))
    call.stack.says(packet(9), call.inner)
    assert await moved.hears() == (packet(9), call.outer)
    moved.close()


async def test_a_stranger_is_not_heard_beside_the_peer_nor_in_the_place_of_the_stack(
    calls: list[Call],
) -> None:
    call = Call()
    calls.append(call)
    call.peer.says(packet(1), call.outer)
    await call.stack.hears()
    call.stranger.says(packet(2), call.outer)
    call.stranger.says(packet(66), call.inner)
    call.peer.says(packet(2, source=9), call.outer)
    assert (await call.stack.hears())[0] == packet(2, source=9)
    call.stack.says(packet(9), call.inner)
    assert (await call.peer.hears())[0] == packet(9)


async def test_a_call_without_ports_says_so_and_leaves_none_open(calls: list[Call]) -> None:
    call = Call()
    calls.append(call)
    one = Ports("127.0.0.1", call.outer[1], call.outer[1] + 1)
    with pytest.raises(OSError, match="no two ports"):
        one.pair()
    call.relay.close()
    call.relay.close()
    for free in one.pair():
        free.close()
    assert call.relay.to_peer(sdp(HOME, 4000)) == sdp(HOME, 4000)

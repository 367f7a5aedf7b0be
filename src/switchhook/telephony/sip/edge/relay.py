"""The sound of one call between a peer and the stack: through sockets of ours, in order, and from nobody else.

    peer ◀──rtp, rtcp, a port of `rtp_ports`──▶ Relay ◀──on one host──▶ the stack

SDP is changed on its way so that each end sends to us. What comes in order goes on at once; what has overtaken
something waits for it (see `order`). A peer whose SDP names an address that its packets do not come from is behind a
NAT: it is sent to where they come from.
"""

import asyncio
import itertools
import logging
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

from switchhook.clock import Clock, Timer
from switchhook.telephony.sip.edge.order import Order, is_sound
from switchhook.telephony.sip.edge.sdp import moved, sound_at

log = logging.getLogger(__name__)

Place = tuple[str, int]

_LARGEST = 2048
_TRIES = 200


class Ports:
    """Pairs of sockets: an even port for RTP and the next one for RTCP."""

    def __init__(self, host: str, first: int, last: int) -> None:
        self._host = host
        even = list(range(first + first % 2, last, 2))
        random.SystemRandom().shuffle(even)
        self._count = len(even)
        self._next: Iterator[int] = itertools.cycle(even)

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Two that are free.

        Raises:
            OSError: there are none.
        """
        for _ in range(min(_TRIES, self._count)):
            port, bound = next(self._next), []
            try:
                for number in (port, port + 1):
                    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                    bound.append(one)
                    one.bind((self._host, number))
            except OSError:
                for one in bound:
                    one.close()
            else:
                return bound[0], bound[1]
        raise OSError("no two ports next to each other are free for sound")


class Relay:
    """One call's."""

    def __init__(self, outside: Ports, inside: Ports, clock: Clock, signals: str) -> None:
        """`signals` is the address that the peer's SIP comes from.

        Raises:
            OSError: no ports are free.
        """
        self._clock = clock
        self._known = {signals}  # addresses that the peer's sound may come from
        self._heard_known = False
        self._outside = outside.pair()
        try:
            self._inside = inside.pair()
        except OSError:
            self._close(self._outside)
            raise
        self._said = ""  # the peer's address in its SDP
        self._behind = False  # whether its packets come from another one
        self._peer: list[Place | None] = [None, None]  # where its RTP and RTCP go
        self._stack: list[Place | None] = [None, None]
        self._order = Order()
        self._timer: Timer | None = None
        self._open = True
        loop = asyncio.get_running_loop()
        for kind in (0, 1):
            loop.add_reader(self._outside[kind], self._read, self._outside[kind], self._from_peer, kind)
            loop.add_reader(self._inside[kind], self._read, self._inside[kind], self._from_stack, kind)

    # ------------------------------------------------------------ SDP

    def to_stack(self, body: bytes) -> bytes:
        """What the peer says, for the stack."""
        place = sound_at(body)
        if place is None or not self._open:
            return body
        host, port = place
        if host != self._said:
            self._said, self._behind = host, False
            self._known.add(host)
        if not self._behind:
            self._peer = [place, (host, port + 1)]
        return moved(body, *self._inside[0].getsockname())

    def to_peer(self, body: bytes) -> bytes:
        """What the stack says, for the peer."""
        place = sound_at(body)
        if place is None or not self._open:
            return body
        self._stack = [place, (place[0], place[1] + 1)]
        return moved(body, *self._outside[0].getsockname())

    # ------------------------------------------------------------ sound

    def _read(self, source: socket.socket, take: Callable[[int, bytes, Place], None], kind: int) -> None:
        try:
            data, sender = source.recvfrom(_LARGEST)
        except OSError:  # nothing after all, or an ICMP answer to what we sent
            return
        take(kind, data, sender)

    def _from_peer(self, kind: int, data: bytes, sender: Place) -> None:
        known = sender[0] in self._known
        if not known and self._heard_known:
            return
        self._heard_known = self._heard_known or known
        if known and sender[0] != self._said:
            self._behind, self._peer[kind] = True, sender
        if kind or not is_sound(data):
            self._send(self._inside[kind], data, self._stack[kind])
            return
        self._go_on(self._order.put(data, self._clock.monotonic()))

    def _go_on(self, packets: list[bytes]) -> None:
        for packet in packets:
            self._send(self._inside[0], packet, self._stack[0])
        at = self._order.due_at
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._timer = self._clock.call_later(max(0.0, at - self._clock.monotonic()), self._due)

    def _due(self) -> None:
        self._timer = None
        if self._open:
            self._go_on(self._order.due(self._clock.monotonic()))

    def _from_stack(self, kind: int, data: bytes, sender: Place) -> None:
        there = self._stack[kind]
        if there is not None and sender == there:
            self._send(self._outside[kind], data, self._peer[kind])

    def _send(self, by: socket.socket, data: bytes, to: Place | None) -> None:
        if to is not None:
            with suppress(OSError):  # as if it had been lost on the way
                by.sendto(data, to)

    # ------------------------------------------------------------ the end

    def close(self) -> None:
        """No more sound; a second time nothing."""
        if self._open:
            self._open = False
            if self._timer is not None:
                self._timer.cancel()
            loop = asyncio.get_running_loop()
            for one in (*self._outside, *self._inside):
                loop.remove_reader(one)
            self._close((*self._outside, *self._inside))

    @staticmethod
    def _close(sockets: tuple[socket.socket, ...]) -> None:
        for one in sockets:
            one.close()

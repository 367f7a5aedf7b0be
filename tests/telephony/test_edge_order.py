"""Packets that overtake each other are put in order, and none goes on twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.telephony.sip.edge.order import HOLD_SECONDS, MOST, Order, is_sound


def packet(number: int, source: int = 7) -> bytes:
    number &= 0xFFFF
    return b"\x80\x00" + number.to_bytes(2) + bytes(4) + source.to_bytes(4) + b"sound"


def numbers(packets: list[bytes]) -> list[int]:
    return [int.from_bytes(one[2:4]) for one in packets]


@given(
    first=st.integers(0, 0xFFFF),
    late=st.lists(st.floats(0, HOLD_SECONDS - 0.001), min_size=1, max_size=80),
    lost=st.sets(st.integers(1, 200)),
    twice=st.sets(st.integers(0, 200)),
)
def test_whatever_the_network_does_they_come_out_in_order_and_once(
    first: int, late: list[float], lost: set[int], twice: set[int]
) -> None:
    """None is missing that was not lost when no other was delayed by more than the hold; none waits longer than it."""
    sent = [(n * 0.02 + (late[n % len(late)] if n else 0), n) for n in range(200) if n not in lost]
    sent += [(at + 0.03, n) for at, n in sent if n in twice]
    order, out = Order(), list[bytes]()
    for at, n in sorted(sent):
        out += [*order.due(at), *order.put(packet(first + n), at)]
        assert order.due_at is None or order.due_at > at
    out += order.due(1000.0)
    assert numbers(out) == [first + n & 0xFFFF for n in range(200) if n not in lost]


def test_what_comes_in_order_does_not_wait() -> None:
    order = Order()
    assert [numbers(order.put(packet(n), 0)) for n in (65_534, 65_535, 65_536)] == [[65_534], [65_535], [0]]
    assert order.due_at is None


def test_what_is_missing_is_waited_for_so_long_and_then_is_too_late() -> None:
    order = Order()
    order.put(packet(1), 0.0)
    assert order.put(packet(3), 0.04) == []
    assert order.due_at == pytest.approx(0.04 + HOLD_SECONDS)
    assert order.due(0.09) == []
    assert numbers(order.due(0.1)) == [3]
    assert order.put(packet(2), 0.11) == []
    assert numbers(order.put(packet(4), 0.12)) == [4]


@pytest.mark.parametrize(
    ("then", "out"),
    [
        (packet(5000), [3, 5000]),  # the numbers begin anew
        (packet(2, source=8), [3, 2]),  # somebody else speaks
    ],
)
def test_a_sender_who_begins_anew_is_heard_at_once(then: bytes, out: list[int]) -> None:
    order = Order()
    order.put(packet(1), 0.0)
    order.put(packet(3), 0.0)
    assert numbers(order.put(then, 0.0)) == out
    assert order.due_at is None


def test_no_more_wait_than_a_second_holds() -> None:
    order = Order()
    order.put(packet(0), 0.0)
    waiting = [order.put(packet(n), 0.0) for n in range(2, MOST + 3)]
    assert waiting[:-1] == [[]] * MOST
    assert numbers(waiting[-1]) == list(range(2, MOST + 3))


@pytest.mark.parametrize(
    ("data", "sound"),
    [(packet(1), True), (b"\x80\xc8" + bytes(26), False), (b"\x00\x01" + bytes(18), False), (b"\x80", False)],
    ids=["rtp", "rtcp", "stun", "short"],
)
def test_what_is_sound(data: bytes, sound: bool) -> None:
    assert is_sound(data) is sound

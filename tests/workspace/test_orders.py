"""Orders for the line: which calls can be ordered, and what becomes of an order."""

from pathlib import Path

import pytest

from switchhook.storage.sqlite import SqliteStore
from switchhook.workspace import orders
from switchhook.workspace.facts import EndCause, Ended, Offered
from switchhook.workspace.orders import TAKEN_IN, Begin, HangUp, Order, OrderFault, Record
from tests.workspace.telling import ANNA, BEN, DIRECTORY, MAIN, OUTSIDE, SECOND, START, dials, ends, tell


@pytest.mark.parametrize(
    ("user", "sender", "to", "order"),
    [
        (ANNA.email, None, OUTSIDE, Begin(ANNA.email, MAIN, OUTSIDE)),
        ("ANNA@example.com", None, "06 12 34 56 78", Begin(ANNA.email, MAIN, OUTSIDE)),
        (None, SECOND, OUTSIDE, Begin(BEN.email, SECOND, OUTSIDE)),
        (ANNA.email, "0123456780", OUTSIDE, Begin(ANNA.email, SECOND, OUTSIDE)),
    ],
)
def test_a_call_can_be_ordered(user: str | None, sender: str | None, to: str, order: Begin) -> None:
    assert orders.begin(DIRECTORY, user=user, sender=sender, to=to, record=None) == order


@pytest.mark.parametrize(
    ("user", "sender", "to", "code", "field"),
    [
        (ANNA.email, None, "sip:eve@evil.example", "INVALID_PHONE_NUMBER", "to"),
        (ANNA.email, None, "112", "INVALID_PHONE_NUMBER", "to"),
        (ANNA.email, None, SECOND, "INVALID_PHONE_NUMBER", "to"),
        (ANNA.email, "+33612000000", OUTSIDE, "FROM_NUMBER_NOT_FOUND", "from"),
        ("cleo@example.com", None, OUTSIDE, "FROM_NUMBER_NOT_FOUND", "from"),
        ("eve@example.com", None, OUTSIDE, "MEMBER_NOT_FOUND", "user_email"),
        (None, "+33123456770", OUTSIDE, "NO_TELEPHONE", "user_email"),
        (None, None, OUTSIDE, "MISSING_FIELD", "user_email"),
    ],
)
def test_what_cannot_be_ordered_is_said(
    user: str | None, sender: str | None, to: str, code: str, field: str
) -> None:
    with pytest.raises(OrderFault) as fault:
        orders.begin(DIRECTORY, user=user, sender=sender, to=to, record=None)
    assert (fault.value.code, fault.value.field) == (code, field)


def test_an_order_that_comes_too_late_or_to_nobody_is_a_call_that_ends() -> None:
    what = Begin(ANNA.email, MAIN, OUTSIDE, record=False)
    order = Order("ord_1", "cll_1", START, what)
    (offered,) = orders.offer(order, what, DIRECTORY, START + 1000)
    assert isinstance(offered, Offered)
    assert (offered.ordered, offered.user_ref, offered.record) == ("cll_1", ANNA.sip[0], False)
    late = orders.offer(order, what, DIRECTORY, START + int(TAKEN_IN * 1000) + 1)
    gone = Begin("gone@example.com", MAIN, OUTSIDE)
    for facts in (late, orders.offer(order, gone, DIRECTORY, START)):
        assert isinstance(facts[-1], Ended)
        assert facts[-1].cause is EndCause.UNREACHABLE
        assert [draft.topic for draft in tell(*facts)] == ["call.triggered", "call.completed"]


def test_the_number_that_a_call_is_ordered_with_is_the_one_it_goes_out_with() -> None:
    (triggered, *_) = tell(dials(ANNA.sip[0], OUTSIDE, SECOND), ends(9))
    assert triggered.data.from_number == SECOND  # type: ignore[union-attr]


async def test_an_order_is_taken_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "x.db")
    try:
        await store.run(lambda tx: orders.give(tx, "wsp_a", "cll_1", Begin(ANNA.email, MAIN, OUTSIDE), 5))
        await store.run(lambda tx: orders.give(tx, "wsp_a", "cll_1", Record("paused"), 6))
        await store.run(lambda tx: orders.give(tx, "wsp_b", "cll_2", HangUp(), 7))
        first, second = await store.read(lambda reader: orders.waiting(reader, "wsp_a"))
        assert (first.call, first.at, second.what) == ("cll_1", 5, Record("paused"))
        assert await store.read(lambda reader: orders.ordered(reader, "wsp_a", "cll_1"))
        assert not await store.read(lambda reader: orders.ordered(reader, "wsp_b", "cll_2"))
        assert await store.run(lambda tx: orders.take(tx, "wsp_a", first))
        assert not await store.run(lambda tx: orders.take(tx, "wsp_a", first))
        assert not await store.run(lambda tx: orders.take(tx, "wsp_b", second))
    finally:
        await store.close()

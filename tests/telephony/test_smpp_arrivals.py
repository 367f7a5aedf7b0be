"""Texts that SMPP brings, on both stores: put together, known again, and never lost."""

import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.storage.store import Store, Transaction
from switchhook.storage.text_parts import Fragment
from switchhook.telephony.smpp.arrivals import AGAIN, INCOMPLETE, LATE, MISSING, Arrivals, joined
from switchhook.telephony.smpp.letters import Wire, outgoing
from switchhook.telephony.smpp.pdu import Address, Message, Status
from switchhook.workspace.messaging import Texts
from switchhook.workspace.texts import Outgoing
from tests.delivery.dispatching import PatientClock
from tests.workspace.carrying import MARIE, OURS, PAUL, WORKSPACE, items, settle_in, told

SECOND = 1000


class Desk:
    """A workspace that texts come to, over one connection after another."""

    def __init__(self, store: Store, clock: PatientClock) -> None:
        self.store = store
        self.clock = clock
        texts = Texts(store, clock, WORKSPACE, "FR")
        self.arrivals = Arrivals(store, clock, texts, "smpp", Wire())
        self.arrivals.connected()

    async def take(self, *messages: Message) -> None:
        for message in messages:
            assert await self.arrivals.take(message) == Status.OK

    async def wait(self, ms: int) -> None:
        await self.clock.advance(ms / 1000)

    async def said(self) -> list[str | None]:
        found = [one.content for one in await items(self.store)]
        assert len(await told(self.store, "sms.received")) == len(found)
        return found


@pytest.fixture
async def desk(open_store: Callable[[], Awaitable[Store]]) -> AsyncIterator[Desk]:
    store = await open_store()
    clock = PatientClock()
    clock.pending = lambda: store.pending  # type: ignore[attr-defined]
    await settle_in(store)
    yield Desk(store, clock)
    await store.close()


def a_text(content: str, sender: str = MARIE) -> Message:
    (one,) = parts(content, sender=sender)
    return one


def parts(content: str, reference: int = 1, sender: str = MARIE) -> list[Message]:
    return outgoing(Outgoing("", sender, OURS, content), Wire(), reference)


LONG = "ж" * 66 + "🙂" + "я" * 70
FIRST, MIDDLE, LAST = parts(LONG)


async def test_a_text_is_an_item_and_an_event_of_ours(desk: Desk) -> None:
    await desk.take(a_text("Good morning"))
    ((event,), (item,)) = (await told(desk.store, "sms.received"), await items(desk.store))
    data: Any = event.data
    assert (data.from_number, data.to_number, data.from_name) == (
        MARIE,
        OURS,
        "Marie Dupont",
    )
    assert (item.content, item.own_number, item.contact_number) == ("Good morning", OURS, MARIE)


async def test_over_one_connection_equal_texts_are_several(desk: Desk) -> None:
    await desk.take(a_text("ok"), a_text("ok"), a_text("ok", sender=PAUL))
    assert await desk.said() == ["ok"] * 3


async def test_what_comes_again_over_the_next_connection_is_the_same(desk: Desk) -> None:
    await desk.take(a_text("ok"), a_text("ok"))
    await desk.wait(SECOND)
    desk.arrivals.connected()
    await desk.take(a_text("ok"))
    assert await desk.said() == ["ok"] * 2
    await desk.take(a_text("ok"))
    assert await desk.said() == ["ok"] * 2
    await desk.take(a_text("ok"))  # both of the earlier connection have come again
    assert await desk.said() == ["ok"] * 3


async def test_another_process_knows_it_too(desk: Desk) -> None:
    await desk.take(a_text("ok"))
    await desk.wait(SECOND)
    after = Desk(desk.store, desk.clock)
    await after.take(a_text("ok"), a_text("yes"))
    assert await after.said() == ["ok", "yes"]


async def test_what_comes_much_later_is_another_text(desk: Desk) -> None:
    await desk.take(a_text("ok"))
    await desk.wait(AGAIN + SECOND)
    desk.arrivals.connected()
    await desk.take(a_text("ok"))
    assert await desk.said() == ["ok"] * 2


async def test_what_was_answered_late_may_come_again_over_the_same_connection(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = desk.store.run

    async def slow(work: Callable[[Transaction], Awaitable[object]]) -> object:
        found = await run(work)
        desk.clock.step_wall((LATE + 1) / 1000)
        return found

    monkeypatch.setattr(desk.store, "run", slow)
    await desk.take(a_text("ok"))
    monkeypatch.setattr(desk.store, "run", run)
    await desk.take(a_text("ok"))
    assert await desk.said() == ["ok"]
    await desk.take(a_text("ok"))
    assert await desk.said() == ["ok"] * 2


async def test_a_long_text_is_one_in_whatever_order_its_parts_come(desk: Desk) -> None:
    for reference, order in enumerate(itertools.permutations(range(3))):
        pieces = parts(LONG, reference)
        await desk.take(*(pieces[number] for number in order))
    assert await desk.said() == [LONG] * 6


async def test_a_part_that_comes_again_changes_nothing(desk: Desk) -> None:
    await desk.take(FIRST, FIRST, MIDDLE, FIRST, LAST, LAST, MIDDLE, FIRST)
    assert await desk.said() == [LONG]
    await desk.wait(SECOND)
    desk.arrivals.connected()
    await desk.take(LAST)
    await desk.wait(INCOMPLETE + SECOND)
    await desk.arrivals.sweep()
    assert await desk.said() == [LONG]


async def test_a_number_that_is_used_again_is_another_text(desk: Desk) -> None:
    other = parts("Я" * 140)
    await desk.take(FIRST, MIDDLE, LAST, *other)
    assert await desk.said() == [LONG, "Я" * 140]


async def test_an_equal_long_text_under_the_same_number_is_the_same_for_ten_minutes(desk: Desk) -> None:
    await desk.take(FIRST, MIDDLE, LAST)
    await desk.wait(AGAIN)
    await desk.take(FIRST, MIDDLE, LAST)
    assert await desk.said() == [LONG]
    await desk.wait(SECOND)
    await desk.take(FIRST, MIDDLE, LAST)
    assert await desk.said() == [LONG] * 2


async def test_what_waits_for_its_parts_too_long_is_told_without_them(desk: Desk) -> None:
    await desk.take(FIRST, LAST)
    await desk.wait(INCOMPLETE - SECOND)
    assert await desk.arrivals.sweep() == 0
    await desk.wait(2 * SECOND)
    assert await desk.arrivals.sweep() == 1
    (said,) = await desk.said()
    assert said is not None
    assert said.startswith("ж" * 66 + MISSING)
    assert said.endswith("я")
    assert await desk.arrivals.sweep() == 0
    await desk.wait(AGAIN + 2 * SECOND)
    await desk.arrivals.sweep()
    assert await desk.store.read(lambda r: r.fetch("text_fragments", WORKSPACE, "smpp", MARIE, OURS, 1)) == []


async def test_another_text_under_the_number_of_one_that_waits_loses_neither(desk: Desk) -> None:
    await desk.take(FIRST, *parts("Я" * 140))
    assert len(await desk.said()) == 2


async def test_what_cannot_be_read_is_refused_and_disturbs_nobody(desk: Desk) -> None:
    broken = Message(source=Address("1"), destination=Address("2"), octets=b"\x09x", esm_class=0x40)
    assert await desk.arrivals.take(broken) == Status.INVALID_LENGTH
    nul = Message(
        source=Address("33612345678", 1), destination=Address("33112345678", 1), octets=b"a\0b", data_coding=3
    )
    await desk.take(nul)
    assert await desk.said() == ["ab"]


async def test_stop_is_heard(desk: Desk) -> None:
    await desk.take(a_text("STOP"))
    assert await desk.store.read(lambda reader: reader.fetch("opted_out", WORKSPACE, OURS, MARIE))


@given(st.text(min_size=71, max_size=300), st.randoms(use_true_random=False))
def test_letters_that_were_cut_in_two_are_whole_again(content: str, chance: random.Random) -> None:
    content = content.encode("utf-16-be", "replace").decode("utf-16-be")
    octets = content.encode("utf-16-be")
    places = sorted(chance.sample(range(1, len(octets)), 3))
    cuts = [octets[a:b] for a, b in zip([0, *places], [*places, len(octets)], strict=True)]
    there = [Fragment(n, 4, "", f"08{one.hex()}", 0, None) for n, one in enumerate(cuts, 1)]
    chance.shuffle(there)
    assert joined(there, Wire()) == content

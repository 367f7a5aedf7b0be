"""Texts in and out, with their events, on both stores: once each, whatever comes twice, late, or not at all."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from switchhook.events import SmsReceived, SmsSent
from switchhook.storage import conversations, texts
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.store import Store
from switchhook.workspace.mirror import Mirror
from switchhook.workspace.text_sender import Sender
from switchhook.workspace.texts import (
    ASK_FIRST,
    ASK_NO_MORE,
    GIVE_UP,
    UNKNOWN,
    CarrierUnreachable,
    Doubtful,
    Later,
    Outcome,
    Outgoing,
    Progress,
    Refused,
    Status,
    Taken,
    TextFault,
)
from tests.delivery.dispatching import PatientClock
from tests.workspace.carrying import (
    ANNA,
    MARIE,
    OURS,
    PAUL,
    SECOND,
    WORKSPACE,
    ScriptedCarrier,
    a_text,
    item,
    items,
    settle_in,
    texts_of,
    told,
    write,
)

Open = Callable[[], Awaitable[Store]]
PENDING, SENT, DELIVERED = Progress(Status.PENDING), Progress(Status.SENT), Progress(Status.DELIVERED)
FAILED = Progress(Status.FAILED, "30003")
SECOND_PROCESS = 1e8  # seconds of a lease: longer than any test moves its clock


class Office:
    """A workspace that texts: a store, a carrier, and a process that sends."""

    def __init__(self, store: Store, clock: PatientClock, carrier: ScriptedCarrier) -> None:
        self.store = store
        self.clock = clock
        self.carrier = carrier
        self.texts = texts_of(store, clock, carrier)
        self.sender = Sender(store, clock, self.texts, carrier)

    async def write(self, message: str = "Hello", **more: Any) -> str:
        return (await write(self.store, self.texts, message, **more)).id

    async def status(self, id_: str) -> tuple[str | None, str | None]:
        """How far a text has come, and why it failed."""
        known = await self.store.read(lambda reader: texts.find(reader, WORKSPACE, id_))
        assert known is not None
        return (await item(self.store, id_)).status, known.reason

    async def queued(self) -> dict[str, int]:
        found = {}
        for state in ("WAITING", "CLAIMED", "ACCEPTED"):
            count = await self.store.read(lambda reader, s=state: texts.count(reader, WORKSPACE, s))  # type: ignore[misc]
            if count:
                found[state] = count
        return found

    async def later(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def crash(self) -> "Office":
        """The process goes in the middle of what it does; another one begins on the same store."""
        for task in self.sender._under_way.values():
            task.cancel()
        if isinstance(self.store, PostgresStore):
            await self.store.run(lambda tx: tx.execute("leave_line", "texts"))
            await self.store.join("the next one", SECOND_PROCESS)
        return Office(self.store, self.clock, self.carrier)


@pytest.fixture
async def store(open_store: Open) -> AsyncIterator[Store]:
    opened = await open_store()
    await settle_in(opened)
    if isinstance(opened, PostgresStore):
        await opened.join("this one", SECOND_PROCESS)
    yield opened
    await opened.close()


@pytest.fixture
def office(store: Store) -> Office:
    clock = PatientClock()
    clock.pending = lambda: store.pending  # type: ignore[attr-defined]
    return Office(store, clock, ScriptedCarrier())


async def test_a_text_is_sent_and_told_of_when_the_carrier_says_so(office: Office) -> None:
    id_ = await office.write("Your table is ready.")
    assert await office.status(id_) == ("PENDING", None)
    assert await office.queued() == {"WAITING": 1}
    assert await office.sender.send() == 1
    assert [(text.sender, text.to, text.content) for text in office.carrier.given] == [
        (OURS, MARIE, "Your table is ready.")
    ]
    assert await told(office.store) == []
    assert await office.status(id_) == ("PENDING", None)
    await office.later(3)
    assert await office.texts.report(id_, SENT)
    (event,) = await told(office.store)
    assert event.data == SmsSent(
        id=id_,
        direction="OUTBOUND",
        type="SMS",  # type: ignore[arg-type]
        content="Your table is ready.",
        sent_at="2025-03-15T14:30:03.000Z",
        from_number=OURS,
        to_number=MARIE,
        from_name="Front desk",
        to_name="Marie Dupont",
        user_email=ANNA,
    )
    assert await office.texts.report_by_carrier("twilio", f"SM-{id_}", DELIVERED)
    assert (await office.status(id_), await office.queued()) == (("DELIVERED", None), {})
    assert len(await told(office.store)) == 1


async def test_a_text_that_came_in_is_told_of_and_kept(office: Office) -> None:
    assert await office.texts.receive(a_text(content="Is there a table?"))
    (event,) = await told(office.store)
    assert isinstance(event.data, SmsReceived)
    (kept,) = await items(office.store)
    assert event.data == SmsReceived(
        id=kept.id,
        direction="INBOUND",
        type="SMS",  # type: ignore[arg-type]
        content="Is there a table?",
        sent_at="2025-03-15T14:30:00.000Z",
        from_number=MARIE,
        to_number=OURS,
        from_name="Marie Dupont",
        to_name="Front desk",
        user_email=ANNA,
    )
    assert (kept.status, kept.content, kept.contact_number) == ("DELIVERED", "Is there a table?", MARIE)
    await office.texts.receive(a_text("SM2", "", media=2))
    assert [one.data.type for one in await told(office.store)] == ["SMS", "MMS"]  # type: ignore[union-attr]


@pytest.mark.parametrize("together", [True, False], ids=["in one turn", "in many"])
async def test_fifty_reports_of_one_text_are_one_event(office: Office, together: bool) -> None:
    async def bring(number: int) -> bool:
        for _ in range(0 if together else number % 9):
            await asyncio.sleep(0)
        return await office.texts.receive(a_text())

    assert sum(await asyncio.gather(*(bring(number) for number in range(50)))) == 1
    assert (len(await told(office.store)), len(await items(office.store))) == (1, 1)


async def test_fifty_callbacks_of_one_text_in_any_order_are_one_event(office: Office) -> None:
    id_ = await office.write()
    await office.sender.send()
    reports = [PENDING, SENT, DELIVERED] * 17
    random.Random(7).shuffle(reports)
    assert all(await asyncio.gather(*(office.texts.report(id_, one, f"SM-{id_}") for one in reports)))
    assert (await office.status(id_), len(await told(office.store))) == (("DELIVERED", None), 1)


async def test_the_mirror_passes_by_what_texts_tell(office: Office) -> None:
    id_ = await office.write()
    await office.texts.report(id_, SENT)
    await office.texts.receive(a_text())
    before = await items(office.store)
    if isinstance(office.store, PostgresStore):
        process = office.store.process
        await office.store.run(lambda tx: tx.execute("mark_taken", process, 1 << 40))
        await office.store.run(lambda tx: tx.execute("mark_taken", 0, 1 << 40))
    mirror = Mirror(office.store, office.clock, "FR")
    await mirror.run()
    assert mirror.snapshot()["mirror_events_total"] == 0
    assert await items(office.store) == before


async def test_what_a_carrier_refuses_has_failed_and_is_not_told_of(office: Office) -> None:
    office.carrier.script = lambda text: Refused("21610: the recipient has unsubscribed")
    id_ = await office.write()
    await office.sender.send()
    assert await office.status(id_) == ("FAILED", "21610: the recipient has unsubscribed")
    assert (await told(office.store), await office.queued()) == ([], {})


async def test_what_was_surely_not_sent_is_tried_again_until_it_is_too_late(office: Office) -> None:
    office.carrier.script = lambda text: Later("it is busy", 7)
    id_ = await office.write()
    assert (await office.sender.send(), await office.sender.send()) == (1, 0)
    await office.later(6.9)
    assert await office.sender.send() == 0
    await office.later(0.2)
    assert await office.sender.send() == 1
    assert await office.queued() == {"WAITING": 1}
    for _ in range(100):
        await office.later(400)
        await office.sender.send()
    assert await office.status(id_) == ("FAILED", "it is busy")
    sent = len(office.carrier.given)
    assert sent < 100
    assert (await office.queued(), office.clock.now() > GIVE_UP) == ({}, True)


async def die(text: Outgoing) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError


async def crashed(office: Office, monkeypatch: pytest.MonkeyPatch) -> tuple[Office, str]:
    """A text was claimed and given to the carrier, and the process died before it wrote down what that said."""
    id_ = await office.write()
    submit = office.carrier.submit

    async def hang(text: Outgoing) -> Outcome:
        office.carrier.given.append(text)
        return await die(text)

    monkeypatch.setattr(office.carrier, "submit", hang)
    await office.sender._send_some()
    while not office.carrier.given:
        await asyncio.sleep(0)
    after = await office.crash()
    monkeypatch.setattr(office.carrier, "submit", submit)
    assert (await after.queued())["CLAIMED"] == 1
    return after, id_


async def test_a_claim_is_durable_before_anything_is_submitted(office: Office) -> None:
    seen: list[dict[str, int]] = []

    async def look(text: Outgoing) -> Outcome:
        seen.append(await office.queued())
        return Taken("SM1")

    office.carrier.submit = look  # type: ignore[method-assign]
    await office.write()
    await office.sender.send()
    assert seen == [{"CLAIMED": 1}]


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ([Taken("SM1", SENT)], ("SENT", None)),
        ([Taken("SM1")], ("PENDING", None)),
        ([Taken("SM1", FAILED)], ("FAILED", "30003")),
        ([], ("FAILED", UNKNOWN)),
        ([Taken("SM1", SENT), Taken("SM2", SENT)], ("FAILED", UNKNOWN)),
    ],
    ids=["sent", "taken", "failed", "nothing", "two"],
)
async def test_after_a_crash_the_carrier_is_asked_and_nothing_is_sent_again(
    office: Office, monkeypatch: pytest.MonkeyPatch, has: list[Taken], expected: tuple[str, str | None]
) -> None:
    after, id_ = await crashed(office, monkeypatch)
    after.carrier.has = lambda text, carrier_id: has
    assert (await after.sender.send(), await after.sender.ask()) == (0, 0)  # it may still be on its way
    claimed = after.clock.now()
    await after.later(ASK_FIRST + 1)
    assert await after.sender.ask() == 1
    assert after.carrier.asked == [(id_, claimed, None)]
    assert await after.status(id_) == expected
    assert len(await told(after.store)) == (expected[0] == "SENT")
    for _ in range(5):
        await after.later(4 * 3600)
        await after.sender.send()
        await after.sender.ask()
    assert len(after.carrier.given) == 1


async def test_what_is_known_of_another_equal_text_is_not_taken_for_the_one_in_doubt(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await office.write()
    office.carrier.script = lambda text: Taken("SM1", SENT)
    await office.sender.send()
    office.carrier.given.clear()
    after, second = await crashed(office, monkeypatch)
    after.carrier.has = lambda text, carrier_id: [Taken("SM1", SENT)]
    await after.later(ASK_FIRST + 1)
    await after.sender.ask()
    assert (await after.status(first), await after.status(second)) == (("SENT", None), ("FAILED", UNKNOWN))


async def test_what_comes_after_a_text_in_doubt_to_the_same_number_waits(office: Office) -> None:
    office.carrier.script = lambda text: (
        Doubtful("no answer") if not office.carrier.given[1:] else Taken("SM9")
    )
    doubtful = await office.write("Hello")
    await office.sender.send()
    await office.write("Hello")
    paul = await office.write("Hello", to=PAUL)
    await office.sender.send()
    assert [text.id for text in office.carrier.given] == [doubtful, paul]
    await office.later(ASK_FIRST + 1)
    await office.sender.ask()
    assert await office.status(doubtful) == ("FAILED", UNKNOWN)
    assert await office.sender.send() == 1


async def test_what_the_carrier_says_later_of_a_text_that_was_given_up_counts(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    after, id_ = await crashed(office, monkeypatch)
    await after.later(ASK_FIRST + 1)
    await after.sender.ask()
    assert await after.status(id_) == ("FAILED", UNKNOWN)
    await after.texts.report(id_, SENT, "SM7")
    assert await after.status(id_) == ("SENT", None)
    assert len(await told(after.store)) == 1


async def test_a_report_that_is_faster_than_the_answer_is_enough(office: Office) -> None:
    async def first_the_report(text: Outgoing) -> Outcome:
        await office.texts.report(text.id, SENT, "SM1")
        return Taken("SM1")

    office.carrier.submit = first_the_report  # type: ignore[method-assign]
    id_ = await office.write()
    await office.sender.send()
    assert (await office.status(id_), len(await told(office.store))) == (("SENT", None), 1)


async def test_a_carrier_that_cannot_say_is_asked_again_and_not_for_ever(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    after, id_ = await crashed(office, monkeypatch)

    def away(text: Outgoing, carrier_id: str | None) -> list[Taken]:
        raise CarrierUnreachable("it is away")

    after.carrier.has = away
    for _ in range(int(ASK_NO_MORE / 3600) + 20):
        await after.later(3600)
        await after.sender.ask()
    assert await after.status(id_) == ("FAILED", UNKNOWN)
    assert 5 < len(after.carrier.asked) < 40


async def test_what_nobody_reports_of_is_asked_for_and_not_for_ever(office: Office) -> None:
    first, second = await office.write("One"), await office.write("Two", to=PAUL)
    await office.sender.send()
    office.carrier.has = lambda text, carrier_id: (
        [Taken(carrier_id or "", DELIVERED)] if text.id == first else [Taken(carrier_id or "", SENT)]
    )
    assert await office.sender.ask() == 0
    await office.later(ASK_FIRST + 1)
    assert await office.sender.ask() == 2
    assert {carrier_id for _, _, carrier_id in office.carrier.asked} == {f"SM-{first}", f"SM-{second}"}
    assert (await office.status(first), await office.status(second)) == (("DELIVERED", None), ("SENT", None))
    assert (len(await told(office.store)), await office.queued()) == (2, {"ACCEPTED": 1})
    for _ in range(int(ASK_NO_MORE / 3600) + 6):
        await office.later(3600)
        await office.sender.ask()
    assert (await office.queued(), await office.status(second)) == ({}, ("SENT", None))


async def test_one_number_gets_its_texts_in_order(office: Office) -> None:
    under_way: Counter[str] = Counter()
    together: list[int] = []

    async def slow(text: Outgoing) -> Outcome:
        office.carrier.given.append(text)
        under_way[text.to] += 1
        together.append(max(under_way.values()))
        await asyncio.sleep(0)
        under_way[text.to] -= 1
        return Taken(f"SM-{text.id}")

    office.carrier.submit = slow  # type: ignore[method-assign]
    sent = [await office.write(str(number)) for number in range(5)]
    await office.write("To another one", to=PAUL)
    await office.sender.send()
    assert [text.id for text in office.carrier.given if text.to == MARIE] == sent
    assert max(together) == 1


async def test_the_rate_counts_segments(office: Office) -> None:
    office.carrier.rate = 2
    office.sender = Sender(office.store, office.clock, office.texts, office.carrier)
    for message, to in (("x" * 300, MARIE), ("short", PAUL), ("also short", "+33611111111")):
        await office.write(message, to=to)
    begun = office.clock.monotonic()
    task = asyncio.ensure_future(office.sender.send())
    at: list[float] = []
    while not task.done():
        await office.later(0.1)
        at += [office.clock.monotonic() - begun] * (len(office.carrier.given) - len(at))
    # Two segments take a second, one takes half of one.
    assert [round(one, 1) for one in at] == [0.1, 1.0, 1.5]


async def test_who_says_stop_gets_no_more_from_that_number_until_start(office: Office) -> None:
    assert await office.texts.receive(a_text("SM1", "Stop."))
    with pytest.raises(TextFault) as caught:
        await office.write()
    assert caught.value.code == "MESSAGE_NOT_COMPLIANT"
    assert "STOP" in str(caught.value)
    await office.write(number=SECOND)
    await office.write(to=PAUL)
    await office.texts.receive(a_text("SM2", "Please stop by at four"))
    await office.texts.receive(a_text("SM3", "START"))
    await office.write()
    await office.texts.receive(a_text("SM1", "Stop."))  # known: an old word counts once
    await office.write()
    assert [event.data.content for event in await told(office.store)] == [  # type: ignore[union-attr]
        "Stop.",
        "Please stop by at four",
        "START",
    ]


async def test_a_text_whose_words_were_removed_is_not_sent(office: Office) -> None:
    id_ = await office.write("My secret")
    await office.store.run(lambda tx: conversations.silence_item(tx, WORKSPACE, id_, "SMS"))
    await office.sender.send()
    assert (office.carrier.given, (await office.status(id_))[0]) == ([], "FAILED")


async def test_the_sender_goes_on_by_itself_and_stops(office: Office) -> None:
    office.sender.start()
    id_ = await office.write()
    for _ in range(20):
        await office.later(0.2)
    assert [text.id for text in office.carrier.given] == [id_]
    await office.write("Two")
    await office.later(1.5)
    assert len(office.carrier.given) == 2
    await office.sender.stop()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"number": "+33199999999"}, "FROM_NUMBER_NOT_FOUND"),
        ({"number": "+33112345670"}, "NUMBER_NOT_SMS_ENABLED"),
        ({"number": "", "sender_id": "Nobody"}, "INVALID_SENDER_ID"),
        ({"number": "", "sender_id": "Nowhere"}, "INVALID_SENDER_ID"),
        ({"to": "Marie"}, "INVALID_PHONE_NUMBER"),
        ({"to": "+14155550100"}, "TO_NUMBER_COUNTRY_MISMATCH"),
        ({"message": ""}, "INVALID_LENGTH"),
    ],
)
async def test_what_cannot_be_sent_leaves_nothing(office: Office, asked: dict[str, str], code: str) -> None:
    with pytest.raises(TextFault) as caught:
        await office.write(**asked)
    assert caught.value.code == code
    assert (await items(office.store), await office.queued()) == ([], {})


async def test_one_process_at_a_time_sends(database: str) -> None:
    stores = [await PostgresStore.open(database) for _ in range(2)]
    for number, one in enumerate(stores):
        await one.join(f"process {number}", SECOND_PROCESS)
    await settle_in(stores[0])
    carrier, clock = ScriptedCarrier(), PatientClock()
    first, second = (Office(one, clock, carrier) for one in stores)
    sent = [await first.write(str(number)) for number in range(20)]
    counts = await asyncio.gather(first.sender.send(), second.sender.send())
    assert sorted(counts) == [0, 20]
    assert [text.id for text in carrier.given] == sent
    keeper, other = (first, second) if counts[0] else (second, first)
    more = await other.write("from the other one")
    assert await other.sender.send() == 0

    async def believes_it_is_ours() -> bool:
        return True

    with pytest.MonkeyPatch.context() as patch:  # as a process does that was cut off for a while
        patch.setattr(other.sender, "_take", believes_it_is_ours)
        assert await other.sender.send() == 0
    await keeper.sender.stop()
    assert await other.sender.send() == 1
    assert [text.id for text in carrier.given] == [*sent, more]
    for one in stores:
        await one.close()

"""Facts become durable together with the events they make, however often and however many at once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from switchhook import events
from switchhook.clock import ManualClock
from switchhook.events import CallCompleted, CallReceived, CallResult
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage import people
from switchhook.storage.people import Company, Deal
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import AcceptedEvent, StorageError, Transaction
from switchhook.workspace.contacts import Change, create
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact, EndCause, LegKind
from switchhook.workspace.switchboard import Switchboard
from tests.workspace.telling import OUTSIDE, START, answers, ends, recorded, ringing, rings, stops

WORKSPACE = "wsp_a"
ANNA = "sip:anna@10.0.0.5"
CALL: list[AnyFact] = [
    rings(),
    ringing(ANNA, 1),
    answers(ANNA, 4),
    recorded(30, 34),
    stops(ANNA, 34, EndCause.HANGUP),
    ends(34),
]


def link(recording: str) -> str:
    return f"https://phone.example.com/{recording}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    await opened.close()


@pytest.fixture
async def board(store: SqliteStore) -> Switchboard:
    return await a_board(store)


async def a_board(store: SqliteStore) -> Switchboard:
    users = (UserConfig("anna@example.com", "Anna", (ANNA,)),)
    numbers = (NumberConfig("+33123456789", "Main", ("anna@example.com",)),)
    await store.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    made = Switchboard(store, ManualClock(START), WORKSPACE, "FR", link)
    await made.load()
    return made


async def accepted(store: SqliteStore) -> list[events.Event]:
    """The events in the store, in the order of their acceptance."""
    found = await store.read(lambda reader: reader.fetch("unsettled", 0, 1_000))
    rows = [await store.read(lambda r, id_=row[2]: r.fetch("event", WORKSPACE, id_)) for row in found]  # type: ignore[misc]
    return [events.parse(row[0][4]) for row in rows]


async def topics(store: SqliteStore) -> list[str]:
    return [event.topic for event in await accepted(store)]


def count(store: SqliteStore, table: str) -> int:
    ((rows,),) = store._connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    assert isinstance(rows, int)
    return rows


def of_call(fact: AnyFact, call: str) -> AnyFact:
    return msgspec.structs.replace(fact, call=call)


async def test_a_call_becomes_its_two_events(store: SqliteStore, board: Switchboard) -> None:
    for fact in CALL:
        await board.report(fact)
    first, last = await accepted(store)
    assert first.data == CallReceived(
        from_number="+33612345678",
        to_number="+33123456789",
        started_at="2025-03-15T14:30:00.000Z",
        user_email="anna@example.com",
        company=None,
        deals=None,
    )
    assert isinstance(last.data, CallCompleted)
    assert (last.data.result, last.data.length, last.data.to_name) == (CallResult.ANSWERED, "30s", "Main")
    ((recording, call),) = store._connection.execute("SELECT id, call_id FROM recordings").fetchall()
    assert last.data.recording_url == link(str(recording))
    assert last.data.id == call


@pytest.mark.parametrize("together", [True, False], ids=["in one turn", "in many"])
async def test_fifty_reports_of_one_fact_are_one_event(
    store: SqliteStore, board: Switchboard, together: bool
) -> None:
    told: list[AcceptedEvent] = []
    store.on_committed(lambda committed: told.extend(committed.events))

    async def report(fact: AnyFact, number: int) -> None:
        for _ in range(0 if together else number % 9):
            await asyncio.sleep(0)
        await board.report(fact)

    for fact in CALL:
        await asyncio.gather(*(report(fact, number) for number in range(50)))
    assert await topics(store) == ["call.received", "call.completed"]
    assert [event.topic for event in told] == ["call.received", "call.completed"]
    assert (count(store, "calls"), count(store, "recordings")) == (1, 1)


async def test_two_switchboards_on_one_database_make_one_event_of_one_fact(
    store: SqliteStore, board: Switchboard, path: Path
) -> None:
    second = SqliteStore(path)
    other = await a_board(second)
    for fact in CALL:
        await asyncio.gather(*(one.report(fact) for one in (board, other) for _ in range(5)))
    assert await topics(store) == ["call.received", "call.completed"]
    await second.close()


async def test_a_hundred_calls_at_once_keep_their_facts_apart(store: SqliteStore, board: Switchboard) -> None:
    dice = random.Random(7)

    async def one(call: str) -> None:
        for fact in CALL:
            for _ in range(dice.randrange(5)):
                await asyncio.sleep(0)
            await board.report(of_call(fact, call))

    await asyncio.gather(*(one(f"call-{n}") for n in range(100)))
    assert Counter(await topics(store)) == {"call.received": 100, "call.completed": 100}
    lengths = {event.data.length for event in await accepted(store) if isinstance(event.data, CallCompleted)}
    assert lengths == {"30s"}
    assert count(store, "calls") == 100


async def test_the_same_call_of_another_source_is_another_call(
    store: SqliteStore, board: Switchboard
) -> None:
    await board.report(rings())
    await board.report(msgspec.structs.replace(rings(), source="twilio"))
    await board.report(of_call(rings(), "call-2"))
    assert await topics(store) == ["call.received"] * 3


async def test_a_fact_is_durable_with_its_event_or_not_at_all(
    store: SqliteStore, board: Switchboard, path: Path
) -> None:
    """The event cannot be stored: so the call is not either, and the next report makes both."""
    store._connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'no room'); END"
    )
    with pytest.raises(StorageError, match="no room"):
        await board.report(rings())
    assert (count(store, "calls"), count(store, "events")) == (0, 0)
    store._connection.execute("DROP TRIGGER full")
    await board.report(rings())
    assert (count(store, "calls"), count(store, "events")) == (1, 1)

    for fact in CALL[1:-1]:
        await board.report(fact)
    store._connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'no room'); END"
    )
    with pytest.raises(StorageError, match="no room"):
        await board.report(CALL[-1])
    assert await board.open_calls("sip") == {"call-1"}  # it has not ended either
    store._connection.execute("DROP TRIGGER full")
    await board.report(CALL[-1])
    assert await topics(store) == ["call.received", "call.completed"]


async def test_an_event_is_taken_back_with_the_fact_that_made_it(
    store: SqliteStore, board: Switchboard
) -> None:
    told: list[AcceptedEvent] = []
    store.on_committed(lambda committed: told.extend(committed.events))

    async def breaks(tx: Transaction) -> None:
        await board._apply(tx, rings())
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await store.run(breaks)
    assert (count(store, "calls"), count(store, "events")) == (0, 0)
    assert told == []


async def test_what_was_reported_is_known_after_opening_again(
    store: SqliteStore, board: Switchboard, path: Path
) -> None:
    for fact in CALL[:4]:
        await board.report(fact)
    again = SqliteStore(path)
    other = await a_board(again)
    for fact in CALL:  # the source repeats everything after a crash
        await other.report(fact)
    assert await topics(again) == ["call.received", "call.completed"]
    last = (await accepted(again))[-1].data
    assert isinstance(last, CallCompleted)
    assert last.length == "30s"
    await again.close()


async def test_facts_in_any_order_make_the_same_events_once(store: SqliteStore, board: Switchboard) -> None:
    dice = random.Random(3)
    for n in range(30):
        facts = [of_call(fact, f"call-{n}") for fact in CALL] * 2
        dice.shuffle(facts)
        await asyncio.gather(*(board.report(fact) for fact in facts))
    assert Counter(await topics(store)) == {"call.received": 30, "call.completed": 30}


async def test_calls_that_their_source_has_lost_are_ended_and_no_others(
    store: SqliteStore, board: Switchboard
) -> None:
    for call in ("lost", "alive", "over"):
        await board.report(of_call(rings(), call))
    await board.report(of_call(answers(ANNA, 5), "lost"))
    await board.report(of_call(ends(6), "over"))
    await board.report(msgspec.structs.replace(rings(), source="twilio", call="elsewhere"))
    assert await board.open_calls("sip") == {"lost", "alive"}
    before = await topics(store)
    assert await board.close_orphans("sip", frozenset({"alive"})) == 1
    assert (await topics(store))[len(before) :] == ["call.completed"]
    assert await board.open_calls("sip") == {"alive"}
    assert await board.open_calls("twilio") == {"elsewhere"}
    assert await board.close_orphans("sip", frozenset({"alive"})) == 0
    # The source finds its memory after all: what it tells comes too late to be told again.
    await board.report(of_call(ends(90), "lost"))
    assert (await topics(store))[len(before) :] == ["call.completed"]


async def test_a_call_that_was_lost_before_anybody_answered_has_failed(
    store: SqliteStore, board: Switchboard
) -> None:
    await board.report(rings())
    await board.report(ringing(ANNA, 1))
    assert await board.close_orphans("sip", frozenset()) == 1
    last = (await accepted(store))[-1].data
    assert isinstance(last, CallCompleted)
    assert (last.result, last.length) == (CallResult.FAILED, "0s")


async def test_a_call_that_never_began_ends_without_an_event(store: SqliteStore, board: Switchboard) -> None:
    await board.report(ringing(ANNA, 1))
    assert await board.close_orphans("sip", frozenset()) == 1
    assert await topics(store) == []


async def test_a_changed_directory_holds_from_its_loading_on(store: SqliteStore, board: Switchboard) -> None:
    users = (UserConfig("anna@example.com", "Anna", (ANNA,)), UserConfig("ben@example.com", "Ben", ()))
    numbers = (NumberConfig("+33123456789", "Main", ("ben@example.com",)),)
    await store.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    await board.report(of_call(rings(), "before"))
    await board.load()
    await board.report(of_call(rings(), "after"))
    emails = [
        event.data.user_email for event in await accepted(store) if isinstance(event.data, CallReceived)
    ]
    assert emails == ["anna@example.com", "ben@example.com"]


async def test_the_mailbox_of_one_call_is_no_answer_of_another(
    store: SqliteStore, board: Switchboard
) -> None:
    box = answers("voicemail", 26, LegKind.MAILBOX)
    for fact in (rings(), box, recorded(12, voicemail=True), ends(40)):
        await board.report(of_call(fact, "one"))
    for fact in (rings(), ends(40, EndCause.NO_ANSWER)):
        await board.report(of_call(fact, "two"))
    results = [event.data.result for event in await accepted(store) if isinstance(event.data, CallCompleted)]
    assert results == [CallResult.VOICEMAIL, CallResult.FAILED]


async def test_the_events_of_a_call_name_who_is_at_the_other_end(
    board: Switchboard, store: SqliteStore
) -> None:
    acme = Company(workspace=WORKSPACE, id="com_1", name="Acme Corp", created_at=START, updated_at=START)
    deal = Deal(
        workspace=WORKSPACE,
        id="dea_1",
        name="Enterprise Plan",
        status="qualified",
        amount=Decimal("25000.00"),
        currency="EUR",
        closed_at="2025-06-15T00:00:00",
        company=acme.id,
        created_at=START,
        updated_at=START,
    )
    marie = Change(
        name="Marie",
        last_name="Dupont",
        company=acme.id,
        numbers=[OUTSIDE],
        emails=["marie@acme.example"],
        properties={"lead_source": "Inbound"},
    )

    async def known(tx: Transaction) -> str:
        await people.add_company(tx, acme)
        await people.add_deal(tx, deal)
        return (await create(tx, WORKSPACE, marie, now=START, region="FR")).id

    id_ = await store.run(known)
    for fact in CALL:
        await board.report(fact)
    _, received, completed = await accepted(store)
    assert isinstance(received.data, CallReceived)
    assert msgspec.json.decode(events.encode(received.data)) == {
        "from_number": OUTSIDE,
        "to_number": "+33123456789",
        "started_at": "2025-03-15T14:30:00.000Z",
        "user_email": "anna@example.com",
        "person": {
            "id": id_,
            "name": "Marie",
            "last_name": "Dupont",
            "email": "marie@acme.example",
            "emails": ["marie@acme.example"],
            "numbers": [OUTSIDE],
            "job_title": None,
            "lead_source": "Inbound",
        },
        "company": {"id": "com-1", "name": "Acme Corp"},
        "deals": [
            {
                "id": "dea-1",
                "name": "Enterprise Plan",
                "status": "qualified",
                "value": 25000.0,
                "currency": "EUR",
                "close_date": "2025-06-15T00:00:00",
            }
        ],
    }
    assert isinstance(completed.data, CallCompleted)
    assert completed.data.from_name == "Marie Dupont"


async def test_a_caller_nobody_knows_has_no_person(board: Switchboard, store: SqliteStore) -> None:
    await board.report(rings(from_raw="anonymous"))
    (received,) = await accepted(store)
    assert isinstance(received.data, CallReceived)
    assert (received.data.person, received.data.company, received.data.deals) == (msgspec.UNSET, None, None)

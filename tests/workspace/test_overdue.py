"""A call whose end does not come is completed all the same, and only once."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from switchhook import events
from switchhook.clock import ManualClock
from switchhook.events import CallCompleted, CallResult
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage.sqlite import SqliteStore
from switchhook.workspace.call_state import CallState
from switchhook.workspace.calls import Limits, Over, Standing, apply, close, overdue
from switchhook.workspace.completed import Context
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact, EndCause
from switchhook.workspace.switchboard import Switchboard
from tests.workspace.telling import (
    CONTEXT,
    START,
    a_state,
    answers,
    at,
    ends,
    passes_on,
    recorded,
    ringing,
    rings,
    settles,
)

WORKSPACE = "wsp_a"
ANNA = "sip:anna@10.0.0.5"
LIMITS = Limits(settle=30, quiet=600, lost=3600)


def heard(*facts: AnyFact, now: float = 0) -> CallState:
    """A call of which these facts were heard at `now`, in seconds after its beginning and on our clock."""
    state = a_state()
    for fact in facts:
        apply(state, fact, Context(CONTEXT.directory, CONTEXT.link, CONTEXT.new_recording_id, now=at(now)))
    return state


@pytest.mark.parametrize(
    ("state", "seconds", "expected"),
    [
        (heard(rings()), 599.9, "wait"),
        (heard(rings()), 600, "ask"),
        (heard(rings(), answers(ANNA, 5), now=300), 899, "wait"),
        (heard(rings(), answers(ANNA, 5), now=300), 900, "ask"),
        (heard(rings(), ends(5, final=False), now=5), 34, "wait"),
        (heard(rings(), ends(5, final=False), now=5), 35, "settle"),
        (heard(rings(), ends(5), now=5), 9_999_999, "wait"),
        (heard(ringing(ANNA, 1), ends(5), now=5), 35, "settle"),
        (heard(ringing(ANNA, 1), ends(5), settles(40), now=5), 9_999_999, "wait"),
    ],
)
def test_when_something_is_done_about_a_call(state: CallState, seconds: float, expected: str) -> None:
    assert overdue(state, at(seconds), LIMITS) == expected


def test_what_comes_after_the_end_does_not_put_off_its_settling() -> None:
    state = heard(rings(), ends(5, final=False), now=5)
    apply(state, recorded(3), Context(CONTEXT.directory, CONTEXT.link, CONTEXT.new_recording_id, now=at(34)))
    assert overdue(state, at(35), LIMITS) == "settle"


def test_a_clock_of_the_source_that_is_wrong_by_hours_changes_no_deadline() -> None:
    state = heard(rings(), ends(7200, final=False), now=5)
    assert overdue(state, at(34), LIMITS) == "wait"
    assert overdue(state, at(35), LIMITS) == "settle"


@pytest.mark.parametrize(
    ("facts", "standing", "seconds", "expected"),
    [
        ([rings()], "up", 9_999_999, None),
        ([rings()], "unknown", 3599, None),
        ([rings(), ringing(ANNA, 2)], "unknown", 3600, (2, EndCause.FAILED)),
        ([rings(), answers(ANNA, 7)], "unknown", 3600, (7, EndCause.HANGUP)),
        ([rings()], Over(at(50), EndCause.BUSY), 600, (50, EndCause.BUSY)),
    ],
)
def test_how_a_call_ends_that_its_source_was_asked_about(
    facts: list[AnyFact], standing: Standing, seconds: float, expected: tuple[float, EndCause] | None
) -> None:
    end = close(heard(*facts), standing, at(seconds), LIMITS)
    told = (end.at, end.cause) if end else None
    assert told == ((at(expected[0]), expected[1]) if expected else None)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "x.db")
    users = (UserConfig("anna@example.com", "Anna", (ANNA,)),)
    numbers = (NumberConfig("+33123456789", "Main", ("anna@example.com",)),)
    await opened.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    yield opened
    await opened.close()


async def a_board(store: SqliteStore, clock: ManualClock) -> Switchboard:
    made = Switchboard(store, clock, WORKSPACE, "FR", lambda id_: f"https://phone.example.com/{id_}")
    await made.load()
    return made


async def completed(store: SqliteStore) -> list[CallCompleted]:
    found = await store.read(lambda reader: reader.fetch("unsettled", 0, 1_000))
    rows = [await store.read(lambda r, id_=row[2]: r.fetch("event", WORKSPACE, id_)) for row in found]  # type: ignore[misc]
    data = [events.parse(row[0][4]).data for row in rows]
    return [one for one in data if isinstance(one, CallCompleted)]


async def test_a_recording_that_does_not_come_holds_a_call_up_for_its_time_also_over_a_restart(
    store: SqliteStore,
) -> None:
    clock, asked = ManualClock(START), list[str]()

    async def ask(call: str) -> Standing:
        asked.append(call)
        return "unknown"

    board = await a_board(store, clock)
    for fact in (rings(), answers(ANNA, 4), ends(34, final=False)):
        await board.report(fact)
    await clock.advance(29)
    assert await board.sweep("sip", ask, LIMITS) == 0
    await clock.advance(1)
    again = await a_board(store, clock)
    assert await again.sweep("sip", ask, LIMITS) == 1
    assert [await again.sweep("sip", ask, LIMITS), await board.sweep("sip", ask, LIMITS)] == [0, 0]
    (data,) = await completed(store)
    assert (data.result, data.length, data.recording_url) == (CallResult.ANSWERED, "30s", None)
    assert asked == []


async def test_a_call_whose_end_was_lost_is_asked_about_and_closed_once(store: SqliteStore) -> None:
    clock, asked = ManualClock(START), list[str]()
    answer: list[Standing] = ["up"]

    async def ask(call: str) -> Standing:
        asked.append(call)
        return answer[0]

    board = await a_board(store, clock)
    for fact in (rings(), answers(ANNA, 4)):
        await board.report(fact)
    assert await board.sweep("sip", ask, LIMITS) == 0
    assert asked == []
    await clock.advance(4000)
    assert await board.sweep("sip", ask, LIMITS) == 0  # it is up, for however long
    answer[0] = "unknown"
    assert await board.sweep("other", ask, LIMITS) == 0
    assert await board.sweep("sip", ask, LIMITS) == 1
    assert await board.sweep("sip", ask, LIMITS) == 0
    assert asked == ["call-1", "call-1"]
    await board.report(ends(90))  # too late
    (data,) = await completed(store)
    assert (data.result, data.length) == (CallResult.ANSWERED, "0s")
    assert await board.open_calls("sip") == set()


async def test_a_call_names_the_one_it_goes_on_from(store: SqliteStore) -> None:
    board = await a_board(store, ManualClock(START))
    for fact in (rings(), answers(ANNA, 4), ends(5)):
        await board.report(fact)
    (first,) = await completed(store)
    second: list[AnyFact] = [rings(), answers(ANNA, 4), passes_on(ANNA, 5, original="call-1"), ends(9)]
    for later in second:
        await board.report(msgspec.structs.replace(later, call="call-2"))
    assert (await completed(store))[-1].transfer_original_call_id == first.id

"""The event socket over a real socket: whatever it drops, delays and repeats, each call is told to its end."""

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from switchhook import events
from switchhook.clock import ManualClock
from switchhook.events import CallCompleted
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Reader, StorageError
from switchhook.telephony.freeswitch.connector import SOURCE, Connector
from switchhook.telephony.freeswitch.esl import (
    LONGEST_BLOCK,
    LONGEST_BODY,
    QUIET,
    EslSession,
    parse_block,
    parse_json,
    parse_plain,
    rows,
)
from switchhook.telephony.freeswitch.events import CONFERENCE, MENU
from switchhook.telephony.freeswitch.happenings import Everything
from switchhook.telephony.freeswitch.session import Access
from switchhook.telephony.watching import ConnectionLost, Refused
from switchhook.workspace.calls import Limits
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact, Ended
from switchhook.workspace.switchboard import Ask, Switchboard
from tests.telephony.freeswitch_peer import Message, Socket, framed, written
from tests.telephony.freeswitch_world import BEGAN, JANE, MAIN, OMAR, PLAN, TELEPHONES, Switch, capture

WORKSPACE = "wsp_a"


async def stored(id_: str, reader: Reader) -> Sequence[tuple[Any, ...]]:
    return await reader.fetch("event", WORKSPACE, id_)


class Desk:
    """A switchboard, and a disk that may be full."""

    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        self.store = store
        self.board = Switchboard(store, clock, WORKSPACE, "FR", str, telephones=TELEPHONES)
        self.full = 0
        self.reports: list[AnyFact] = []

    async def report(self, fact: AnyFact) -> None:
        if self.full:
            self.full -= 1
            raise StorageError("the disk is full")
        await self.board.report(fact)
        self.reports.append(fact)

    async def sweep(self, ask: Ask, limits: Limits) -> int:
        return await self.board.sweep(SOURCE, ask, limits)

    async def open_calls(self) -> frozenset[str]:
        return await self.board.open_calls(SOURCE)

    async def events(self) -> list[events.Event]:
        found = await self.store.read(lambda reader: reader.fetch("unsettled", 0, 1_000))
        made = []
        for row in found:
            rows_ = await self.store.read(partial(stored, row[2]))
            made.append(events.parse(rows_[0][4]))
        return made

    async def topics(self) -> list[str]:
        return [event.topic for event in await self.events()]

    async def completed(self) -> list[CallCompleted]:
        return [event.data for event in await self.events() if isinstance(event.data, CallCompleted)]

    def at(self, what: str) -> bool:
        return any(fact.id.endswith(what) for fact in self.reports)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGAN)


@pytest.fixture
async def desk(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Desk]:
    store = SqliteStore(tmp_path / "x.db")
    users = (UserConfig(JANE.email, JANE.name), UserConfig(OMAR.email, OMAR.name))
    numbers = (NumberConfig(MAIN, "Main", (JANE.email,)),)
    await store.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    made = Desk(store, clock)
    await made.board.load()
    yield made
    await store.close()


@pytest.fixture
async def switch() -> AsyncIterator[Socket]:
    made = Socket()
    yield made
    await made.stop()


Watch = Callable[..., Awaitable[Connector]]


@pytest.fixture
async def watch(switch: Socket, desk: Desk, clock: ManualClock) -> AsyncIterator[Watch]:
    """Starts a connector to the socket."""
    made: list[Connector] = []
    port = await switch.start()

    async def start(password: str = switch.password, user: str = "") -> Connector:
        access = Access("127.0.0.1", port, password, user)
        made.append(Connector(lambda: EslSession(access, clock), PLAN, clock, desk))
        await made[-1].start()
        return made[-1]

    yield start
    for one in made:
        await one.stop()


async def until(clock: ManualClock, done: Callable[[], Awaitable[bool] | bool], step: float = 0.05) -> None:
    """Let the sockets and the clock go on until something is so."""
    async with asyncio.timeout(30):
        while True:
            found = done()
            if found if isinstance(found, bool) else await found:
                return
            await clock.advance(step)
            await asyncio.sleep(0.001)


def is_up(connector: Connector) -> Callable[[], bool]:
    return lambda: connector.state == "up"


def has_completed(desk: Desk, count: int = 1) -> Callable[[], Awaitable[bool]]:
    async def told() -> bool:
        return (await desk.topics()).count("call.completed") >= count

    return told


@pytest.mark.parametrize(
    "case", [("answered", ""), ("answered", "pieces"), ("cancel", "plain"), ("transfer", "")]
)
async def test_a_call_comes_over_the_wire(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch, case: tuple[str, str]
) -> None:
    name, way = case
    await until(clock, is_up(await watch()))
    await switch.tells(capture(name), piece=997 if way == "pieces" else 1 << 20, plain=way == "plain")
    await until(clock, has_completed(desk))
    assert await desk.topics() == ["call.received", "call.completed"]
    (call,) = await desk.completed()
    assert (call.result == "ANSWERED") is (name != "cancel")


@pytest.mark.parametrize("name", ["answered", "cancel", "transfer"])
async def test_whenever_the_connection_breaks_a_call_that_rang_is_completed_once(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch, name: str
) -> None:
    """After each event in turn; what comes meanwhile is lost, and the call is over when the line is back."""
    messages = capture(name)
    connector = await watch()
    await until(clock, is_up(connector))
    for cut in range(1, len(messages) + 1):
        await switch.tells(renamed(message, f"{cut}") for message in messages[:cut])
        await until(clock, lambda cut=cut: sum(one.id == "offered" for one in desk.reports) >= cut)  # type: ignore[misc]
        logins = switch.logins
        if cut % 2:
            switch.drop()
        else:  # in the middle of an event
            await switch.sends(written(messages[0])[: 100 * cut])
            switch.drop()
        await until(clock, lambda logins=logins: switch.logins > logins, 0.5)  # type: ignore[misc]
        await until(clock, is_up(connector))
        await until(clock, has_completed(desk, cut))
    topics = await desk.topics()
    assert (topics.count("call.received"), topics.count("call.completed")) == (len(messages), len(messages))


def renamed(message: Message, mark: str) -> Message:
    """The same in another call."""
    ids = (
        "Unique-ID",
        "Other-Leg-Unique-ID",
        "Bridge-A-Unique-ID",
        "Bridge-B-Unique-ID",
        "variable_originator",
        "variable_originating_leg_uuid",
    )
    return {key: f"{value}-{mark}" if key in ids else value for key, value in message.items()}


async def test_what_is_told_again_and_late_changes_nothing(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    await until(clock, is_up(await watch()))
    messages = capture("answered")
    for message in messages:
        await switch.tells([message, message])
    await switch.tells(messages)
    await until(clock, has_completed(desk))
    await switch.tells(messages)
    await clock.advance(10)
    assert await desk.topics() == ["call.received", "call.completed"]


async def test_a_call_goes_on_over_a_break_and_a_restart(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    told = Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b")
    await switch.tells(told.messages)
    await until(clock, lambda: desk.at(":answered"))
    # The dialplan has sent the caller on meanwhile; the list says where the channel began.
    moved = {"Caller-Destination-Number": "600", "Caller-Context": "queues"}
    first = {"first-destination": MAIN, "first-context": "inbound"}
    switch.up = [{**told.messages[-1], **moved, **first}, told.messages[1]]
    switch.drop()
    await until(clock, lambda: switch.logins == 2, 0.5)
    await connector.stop()
    connector = await watch()
    await until(clock, is_up(connector))
    await clock.advance(20)
    assert await desk.topics() == ["call.received"]
    await switch.tells(told.at(62).hangs_up("b").hangs_up("a").messages[-4:])
    await until(clock, has_completed(desk))
    (call,) = await desk.completed()
    assert (call.length, call.result, call.user_email) == ("1m 0s", "ANSWERED", "jane@example.com")


async def test_a_call_that_came_in_a_break_is_told_of_with_its_own_times(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    told = Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b")
    bridged = {"Caller-Channel-Bridged-Time": str((BEGAN + 2_000) * 1000)}
    # The dialplan has sent the caller on; the list says where the channel began.
    moved = {"Caller-Destination-Number": "600", "Caller-Context": "queues"}
    first = {"first-destination": MAIN, "first-context": "inbound"}
    switch.up = [
        {**told.messages[-1], **bridged, **moved, **first, "variable_signal_bond": "b"},
        {**told.messages[2], **bridged, "variable_signal_bond": "a"},
    ]
    await until(clock, is_up(await watch()))
    await switch.tells(told.at(12).hangs_up("b").hangs_up("a").messages[-4:])
    await until(clock, has_completed(desk))
    (call,) = await desk.completed()
    assert (call.length, call.result, call.user_email) == ("10s", "ANSWERED", "jane@example.com")
    assert call.to == MAIN


async def test_a_call_that_ended_while_nobody_watched_is_ended_when_somebody_does(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await switch.tells(Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b").messages)
    await until(clock, lambda: desk.at(":answered"))
    await connector.stop()
    await clock.advance(3600)
    await watch()
    await until(clock, has_completed(desk), 0)  # at once, not when it is looked for what was lost
    (call,) = await desk.completed()
    assert (call.length, call.result) == ("0s", "ANSWERED")  # nothing was heard of it after that


async def test_a_call_that_ended_in_a_break_ended_when_the_line_did(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await switch.tells(Switch().inbound().calls("a", "b", "101").talk("a", "b").messages)
    await until(clock, lambda: desk.at(":answered"))
    await clock.advance(5)
    broken = clock.now()
    switch.drop()
    await until(clock, lambda: connector.state.startswith("lost"), 0)
    await until(clock, has_completed(desk), 0.5)
    assert [fact.at for fact in desk.reports if isinstance(fact, Ended)] == [broken]


async def test_what_happens_while_the_list_is_made_comes_in_its_order(
    switch: Socket, clock: ManualClock
) -> None:
    """A channel that ended after it was listed has its own end; one that began is not taken for missing."""
    told = Switch().inbound().inbound("b").inbound("c")
    switch.up = [*told.messages[:2]]
    switch.unlisted = {"a", "b"}
    switch.while_listing = [*told.hangs_up("a").messages[-2:], told.messages[2]]
    session = EslSession(Access("127.0.0.1", await switch.start(), switch.password), clock)
    await session.open()
    found = await session.catch_up()
    assert [type(one).__name__ for one in found] == ["Everything", "Gone", "Gone", "Began"]
    assert isinstance(found[0], Everything)
    assert [channel.id for channel in found[0].channels] == ["a"]
    await session.close()


async def test_a_fact_that_cannot_be_stored_is_reported_until_it_is(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    await until(clock, is_up(await watch()))
    desk.full = 3
    await switch.tells(capture("cancel"))
    await until(clock, has_completed(desk), 0.5)
    assert await desk.topics() == ["call.received", "call.completed"]


@pytest.mark.parametrize("user", ["", "switchhook@example.com"])
async def test_who_is_let_in(switch: Socket, clock: ManualClock, watch: Watch, user: str) -> None:
    switch.user = user
    await until(clock, is_up(await watch(user=user)))
    assert switch.asked[0] == (f"userauth {user}:{switch.password}" if user else f"auth {switch.password}")


@pytest.mark.parametrize("length", [40, *range(440, 500, 6), 2_000])
async def test_who_is_let_in_with_a_long_list_of_rights_watches(
    switch: Socket, clock: ManualClock, watch: Watch, length: int
) -> None:
    """FreeSWITCH cuts the answer off, and with it the empty line at its end."""
    switch.user = "switchhook@example.com"
    switch.rights = f"Allowed-Events: {'E' * length}\nAllowed-API: show\nAllowed-LOG: true\n"
    await until(clock, is_up(await watch(user=switch.user)))


async def test_who_is_not_let_in_says_what_to_do_and_tells_no_password(
    switch: Socket, clock: ManualClock, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connector = await watch("a wrong s3cret")
    await until(clock, lambda: connector.state.startswith("refused"))
    assert "-ERR invalid" in connector.state
    assert "event_socket.conf.xml" in caplog.text
    assert "s3cret" not in caplog.text + connector.state + repr(Access("h", 1, "s3cret"))
    await clock.advance(40)
    assert sum(command.startswith("auth") for command in switch.asked) == 1


async def test_who_comes_from_a_place_that_is_not_on_the_list_is_told_which_list(
    switch: Socket, clock: ManualClock, watch: Watch
) -> None:
    switch.greeting = framed("text/rude-rejection", b"Access Denied, go away.\n")
    connector = await watch()
    await until(clock, lambda: connector.state.startswith("refused"))
    assert "apply-inbound-acl" in connector.state


@pytest.mark.parametrize(
    ("forbidden", "named"),
    [("show", "esl-allowed-api"), ("CHANNEL_CREATE", "esl-allowed-events")],
)
async def test_who_may_not_ask_is_told_which_right_is_missing(
    switch: Socket, clock: ManualClock, watch: Watch, forbidden: str, named: str
) -> None:
    switch.forbidden = {forbidden}
    connector = await watch()
    await until(clock, lambda: connector.state.startswith("refused"))
    assert named in connector.state


async def test_who_may_not_hear_the_heartbeat_nor_dump_a_channel_watches_all_the_same(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    switch.forbidden = {"HEARTBEAT", "uuid_dump"}
    told = Switch().inbound()
    switch.up = [*told.messages[:1]]
    await until(clock, is_up(await watch()))
    await switch.tells(told.at(5).hangs_up("a").messages[1:])
    await until(clock, has_completed(desk))


async def test_who_may_not_hear_of_conferences_is_told_so_and_watches_all_the_same(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    """`all` in esl-allowed-events does not allow them; what is allowed is heard of."""
    switch.forbidden = {CONFERENCE}
    await until(clock, is_up(await watch()))
    assert f"does not tell us of {CONFERENCE}; name it in esl-allowed-events" in caplog.text
    assert f"event json CUSTOM {MENU}" in switch.asked


async def test_a_channel_is_asked_for_whatever_its_id_and_read_however_it_is_written(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    """A SIP profile may give channels the Call-IDs of SIP. A dump that is no JSON is lines."""
    id_, spoiled = "8a5c@192.0.2.5:5060", "b c"
    told = Switch().inbound(id_)
    switch.up = [*told.messages, *Switch().inbound(spoiled).messages]
    switch.dump_plain = True
    await until(clock, is_up(await watch()))
    assert [one for one in switch.asked if "uuid_dump" in one] == [f"api uuid_dump {id_} json"]
    await switch.tells(told.at(5).hangs_up(id_).messages[1:])
    await until(clock, has_completed(desk))


async def test_nothing_is_asked_that_changes_anything(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    switch.up = [*Switch().inbound("other").messages]
    await until(clock, is_up(await watch()))
    await switch.tells(capture("answered"))
    await until(clock, has_completed(desk))
    asked = {" ".join(command.split()[:2]) for command in switch.asked[1:]}
    assert asked == {"event json", "api show", "api uuid_dump"}


async def test_a_silent_connection_is_asked_and_then_given_up(
    switch: Socket, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await switch.tells([{"Event-Name": "HEARTBEAT"}])
    await clock.advance(QUIET + 1)
    await until(clock, lambda: switch.asked[-1] == "api uptime")
    assert connector.state == "up"
    switch.mute = True
    await until(clock, lambda: connector.state.startswith("lost"), 5)
    switch.mute = False
    await until(clock, is_up(connector), 0.5)


async def test_a_notice_of_the_end_is_the_end(switch: Socket, clock: ManualClock, watch: Watch) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await switch.sends(framed("text/disconnect-notice", b"Disconnected, goodbye.\n"))
    await until(clock, lambda: connector.state.startswith("lost"), 0)
    await until(clock, lambda: switch.logins == 2, 0.5)


@pytest.mark.parametrize(
    ("greeting", "named"),
    [
        (b"220 mail.example.com ESMTP\n\n", "no message"),
        (framed("text/event-plain", b"x"), "no event socket"),
        (b"Content-Type: auth/request\nContent-Length: 99999999999999\n\n", "too long"),
        (f"Content-Length: {LONGEST_BODY + 1}\n\n".encode(), "too long"),
        (b"Content-Length: -5\n\n", "too long"),
        (b"x" * (LONGEST_BLOCK + 10), "without an end"),
    ],
)
async def test_what_is_no_freeswitch_is_left(
    switch: Socket, clock: ManualClock, greeting: bytes, named: str
) -> None:
    switch.greeting = greeting
    session = EslSession(Access("127.0.0.1", await switch.start(), "s"), clock)
    with pytest.raises(ConnectionLost, match=named):
        await session.open()
    await session.close()


async def test_an_event_that_cannot_be_read_is_left_out(
    switch: Socket, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    await until(clock, is_up(await watch()))
    for garbage in (b"{", b"[]", b"\xff\xfe", b"{" * 5_000, b'{"Event-Name":"CHANNEL_CREATE"}'):
        await switch.sends(framed("text/event-json", garbage))
    await switch.sends(framed("text/unheard-of", b"x") + framed("log/data", b"x"))
    messages = [{**one, "Caller-Caller-ID-Name": "J\u00e9r\u00f4me"} for one in capture("cancel")]
    for message in messages:
        body = json.dumps(message, ensure_ascii=False).encode("latin-1", "replace")  # as some callers send it
        await switch.sends(framed("text/event-json", body))
    await until(clock, has_completed(desk))


async def test_nobody_there_is_tried_again_with_growing_pauses(desk: Desk, clock: ManualClock) -> None:
    tried: list[float] = []

    class Nowhere(EslSession):
        async def open(self) -> None:
            tried.append(clock.monotonic())
            raise ConnectionLost("cannot reach it")

    connector = Connector(lambda: Nowhere(Access("127.0.0.1", 1, "s"), clock), PLAN, clock, desk)
    await connector.start()
    await clock.advance(300)
    await connector.stop()
    pauses = [later - before for before, later in itertools.pairwise(tried)]
    assert pauses[0] < 2 < pauses[2] < 6
    assert 48 <= max(pauses) <= 72
    assert connector.state == "stopped"


def test_fields_are_read_as_they_are_written() -> None:
    block = b"\nContent-Type: text/plain\r\nReply-Text: a: b\nVariable: x=1\nVariable: y=2\nnonsense\nBad: \xff\n\n"
    assert parse_block(block) == {
        "Content-Type": "text/plain",
        "Reply-Text": "a: b",
        "Variable": "x=1",
        "Bad": "\ufffd",
    }
    assert parse_plain(b"Caller-ID: %2B33%20x\nContent-Length: 3\n\nabc") == {
        "Caller-ID": "+33 x",
        "Content-Length": "3",
    }
    assert parse_json(b'{"a": "\xe9\n"}') == {"a": "\ufffd\n"}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ('{"row_count":0}', []),
        ('{"row_count":2,"rows":[{"uuid":"a"},{"x":"y"},3]}', [{"uuid": "a"}]),
        ('{"row_count":1,"rows":{}}', None),
        ("-ERR permission denied", None),
        ("0 total.", None),
        ("{}", None),
    ],
)
def test_the_rows_of_a_list(answer: str, found: list[Any] | None) -> None:
    assert rows(answer) == found


async def test_a_refusal_is_not_taken_for_a_lost_connection(switch: Socket, clock: ManualClock) -> None:
    session = EslSession(Access("127.0.0.1", await switch.start(), "s"), clock)
    with pytest.raises(Refused):
        await session.open()
    await session.close()

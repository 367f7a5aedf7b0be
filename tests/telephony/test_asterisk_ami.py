"""The manager interface over a real socket: whatever it drops, delays and repeats, each call is told to its end."""

import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from switchhook.clock import ManualClock
from switchhook.telephony.asterisk.ami import LONGEST, QUIET, AmiSession, parse
from switchhook.telephony.asterisk.connector import Connector
from switchhook.telephony.asterisk.session import Access
from switchhook.telephony.watching import ConnectionLost, Refused
from switchhook.workspace.facts import Answered, Ended
from tests.telephony.asterisk_desk import Desk, at_desk, has_completed, is_up, open_desk, until
from tests.telephony.asterisk_peer import Manager
from tests.telephony.asterisk_world import BEGAN, PLAN, Pbx, capture

WORKSPACE = "wsp_a"
TRUNK, PHONE = "PJSIP/trunk-1", "PJSIP/101-2"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGAN)


@pytest.fixture
async def desk(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path / "x.db", clock) as made:
        yield made


@pytest.fixture
async def manager() -> AsyncIterator[Manager]:
    made = Manager()
    yield made
    await made.stop()


Watch = Callable[..., Awaitable[Connector]]


@pytest.fixture
async def watch(manager: Manager, desk: Desk, clock: ManualClock) -> AsyncIterator[Watch]:
    """Starts a connector to the manager."""
    made: list[Connector] = []
    port = await manager.start()

    async def start(secret: str = manager.secret, *, challenge: bool = True) -> Connector:
        access = Access("127.0.0.1", port, "switchhook", secret, challenge=challenge)
        made.append(Connector(lambda: AmiSession(access, clock), PLAN, clock, desk))
        await made[-1].start()
        return made[-1]

    yield start
    for one in made:
        await one.stop()


def calls_of(capture_name: str) -> list[dict[str, str]]:
    """The messages of a capture that come after the log-in."""
    return [
        message for message in capture(capture_name) if "Channel" in message or "BridgeUniqueid" in message
    ]


@pytest.mark.parametrize(
    "case", [("ami-answered", 1 << 20), ("ami-answered", 7), ("ami-busy", 1 << 20), ("ami-cancel", 7)]
)
async def test_a_call_comes_over_the_wire(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch, case: tuple[str, int]
) -> None:
    name, piece = case
    await until(clock, is_up(await watch()))
    await manager.tells(calls_of(name), piece=piece)
    await until(clock, has_completed(desk))
    assert await desk.topics() == ["call.received", "call.completed"]
    (call,) = await desk.completed()
    assert (call.result == "ANSWERED") is (name == "ami-answered")


@pytest.mark.parametrize("name", ["ami-answered", "ami-busy", "ami-cancel"])
async def test_whenever_the_connection_breaks_a_call_that_rang_is_completed_once(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch, name: str
) -> None:
    """After each message in turn; what comes meanwhile is lost, and the call is over when the line is back."""
    messages = [
        message for message in calls_of(name) if message["Event"] not in {"VarSet", "Newexten", "CEL"}
    ]
    connector = await watch()
    await until(clock, is_up(connector))
    for count, cut in enumerate(range(1, len(messages) + 1), 1):
        mine = [renamed(message, f"{count}") for message in messages[:cut]]
        await manager.tells(mine)
        await until(clock, lambda count=count: at_desk(desk, "offered", count))  # type: ignore[misc]
        logins = manager.logins
        manager.drop()
        await until(clock, lambda logins=logins: manager.logins > logins, 0.5)  # type: ignore[misc]
        await until(clock, is_up(connector))
        await until(clock, has_completed(desk, count))
    topics = await desk.topics()
    assert (topics.count("call.received"), topics.count("call.completed")) == (len(messages), len(messages))


def renamed(message: dict[str, str], mark: str) -> dict[str, str]:
    """The same in another call."""
    ids = ("Uniqueid", "Linkedid", "DestUniqueid", "DestLinkedid", "BridgeUniqueid")
    return {key: f"{value}{mark.zfill(4)}" if key in ids else value for key, value in message.items()}


async def test_what_is_told_again_and_late_changes_nothing(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    await until(clock, is_up(await watch()))
    messages = calls_of("ami-answered")
    for message in messages:
        await manager.tells([message, message])
    await manager.tells(messages)
    await until(clock, has_completed(desk))
    await manager.tells(messages)
    await clock.advance(10)
    assert await desk.topics() == ["call.received", "call.completed"]


async def test_a_call_goes_on_over_a_break_and_a_restart(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    pbx = Pbx().inbound().dials(TRUNK, PHONE, "1", "101").at(2).talk(TRUNK, PHONE, "1", "b")
    await manager.tells(pbx.messages)
    await until(clock, lambda: any(fact.id.endswith(":answered") for fact in desk.reports))
    manager.up = [
        {**Pbx.channel(TRUNK, exten="600", context="queues"), "ChannelStateDesc": "Up", "BridgeId": "b"},
        {**Pbx.channel(PHONE, "1"), "ChannelStateDesc": "Up", "BridgeId": "b", "Application": "AppDial"},
    ]
    manager.drop()
    await until(clock, lambda: manager.logins == 2, 0.5)
    await connector.stop()
    connector = await watch()
    await until(clock, is_up(connector))
    await clock.advance(20)
    assert await desk.topics() == ["call.received"]
    await manager.tells(Pbx().at(62).hangs_up(PHONE, "1").hangs_up(TRUNK, "1").messages)
    await until(clock, has_completed(desk))
    (call,) = await desk.completed()
    assert (call.length, call.result, call.user_email) == ("1m 0s", "ANSWERED", "jane@example.com")


async def test_a_call_that_ended_while_nobody_watched_is_ended_when_somebody_does(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    pbx = Pbx().inbound().dials(TRUNK, PHONE, "1", "101").at(2).talk(TRUNK, PHONE, "1", "b")
    await manager.tells(pbx.messages)
    await until(clock, lambda: any(fact.id.endswith(":answered") for fact in desk.reports))
    await connector.stop()
    await clock.advance(3600)
    back = clock.monotonic()
    await watch()
    await until(clock, has_completed(desk))
    assert clock.monotonic() - back < 60
    (call,) = await desk.completed()
    assert (call.length, call.result) == ("0s", "ANSWERED")  # nothing was heard of it after that


async def test_a_call_that_ended_in_a_break_ended_when_the_line_did(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await manager.tells(Pbx().inbound().dials(TRUNK, PHONE, "1", "101").talk(TRUNK, PHONE, "1", "b").messages)
    await until(clock, lambda: any(fact.id.endswith(":answered") for fact in desk.reports))
    await clock.advance(5)
    broken = clock.now()
    manager.drop()
    await until(clock, lambda: connector.state.startswith("lost"), 0)
    await until(clock, has_completed(desk), 0.5)
    assert [fact.at for fact in desk.reports if isinstance(fact, Ended)] == [broken]


async def test_a_fact_that_cannot_be_stored_is_reported_until_it_is(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    await until(clock, is_up(await watch()))
    desk.full = 3
    await manager.tells(calls_of("ami-busy"))
    await until(clock, has_completed(desk), 0.5)
    assert await desk.topics() == ["call.received", "call.completed"]


@pytest.mark.parametrize("challenge", [True, False])
async def test_who_is_not_let_in_says_what_to_do_and_tells_no_secret(
    manager: Manager, clock: ManualClock, watch: Watch, challenge: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connector = await watch("a wrong s3cret", challenge=challenge)
    await until(clock, lambda: connector.state.startswith("refused"))
    assert "user 'switchhook'" in connector.state
    assert "manager.conf" in connector.state
    assert "Authentication failed" in caplog.text
    assert "s3cret" not in caplog.text + connector.state + repr(Access("h", 1, "u", "s3cret"))
    assert any("Secret" in action for action in manager.asked) is not challenge
    await clock.advance(40)
    assert sum(action["Action"] == "Login" for action in manager.asked) == 1  # whoever hammers is banned


async def test_the_secret_does_not_travel_when_it_need_not(
    manager: Manager, clock: ManualClock, watch: Watch
) -> None:
    await until(clock, is_up(await watch()))
    assert not any(manager.secret in value for action in manager.asked for value in action.values())


async def test_nothing_is_asked_that_changes_anything(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    await until(clock, is_up(await watch()))
    await manager.tells(calls_of("ami-answered"))
    await until(clock, has_completed(desk))
    asked = {action["Action"] for action in manager.asked}
    assert asked == {"Challenge", "Login", "BridgeList", "CoreShowChannels"}


async def test_who_may_not_list_the_channels_is_told_which_right_is_missing(
    manager: Manager, clock: ManualClock, watch: Watch
) -> None:
    manager.may_list = False
    connector = await watch()
    await until(clock, lambda: connector.state.startswith("refused"))
    assert "write = reporting" in connector.state


async def test_what_cannot_be_listed_for_another_reason_is_tried_again(
    manager: Manager, clock: ManualClock, watch: Watch
) -> None:
    manager.may_list = "Could not get cached channels"
    connector = await watch()
    await until(clock, lambda: connector.state.startswith("lost: Asterisk does not list its channels"))
    manager.may_list = True
    await until(clock, is_up(connector), 0.5)


async def test_who_is_logged_in_already_is_told_so(
    manager: Manager, clock: ManualClock, watch: Watch
) -> None:
    manager.taken = True
    connector = await watch()
    await until(clock, lambda: connector.state.startswith("refused"))
    assert "allowmultiplelogin = no" in connector.state


def listed(name: str, link: str = "", **fields: str) -> dict[str, str]:
    return {**Pbx.channel(name, link), "ChannelStateDesc": "Up", **fields}


async def test_who_hears_nothing_of_calls_is_told_which_right_is_missing(
    manager: Manager, clock: ManualClock, watch: Watch
) -> None:
    """A call that is listed, and that no event has told of: the user reads no class of events that has calls."""
    connector = await watch()
    await until(clock, is_up(connector))
    manager.up = [listed(TRUNK)]
    await until(clock, lambda: connector.state.startswith("refused"), 1)
    assert "read = call,user" in connector.state
    assert TRUNK in connector.state


async def test_calls_that_were_there_or_were_told_of_are_no_reason_to_complain(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    manager.up = [listed(TRUNK)]
    connector = await watch()
    await until(clock, is_up(connector))
    pbx = Pbx().dials(TRUNK, PHONE, "1", "101").messages
    await manager.tells(pbx)
    manager.up += [listed(PHONE, "1"), {**listed("PJSIP/9-9"), "Channel": "Message/ast_msg_queue"}]
    begun = clock.monotonic()
    await until(clock, lambda: clock.monotonic() - begun > 4 * QUIET, 1)
    assert connector.state == "up"
    manager.up.append(listed("PJSIP/102-3", "1"))  # told of a moment after it was listed
    asked = len(manager.asked)
    await until(clock, lambda: len(manager.asked) > asked + 1, 1)
    await manager.tells(Pbx().new("PJSIP/102-3", "1").messages)
    await until(clock, lambda: clock.monotonic() - begun > 7 * QUIET, 1)
    assert (connector.state, manager.logins) == ("up", 1)


async def test_who_is_parked_talks_to_nobody_also_when_all_is_listed(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    """Two callers and a telephone that somebody parked lie in one bridge, which is a car park."""
    manager.bridges = [
        {"BridgeUniqueid": "p", "BridgeType": "parking", "BridgeTechnology": "holding_bridge"},
        {"BridgeUniqueid": "b", "BridgeType": "basic", "BridgeTechnology": "simple_bridge"},
    ]
    manager.up = [
        listed(TRUNK, Exten="600", Context="inbound", BridgeId="p"),
        listed("PJSIP/102-7", BridgeId="p"),
        listed("PJSIP/trunk-4", Context="inbound", BridgeId="b"),
        listed("PJSIP/101-5", "4", BridgeId="b", Application="AppDial"),
    ]
    await until(clock, is_up(await watch()))
    await until(clock, lambda: any(isinstance(fact, Answered) for fact in desk.reports))
    assert [(one.call, one.target) for one in desk.reports if isinstance(one, Answered)] == [
        ("1795436378.4", "sip:101@asterisk")
    ]


async def test_a_silent_connection_is_asked_and_then_given_up(
    manager: Manager, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await clock.advance(QUIET + 1)
    await until(clock, lambda: sum(one["Action"] == "CoreShowChannels" for one in manager.asked) == 2)
    assert connector.state == "up"
    manager.mute = True
    await until(clock, lambda: connector.state.startswith("lost"), 5)
    manager.mute = False
    await until(clock, is_up(connector), 0.5)


@pytest.mark.parametrize(
    ("greeting", "named"),
    [
        (b"220 mail.example.com ESMTP\r\n", "no manager interface"),
        (b"Asterisk" + b"x" * 2000 + b"\r\n", "too long"),
        (b"x" * (LONGEST + 10), "without an end"),
    ],
)
async def test_what_is_no_asterisk_is_left(
    manager: Manager, clock: ManualClock, greeting: bytes, named: str
) -> None:
    manager.greeting = greeting
    port = await manager.start()
    session = AmiSession(Access("127.0.0.1", port, "u", "s"), clock)
    with pytest.raises(ConnectionLost, match=named):
        await session.open()
    await session.close()


async def test_a_message_without_an_end_breaks_the_connection(
    manager: Manager, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await manager.tells([{"Event": "x" * (3 * LONGEST)}])
    await until(clock, lambda: manager.logins == 2, 0.5)
    await until(clock, is_up(connector))
    await manager.tells(calls_of("ami-busy"))
    await until(clock, has_completed(desk))


async def test_nobody_there_is_tried_again_with_growing_pauses(
    desk: Desk, clock: ManualClock, manager: Manager
) -> None:
    tried: list[float] = []

    class Nowhere(AmiSession):
        async def open(self) -> None:
            tried.append(clock.monotonic())
            raise ConnectionLost("cannot reach it")

    connector = Connector(lambda: Nowhere(Access("127.0.0.1", 1, "u", "s"), clock), PLAN, clock, desk)
    await connector.start()
    await clock.advance(300)
    await connector.stop()
    pauses = [later - before for before, later in itertools.pairwise(tried)]
    assert pauses[0] < 2 < pauses[2] < 6
    assert 48 <= max(pauses) <= 72
    assert connector.state == "stopped"


def test_fields_are_read_as_they_are_written() -> None:
    message = (
        b"Event: Hangup\r\nAppData: a: b\r\nVariable: x=1\r\nVariable: y=2\r\nnonsense\r\nBad: \xff\r\n\r\n"
    )
    assert parse(message) == {"Event": "Hangup", "AppData": "a: b", "Variable": "x=1", "Bad": "\ufffd"}


async def test_a_refusal_is_not_taken_for_a_lost_connection(manager: Manager, clock: ManualClock) -> None:
    port = await manager.start()
    session = AmiSession(Access("127.0.0.1", port, "nobody", "s"), clock)
    with pytest.raises(Refused):
        await session.open()
    await session.close()

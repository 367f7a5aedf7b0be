"""ARI over a real socket: whatever it drops, delays, repeats and garbles, each call is told to its end."""

import json
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.clock import ManualClock
from switchhook.events import CallCompleted, CallResult
from switchhook.telephony.asterisk.ari import LONGEST, QUIET, AriSession
from switchhook.telephony.asterisk.ari_events import as_channel, everything, read, time_of
from switchhook.telephony.asterisk.ari_links import Links
from switchhook.telephony.asterisk.calls import Calls
from switchhook.telephony.asterisk.connector import Connector
from switchhook.telephony.asterisk.happenings import Dialled, DialOver, Happening, Linked
from switchhook.telephony.asterisk.session import Access
from switchhook.telephony.watching import ConnectionLost
from switchhook.workspace.calls import Draft
from switchhook.workspace.facts import Answered, EndCause, Ended, LegEnded, Offered, Ringing
from tests.telephony.ari_peer import Ari
from tests.telephony.asterisk_desk import Desk, at_desk, has_completed, is_up, open_desk, until
from tests.telephony.asterisk_world import (
    BEGAN,
    CALLER,
    PLAN,
    Pbx,
    ari_capture,
    as_ari,
    facts_of,
    over_ari,
    story,
    told,
)

TRUNK, PHONE = "PJSIP/trunk-1", "PJSIP/101-2"
ANSWERED = ["call.received", "call.answered", "call.completed"]
MISSED = ["call.received", "call.missed", "call.completed"]
CAPTURES = ["ari-answered", "ari-busy"]


def topics(drafts: list[Draft]) -> list[str]:
    return [draft.topic for draft in drafts]


def completed(drafts: list[Draft]) -> CallCompleted:
    (data,) = [draft.data for draft in drafts if isinstance(draft.data, CallCompleted)]
    return data


# -- captures


@pytest.mark.parametrize(
    ("name", "events", "result", "cause", "length"),
    [
        ("ari-answered", ANSWERED, CallResult.ANSWERED, EndCause.HANGUP, "20s"),
        ("ari-busy", MISSED, CallResult.FAILED, EndCause.BUSY, "0s"),
    ],
)
def test_a_capture_over_ari_has_the_history_that_its_name_says(
    name: str, events: list[str], result: CallResult, cause: EndCause, length: str
) -> None:
    facts = facts_of(over_ari(ari_capture(name)))
    ((_, drafts),) = told(facts).items()
    data = completed(drafts)
    assert topics(drafts) == events
    assert len({fact.id for fact in facts}) == len(facts)
    assert (data.result, data.from_number, data.to, data.length) == (result, CALLER, "+33112345678", length)
    assert [fact.cause for fact in facts if isinstance(fact, Ended | LegEnded)] == [cause, cause]
    assert [fact.target for fact in facts if isinstance(fact, Ringing)] == ["sip:agent@asterisk"]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CAPTURES), st.randoms(use_true_random=False), st.integers(0, 40), st.booleans())
def test_any_repetition_and_shuffling_of_a_capture_over_ari_makes_the_same_events(
    name: str, chance: random.Random, reach: int, linked: bool
) -> None:
    straight = [
        event for event in ari_capture(name) if event["type"] not in {"ChannelVarset", "DeviceStateChanged"}
    ]
    if linked:
        root = straight[0]["channel"]["id"]
        for event in straight:
            for part in ("channel", "peer"):
                if part in event:
                    event[part]["channelvars"] = {"CHANNEL(linkedid)": root}
    twice = [event for event in straight for _ in range(chance.choice((1, 1, 2, 3)))]
    order = sorted(range(len(twice)), key=lambda place: place + chance.uniform(0, reach))
    assert events(over_ari(twice[place] for place in order)) == events(over_ari(straight))


def events(said: list[Happening]) -> set[tuple[str, str]]:
    return {(draft.topic, repr(draft.data)) for made in told(facts_of(said)).values() for draft in made}


# -- what belongs together where Asterisk does not say it


def unlinked(pbx: Pbx) -> list[dict[str, Any]]:
    return [as_ari(message, linked=False) for message in pbx.messages]


def test_without_linked_ids_whoever_is_dialled_belongs_to_who_dials() -> None:
    half, other = "Local/101@agents-7;1", "Local/101@agents-7;2"
    pbx = Pbx().inbound().dials(TRUNK, half, "1", "Local/101@agents").new(other, "1", exten="101")
    pbx.dials(other, PHONE, "1", "101").at(1).rings(PHONE, "1").at(4).talk(other, PHONE, "1", "b1")
    pbx.talk(TRUNK, half, "1", "b2").at(4.1).leaves(PHONE, "1", "b1").enters(PHONE, "1", "b2")
    pbx.hangs_up(half, "1").hangs_up(other, "1").at(24).hangs_up(PHONE, "1").hangs_up(TRUNK, "1")
    straight = unlinked(pbx)
    assert events(over_ari(straight)) == events(over_ari(as_ari(message) for message in pbx.messages))
    (late,) = [at for at, event in enumerate(straight) if event.get("peer", {}).get("name") == half][:1]
    moved = straight[:late] + straight[late + 1 : late + 6] + [straight[late]] + straight[late + 6 :]
    assert events(over_ari(moved)) == events(over_ari(straight))


def called(name: str, number: str, at: float, **more: Any) -> dict[str, Any]:
    """An application calls `name` with that number as connected line."""
    event = as_ari(Pbx().at(at).dials("", name, "").messages[-1], linked=False)
    event["peer"]["connected"] = {"name": "", "number": number}
    return event | more


def came(name: str, number: str = CALLER) -> dict[str, Any]:
    event = as_ari(Pbx().inbound(name).messages[0], linked=False)
    event["channel"]["caller"]["number"] = number
    return event


def links(events: list[dict[str, Any]]) -> set[tuple[str, str]]:
    found = Links()
    made = [happening for event in events for happening in found.take(event, BEGAN)]
    return {(one.channel.name, one.to.name) for one in made if isinstance(one, Linked)}


def test_whom_an_application_calls_is_linked_by_the_only_caller_of_that_number() -> None:
    other = "PJSIP/trunk-7"
    assert links([came(TRUNK), called(PHONE, CALLER, 1)]) == {(PHONE, TRUNK)}
    assert links([called(PHONE, CALLER, 1), came(TRUNK)]) == {(PHONE, TRUNK)}
    assert links([came(TRUNK), came(other), called(PHONE, CALLER, 1)]) == set()
    assert links([came(TRUNK), called(PHONE, "", 1)]) == set()
    assert links([came(TRUNK, ""), called(PHONE, "", 1)]) == set()
    assert links([came(TRUNK), called(PHONE, CALLER, 1, caller=came(other)["channel"])]) == set()
    gone = as_ari(Pbx().at(0.5).hangs_up(TRUNK, "1").messages[0], linked=False)
    assert links([came(TRUNK), gone, called(PHONE, CALLER, 1)]) == set()


def test_an_application_names_the_channel_that_another_one_is_for() -> None:
    start = {**came(PHONE), "type": "StasisStart", "args": ["agent", "1795436378.1"]}
    assert links([came(TRUNK), start]) == {(PHONE, TRUNK)}
    assert links([start, came(TRUNK)]) == {(PHONE, TRUNK)}
    assert links([came(TRUNK), {**start, "args": [7, None, "1795436378.9"]}]) == set()


def test_what_asterisk_links_is_not_guessed() -> None:
    phone = as_ari(Pbx().new(PHONE, "1").messages[0])
    assert links([came(TRUNK), {**phone, "type": "StasisStart", "args": ["1795436378.1"]}]) == set()


def test_a_telephone_that_is_linked_only_once_it_talks_has_rung_before() -> None:
    pbx = Pbx().rings(PHONE, "").at(2).enters(TRUNK, "", "b").enters(PHONE, "", "b")
    start = {**came(PHONE), "type": "StasisStart", "args": ["agent", "1795436378.1"]}
    facts = facts_of(over_ari([came(TRUNK), called(PHONE, "", 0), *unlinked(pbx), start]))
    assert [type(fact) for fact in facts] == [Offered, Answered, Ringing]


def test_whom_an_application_calls_is_no_call_of_its_own_before_it_is_known_whose_it_is() -> None:
    """A trunk that an application calls for a caller: told as a call out only when nothing links the two in time."""
    out = called("PJSIP/trunk-3", "+33100000000", 1)
    start = {**came("PJSIP/trunk-3"), "type": "StasisStart", "args": ["out", "1795436378.1"]}
    calls = Calls("asterisk", PLAN)
    linked = [fact for said in over_ari([came(TRUNK), out, start]) for fact in calls.take(said, 0.0)]
    assert [type(fact) for fact in [*linked, *calls.lapse(5.0)]] == [Offered]
    alone = Calls("asterisk", PLAN)
    assert [fact for said in over_ari([out]) for fact in alone.take(said, 0.0)] == []
    assert [type(fact) for fact in alone.lapse(5.0)] == [Offered]


def test_a_call_that_is_up_when_we_come_is_told_of_though_nothing_links_it() -> None:
    trunk, phone = came(TRUNK)["channel"], came(PHONE)["channel"]
    trunk["state"] = phone["state"] = "Up"
    phone["dialplan"] = {"context": "internal", "exten": "s", "app_name": "AppDial"}
    bridges = [{"id": "b", "bridge_type": "mixing", "channels": [trunk["id"], phone["id"]]}]
    calls = Calls("asterisk", PLAN)
    facts = calls.take(everything([phone, trunk], bridges, BEGAN + 9_000), 0.0)
    gone = [as_ari(m, linked=False) for m in Pbx().at(20).hangs_up(TRUNK, "1").messages]
    facts += [fact for said in over_ari(gone) for fact in calls.take(said, 9.0)]
    ((_, drafts),) = told(facts + calls.lapse(20.0)).items()
    assert topics(drafts) == ANSWERED
    assert (completed(drafts).start_date, completed(drafts).length) == ("2026-11-23T12:19:38.000Z", "11s")


def test_who_waits_in_a_holding_bridge_hears_nobody() -> None:
    pbx = (
        Pbx().inbound().new("PJSIP/102-3", state="Ring").enters(TRUNK, "", "h").enters("PJSIP/102-3", "", "h")
    )
    told_ = unlinked(pbx.at(5).hangs_up(TRUNK, "1"))
    for event in told_:
        if "bridge" in event:
            event["bridge"]["bridge_type"] = "holding"
    assert not [fact for fact in facts_of(over_ari(told_)) if isinstance(fact, Answered)]
    members = [event["channel"] for event in told_[:2]]
    held = [{"id": "h", "bridge_type": "holding", "channels": [one["id"] for one in members]}]
    assert [one.bridge for one in everything(members, held, BEGAN).channels] == ["", ""]


# -- reading


def test_what_is_not_as_expected_counts_as_empty() -> None:
    assert as_channel(None) is None
    assert as_channel({"id": 7}) is None
    channel = as_channel(
        {"id": "1.1", "name": None, "caller": [], "dialplan": {"exten": 5}, "creationtime": "x"}
    )
    assert channel is not None
    assert (channel.name, channel.number, channel.exten, channel.since) == ("", "", "", 0)
    for event in ({}, {"type": "Dial"}, {"type": "ChannelCreated", "channel": []}, {"type": ["x"]}):
        assert read(event, BEGAN) == []
    assert everything({"message": "no"}, None, BEGAN).channels == ()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-23T12:18:37.165+0000", 1_795_436_317_165),
        ("2026-11-23T14:18:37.165+0200", 1_795_436_317_165),
        ("2026-11-23T12:18:37.165Z", 1_795_436_317_165),
        ("2026-11-23", 0),
        ("", 0),
    ],
)
def test_times_are_read_with_their_zone(text: str, at: int) -> None:
    assert time_of({"timestamp": text}, "timestamp") == at


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["channel", "peer", "caller", "bridge", "id", "name", "args", "dialstatus", "cause"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from([event["type"] for event in ari_capture("ari-answered")] + ["ChannelUserevent", "New"]),
)
def test_no_event_however_odd_breaks_the_reading(odd: Any, type_: str) -> None:
    message = (odd if isinstance(odd, dict) else {"channel": odd, "args": odd}) | {"type": type_}
    calls, found = Calls("asterisk", PLAN), Links()
    for happening in [*read(message, BEGAN), *found.take(message, BEGAN)]:
        calls.take(happening, 0.0)


# -- over the wire


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGAN)


@pytest.fixture
async def desk(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path / "x.db", clock) as made:
        yield made


@pytest.fixture
async def ari() -> AsyncIterator[Ari]:
    made = Ari()
    yield made
    await made.stop()


Watch = Callable[..., Awaitable[Connector]]


@pytest.fixture
async def watch(ari: Ari, desk: Desk, clock: ManualClock) -> AsyncIterator[Watch]:
    """Starts a connector to it."""
    made: list[Connector] = []
    port = await ari.start()

    async def start(secret: str = ari.secret, **more: str) -> Connector:
        access = Access("127.0.0.1", port, "switchhook", secret, **more)  # type: ignore[arg-type]
        made.append(Connector(lambda: AriSession(access, clock), PLAN, clock, desk))
        await made[-1].start()
        return made[-1]

    yield start
    ari.drop()  # one that is frozen would not let go
    for one in made:
        await one.stop()


@pytest.mark.parametrize("name", CAPTURES)
async def test_a_call_comes_over_ari(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch, name: str
) -> None:
    await until(clock, is_up(await watch()))
    await ari.tells(ari_capture(name))
    await until(clock, has_completed(desk))
    assert await desk.topics() == ["call.received", "call.completed"]
    (call,) = await desk.completed()
    assert (call.result == "ANSWERED") is (name == "ari-answered")
    assert ari.asked == ["/ari/events?app=switchhook&subscribeAll=true", "/ari/bridges", "/ari/channels"]


@pytest.mark.parametrize("name", CAPTURES)
async def test_whenever_the_connection_to_ari_breaks_a_call_that_rang_is_completed_once(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch, name: str
) -> None:
    """After each event in turn; what comes meanwhile is lost, and the call is over when the line is back."""
    told_ = [
        event
        for event in ari_capture(name)
        if event["type"] not in {"ChannelVarset", "DeviceStateChanged", "ChannelDialplan"}
        and "Snoop" not in json.dumps(event)
    ]
    connector = await watch()
    await until(clock, is_up(connector))
    for count, cut in enumerate(range(1, len(told_) + 1), 1):
        await ari.tells(renamed(event, str(count)) for event in told_[:cut])
        await until(clock, lambda count=count: at_desk(desk, "offered", count))  # type: ignore[misc]
        opened = ari.opened
        ari.drop()
        await until(clock, lambda opened=opened: ari.opened > opened, 0.5)  # type: ignore[misc]
        await until(clock, is_up(connector))
        await until(clock, has_completed(desk, count))
    made = await desk.topics()
    assert (made.count("call.received"), made.count("call.completed")) == (len(told_), len(told_))


def renamed(event: dict[str, Any], mark: str) -> dict[str, Any]:
    """The same in another call."""
    found = json.loads(json.dumps(event).replace('"17954363', f'"17{mark.zfill(3)}54363'))
    if "bridge" in found:
        found["bridge"]["id"] += mark
    return found  # type: ignore[no-any-return]


async def test_what_ari_tells_again_and_late_changes_nothing(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    await until(clock, is_up(await watch()))
    told_ = ari_capture("ari-answered")
    for event in told_:
        await ari.tells([event, event])
    await ari.tells(told_)
    await until(clock, has_completed(desk))
    await ari.tells(told_)
    await clock.advance(10)
    assert await desk.topics() == ["call.received", "call.completed"]


async def test_a_call_over_ari_goes_on_over_a_break_and_a_restart(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    pbx = Pbx().inbound().dials(TRUNK, PHONE, "1", "101").at(2).talk(TRUNK, PHONE, "1", "b")
    await ari.tells(unlinked(pbx))
    await until(clock, lambda: any(fact.id.endswith(":answered") for fact in desk.reports))
    ari.channels = [came(TRUNK)["channel"], came(PHONE)["channel"]]
    ari.channels[1]["dialplan"]["app_name"] = "AppDial"
    ari.bridges = [{"id": "b", "bridge_type": "mixing", "channels": [one["id"] for one in ari.channels]}]
    ari.drop()
    await until(clock, lambda: ari.opened == 2, 0.5)
    await connector.stop()
    await until(clock, is_up(await watch()))
    await clock.advance(20)
    assert await desk.topics() == ["call.received"]
    await ari.tells(unlinked(Pbx().at(62).hangs_up(PHONE, "1").hangs_up(TRUNK, "1")))
    await until(clock, has_completed(desk))
    (call,) = await desk.completed()
    assert (call.length, call.result, call.user_email) == ("1m 0s", "ANSWERED", "jane@example.com")


async def test_what_comes_while_it_is_asked_what_is_up_is_not_taken_for_gone(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    """The answer was made before the call came, and arrives after the event that tells of it."""
    ari.during = unlinked(Pbx().inbound())
    await until(clock, is_up(await watch()))
    await until(clock, lambda: at_desk(desk, "offered", 1))
    await clock.advance(30)
    assert await desk.topics() == ["call.received"]


async def test_who_is_not_let_in_by_ari_says_what_to_do_and_tells_no_secret(
    ari: Ari, clock: ManualClock, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connector = await watch("a wrong s3cret")
    await until(clock, lambda: connector.state.startswith("refused"))
    assert "user 'switchhook'" in connector.state
    assert "ari.conf" in connector.state
    assert "s3cret" not in caplog.text + connector.state + "".join(ari.asked)
    assert "Basic" not in caplog.text
    asked = len(ari.asked)
    await clock.advance(40)
    assert len(ari.asked) == asked  # whoever hammers is banned


@pytest.mark.parametrize(
    "case",
    [
        ("/ari/events", 503, "lost: Asterisk answered 503"),
        ("/ari/events", 302, "lost: Asterisk answered 302"),
        ("/ari/events", 404, "refused: there is no ARI"),
        ("/ari/channels", 503, "lost: Asterisk answered 503"),
        ("/ari/channels", 403, "refused: Asterisk does not let"),
        ("/ari/bridges", 404, "refused: there is no ARI"),
    ],
)
async def test_what_is_refused_is_told_and_tried_again(
    ari: Ari, clock: ManualClock, watch: Watch, case: tuple[str, int, str]
) -> None:
    path, status, state = case
    ari.broken[path] = status
    connector = await watch()
    await until(clock, lambda: connector.state.startswith(state))
    ari.broken.clear()
    await until(clock, is_up(connector), 2)


async def test_an_answer_that_is_no_json_is_no_list_of_what_is_up(
    ari: Ari, clock: ManualClock, watch: Watch
) -> None:
    ari.raw["/ari/channels"] = b"<html>"
    connector = await watch()
    await until(clock, lambda: connector.state.startswith("lost"))
    assert "no JSON" in connector.state


@pytest.mark.parametrize(
    "frame", ["", "no json", "[1, 2]", '{"type": "ChannelCreated"}', b"\xff\xfe", "[" * 5_000]
)
async def test_nonsense_between_the_events_is_left_out(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch, frame: str | bytes
) -> None:
    await until(clock, is_up(await watch()))
    for event in ari_capture("ari-busy"):
        await ari.says(frame)
        await ari.tells([event, {"type": "OfNextYear", "channel": {"id": "1.1", "name": "PJSIP/x-1"}}])
    await until(clock, has_completed(desk))
    assert ari.opened == 1


async def test_an_event_that_is_too_long_breaks_the_connection(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await ari.says("x" * (LONGEST + 1))
    await until(clock, lambda: ari.opened == 2, 0.5)
    await until(clock, is_up(connector))
    await ari.tells(ari_capture("ari-busy"))
    await until(clock, has_completed(desk))


async def test_who_is_replaced_does_not_take_the_place_back_at_once(
    ari: Ari, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await ari.tells([{"type": "ApplicationReplaced", "application": "switchhook"}])
    await until(clock, lambda: connector.state.startswith("refused: somebody else listens"))
    await clock.advance(40)
    assert ari.opened == 1


async def test_a_silent_websocket_is_asked_and_then_given_up(
    ari: Ari, clock: ManualClock, watch: Watch
) -> None:
    connector = await watch()
    await until(clock, is_up(connector))
    await until(clock, lambda: clock.monotonic() > 5 * QUIET, 1)
    assert (connector.state, ari.opened) == ("up", 1)
    ari.freeze()
    await until(clock, lambda: connector.state == "lost: Asterisk is silent", 1)
    await until(clock, lambda: ari.opened == 2, 1)


async def test_ari_may_be_under_a_prefix_and_listened_to_under_another_name(
    ari: Ari, clock: ManualClock, watch: Watch
) -> None:
    ari.prefix, ari.subprotocol = "/pbx", False
    await until(clock, is_up(await watch(prefix="/pbx/", app="office-2")))
    assert ari.asked[0] == "/pbx/ari/events?app=office-2&subscribeAll=true"


async def test_what_speaks_no_http_is_left(clock: ManualClock) -> None:
    import asyncio

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    session = AriSession(Access("127.0.0.1", server.sockets[0].getsockname()[1], "u", "s"), clock)
    with pytest.raises(ConnectionLost):
        await session.open()
    await session.close()
    server.close()


@pytest.mark.parametrize(
    ("status", "made"),
    [("", Dialled), ("RINGING", None), ("PROGRESS", None), ("BUSY", DialOver), ("ANSWER", DialOver)],
)
def test_one_event_tells_the_beginning_the_steps_and_the_end_of_dialling(status: str, made: Any) -> None:
    found = read({**called(PHONE, CALLER, 1), "dialstatus": status}, BEGAN)
    assert [type(one) for one in found] == ([made] if made else [])


def test_a_menu_of_the_dialplan_is_told_over_ari_as_over_ami() -> None:
    pbx = Pbx().inbound().at(3)
    pbx.says("UserEvent", UserEvent="SwitchhookMenu", Key="2", Label="Sales", **pbx.channel(TRUNK, "1"))
    data = completed(story(over_ari(map(as_ari, pbx.at(5).hangs_up(TRUNK, "1").messages))))
    assert [(choice.dtmf_key, choice.text_key) for choice in data.ivr_result] == [("2", "Sales")]

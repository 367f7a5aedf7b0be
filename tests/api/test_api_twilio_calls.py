"""Calls that Twilio asks about and tells of, signed by its own library, on both stores: each event once."""

import asyncio
import logging
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree.ElementTree import Element, fromstring

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from switchhook import events
from switchhook.api.app import Api, build
from switchhook.events import CallCompleted
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.settings.dialplan import AgentConfig, KeyConfig, MenuConfig
from switchhook.storage import fetches
from switchhook.storage.store import StorageError
from switchhook.telephony.twilio.door import Door
from switchhook.telephony.twilio.fetching import Shelf
from switchhook.telephony.twilio.routing import VoiceSettings
from switchhook.telephony.twilio.voice import VoiceHooks
from switchhook.workspace.calls import Limits, Standing
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact
from switchhook.workspace.switchboard import Fence, Switchboard
from tests.api.world import PUBLIC_URL, Answer, World, call
from tests.telephony.twilio_calls import (
    ANNA,
    BEN,
    CALL,
    OURS,
    SID,
    calls_out,
    comes_in,
    dialled,
    is_over,
    progress,
    recording,
)
from tests.workspace.telling import OUTSIDE

TOKEN = "the token of the account"
VOICE = "/hooks/twilio/voice"
STATUS, LEG, DIALLED = f"{VOICE}/status", f"{VOICE}/leg", f"{VOICE}/dialled"
LEFT, RECORDING, KEYS = f"{VOICE}/left", f"{VOICE}/recording", f"{VOICE}/keys"
TELEPHONES = {"anna@example.com": (ANNA,), "ben@example.com": (BEN,)}


class Failing(Switchboard):
    """A switchboard whose store may be gone."""

    gone = False

    async def report(self, fact: AnyFact, fence: Fence | None = None) -> None:
        if self.gone:
            raise StorageError("the disk is full")
        await super().report(fact, fence)


class Post:
    """Twilio, posting to one server."""

    def __init__(self, world: World, public_url: str = PUBLIC_URL, **settings: object) -> None:
        self.world = world
        self.url = public_url
        owners = {address: email for email, addresses in TELEPHONES.items() for address in addresses}
        self.board = Failing(
            world.store, world.clock, "wsp_a", "FR", lambda id_: f"https://x/{id_}", telephones=owners
        )
        shelf = Shelf(world.store, self.board, "wsp_a", world.clock)
        voice = VoiceHooks(
            self.board,
            Door(SID, TOKEN, PUBLIC_URL, world.clock),
            VoiceSettings(telephones=TELEPHONES, block=("+339*",), **settings),  # type: ignore[arg-type]
            world.clock,
            shelf.keep,
        )
        services = world.services()
        self.app: Api = build(type(services)(**{**vars(services), "twilio_voice": voice}))

    async def __call__(
        self, url: str, form: dict[str, str], *, token: str = TOKEN, host: str = "10.0.0.7:8080"
    ) -> Answer:
        path = url.removeprefix(PUBLIC_URL)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "host": host,
            "x-twilio-signature": RequestValidator(token).compute_signature(self.url + path, form),
        }
        return await call(self.app, "POST", path, [urlencode(form).encode()], headers)

    async def told(self) -> list[events.Event]:
        found = await self.world.store.read(lambda reader: reader.fetch("unsettled", 0, 1_000))
        rows = [
            await self.world.store.read(lambda r, id_=row[2]: r.fetch("event", "wsp_a", id_))  # type: ignore[misc]
            for row in found
        ]
        return [events.parse(row[0][4]) for row in rows]

    async def topics(self) -> list[str]:
        return [event.topic for event in await self.told()]

    async def completed(self) -> CallCompleted:
        (data,) = [one.data for one in await self.told() if isinstance(one.data, CallCompleted)]
        return data

    async def waiting(self) -> int:
        return await self.world.store.read(lambda reader: fetches.count(reader, "wsp_a"))


@pytest.fixture
async def post(world: World) -> Post:
    users = (UserConfig("anna@example.com", "Anna"), UserConfig("ben@example.com", "Ben"))
    numbers = (
        NumberConfig(OURS, "Main", ("anna@example.com", "ben@example.com")),
        NumberConfig("+33123456770", "Nobody's", (), voicemail=False),
        NumberConfig("+33123456780", "The machine's"),
    )
    await world.store.run(lambda tx: configure(tx, "wsp_a", users, numbers, "FR"))
    return Post(world)


def document(answer: Answer) -> Element:
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml")
    return fromstring(answer.body)


def tags(answer: Answer) -> list[str]:
    return [one.tag for one in document(answer)]


async def test_a_call_rings_is_answered_recorded_and_told_of(post: Post) -> None:
    (dial,) = document(await post(VOICE, comes_in()))
    assert await post.topics() == ["call.received"]  # durable before Twilio hears what to do
    assert (dial.tag, dial.get("answerOnBridge"), dial.get("record")) == (
        "Dial",
        "true",
        "record-from-answer-dual",
    )
    assert [(one.tag, one.text) for one in dial] == [("Sip", ANNA), ("Client", "ben")]
    callback = {one.text: one.get("statusCallback", "") for one in dial}
    anna, ben = callback[ANNA], callback["ben"]
    for address, url, status, when, seconds in (
        (ANNA, anna, "initiated", 1, None),
        (ANNA, anna, "ringing", 2, None),
        (BEN, ben, "ringing", 2, None),
        (ANNA, anna, "in-progress", 4, None),
        (BEN, ben, "canceled", 4, 0),
        (ANNA, anna, "completed", 24, 20),
    ):
        assert tags(await post(url, progress(address, status, when, seconds))) == []
    assert tags(await post(dial.get("action", ""), dialled("completed", DialCallDuration="20"))) == ["Hangup"]
    await post(STATUS, is_over("completed", 24, 20))
    assert await post.topics() == ["call.received"]  # its recording may still come
    await post(dial.get("recordingStatusCallback", ""), recording())
    assert await post.waiting() == 1  # it is fetched, and the call waits for it
    await post(dial.get("recordingStatusCallback", ""), recording())
    assert await post.waiting() == 1
    await post(RECORDING, recording("absent", ErrorCode="16101"))  # this one will not come
    done = await post.completed()
    assert (done.result, done.length, done.user_email, done.to_name) == (
        "ANSWERED",
        "20s",
        "anna@example.com",
        "Main",
    )


async def test_nobody_answers_and_a_message_is_left(post: Post) -> None:
    post = Post(post.world, record=False, greeting="Bonjour <&>", language="fr-FR", voicemail_seconds=90.0)
    (dial,) = document(await post(VOICE, comes_in()))
    assert dial.get("record") is None
    await post(dial[0].get("statusCallback", ""), progress(ANNA, "no-answer", 25, 0))
    for _ in range(2):  # asked again, it says the same
        said, record = document(await post(DIALLED, dialled("no-answer")))
        assert (said.tag, said.text, said.get("language")) == ("Say", "Bonjour <&>", "fr-FR")
        assert (record.tag, record.get("maxLength"), record.get("action")) == (
            "Record",
            "90",
            PUBLIC_URL + LEFT,
        )
    assert tags(await post(LEFT, comes_in(CallStatus="in-progress"))) == ["Hangup"]
    url = record.get("recordingStatusCallback", "")
    assert dict(parse_qsl(urlsplit(url).query)) == {"first": "outside", "message": "1"}
    await post(url, recording(RecordingChannels="1", RecordingSource="RecordVerb"))
    await post(STATUS, is_over("completed", 50, 24))
    assert (await post.topics(), await post.waiting()) == (["call.received"], 1)


async def test_who_hangs_up_while_it_rings_leaves_no_message(post: Post) -> None:
    await post(VOICE, comes_in())
    assert tags(await post(DIALLED, {**dialled("no-answer"), "CallStatus": "no-answer"})) == []
    await post(STATUS, is_over("no-answer", 9))
    assert (await post.completed()).result == "FAILED"


async def test_refused_calls(post: Post) -> None:
    blocked, nobody, unknown = (
        document(await post(VOICE, comes_in(CallSid="CAb", From="+33912345678"))),
        document(await post(VOICE, comes_in(CallSid="CAn", To="+33123456770"))),
        document(await post(VOICE, comes_in(CallSid="CAu", To="+33788888888"))),
    )
    assert [(one.tag, one.get("reason")) for (one,) in (blocked, nobody, unknown)] == [
        ("Reject", "rejected"),
        ("Reject", "busy"),
        ("Reject", "rejected"),
    ]
    results = [one.data.result for one in await post.told() if isinstance(one.data, CallCompleted)]
    assert results == ["BLOCKED", "FAILED"]  # of the third, which is none of ours, nothing is told
    for sid in ("CAb", "CAn", "CAu"):
        await post(STATUS, {**is_over("busy", 1, From="+33788888888"), "CallSid": sid, "To": "+33788888888"})
    assert await post.topics() == ["call.completed", "call.received", "call.completed"]


async def test_the_lists_of_a_number_are_followed_until_somebody_takes_the_call(post: Post) -> None:
    rules = NumberConfig(
        OURS, answer=("say Welcome.", "ring"), busy="forward +33755555555", no_answer="hang up"
    )
    post = Post(post.world, rules={OURS: rules})
    said, onward = document(await post(VOICE, comes_in()))
    assert (said.text, onward.tag) == ("Welcome.", "Redirect")
    (dial,) = document(await post(onward.text or "", comes_in(CallStatus="in-progress")))
    assert [one.tag for one in dial] == ["Sip", "Client"]
    await post(dial[0].get("statusCallback", ""), progress(ANNA, "busy", 5, 0))
    (dial,) = document(await post(dial.get("action", ""), dialled("busy")))
    assert [(one.tag, one.text) for one in dial] == [("Number", "+33755555555")]
    callback = dial[0].get("statusCallback", "")
    await post(callback, progress("+33755555555", "in-progress", 9))
    await post(callback, progress("+33755555555", "completed", 39, 30))
    assert tags(await post(dial.get("action", ""), dialled("completed"))) == ["Hangup"]
    await post(STATUS, is_over("completed", 39, 30))
    await post(RECORDING, recording("absent"))
    done = await post.completed()
    assert (done.result, done.transfer_to.number, done.length) == (
        "TRANSFERRED_EXTERNAL",
        "+33755555555",
        "30s",
    )
    assert tags(await post(f"{DIALLED}?then=no_answer.0", dialled("no-answer"))) == ["Hangup"]
    for nonsense in (
        "",
        "?then=",
        "?then=x.1",
        "?then=answer.-1",
        "?then=answer.9999999999",
        "?then=answer.%C2%B2",
    ):
        assert tags(await post(f"{DIALLED}{nonsense}", dialled("no-answer"))) == ["Hangup"]


MENU = MenuConfig(
    "main",
    "say For sales press 1.",
    {"1": KeyConfig("Sales", ("ring ben@example.com", "agent bot")), "9": KeyConfig("Again", "repeat")},
    wrong="say No such choice.",
    tries=2,
    otherwise="hang up",
)


def with_menu(post: Post, *, record: bool = True) -> Post:
    return Post(
        post.world,
        rules={OURS: NumberConfig(OURS, answer="menu main", no_answer="hang up")},
        menus={"main": MENU},
        agents={"bot": AgentConfig("bot", "sip:bot@ai.example;transport=tls", 9)},
        record=record,
    )


def heard(answer: Answer) -> tuple[list[str | None], str]:
    """What a menu says, and where its keys go."""
    (gather,) = document(answer)
    assert (gather.tag, gather.get("numDigits"), gather.get("input")) == ("Gather", "1", "dtmf")
    return [one.text for one in gather.iter("Say")], gather.get("action", "")


async def test_a_menu_asks_and_the_keys_are_told_with_the_end(post: Post) -> None:
    post, talking = with_menu(post), comes_in(CallStatus="in-progress")
    said, keys = heard(await post(VOICE, comes_in()))
    assert (said, await post.topics()) == (["For sales press 1."], ["call.received"])
    await post.world.clock.advance(5)
    said, again = heard(await post(keys, {**talking, "Digits": "5"}))
    assert said == ["No such choice.", "For sales press 1."]
    await post.world.clock.advance(5)
    for _ in range(2):  # Twilio repeats itself: one choice
        said, keys = heard(await post(again, {**talking, "Digits": "9"}))
        assert said == ["For sales press 1."]
        await post.world.clock.advance(1)
    (dial,) = document(await post(keys, {**talking, "Digits": "1"}))
    assert [(one.tag, one.text) for one in dial] == [("Client", "ben")]
    (dial,) = document(await post(dial.get("action", ""), dialled("no-answer")))
    (agent,) = dial
    state = await post.board.find("twilio", CALL)
    assert state is not None
    assert (agent.tag, agent.text) == (
        "Sip",
        f"sip:bot@ai.example;transport=tls?X-Switchhook-Call={state.id}",
    )
    callback = agent.get("statusCallback", "")
    await post(callback, progress("sip:bot@ai.example", "in-progress", 30))
    await post(callback, progress("sip:bot@ai.example", "completed", 50, 20))
    await post(STATUS, is_over("completed", 50, 50))
    await post(RECORDING, recording("absent"))
    done = await post.completed()
    assert [(one.dtmf_key, one.text_key) for one in done.ivr_result] == [("9", "Again"), ("1", "Sales")]
    assert (done.result, done.length) == ("TRANSFERRED_AI", "20s")


async def test_who_hangs_up_in_a_menu_was_not_answered(post: Post) -> None:
    post = with_menu(post)
    await post(VOICE, comes_in())
    await post(STATUS, is_over("completed", 9, 9))
    assert await post.topics() == ["call.received"]  # that a telephone answered may still be said
    await post.world.clock.advance(30)

    async def ask(_: str) -> Standing:
        return "unknown"

    await post.board.sweep("twilio", ask, Limits(settle=24))
    done = await post.completed()
    assert (done.result, done.ivr_result, done.recording_url) == ("FAILED", [], None)


async def test_what_a_telephone_did_after_a_menu_may_be_told_late(post: Post) -> None:
    post = with_menu(post, record=False)
    _, keys = heard(await post(VOICE, comes_in()))
    (dial,) = document(await post(keys, comes_in(CallStatus="in-progress", Digits="1")))
    await post(STATUS, is_over("completed", 29, 29))
    assert await post.topics() == ["call.received"]
    await post(dial[0].get("statusCallback", ""), progress(BEN, "completed", 29, 20))
    done = await post.completed()
    assert (done.result, done.user_email) == ("ANSWERED", "ben@example.com")


async def test_a_menu_that_is_not_understood_ends(post: Post) -> None:
    post, talking = with_menu(post), comes_in(CallStatus="in-progress")
    _, keys = heard(await post(VOICE, comes_in()))
    said, keys = heard(await post(keys, talking))
    assert said == ["For sales press 1."]  # silence is not called wrong
    assert tags(await post(keys, {**talking, "Digits": "7"})) == ["Hangup"]
    assert tags(await post(keys, is_over("completed", 9, 9))) == []
    for nonsense in ("", "?menu=x&tries=1", "?menu=main&tries=%C2%B2", "?menu=main&tries=9999999999"):
        answer = await post(f"{KEYS}{nonsense}", {**talking, "Digits": "\u0661w\0"})
        assert tags(answer) in (["Hangup"], ["Gather"])
    assert tags(await post(KEYS, comes_in(To="+33788888888"))) == ["Hangup"]


async def test_a_number_without_telephones_takes_messages(post: Post) -> None:
    assert tags(await post(VOICE, comes_in(To="+33123456780"))) == ["Record"]
    assert await post.topics() == ["call.received"]


async def test_a_telephone_calls_out_under_the_number_of_its_user(post: Post) -> None:
    (dial,) = document(await post(VOICE, calls_out()))
    assert (dial.get("callerId"), [(one.tag, one.text) for one in dial]) == (OURS, [("Number", OUTSIDE)])
    url = dial.get("recordingStatusCallback", "")
    assert dict(parse_qsl(urlsplit(url).query)) == {"first": "user"}  # the side that the call began with
    callback = dial[0].get("statusCallback", "")
    await post(callback, progress(OUTSIDE, "in-progress", 5))
    await post(callback, progress(OUTSIDE, "completed", 35, 30))
    assert tags(await post(DIALLED, {**calls_out(), "DialCallStatus": "completed"})) == ["Hangup"]
    assert tags(await post(DIALLED, {**calls_out(), "DialCallStatus": "busy"})) == ["Hangup"]
    await post(STATUS, is_over("completed", 35, 30, From=ANNA, To=calls_out()["To"]))
    await post(url, recording("failed"))
    done = await post.completed()
    assert (done.type, done.result, done.from_number, done.to, done.length, done.user_email) == (
        "OUTBOUND",
        "ANSWERED",
        OURS,
        OUTSIDE,
        "30s",
        "anna@example.com",
    )


async def test_a_number_whose_talks_are_not_recorded(post: Post) -> None:
    numbers = (NumberConfig(OURS, "Main", ("anna@example.com", "ben@example.com"), record=False),)
    users = (UserConfig("anna@example.com", "Anna"), UserConfig("ben@example.com", "Ben"))
    await post.world.store.run(lambda tx: configure(tx, "wsp_a", users, numbers, "FR"))
    (dial,) = document(await post(VOICE, comes_in()))
    assert dial.get("record") is None
    await post(dial[0].get("statusCallback", ""), progress(ANNA, "completed", 24, 20))
    await post(STATUS, is_over("completed", 24, 20))
    assert (await post.completed()).recording_url is None  # and nothing is waited for
    (dial,) = document(await post(VOICE, calls_out(CallSid="CAo")))
    assert dial.get("record") is None


async def test_fifty_posts_of_everything_are_one_call(post: Post) -> None:
    forms = [
        (VOICE, comes_in()),
        (f"{LEG}?call={CALL}&kind=user&to={ANNA}", progress(ANNA, "in-progress", 4)),
        (f"{LEG}?call={CALL}&kind=user&to={ANNA}", progress(ANNA, "completed", 24, 20)),
        (STATUS, is_over("completed", 24, 20)),
        (RECORDING, recording("absent")),
    ]
    for url, form in forms:
        answers = await asyncio.gather(*(post(url, form) for _ in range(10)))
        assert {one.status for one in answers} == {200}
        assert len({one.body for one in answers}) == 1
    assert sorted(await post.topics()) == ["call.completed", "call.received"]
    assert (await post.completed()).length == "20s"


async def test_without_a_commit_there_is_no_answer(post: Post) -> None:
    post.board.gone = True
    answer = await post(VOICE, comes_in())
    assert (answer.status, await post.topics()) == (503, [])
    post.board.gone = False
    assert tags(await post(VOICE, comes_in())) == ["Dial"]  # Twilio asks again, or its fallback does


async def test_what_is_not_signed_for_this_address_is_refused_and_the_log_says_why(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    behind = Post(post.world, "http://10.0.0.7:8080")
    elsewhere = Post(post.world, "https://elsewhere.example")
    refused = [
        await behind(VOICE, comes_in()),
        await behind(VOICE, comes_in()),
        await post(VOICE, comes_in(), token="another token"),
        await elsewhere(VOICE, comes_in(), host="evil\r\nx"),
        await post(VOICE, {**comes_in(), "AccountSid": "AC9"}),
        await call(post.app, "POST", VOICE, [urlencode(comes_in()).encode()], {"host": "x"}),
    ]
    assert [(one.status, one.code) for one in refused] == [(403, "FORBIDDEN")] * 6
    assert await post.topics() == []
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 5  # the first one once, though it came twice
    assert "signed for http://10.0.0.7:8080" in said[0]
    assert "set public_url" in said[0]
    assert "neither" in said[1]
    assert "neither" in said[2]
    assert "another account" in said[3]
    assert "no X-Twilio-Signature" in said[4]
    assert TOKEN not in caplog.text


async def test_nonsense_that_is_signed_changes_nothing(post: Post) -> None:
    await post(VOICE, comes_in())
    for path in (VOICE, STATUS, LEG, DIALLED, KEYS, LEFT, RECORDING):
        for form in (
            {},
            {"CallSid": "CA1"},
            {"CallStatus": "completed"},
            {**recording(), "RecordingSid": "../x"},
        ):
            assert (await post(path, {"AccountSid": SID, **form})).status == 200
    assert (await post.topics(), await post.waiting()) == (["call.received"], 0)


async def test_without_a_section_there_is_nothing_at_these_addresses(world: World) -> None:
    for path in (VOICE, STATUS, LEG, DIALLED, KEYS, LEFT, RECORDING):
        answer = await world.call("POST", path, body=b"CallSid=x")
        assert (answer.status, answer.code) == (404, "ENDPOINT_NOT_FOUND")

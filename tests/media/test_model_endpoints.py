"""Speech and summaries by endpoints: what goes out, what is believed of an answer, and what comes of bad ones."""

import json
from array import array
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import SystemClock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import Client, SystemResolver
from switchhook.events.payloads import Speaker
from switchhook.media.transcription import chat
from switchhook.media.transcription.endpoint import Endpoint
from switchhook.media.transcription.engine import Later, Never
from switchhook.media.transcription.http import LIMITS, Place, Poster
from switchhook.media.transcription.speech import RATE, Line, Said
from switchhook.settings.transcripts import Field
from tests.media.model_peer import GOOD, ModelPeer, completion

LOUD = array("h", [3_000, -3_000] * (RATE * 2))  # four seconds
SAID = (
    Said(Speaker.EXTERNAL, 0.5, "I was charged twice in March, in Lyon."),
    Said(Speaker.USER, 4.0, "I will refund it."),
)
TAGS = {"billing": "Billing", "refund": "A refund is due"}
FIELDS = (
    Field("city", "where they live"),
    Field("amount", "in euros", "number"),
    Field("urgent", "", "boolean"),
)
TOLD = {
    "summary": "Charged twice; a refund is due.",
    "tags": ["refund", "other"],
    "data": {"city": "Lyon", "x": 1},
}

Make = Callable[..., Poster]


@pytest.fixture
async def peer() -> AsyncIterator[ModelPeer]:
    made = ModelPeer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def poster(peer: ModelPeer) -> AsyncIterator[Make]:
    clock = SystemClock()
    clients: list[Client] = []

    def make(timeout: float = 30.0, networks: str = "127.0.0.0/8", url: str = "") -> Poster:
        policy = AddressPolicy([ip_network(networks)])
        clients.append(Client(clock, policy, SystemResolver(clock), limits=LIMITS))
        return Poster(clients[-1], policy, Place(url or peer.url, "sesame", "m-1", timeout), "[x] url")

    yield make
    for client in clients:
        await client.aclose()


async def test_a_side_goes_out_by_itself_and_comes_back_with_times(peer: ModelPeer, poster: Make) -> None:
    heard = await Endpoint(poster()).hear(LOUD, None)
    assert heard.language == "en"
    assert heard.lines == [Line(0.5, "Hello there.", 1.5), Line(2.0, "My bill.", 3.0)]
    (form,) = peer.forms
    assert form.pop("file") == (1, RATE, LOUD.tobytes())
    assert form == {
        "model": "m-1",
        "response_format": "verbose_json",
        "timestamp_granularities[]": "segment",
        "temperature": "0",
    }
    assert peer.keys == ["Bearer sesame"]
    await Endpoint(poster()).hear(LOUD, "fr")
    assert peer.forms[-1]["language"] == "fr"


async def test_a_silent_side_does_not_go_out(peer: ModelPeer, poster: Make) -> None:
    heard = await Endpoint(poster()).hear(array("h", bytes(8 * RATE)), None)
    assert (heard.language, heard.lines, peer.forms) == (None, [], [])


def without(*names: str, **more: Any) -> bytes:
    return json.dumps({k: v for k, v in {**GOOD, **more}.items() if k not in names}).encode()


async def test_an_answer_with_less_in_it_will_do(peer: ModelPeer, poster: Make) -> None:
    peer.speech = lambda _: (200, without("segments", "language"))
    heard = await Endpoint(poster()).hear(LOUD, None)
    assert (heard.language, heard.lines) == (None, [Line(0.0, "Hello there. My bill.", 4.0)])
    peer.speech = lambda _: (200, without(language="fr", segments=[{"start": -3, "end": 99, "text": "Oui."}]))
    heard = await Endpoint(poster()).hear(LOUD, None)
    assert (heard.language, heard.lines) == ("fr", [Line(0.0, "Oui.", 4.0)])


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ((401, b'{"error":{"message":"bad key"}}'), Later, "answered 401: 'bad key'"),
        ((429, b""), Later, "answered 429"),
        ((500, b"<html>"), Later, "answered 500"),
        ((302, b""), Later, "answered 302"),
        ((400, b'{"error":{"message":"no such model"}}'), Never, "answered 400: 'no such model'"),
        ((413, b"[]"), Never, "answered 413"),
        ((200, b"hello"), Later, "not verbose_json"),
        ((200, b"{}"), Later, "not verbose_json"),
        ((200, b'{"text": 7}'), Later, "not verbose_json"),
        ((200, b"[" * 100_000), Later, "not verbose_json"),
    ],
)
async def test_bad_answers_are_told_apart(
    peer: ModelPeer, poster: Make, answer: tuple[int, bytes], kind: type[Exception], says: str
) -> None:
    peer.speech = lambda _: answer
    with pytest.raises(kind, match=says) as caught:
        await Endpoint(poster()).hear(LOUD, None)
    assert "sesame" not in str(caught.value)


async def test_an_endpoint_that_hangs_is_given_its_time_and_no_more(peer: ModelPeer, poster: Make) -> None:
    peer.speech = lambda _: None
    with pytest.raises(Later, match="response_timeout"):
        await Endpoint(poster(timeout=0.3)).hear(LOUD, None)


async def test_the_address_policy_holds(peer: ModelPeer, poster: Make) -> None:
    with pytest.raises(Later, match=r"\[x\] url: "):
        await Endpoint(poster(networks="10.0.0.0/8")).hear(LOUD, None)
    assert peer.forms == []


async def test_nobody_there_is_later(poster: Make) -> None:
    with pytest.raises(Later, match="connect_refused"):
        await Endpoint(poster(url="http://127.0.0.1:9")).hear(LOUD, None)


def content(**more: Any) -> str:
    return json.dumps({**TOLD, **more})


def says(text: str) -> Callable[[int], Any]:
    return lambda _: (200, json.dumps(completion(text)).encode())


async def test_a_model_is_asked_with_the_transcript_first(peer: ModelPeer, poster: Make) -> None:
    peer.chat = says(f"Sure!\n```json\n{content()}\n```")
    found = await chat.summarise(poster(), chat.default_prompt(), SAID, TAGS, FIELDS)
    assert found == chat.Summary("Charged twice; a refund is due.", ("refund",), {"city": "Lyon"})
    (asked,) = peer.chats
    assert (asked["model"], asked["temperature"]) == ("m-1", 0)
    ((role, text),) = [(one["role"], one["content"]) for one in asked["messages"]]
    assert role == "user"
    lines = "Caller: I was charged twice in March, in Lyon.\nAgent: I will refund it."
    order = [
        text.index(part)
        for part in (lines, "- refund: A refund is due", "- city (text): where they live", "Answer with")
    ]
    assert order == sorted(order)


@pytest.mark.parametrize(
    "bad",
    [
        "no JSON",
        "{",
        '{"summary": 7}',
        content(summary=" "),
        content(summary="Refund.\nRefund."),
        content(summary="x" * 80),
        "",
    ],
)
async def test_an_answer_that_cannot_be_believed_is_asked_for_once_more(
    peer: ModelPeer, poster: Make, bad: str
) -> None:
    peer.chat = lambda number: says(bad if number == 1 else content())(number)
    assert (await chat.summarise(poster(), "{transcript}", SAID, TAGS, FIELDS)).text == TOLD["summary"]
    assert len(peer.chats) == 2
    peer.chat = says(bad)
    with pytest.raises(Later):
        await chat.summarise(poster(), "{transcript}", SAID, TAGS, FIELDS)
    assert len(peer.chats) == 4


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"city": " Lyon "}, {"city": "Lyon"}),
        ({"city": 7, "amount": "42", "urgent": "yes"}, {}),
        ({"city": "", "amount": 42.5, "urgent": False}, {"amount": 42.5, "urgent": False}),
        ({"amount": True, "urgent": 1}, {}),
        ({"city": "x" * 2_000}, {"city": "x" * 1_000}),
    ],
)
def test_fields_are_of_their_kind_or_left_out(data: dict[str, Any], kept: dict[str, Any]) -> None:
    assert chat.checked(content(data=data), SAID, TAGS, FIELDS).data == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["summary", "tags", "data", "city"]), inner)
    ),
    max_leaves=8,
)


@given(JSON.map(json.dumps) | st.text())
def test_whatever_a_model_says_only_what_was_asked_for_is_believed(answer: str) -> None:
    try:
        found = chat.checked(answer, SAID, TAGS, FIELDS)
    except chat.Unusable:
        return
    assert found.text.strip() == found.text != ""
    assert len(found.text) <= sum(len(one.text) + 1 for one in SAID)
    assert set(found.tags) <= TAGS.keys()
    assert found.data.keys() <= {one.name for one in FIELDS}


def test_what_is_said_cannot_pose_as_the_prompt() -> None:
    said = [Said(Speaker.EXTERNAL, 0, "{tags} and {fields}")]
    assert chat.written("<{transcript}|{tags}>", said, TAGS, FIELDS) == (
        "<Caller: {tags} and {fields}|- billing: Billing\n- refund: A refund is due>"
    )


def test_an_endpoint_keeps_its_key_to_itself() -> None:
    place = Place("https://x.example", "sesame", "m", 9)
    assert "sesame" not in repr(place)
    assert msgspec.json.decode(msgspec.json.encode(place), type=Place) == place

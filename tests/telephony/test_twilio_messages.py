"""Texts through something that speaks as Twilio does, on a real socket, whatever that does."""

from collections.abc import AsyncIterator

import pytest

from switchhook.clock import SystemClock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import Client, SystemResolver
from switchhook.storage.sqlite import SqliteStore
from switchhook.telephony.twilio.messages import Account, Twilio, progress_of
from switchhook.workspace.messaging import Texts
from switchhook.workspace.text_sender import Sender
from switchhook.workspace.texts import (
    ASK_FIRST,
    UNKNOWN,
    CarrierUnreachable,
    Doubtful,
    Later,
    Outgoing,
    Progress,
    Refused,
    Status,
    Taken,
)
from tests.delivery.dispatching import PatientClock
from tests.telephony.twilio_peer import SID, TOKEN, TwilioPeer
from tests.workspace.carrying import MARIE, OURS, WORKSPACE, item, settle_in, write

TEXT = Outgoing("msg_1", OURS, MARIE, "Hello € & é=+%")
START = 1_742_049_000_000


@pytest.fixture
async def peer() -> AsyncIterator[TwilioPeer]:
    made = TwilioPeer(now=lambda: START)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def twilio(peer: TwilioPeer) -> AsyncIterator[Twilio]:
    made = a_twilio(peer)
    yield made
    await made.close()


def a_twilio(peer: TwilioPeer, policy: str = "127.0.0.0/8", **more: object) -> Twilio:
    clock, open_to = SystemClock(), AddressPolicy.parse(policy)
    account = Account(SID, TOKEN, peer.url, **more)  # type: ignore[arg-type]
    client = Client(clock, open_to, SystemResolver(clock))
    return Twilio(account, client, open_to, "https://pbx.example/hooks/twilio/status")


async def test_a_text_is_handed_over_as_it_is(peer: TwilioPeer, twilio: Twilio) -> None:
    assert await twilio.submit(TEXT) == Taken(f"SM{0:032x}")
    ((method, path, form),) = peer.requests
    assert (method, path) == ("POST", f"/2010-04-01/Accounts/{SID}/Messages.json")
    assert form == {
        "To": MARIE,
        "From": OURS,
        "Body": TEXT.content,
        "StatusCallback": "https://pbx.example/hooks/twilio/status?text=msg_1",
    }
    assert peer.logins == [f"{SID}:{TOKEN}"]


async def test_a_messaging_service_is_named(peer: TwilioPeer) -> None:
    twilio = a_twilio(peer, service="MG1", numbers=(OURS,))
    await twilio.submit(TEXT)
    assert peer.requests[0][2]["MessagingServiceSid"] == "MG1"
    assert (twilio.sends_from(OURS), twilio.sends_from("+33199999999"), twilio.sends_from("Harbour")) == (
        True,
        False,
        True,
    )
    await twilio.close()


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        ("busy", Later("Twilio takes no more texts at the moment (429)", 9)),
        ("forbidden", Refused("21610: Attempt to send to unsubscribed recipient")),
        ("drop", Doubtful("Twilio gave no answer: early_close")),
        ("failing", Doubtful("Twilio answered 503")),
    ],
)
async def test_what_an_answer_says_of_a_text(
    peer: TwilioPeer, twilio: Twilio, how: str, outcome: object
) -> None:
    peer.behave = lambda number: how
    assert await twilio.submit(TEXT) == outcome


async def test_what_did_not_reach_it_was_not_sent(peer: TwilioPeer, twilio: Twilio) -> None:
    await peer.stop()
    assert await twilio.submit(TEXT) == Later("Twilio gave no answer: connect_refused")
    with pytest.raises(CarrierUnreachable):
        await twilio.ask(TEXT, START, None)


async def test_the_address_policy_holds_here_too(peer: TwilioPeer) -> None:
    twilio = a_twilio(peer, policy="")
    with pytest.raises(CarrierUnreachable, match="url"):
        await twilio.ask(TEXT, START, None)
    assert peer.requests == []
    await twilio.close()


async def test_only_equal_texts_of_that_time_are_found(peer: TwilioPeer, twilio: Twilio) -> None:
    await twilio.submit(TEXT)
    await twilio.submit(Outgoing("msg_2", OURS, MARIE, "Something else"))
    await twilio.submit(Outgoing("msg_3", OURS, "+33698765432", TEXT.content))
    assert await twilio.ask(TEXT, START, None) == [Taken(f"SM{0:032x}")]
    assert peer.requests[-1][2] == {"To": MARIE, "From": OURS, "DateSent>": "2025-03-15", "PageSize": "100"}
    assert await twilio.ask(TEXT, START + 3_600_000, None) == []  # it had been sent before
    peer.listing = "broken"
    with pytest.raises(CarrierUnreachable):
        await twilio.ask(TEXT, START, None)


async def test_one_is_asked_about_by_its_sid(peer: TwilioPeer, twilio: Twilio) -> None:
    await twilio.submit(TEXT)
    sid = peer.messages[0]["sid"]
    peer.messages[0].update(status="undelivered", error_code=30003, error_message="Unreachable handset")
    failed = Progress(Status.FAILED, "30003: Unreachable handset")
    assert await twilio.ask(TEXT, START, sid) == [Taken(sid, failed)]
    assert await twilio.ask(TEXT, START, "SMnone") == []


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("accepted", Status.PENDING),
        ("queued", Status.PENDING),
        ("sending", Status.PENDING),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("undelivered", Status.FAILED),
        ("failed", Status.FAILED),
        ("canceled", Status.FAILED),
        ("receiving", None),
        ("", None),
    ],
)
def test_twilios_words(word: str, status: Status | None) -> None:
    progress = progress_of(word, "30003")
    assert (progress and progress.status) == status
    assert progress is None or progress.reason == ("30003" if status is Status.FAILED else None)


def test_the_token_is_in_no_text_of_ours(peer: TwilioPeer) -> None:
    assert TOKEN not in repr(Account(SID, TOKEN))
    assert MARIE not in repr(TEXT)


@pytest.mark.parametrize(
    ("how", "end"),
    [
        ("drop", ("PENDING", None)),
        ("refuse", ("FAILED", UNKNOWN)),
        ("twice", ("FAILED", UNKNOWN)),
    ],
)
async def test_whatever_becomes_of_the_answer_it_is_given_the_text_once(
    peer: TwilioPeer, twilio: Twilio, tmp_path: object, how: str, end: tuple[str, str | None]
) -> None:
    peer.behave = lambda number: how if number == 0 else "well"
    store, clock = SqliteStore(tmp_path / "x.db"), PatientClock()  # type: ignore[operator]
    clock.pending = lambda: store.pending
    await settle_in(store)
    texts = Texts(store, clock, WORKSPACE, "FR", carrier=twilio)
    sender = Sender(store, clock, texts, twilio)
    one = await write(store, texts, "Hello")
    await sender.send()
    assert (await item(store, one.id)).status == "PENDING"
    await clock.advance(ASK_FIRST + 1)
    assert await sender.ask() == 1
    shown = await item(store, one.id)
    ((_, _, reason),) = await store.read(lambda reader: reader.fetch("text", WORKSPACE, one.id))
    assert (shown.status, reason) == end
    for _ in range(3):
        await clock.advance(3600)
        await sender.send()
    assert len([request for request in peer.requests if request[0] == "POST"]) == 1
    await store.close()

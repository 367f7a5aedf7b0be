"""Verifying: authentic and recent messages pass, and each of the usual mistakes has its own name."""

import time
from typing import Any

import msgspec
import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events import CATALOGUE, InvalidEvent, SmsReceived, UnknownTopic, render
from switchhook.webhooks import (
    BadTimestamp,
    MissingHeader,
    NoMatchingSignature,
    Secret,
    TimestampTooNew,
    TimestampTooOld,
    VerificationError,
    Webhook,
    sign,
)

NOW = 1_742_049_000
SECRET = Secret.generate()
ID = "msg_0123456789ABCDEFGHIJkl"
BODY = render("sms.received", CATALOGUE["sms.received"].example, NOW * 1000)


def headers(body: bytes = BODY, at: int = NOW, secrets: list[Secret] | None = None) -> dict[str, str]:
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secrets or [SECRET], ID, at, body),
    }


def test_an_authentic_message_gives_the_typed_event() -> None:
    event = Webhook(SECRET.reveal()).verify(BODY, headers(), NOW)
    assert isinstance(event.data, SmsReceived)
    assert event.data.content == "Hi, I'd like to schedule an appointment."


def test_authenticate_returns_the_id_to_deduplicate_on_and_reads_no_body() -> None:
    assert Webhook(SECRET).authenticate(b"\xff not json", headers(b"\xff not json"), NOW) == ID


def test_now_is_the_machines_clock_when_not_given() -> None:
    Webhook(SECRET).verify(BODY, headers(at=int(time.time())))
    with pytest.raises(TimestampTooOld):
        Webhook(SECRET).verify(BODY, headers(at=int(time.time()) - 400))


@pytest.mark.parametrize("spell", [str.upper, str.title, str.lower])
def test_header_names_may_have_any_case(spell: Any) -> None:
    Webhook(SECRET).verify(BODY, {spell(key): value for key, value in headers().items()}, NOW)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("blank", [True, False])
def test_a_missing_or_empty_header_is_named(missing: str, blank: bool) -> None:
    given_headers = headers()
    if blank:
        given_headers[missing] = ""
    else:
        del given_headers[missing]
    with pytest.raises(MissingHeader) as caught:
        Webhook(SECRET).verify(BODY, given_headers, NOW)
    assert caught.value.header == missing


@pytest.mark.parametrize("off", [-300, -1, 0, 1, 300])
def test_five_minutes_off_are_tolerated_either_way(off: int) -> None:
    Webhook(SECRET).verify(BODY, headers(at=NOW + off), NOW)


@pytest.mark.parametrize(("off", "error"), [(-301, TimestampTooOld), (301, TimestampTooNew)])
def test_more_than_five_minutes_off_is_refused_either_way(off: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        Webhook(SECRET).verify(BODY, headers(at=NOW + off), NOW)


@pytest.mark.parametrize(
    "text", ["now", "1742049000.0", "-1", "+1742049000", "1_742_049_000", " 1742049000", "١٧", "9" * 5000]
)
def test_a_timestamp_that_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(BadTimestamp):
        Webhook(SECRET).verify(BODY, headers() | {"webhook-timestamp": text}, NOW)


def test_a_signature_covers_id_and_timestamp_too() -> None:
    for changed in ({"webhook-id": ID + "x"}, {"webhook-timestamp": str(NOW + 1)}):
        with pytest.raises(NoMatchingSignature):
            Webhook(SECRET).verify(BODY, headers() | changed, NOW)


def test_another_secret_does_not_verify() -> None:
    with pytest.raises(NoMatchingSignature, match="wrong secret"):
        Webhook(Secret.generate()).verify(BODY, headers(), NOW)


def test_a_rotation_is_seen_through_from_either_side() -> None:
    old, new = Secret.generate(), Secret.generate()
    signed_by_both = headers(secrets=[new, old])
    for receiver in (Webhook(old), Webhook(new), Webhook([old, new.reveal()])):
        receiver.verify(BODY, signed_by_both, NOW)
    Webhook([old, new]).verify(BODY, headers(secrets=[new]), NOW)


def test_unknown_versions_are_passed_over_and_never_trusted() -> None:
    good = headers()["webhook-signature"]
    Webhook(SECRET).verify(BODY, headers() | {"webhook-signature": f"v1a,AAAA v2,BBBB  {good}"}, NOW)
    for version in ("v1a", "v2", "", "V1"):
        forged = {"webhook-signature": f"{version},{good.removeprefix('v1,')}"}
        with pytest.raises(NoMatchingSignature):
            Webhook(SECRET).verify(BODY, headers() | forged, NOW)


@given(st.text(max_size=80))
def test_no_signature_text_does_anything_but_fail(text: str) -> None:
    with pytest.raises(VerificationError):
        Webhook(SECRET).verify(BODY, headers() | {"webhook-signature": text}, NOW)
    with pytest.raises(VerificationError):
        Webhook(SECRET).verify(BODY, headers() | {"webhook-signature": "v1," + text}, NOW)
    with pytest.raises(VerificationError):
        Webhook(SECRET).verify(BODY, headers() | {"webhook-id": text + "?"}, NOW)


def test_what_the_python_reference_library_signs_verifies_here() -> None:
    from datetime import UTC, datetime

    body = BODY.decode()
    signature = standardwebhooks.Webhook(SECRET.reveal()).sign(ID, datetime.fromtimestamp(NOW, UTC), body)
    Webhook(SECRET).verify(BODY, headers() | {"webhook-signature": signature}, NOW)


def test_a_parsed_body_is_refused_with_advice() -> None:
    with pytest.raises(TypeError, match="raw bytes"):
        Webhook(SECRET).verify(msgspec.json.decode(BODY), headers(), NOW)


def test_an_authentic_unknown_topic_can_be_told_from_a_broken_event() -> None:
    later = BODY.replace(b"sms.received", b"sms.translated")
    with pytest.raises(UnknownTopic):
        Webhook(SECRET).verify(later, headers(later), NOW)
    broken = BODY.replace(b'"SMS"', b'"FAX"')
    with pytest.raises(InvalidEvent) as caught:
        Webhook(SECRET).verify(broken, headers(broken), NOW)
    assert not isinstance(caught.value, UnknownTopic)


def test_no_secret_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one secret"):
        Webhook([])

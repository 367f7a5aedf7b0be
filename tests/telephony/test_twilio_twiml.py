"""What Twilio is told: the same documents as its own library writes, whatever stands in them."""

from xml.etree.ElementTree import Element, canonicalize, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped]

from switchhook.telephony.twilio import twiml
from switchhook.telephony.twilio.twiml import Keeping, Telephone

ACTION = "https://phone.example/hooks/twilio/voice/dialled"
KEPT = "https://phone.example/hooks/twilio/voice/recording?first=outside&message=1"
EVENTS = "initiated ringing answered completed"
TEXT = st.text(max_size=40)


def same(ours: bytes, theirs: VoiceResponse) -> None:
    assert canonicalize(ours.decode()) == canonicalize(str(theirs))


def test_telephones_ring_at_once_and_the_talk_is_recorded() -> None:
    theirs = VoiceResponse()
    dial = theirs.dial(
        answer_on_bridge=True,
        timeout=25,
        action=ACTION,
        method="POST",
        record="record-from-answer-dual",
        trim="do-not-trim",
        recording_status_callback=KEPT,
        recording_status_callback_method="POST",
        recording_status_callback_event="completed absent",
    )
    said = {"status_callback_event": EVENTS, "status_callback_method": "POST"}
    dial.sip("sip:anna@acme.sip.twilio.com;region=ie1?x=1&y=2", status_callback="https://a/?n=1&m=2", **said)
    dial.client("anna", status_callback="https://b/", **said)
    dial.number("+33612345678", status_callback="https://c/", **said)
    telephones = [
        Telephone("sip:anna@acme.sip.twilio.com;region=ie1?x=1&y=2", "https://a/?n=1&m=2"),
        Telephone("client:anna", "https://b/"),
        Telephone("+33612345678", "https://c/"),
    ]
    same(twiml.ring(telephones, 25, ACTION, Keeping(KEPT)), theirs)


def test_a_number_is_called_out_to_under_ours() -> None:
    theirs = VoiceResponse()
    dial = theirs.dial(
        answer_on_bridge=True, timeout=60, action=ACTION, method="POST", caller_id="+33112345678"
    )
    dial.number(
        "+33612345678",
        status_callback="https://c/",
        status_callback_event=EVENTS,
        status_callback_method="POST",
    )
    same(twiml.ring([Telephone("+33612345678", "https://c/")], 60, ACTION, None, "+33112345678"), theirs)


def test_a_message_is_taken_after_a_greeting() -> None:
    for greeting in ("", "Nous sommes fermés <aujourd'hui> & demain", "https://x.example/a.wav?b=1&c=2"):
        theirs = VoiceResponse()
        if greeting.startswith("https:"):
            theirs.play(greeting)
        elif greeting:
            theirs.say(greeting, language="fr-FR")
        theirs.record(
            action=ACTION,
            method="POST",
            max_length=120,
            timeout=10,
            play_beep=True,
            recording_status_callback=KEPT,
            recording_status_callback_method="POST",
            recording_status_callback_event="completed absent",
        )
        same(twiml.leave_message(greeting, "fr-FR", 120, ACTION, Keeping(KEPT)), theirs)


@pytest.mark.parametrize(
    ("keys", "waits", "attributes", "silence"),
    [
        (("1", "2", "*"), (6, 2), (1, 6, "#"), 0),
        (("1", "101"), (6, 2), (3, 2, "#"), 4),  # 1 is taken two seconds later, and silence after six
        (("1", "#9"), (6.4, 2), (2, 2, ""), 4),
        (("1", "12"), (2, 3), (2, 3, "#"), 0),
        (("1",), (0.2, 0.2), (1, 1, "#"), 0),
    ],
)
def test_a_menu_asks_for_keys(
    keys: tuple[str, ...], waits: tuple[float, float], attributes: tuple[int, int, str], silence: int
) -> None:
    digits, timeout, finish = attributes
    theirs = VoiceResponse()
    gather = theirs.gather(
        input="dtmf",
        num_digits=digits,
        timeout=timeout,
        finish_on_key=finish,
        action=ACTION,
        method="POST",
        action_on_empty_result=True,
    )
    gather.say("No <such> choice.", language="en-GB")
    gather.say("Press 1.", language="en-GB")
    if silence:
        gather.pause(length=silence)
    texts, (seconds, digit_seconds) = ["No <such> choice.", "Press 1."], waits
    ours = twiml.ask(texts, "en-GB", ACTION, keys=keys, seconds=seconds, digit_seconds=digit_seconds)
    same(ours, theirs)


def test_the_short_ones() -> None:
    refused, busy, over = VoiceResponse(), VoiceResponse(), VoiceResponse()
    refused.reject(reason="rejected")
    busy.reject(reason="busy")
    over.hangup()
    same(twiml.reject(), refused)
    same(twiml.reject(busy=True), busy)
    same(twiml.hang_up(), over)
    same(twiml.nothing(), VoiceResponse())


@given(address=TEXT, callback=TEXT, greeting=TEXT, language=TEXT)
def test_whatever_is_said_is_said_as_it_is(address: str, callback: str, greeting: str, language: str) -> None:
    rung = fromstring(twiml.ring([Telephone(f"sip:{address}", callback)], 25, callback, Keeping(callback)))
    (sip,) = rung.iter("Sip")
    assert sip.text == carried(f"sip:{address}")
    assert sip.get("statusCallback") == carried(callback)
    assert [one.tag for one in rung.iter()] == ["Response", "Dial", "Sip"]
    left = fromstring(twiml.leave_message(f" {greeting}", language, 9, callback, Keeping(callback)))
    said: Element = next(left.iter("Say"))
    assert said.text == carried(f" {greeting}")
    assert [one.tag for one in left.iter()] == ["Response", "Say", "Record"]


def carried(text: str) -> str:
    """Of a text, what XML can carry."""
    return twiml._FORBIDDEN.sub("", text)

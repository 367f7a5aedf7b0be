"""The documents that tell Twilio what to do with a call (TwiML). Pure.

ring           the telephones of a number ring; who answers first has the call
call_out       a number outside is called for one of our users
say            something is read out
ask            something is read out, and keys are waited for
leave_message  a greeting, a beep, and a message is recorded
reject, hang_up, nothing
"""

import re
from collections.abc import Collection, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

MOST = 10  # telephones that may ring at once
FEW_WORDS = 4_000  # characters that are read out

_FORBIDDEN = re.compile(
    "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # what XML cannot carry, or changes
_NUMBER = re.compile(r"\+?[0-9]+")


class Telephone(msgspec.Struct, frozen=True):
    """What is dialled, `sip:`, `client:` or a number, and where Twilio is to say what becomes of it."""

    address: str
    callback: str


class Keeping(msgspec.Struct, frozen=True):
    """Where Twilio is to say that a recording is there."""

    callback: str


def ring(
    telephones: Sequence[Telephone],
    seconds: float,
    action: str,
    keeping: Keeping | None = None,
    caller: str | None = None,
) -> bytes:
    """Have the telephones ring for so long; what follows is asked for at `action`. `caller` is who they see."""
    response = Element("Response")
    dial = SubElement(
        response,
        "Dial",
        {
            "answerOnBridge": "true",
            "timeout": str(max(1, min(600, round(seconds)))),
            "action": _clean(action),
            "method": "POST",
        },
    )
    if caller is not None:
        dial.set("callerId", _clean(caller))
    if keeping is not None:
        dial.set("record", "record-from-answer-dual")
        dial.set("trim", "do-not-trim")
        _kept(dial, keeping)
    for telephone in telephones[:MOST]:
        address = telephone.address
        noun = SubElement(
            dial,
            _noun(address),
            {
                "statusCallback": _clean(telephone.callback),
                "statusCallbackEvent": "initiated ringing answered completed",
                "statusCallbackMethod": "POST",
            },
        )
        noun.text = _clean(address.removeprefix("client:"))
    return _written(response)


def say(text: str, language: str, then: str) -> bytes:
    """Read something out, and ask at `then` what follows."""
    response = Element("Response")
    _say(response, text, language)
    SubElement(response, "Redirect", {"method": "POST"}).text = _clean(then)
    return _written(response)


def ask(
    texts: Sequence[str],
    language: str,
    action: str,
    *,
    keys: Collection[str],
    seconds: float,
    digit_seconds: float,
) -> bytes:
    """Read out the texts, and tell `action` which of the `keys` were pressed, and also when none was.

    `seconds` is the wait for the first key once all is said, `digit_seconds` for each further one. Twilio knows one
    wait only: where a key may be followed by another one, the rest of the first wait is silence, which a key ends as it
    ends the texts. A number sign ends what is typed, unless it is part of a key.
    """
    longest = max((len(key) for key in keys), default=1)
    wait = max(1, round(digit_seconds if longest > 1 else seconds))
    response = Element("Response")
    gather = SubElement(
        response,
        "Gather",
        {
            "input": "dtmf",
            "numDigits": str(longest),
            "timeout": str(wait),
            "finishOnKey": "" if any("#" in key for key in keys) else "#",
            "action": _clean(action),
            "method": "POST",
            "actionOnEmptyResult": "true",
        },
    )
    for text in texts:
        _say(gather, text, language)
    silence = round(seconds) - wait
    if silence > 0:
        SubElement(gather, "Pause", {"length": str(silence)})
    return _written(response)


def leave_message(greeting: str, language: str, seconds: float, action: str, keeping: Keeping) -> bytes:
    """Read out the greeting, or play it when it is a URL, and record what is said after the beep."""
    response = Element("Response")
    if greeting.startswith(("https://", "http://")):
        SubElement(response, "Play").text = _clean(greeting)
    elif greeting:
        _say(response, greeting, language)
    record = SubElement(
        response,
        "Record",
        {
            "action": _clean(action),
            "method": "POST",
            "maxLength": str(max(1, round(seconds))),
            "timeout": "10",
            "playBeep": "true",
        },
    )
    _kept(record, keeping)
    return _written(response)


def reject(*, busy: bool = False) -> bytes:
    """Do not take the call."""
    response = Element("Response")
    SubElement(response, "Reject", {"reason": "busy" if busy else "rejected"})
    return _written(response)


def hang_up() -> bytes:
    """End the call."""
    response = Element("Response")
    SubElement(response, "Hangup")
    return _written(response)


def nothing() -> bytes:
    """There is nothing to be done."""
    return _written(Element("Response"))


def is_telephone(address: str) -> bool:
    """Whether `address` is something that can be dialled."""
    return address.startswith(("sip:", "sips:", "client:")) or bool(_NUMBER.fullmatch(address))


def _say(response: Element, text: str, language: str) -> None:
    said = SubElement(response, "Say", {"language": _clean(language)} if language else {})
    said.text = _clean(text)[:FEW_WORDS]


def _noun(address: str) -> str:
    if address.startswith(("sip:", "sips:")):
        return "Sip"
    return "Client" if address.startswith("client:") else "Number"


def _kept(verb: Element, keeping: Keeping) -> None:
    verb.set("recordingStatusCallback", _clean(keeping.callback))
    verb.set("recordingStatusCallbackMethod", "POST")
    verb.set("recordingStatusCallbackEvent", "completed absent")


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", text)


def _written(response: Element) -> bytes:
    written: bytes = tostring(response, encoding="UTF-8", xml_declaration=True)
    return written

"""What a text is on SMPP: octets of an alphabet, in parts; and what the octets that come in say. Pure.

Sources: SMPP v3.4, 5.2.19 (data_coding), 5.2.12 (esm_class), appendix B (receipts); 3GPP TS 23.040, 9.2.3.24 (the
header of a part), TS 23.038, 4 (the codings above 15).
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from switchhook.telephony.smpp.pdu import Address, Message, PduError, Tag
from switchhook.workspace.segments import decode_gsm, encode_gsm, split
from switchhook.workspace.texts import Outgoing, Progress, Status

Joining = Literal["udh", "sar", "payload"]
Default = Literal["gsm", "latin-1"]

ASK_FOR_RECEIPT = 0x01
HAS_HEADER = 0x40  # esm_class: the octets begin with a user data header
RECEIPT = 0x04  # esm_class, bits 5-2: a receipt of the carrier
_KIND = 0x3C
_PART_8, _PART_16 = 0x00, 0x08  # elements of the header

_INTERNATIONAL, _OF_THE_NETWORK, _NAME = 1, 3, 5  # TON
_ISDN = 1  # NPI: a telephone number, E.164


class Wire(msgspec.Struct, frozen=True):
    """How a carrier wants its texts. `default` is what it takes data_coding 0 for; `joining` how parts are joined."""

    default: Default = "gsm"
    joining: Joining = "udh"


class Part(msgspec.Struct, frozen=True):
    """Where the piece of a longer text belongs; `number` counts from 1."""

    reference: int
    number: int
    total: int


class Receipt(msgspec.Struct, frozen=True):
    """What became of a message, by the carrier's id of it; None for a state that says nothing yet."""

    message_id: str
    progress: Progress | None


# Section 5.2.28, and the words of appendix B for them. What expired, was deleted or never arrives has failed.
_STATES = {
    1: ("ENROUTE", Status.SENT),
    2: ("DELIVRD", Status.DELIVERED),
    3: ("EXPIRED", Status.FAILED),
    4: ("DELETED", Status.FAILED),
    5: ("UNDELIV", Status.FAILED),
    6: ("ACCEPTD", Status.SENT),
    7: ("UNKNOWN", None),
    8: ("REJECTD", Status.FAILED),
}
_RECEIPT_FIELD = re.compile(r"\b(?:(id|stat):\s*|(err):)(\S*)", re.IGNORECASE)


def outgoing(text: Outgoing, wire: Wire, reference: int) -> list[Message]:
    """The messages of a text, in order. `reference` (0 to 255) tells its parts from those of others."""
    source, destination = _sender(text.sender), Address(text.to.lstrip("+"), _INTERNATIONAL, _ISDN)
    parts = split(text.content).parts
    coding = _coding(text.content, wire)

    def message(content: str, header: bytes = b"", extra: Mapping[int, bytes] | None = None) -> Message:
        return Message(
            source=source,
            destination=destination,
            octets=header + _encode(content, coding),
            esm_class=HAS_HEADER if header else 0,
            data_coding=coding,
            registered_delivery=ASK_FOR_RECEIPT,
            extra=dict(extra or {}),
        )

    if len(parts) == 1:
        return [message(parts[0])]
    match wire.joining:
        case "payload":
            whole = {Tag.MESSAGE_PAYLOAD.value: _encode(text.content, coding)}
            return [message("", extra=whole)]
        case "sar":
            return [
                message(
                    part,
                    extra={
                        Tag.SAR_REFERENCE: reference.to_bytes(2),
                        Tag.SAR_TOTAL: bytes([len(parts)]),
                        Tag.SAR_NUMBER: bytes([number]),
                    },
                )
                for number, part in enumerate(parts, 1)
            ]
        case "udh":
            return [
                message(part, header=bytes((5, _PART_8, 3, reference, len(parts), number)))
                for number, part in enumerate(parts, 1)
            ]


def _sender(sender: str) -> Address:
    """Ours, as the network is told: a number with its country, a short code, or a name."""
    if sender.startswith("+"):
        return Address(sender[1:], _INTERNATIONAL, _ISDN)
    return Address(sender, _OF_THE_NETWORK if sender.isdigit() else _NAME)


def _coding(content: str, wire: Wire) -> int:
    if split(content).alphabet != "GSM-7":
        return 0x08
    if wire.default == "latin-1":
        try:
            content.encode("latin-1")
        except UnicodeEncodeError:
            return 0x08
        return 0x03
    return 0x00


def _encode(content: str, coding: int) -> bytes:
    match coding:
        case 0x00:
            return encode_gsm(content)
        case 0x03:
            return content.encode("latin-1")
        case _:
            return content.encode("utf-16-be", "replace")


def cut(message: Message) -> tuple[Part | None, bytes]:
    """Where a message that came in belongs when it is a part of a longer text, and its octets without a header.

    Raises:
        PduError: its header does not end within it.
    """
    octets, part = message.content, None
    if message.esm_class & HAS_HEADER:
        part, octets = _header(octets)
    return part or _sar(message.extra), octets


def _header(octets: bytes) -> tuple[Part | None, bytes]:
    """The part that a user data header speaks of, and what comes after it."""
    if not octets or 1 + octets[0] > len(octets):
        raise PduError("the header of a text is longer than the text")
    header, rest = octets[1 : 1 + octets[0]], octets[1 + octets[0] :]
    part, at = None, 0
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        at += 2 + length
        if (element, len(value)) == (_PART_8, 3):
            part = _part(value[0], value[2], value[1])
        elif (element, len(value)) == (_PART_16, 4):
            part = _part(int.from_bytes(value[:2]), value[3], value[2])
    return part, rest


def _sar(extra: Mapping[int, bytes]) -> Part | None:
    values = [extra.get(tag) for tag in (Tag.SAR_REFERENCE, Tag.SAR_NUMBER, Tag.SAR_TOTAL)]
    if not all(values):
        return None
    return _part(*(int.from_bytes(value or b"") for value in values))


def _part(reference: int, number: int, total: int) -> Part | None:
    """A part; none when it is the only one, or its numbers cannot be (3GPP: such an element is ignored)."""
    return Part(reference, number, total) if total > 1 and 1 <= number <= total else None


def decode(octets: bytes, coding: int, wire: Wire) -> str:
    """What octets say. Those that are no text are written in hexadecimal, in brackets: nothing that came is lost."""
    match _alphabet(coding):
        case "default" if wire.default == "gsm":
            return decode_gsm(octets)
        case "default" | "latin-1":
            return octets.decode("latin-1")
        case "ucs-2":
            return octets.decode("utf-16-be", "replace")
        case "binary":
            return f"[{octets.hex()}]"
        case name:
            return octets.decode(name, "replace")


def _alphabet(coding: int) -> str:
    """The alphabet of a data_coding, as Python names it, or `default`, `binary`."""
    known = {
        0x00: "default",
        0x01: "ascii",
        0x02: "binary",
        0x03: "latin-1",
        0x04: "binary",
        0x05: "shift_jis",
        0x06: "iso8859-5",
        0x07: "iso8859-8",
        0x08: "ucs-2",
        0x0A: "iso2022_jp",
        0x0E: "euc_kr",
    }
    if coding in known:
        return known[coding]
    if coding & 0xF0 == 0xF0:  # 3GPP: a message class; bit 2 is its alphabet
        return "binary" if coding & 0x04 else "default"
    if coding & 0xC0 == 0x00 and coding > 0x0F:  # 3GPP: general; bits 3 and 2
        return ("default", "binary", "ucs-2", "default")[coding >> 2 & 3]
    return "default"


def is_receipt(message: Message) -> bool:
    """Whether a message that came in is a receipt, or a note of the network on the way."""
    return message.esm_class & _KIND != 0 or Tag.RECEIPTED_MESSAGE_ID in message.extra


def receipt(message: Message) -> Receipt | None:
    """What a receipt says, by its parameters, or else by its words; None when it does not say of what."""
    words: dict[str, str] = {}
    for key, error, value in _RECEIPT_FIELD.findall(message.content.decode("latin-1")):
        words.setdefault((key or error).lower(), value)  # what comes later may be the beginning of the text
    named = message.extra.get(Tag.RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0").decode("latin-1")
    message_id = named or words.get("id", "")
    if not message_id:
        return None
    state = message.extra.get(Tag.MESSAGE_STATE, b"")
    error = words.get("err", "")
    if len(state) == 1 and state[0] in _STATES:
        return Receipt(message_id, progress_of(state[0], error))
    word = words.get("stat", "").upper()[:7]
    number = next((number for number, (known, _) in _STATES.items() if known == word), 0)
    return Receipt(message_id, progress_of(number, error))


def progress_of(state: int, error: str = "") -> Progress | None:
    """How far a text has come, by the number of its state; None for one that says nothing."""
    word, status = _STATES.get(state, ("", None))
    if status is None:
        return None
    if status is not Status.FAILED:
        return Progress(status)
    return Progress(status, f"{word} {error}".strip() if error.strip("0") else word)


def spelled(address: Address, *, unknown_is_international: bool = True) -> str:
    """A number as it came, with `+` when it says its country, and a name as it is.

    A number that does not say of which type it is (TON 0) is taken to begin with its country when it is as long as
    such ones are.
    """
    number = address.number.strip()
    if not number.isdigit() or address.ton == _NAME:
        return number
    if number.startswith("00"):
        return number
    if address.ton == _INTERNATIONAL:
        return f"+{number}"
    if address.ton == 0 and unknown_is_international and len(number) >= 9 and not number.startswith("0"):
        return f"+{number}"
    return number

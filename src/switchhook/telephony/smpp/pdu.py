"""The messages of SMPP 3.4 ("PDUs") as octets and back. Pure.

Source: SMPP Protocol Specification v3.4, issue 1.2; sections 3.2 (header), 4.1-4.10 (bodies), 5.2 and 5.3 (fields).
What a peer sends beyond the lengths of the specification is taken if it can be read; what we send keeps to them.
"""

from enum import IntEnum
from typing import ClassVar

import msgspec

HEADER = 16
LONGEST = 80_000  # octets of one PDU: a payload of 64 KiB and what is around it
VERSION = 0x34


class Command(IntEnum):
    """Ids of requests; that of the answer has the highest bit set as well."""

    GENERIC_NACK = 0x80000000
    BIND_RECEIVER = 0x00000001
    BIND_TRANSMITTER = 0x00000002
    QUERY_SM = 0x00000003
    SUBMIT_SM = 0x00000004
    DELIVER_SM = 0x00000005
    UNBIND = 0x00000006
    BIND_TRANSCEIVER = 0x00000009
    ENQUIRE_LINK = 0x00000015
    DATA_SM = 0x00000103


ANSWER = 0x80000000


class Status(IntEnum):
    """Those results of a request (section 5.1.3) that somebody here acts on or says."""

    OK = 0x00
    INVALID_LENGTH = 0x02
    INVALID_COMMAND = 0x03
    WRONG_STATE = 0x04
    ALREADY_BOUND = 0x05
    SYSTEM_ERROR = 0x08
    INVALID_SOURCE = 0x0A
    INVALID_DESTINATION = 0x0B
    BIND_FAILED = 0x0D
    INVALID_PASSWORD = 0x0E
    INVALID_SYSTEM_ID = 0x0F
    QUEUE_FULL = 0x14
    SUBMIT_FAILED = 0x45
    INVALID_SOURCE_TON = 0x48
    INVALID_DESTINATION_TON = 0x50
    INVALID_SYSTEM_TYPE = 0x53
    THROTTLED = 0x58
    RECEIVER_TEMPORARY = 0x64
    UNKNOWN_ERROR = 0xFF


class Tag(IntEnum):
    """Optional parameters (section 5.3.2)."""

    RECEIPTED_MESSAGE_ID = 0x001E
    SAR_REFERENCE = 0x020C
    SAR_TOTAL = 0x020E
    SAR_NUMBER = 0x020F
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class PduError(Exception):
    """Octets that are no PDU; `status` is what the peer is told."""

    def __init__(self, message: str, status: Status = Status.INVALID_LENGTH) -> None:
        super().__init__(message)
        self.status = status


class Header(msgspec.Struct, frozen=True):
    """What every PDU begins with. `length` counts the header."""

    length: int
    command: int
    status: int
    sequence: int

    @property
    def answers(self) -> int | None:
        """The request that it answers, if it is an answer."""
        return self.command & ~ANSWER if self.command & ANSWER else None


class Address(msgspec.Struct, frozen=True):
    """A number or name, with its type (TON: 1 international, 2 national, 5 alphanumeric) and plan (NPI)."""

    number: str
    ton: int = 0
    npi: int = 0


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are. `command` says whether we send, receive, or both."""

    command: Command
    system_id: str
    password: str
    system_type: str = ""
    address_range: str = ""

    def __repr__(self) -> str:
        return f"Bind({self.command.name}, {self.system_id!r})"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A text, or a part of one, in either direction, or a receipt. `extra` are optional parameters by their tags."""

    source: Address
    destination: Address
    octets: bytes
    esm_class: int = 0
    data_coding: int = 0
    protocol_id: int = 0
    registered_delivery: int = 0
    service_type: str = ""
    extra: dict[int, bytes] = {}

    MESSAGE_MOST: ClassVar[int] = 254

    def __repr__(self) -> str:  # not what it says
        return f"Message({len(self.octets)} octets, esm_class={self.esm_class:#x})"

    @property
    def content(self) -> bytes:
        """Its octets, wherever they stand (section 5.3.2.32: one of the two is empty)."""
        return self.octets or self.extra.get(Tag.MESSAGE_PAYLOAD, b"")


class Queried(msgspec.Struct, frozen=True):
    """What became of a message: its state (section 5.2.28) and the network's error code."""

    message_id: str
    state: int
    error: int


def frame(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """A whole PDU."""
    return (
        (HEADER + len(body)).to_bytes(4)
        + command.to_bytes(4)
        + status.to_bytes(4)
        + sequence.to_bytes(4)
        + body
    )


def read_header(octets: bytes) -> Header:
    """The first 16 octets of a PDU.

    Raises:
        PduError: its length cannot be; nothing that follows on the connection can be understood.
    """
    length, command, status, sequence = (int.from_bytes(octets[at : at + 4]) for at in (0, 4, 8, 12))
    if len(octets) < HEADER or not HEADER <= length <= LONGEST:
        raise PduError(f"a PDU of {length} octets")
    return Header(length, command, status, sequence)


def bind_body(bind: Bind) -> bytes:
    """The body of a bind (section 4.1)."""
    return (
        _text(bind.system_id, 15)
        + _text(bind.password, 8)
        + _text(bind.system_type, 12)
        + bytes((VERSION, 0, 0))
        + _text(bind.address_range, 40)
    )


def message_body(message: Message) -> bytes:
    """The body of a submit_sm (section 4.4.1) or deliver_sm (4.6.1).

    Raises:
        ValueError: it is too long for the field; put it into the parameter MESSAGE_PAYLOAD.
    """
    if len(message.octets) > Message.MESSAGE_MOST:
        raise ValueError("a short message has at most 254 octets")
    return (
        _text(message.service_type, 5)
        + _address(message.source)
        + _address(message.destination)
        + bytes((message.esm_class, message.protocol_id, 0))
        + b"\0\0"  # to be delivered at once; valid for as long as the carrier likes
        + bytes((message.registered_delivery, 0, message.data_coding, 0, len(message.octets)))
        + message.octets
        + parameters(message.extra)
    )


def read_message(command: int, body: bytes) -> Message:
    """The message of a submit_sm, deliver_sm or data_sm.

    Raises:
        PduError: the body is cut off or has no end where it should.
    """
    fields = _Fields(body)
    service_type = fields.text()
    source, destination = fields.address(), fields.address()
    if command == Command.DATA_SM:
        esm_class, registered, coding = fields.octet(), fields.octet(), fields.octet()
        protocol, octets = 0, b""
    else:
        esm_class, protocol, _ = fields.octet(), fields.octet(), fields.octet()
        fields.text()
        fields.text()
        registered, _, coding, _ = fields.octet(), fields.octet(), fields.octet(), fields.octet()
        octets = fields.take(fields.octet())
    return Message(
        source=source,
        destination=destination,
        octets=octets,
        esm_class=esm_class,
        data_coding=coding,
        protocol_id=protocol,
        registered_delivery=registered,
        service_type=service_type,
        extra=fields.parameters(),
    )


def read_id(body: bytes) -> str:
    """The id that the answer to a submit_sm gives its message; empty when it gives none.

    Raises:
        PduError: it has no end.
    """
    return _Fields(body).text() if body else ""


def query_body(message_id: str, source: Address) -> bytes:
    """The body of a query_sm (section 4.8.1)."""
    return _text(message_id, 64) + _address(source)


def read_queried(body: bytes) -> Queried:
    """The answer to a query_sm (section 4.8.2).

    Raises:
        PduError: it is cut off.
    """
    fields = _Fields(body)
    message_id = fields.text()
    fields.text()
    return Queried(message_id, fields.octet(), fields.octet())


def parameters(values: dict[int, bytes]) -> bytes:
    """Optional parameters (section 3.2.4.1): tag, length, value."""
    return b"".join(tag.to_bytes(2) + len(value).to_bytes(2) + value for tag, value in values.items())


def text(value: str) -> bytes:
    """A string with its end."""
    return value.encode("latin-1", "replace").replace(b"\0", b"?") + b"\0"


def _text(value: str, most: int) -> bytes:
    octets = text(value)
    if len(octets) > most + 1:
        raise ValueError(f"SMPP has room for {most} characters there")
    return octets


def _address(address: Address) -> bytes:
    return bytes((address.ton, address.npi)) + _text(address.number, 20)


class _Fields:
    """Reads a body from its beginning."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def octet(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._body):
            raise PduError("the PDU is cut off")
        self._at += count
        return self._body[self._at - count : self._at]

    def text(self) -> str:
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise PduError("a string of the PDU has no end")
        found = self._body[self._at : end]
        self._at = end + 1
        return found.decode("latin-1")

    def address(self) -> Address:
        ton, npi = self.octet(), self.octet()
        return Address(self.text(), ton, npi)

    def parameters(self) -> dict[int, bytes]:
        """What is left. Of a parameter that comes twice the first one counts."""
        found: dict[int, bytes] = {}
        while self._at < len(self._body):
            tag, length = int.from_bytes(self.take(2)), int.from_bytes(self.take(2))
            found.setdefault(tag, self.take(length))
        return found

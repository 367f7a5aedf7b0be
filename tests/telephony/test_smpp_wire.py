"""The octets of SMPP, against another implementation of it; and what texts are on it, and receipts."""

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from switchhook.telephony.smpp.letters import (
    Part,
    Wire,
    cut,
    decode,
    is_receipt,
    outgoing,
    progress_of,
    receipt,
    spelled,
)
from switchhook.telephony.smpp.pdu import (
    HEADER,
    Address,
    Bind,
    Command,
    Message,
    PduError,
    Tag,
    bind_body,
    frame,
    message_body,
    read_header,
    read_id,
    read_message,
    read_queried,
)
from switchhook.workspace.texts import Outgoing, Progress, Status, together

OURS, MARIE = "+33112345678", "+33612345678"
names = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
octet = st.integers(0, 255)
addresses = st.builds(Address, names, octet, octet)
messages = st.builds(
    Message,
    source=addresses,
    destination=addresses,
    octets=st.binary(max_size=254),
    esm_class=octet,
    data_coding=octet,
    protocol_id=octet,
    registered_delivery=octet,
    service_type=st.sampled_from(["", "CMT"]),
    extra=st.dictionaries(st.integers(1, 0xFFFF), st.binary(max_size=300), max_size=3),
)


@given(messages, st.sampled_from([Command.SUBMIT_SM, Command.DELIVER_SM]), st.integers(1, 0x7FFFFFFF))
def test_a_message_is_the_same_to_another_implementation(
    message: Message, command: Command, sequence: int
) -> None:
    octets = frame(command, sequence, message_body(message))
    theirs = smpp34.decode(octets)
    assert isinstance(theirs, smpp34.SubmitSm | smpp34.DeliverSm)
    assert (theirs.command_id, theirs.sequence_number) == (command, sequence)
    assert (theirs.source_addr, theirs.source_addr_ton, theirs.source_addr_npi) == (
        message.source.number,
        message.source.ton,
        message.source.npi,
    )
    assert (theirs.destination_addr, theirs.short_message) == (message.destination.number, message.octets)
    assert (theirs.esm_class, theirs.data_coding) == (message.esm_class, message.data_coding)
    assert (theirs.protocol_id, theirs.registered_delivery) == (
        message.protocol_id,
        message.registered_delivery,
    )
    assert {one.tag: one.value for one in theirs.tlvs} == message.extra
    encoded = theirs.encode()
    header = read_header(encoded)
    assert (header.length, header.command, header.sequence) == (len(encoded), command, sequence)
    assert read_message(command, encoded[HEADER:]) == message


@given(st.binary(max_size=400), st.sampled_from([Command.DELIVER_SM, Command.DATA_SM]))
def test_whatever_octets_come_they_are_a_message_or_refused(body: bytes, command: Command) -> None:
    try:
        message = read_message(command, body)
        part, octets = cut(message)
    except PduError:
        return
    assert part is None or 1 <= part.number <= part.total
    decode(octets, message.data_coding, Wire()).encode()  # can be stored: no lone surrogate
    receipt(message)


@given(st.binary(max_size=40))
def test_whatever_an_answer_says_it_is_read_or_refused(body: bytes) -> None:
    for read in (read_id, read_queried):
        try:
            read(body)
        except PduError:
            continue


def test_a_pdu_of_an_impossible_length_ends_the_conversation() -> None:
    for length in (0, 15, 80_001, 0xFFFFFFFF):
        with pytest.raises(PduError):
            read_header(length.to_bytes(4) + bytes(12))


def test_who_we_are_is_said_as_the_specification_lays_it_out_and_the_password_is_in_no_text_of_ours() -> None:
    bind = Bind(command=Command.BIND_TRANSCEIVER, system_id="acme", password="secret", system_type="VMA")
    assert bind_body(bind) == b"acme\0secret\0VMA\0\x34\0\0\0"
    assert "secret" not in repr(bind)
    with pytest.raises(ValueError, match="8 characters"):
        bind_body(Bind(command=Command.BIND_RECEIVER, system_id="acme", password="123456789"))


BASIC = "x" * 161


@pytest.mark.parametrize(
    ("content", "wire", "codings", "headers"),
    [
        ("Hello", Wire(), [0], [b""]),
        ("Ça coûte 5 €", Wire(), [8], [b""]),
        ("5 € [a]", Wire(), [0], [b""]),
        ("Olé", Wire(default="latin-1"), [3], [b""]),
        ("5 €", Wire(default="latin-1"), [8], [b""]),
        (BASIC, Wire(), [0, 0], [b"\x05\x00\x03\x07\x02\x01", b"\x05\x00\x03\x07\x02\x02"]),
        ("ж" * 71, Wire(), [8, 8], [b"\x05\x00\x03\x07\x02\x01", b"\x05\x00\x03\x07\x02\x02"]),
        (BASIC, Wire(joining="payload"), [0], [b""]),
        (BASIC, Wire(joining="sar"), [0, 0], [b"", b""]),
    ],
)
def test_a_text_goes_out_as_its_carrier_wants_it(
    content: str, wire: Wire, codings: list[int], headers: list[bytes]
) -> None:
    made = outgoing(Outgoing("msg_1", OURS, MARIE, content), wire, 7)
    assert [one.data_coding for one in made] == codings
    for message, header in zip(made, headers, strict=True):
        assert message.content.startswith(header)
        assert bool(message.esm_class & 0x40) == bool(header)
        assert len(message.octets) <= 140 + 20
        assert message.registered_delivery == 1
        assert (message.source, message.destination) == (
            Address("33112345678", 1, 1),
            Address("33612345678", 1, 1),
        )


@given(st.text(max_size=400), st.sampled_from(["udh", "sar", "payload"]), st.sampled_from(["gsm", "latin-1"]))
def test_what_goes_out_says_what_it_should(content: str, joining: str, default: str) -> None:
    wire = Wire(default, joining)  # type: ignore[arg-type]
    made = outgoing(Outgoing("msg_1", OURS, MARIE, content), wire, 200)
    cuts = [cut(message) for message in made]
    if len(made) > 1:
        assert [part for part, _ in cuts] == [Part(200, n, len(made)) for n in range(1, len(made) + 1)]
    said = "".join(decode(octets, made[0].data_coding, wire) for _, octets in cuts)
    assert said == content.encode("utf-16-be", "replace").decode("utf-16-be")


def test_who_it_is_from_says_what_kind_of_name_that_is() -> None:
    kinds = {"+33112345678": (1, 1), "Harbour": (5, 0), "36111": (3, 0)}
    for sender, (ton, npi) in kinds.items():
        (made,) = outgoing(Outgoing("msg_1", sender, MARIE, "x"), Wire(), 0)
        assert made.source == Address(sender.lstrip("+"), ton, npi)


@pytest.mark.parametrize(
    ("coding", "octets", "said"),
    [
        (0x00, b"\x00 5 \x1be", "@ 5 €"),
        (0x01, b"plain", "plain"),
        (0x03, b"Ol\xe9", "Olé"),
        (0x08, "ж€🙂".encode("utf-16-be"), "ж€🙂"),
        (0x08, b"\xd8\x3d", "�"),
        (0x06, b"\xb0", "А"),
        (0xF1, b"\x00", "@"),
        (0xF5, b"\x01\x02", "[0102]"),
        (0x04, b"\xff", "[ff]"),
        (0x18, "ж".encode("utf-16-be"), "ж"),
        (0x10, b"\x00", "@"),
        (0x14, b"\x05", "[05]"),
    ],
)
def test_what_comes_in_is_read_by_its_alphabet(coding: int, octets: bytes, said: str) -> None:
    assert decode(octets, coding, Wire()) == said


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (b"\x05\x00\x03\x09\x02\x01", Part(9, 1, 2)),
        (b"\x06\x08\x04\x01\x00\x03\x02", Part(256, 2, 3)),
        (b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x09\x02\x02", Part(9, 2, 2)),  # beside ports
        (b"\x05\x00\x03\x09\x01\x01", None),  # the only one
        (b"\x05\x00\x03\x09\x02\x03", None),  # the third of two
        (b"\x05\x00\x03\x09\x02\x00", None),
        (b"\x00", None),
        (b"\x03\x00\x03\x09", None),  # an element that does not end
    ],
)
def test_the_header_of_a_part(header: bytes, part: Part | None) -> None:
    message = Message(source=Address("1"), destination=Address("2"), octets=header + b"x", esm_class=0x40)
    assert cut(message) == (part, b"x")


def test_parts_may_be_told_by_parameters_and_octets_stand_there_too() -> None:
    extra = {Tag.SAR_REFERENCE: b"\x01\x02", Tag.SAR_TOTAL: b"\x02", Tag.SAR_NUMBER: b"\x01"}
    message = Message(
        source=Address("1"),
        destination=Address("2"),
        octets=b"",
        extra={**{int(tag): value for tag, value in extra.items()}, Tag.MESSAGE_PAYLOAD: b"long"},
    )
    assert cut(message) == (Part(0x102, 1, 2), b"long")


APPENDIX_B = (
    "id:{} sub:001 dlvrd:001 submit date:2611230900 done date:2611230901 stat:{} err:{} text:Hello id:9"
)


@pytest.mark.parametrize(
    ("octets", "extra", "message_id", "progress"),
    [
        (APPENDIX_B.format("m1", "DELIVRD", "000"), {}, "m1", Progress(Status.DELIVERED)),
        (APPENDIX_B.format("m1", "ACCEPTD", "000"), {}, "m1", Progress(Status.SENT)),
        (APPENDIX_B.format("m1", "ENROUTE", "000"), {}, "m1", Progress(Status.SENT)),
        (APPENDIX_B.format("m1", "UNKNOWN", "000"), {}, "m1", None),
        (APPENDIX_B.format("m1", "UNDELIV", "012"), {}, "m1", Progress(Status.FAILED, "UNDELIV 012")),
        (APPENDIX_B.format("m1", "EXPIRED", "000"), {}, "m1", Progress(Status.FAILED, "EXPIRED")),
        (APPENDIX_B.format("m1", "REJECTD", ""), {}, "m1", Progress(Status.FAILED, "REJECTD")),
        ("ID:m1 STAT:DELIVRD", {}, "m1", Progress(Status.DELIVERED)),
        ("", {0x1E: b"m2\0", 0x427: b"\x02"}, "m2", Progress(Status.DELIVERED)),
        (
            APPENDIX_B.format("m1", "UNDELIV", "1"),
            {0x1E: b"m2\0", 0x427: b"\x02"},
            "m2",
            Progress(Status.DELIVERED),
        ),
        (APPENDIX_B.format("m1", "DELIVRD", "000"), {0x427: b"\x63"}, "m1", Progress(Status.DELIVERED)),
    ],
)
def test_what_a_receipt_says(
    octets: str, extra: dict[int, bytes], message_id: str, progress: Progress | None
) -> None:
    message = Message(
        source=Address("1"), destination=Address("2"), octets=octets.encode(), esm_class=4, extra=extra
    )
    said = receipt(message)
    assert said is not None
    assert is_receipt(message)
    assert (said.message_id, said.progress) == (message_id, progress)


def test_a_receipt_of_nothing_says_nothing_and_a_text_is_no_receipt() -> None:
    one = Message(source=Address("1"), destination=Address("2"), octets=b"id:m1 stat:DELIVRD")
    assert not is_receipt(one)
    assert receipt(Message(source=Address("1"), destination=Address("2"), octets=b"?", esm_class=4)) is None


def test_states_have_the_numbers_of_the_specification() -> None:
    stages = {number: progress_of(number) for number in range(10)}
    assert {n: s.status if s else None for n, s in stages.items()} == {
        0: None,
        1: Status.SENT,
        2: Status.DELIVERED,
        3: Status.FAILED,
        4: Status.FAILED,
        5: Status.FAILED,
        6: Status.SENT,
        7: None,
        8: Status.FAILED,
        9: None,
    }


@pytest.mark.parametrize(
    ("address", "number"),
    [
        (Address("33612345678", 1, 1), "+33612345678"),
        (Address("+33612345678", 1, 1), "+33612345678"),
        (Address("33612345678", 0, 0), "+33612345678"),
        (Address("0612345678", 2, 1), "0612345678"),
        (Address("0612345678", 0, 1), "0612345678"),
        (Address("0033612345678", 1, 1), "0033612345678"),
        (Address("36111", 3, 0), "36111"),
        (Address("36111", 0, 0), "36111"),
        (Address("Harbour", 5, 0), "Harbour"),
        (Address("123456789012", 5, 0), "123456789012"),
    ],
)
def test_numbers_are_spelled_by_their_type(address: Address, number: str) -> None:
    assert spelled(address) == number


DELIVERED, SENT, PENDING = Progress(Status.DELIVERED), Progress(Status.SENT), Progress(Status.PENDING)
FAILED = Progress(Status.FAILED, "UNDELIV")


@pytest.mark.parametrize(
    ("stages", "whole"),
    [
        ([DELIVERED], DELIVERED),
        ([DELIVERED, SENT], SENT),
        ([SENT, PENDING], PENDING),
        ([DELIVERED, DELIVERED], DELIVERED),
        ([DELIVERED, FAILED, PENDING], FAILED),
    ],
)
def test_a_text_has_come_as_far_as_its_parts(stages: list[Progress], whole: Progress) -> None:
    assert together(stages) == whole

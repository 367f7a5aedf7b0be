"""Reading and writing SIP: the torture messages of RFC 4475, and laws for any bytes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchhook.telephony.sip.edge.framing import PING, Framer, FramingError
from switchhook.telephony.sip.edge.message import (
    MAX_BYTES,
    Malformed,
    Message,
    answer,
    parameter,
    parse,
    split_address,
    split_list,
    tag,
)
from switchhook.telephony.sip.edge.via import parse_via, pop, push, stamp, top
from tests.telephony.sip_torture import TORTURE, Torture, request


@pytest.mark.parametrize("torture", TORTURE, ids=lambda t: t.name)
def test_torture_messages_are_read_or_refused_as_they_should_be(torture: Torture) -> None:
    if torture.parsed is None:
        parse(torture.data)
        return
    with pytest.raises(Malformed) as refused:
        parse(torture.data)
    found = refused.value.message
    assert (refused.value.status if found is not None else 0) == torture.parsed
    if found is not None:
        assert answer(found, torture.parsed).encode()


def test_what_the_first_torture_message_says() -> None:
    found = parse(TORTURE[0].data)
    assert found.cseq == (9, "INVITE")
    assert tag(found.get("To")) == "1918181833n"
    assert split_address(found.get("From") or "") == ("sip:jdrosen@example.com", "; tag = 98asjf8")
    assert [via and (via.transport, via.host, via.branch) for via in map(parse_via, found.all("Via"))] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert found.get("NewFangledHeader") == "newfangled value continued newfangled value"
    (contact,) = found.all("Contact")
    assert parameter((split_address(contact) or ("", ""))[1], "q") == "0.33"


def test_what_follows_the_body_of_a_datagram_is_no_part_of_it() -> None:
    (double,) = [one for one in TORTURE if one.name == "dblreq"]
    found = parse(double.data)
    assert (found.method, found.body) == ("REGISTER", b"")
    assert b"INVITE" not in found.encode()


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\0", b"\x0b"], ids=["lf", "cr", "nul", "vt"])
def test_a_line_end_of_another_kind_hides_no_header(end: bytes) -> None:
    """Whatever reads it next may take it for the end of a line."""
    with pytest.raises(Malformed):
        parse(
            request("INVITE").replace(b"Max-Forwards: 70", b"Max-Forwards: 70\r\nSubject: x" + end + b"To: y")
        )


KEY_WORDS = [
    b"INVITE ", b"SIP/2.0", b"\r\n", b"\r\n\r\n", b"Via: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx", b"From: ", b"To: ",
    b"Call-ID: ", b"CSeq: 1 INVITE", b"Content-Length: ", b"<", b">", b'"', b"\\", b";", b",", b"=", b" ", b"\t",
    b"sip:a@b", b"9" * 30, b"\xff\xfe", b"\0", b"Contact: *", b"200 ", b":",
]  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A torture message with a few pieces taken out, doubled or put in."""
    data = draw(st.sampled_from(TORTURE)).data
    for _ in range(draw(st.integers(0, 5))):
        a = draw(st.integers(0, len(data)))
        b = min(len(data), a + draw(st.integers(0, 40)))
        data = data[:a] + draw(st.sampled_from([b"", data[a:b] * 2, *KEY_WORDS])) + data[b:]
    return data


@given(st.binary(max_size=2000) | st.lists(st.sampled_from(KEY_WORDS), max_size=40).map(b"".join) | spoiled())
@example(b"\r\n\r\n")
@example(b"SIP/2.0 200\r\n\r\n")
def test_any_bytes_are_a_message_or_malformed_and_come_back_as_they_were_read(data: bytes) -> None:
    try:
        found = parse(data)
    except Malformed as error:
        refused = error.message
        status = error.status
    else:
        comes_back(found)
        return
    if refused is not None:
        assert refused.is_request
        assert answer(refused, status).encode()


def comes_back(found: Message) -> None:
    again = parse(found.encode())
    assert again.headers[:-1] == [h for h in found.headers if h[0].lower() != "content-length"]
    assert (again.method, again.uri, again.status, again.body) == (
        found.method,
        found.uri,
        found.status,
        found.body,
    )
    assert parse(again.encode()) == again


@given(spoiled())
def test_via_goes_on_and_off_again(data: bytes) -> None:
    try:
        found = parse(data)
    except Malformed:
        return
    before = found.all("Via")
    push(found, "SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKours")
    via = top(found)
    assert via is not None
    assert (via.host, via.port, via.branch) == ("192.0.2.9", 5070, "z9hG4bKours")
    pop(found)
    assert found.all("Via") == before


def test_where_a_request_came_from_is_not_the_senders_word() -> None:
    found = parse(
        request("OPTIONS", Via="SIP/2.0/UDP 10.0.0.1:5062;rport=9;received=198.51.100.9;branch=z9hG4bKa")
    )
    stamp(found, "203.0.113.5", 40_000)
    via = top(found)
    assert via is not None
    assert (via.address(), via.branch) == (("203.0.113.5", 40_000), "z9hG4bKa")
    assert str(via).count("rport") == 1


@pytest.mark.timeout(60)  # what is quadratic in such a message takes longer
@pytest.mark.parametrize(
    "data",
    [
        b"A: " * 20_000,
        b"INVITE sip:a@b SIP/2.0\r\nFrom: " + b" " * 8_000 + b"x\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nFrom: " + b'"\\' * 4_000 + b"\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nVia: " + b"SIP/2.0/UDP a ; ; " * 400 + b"\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nSubject: x" + b"\r\n " * 20_000 + b"\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n" + b"Contact: <sip:a@b>;x=" + b'";' * 4_000 + b"\r\n\r\n",
    ],
    ids=["names", "blanks", "quotes", "vias", "folds", "parameters"],
)
def test_a_message_made_to_be_slow_to_read_is_not(data: bytes) -> None:
    whole = data.replace(
        b"\r\n\r\n", b"\r\nVia: SIP/2.0/UDP a\r\nTo: sip:a@b\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
    )
    for one in (data, whole) * 50:
        try:
            found = parse(one[:MAX_BYTES])
            parameter(found.get("From") or "", "tag")
        except Malformed:
            pass


LISTS = st.lists(st.sampled_from(['"a, \\" b" <sip:x@y>', "<sip:a,b@c>", "sip:d@e;p", "plain"]), min_size=1)


@given(LISTS)
def test_lists_are_taken_apart_at_commas_that_part(parts: list[str]) -> None:
    assert split_list(" , ".join(parts)) == parts
    found = Message(headers=[("Contact", ",".join(parts)), ("contact", parts[0])])
    assert found.all("CONTACT") == [*parts, parts[0]]


# ---------------------------------------------------------------- streams

STREAMED = st.lists(
    st.sampled_from([request("OPTIONS"), request("MESSAGE", body=b"\r\n\r\nx" * 9), PING]),
    min_size=1,
    max_size=5,
)


@given(STREAMED, st.data())
def test_messages_come_out_of_a_stream_as_they_went_in(sent: list[bytes], data: st.DataObject) -> None:
    stream, framer, found = b"".join(sent), Framer(), list[bytes]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += framer.feed(stream[:size])
        stream = stream[size:]
    assert found == sent
    assert not framer.pending


def test_the_answer_to_a_ping_is_swallowed() -> None:
    framer = Framer()
    assert framer.feed(b"\r\n") == []
    assert not framer.pending
    assert framer.feed(request("OPTIONS")) == [request("OPTIONS")]


@pytest.mark.parametrize(
    "data",
    [
        request("OPTIONS", length=""),
        request("OPTIONS", "Content-Length: 3"),
        request("OPTIONS", length=-1),
        request("OPTIONS", length=999_999),
        b"A" * (MAX_BYTES + 1),
    ],
    ids=["none", "two", "negative", "too long", "no end"],
)
def test_a_stream_whose_messages_cannot_be_told_apart_is_given_up(data: bytes) -> None:
    with pytest.raises(FramingError):
        Framer().feed(data)


@given(st.lists(st.binary(max_size=60) | st.sampled_from(KEY_WORDS), max_size=30))
def test_no_stream_breaks_the_framing(chunks: list[bytes]) -> None:
    framer = Framer()
    try:
        for chunk in chunks:
            for one in framer.feed(chunk):
                assert len(one) <= MAX_BYTES
    except FramingError:
        return
    assert framer.pending <= MAX_BYTES

"""What headers say, and whose telephone it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.telephony.sip.address import (
    Address,
    diversions,
    is_from,
    parse_header,
    parse_uri,
    read_refer_to,
    tag_of,
)
from switchhook.telephony.sip.causes import outcome, unanswered
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.stack import status_of
from switchhook.workspace.facts import EndCause


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("<sip:+33612345678@10.0.0.5:5062;transport=udp>;tag=1", "+33612345678", "10.0.0.5", 5062),
        ('"A <b> \\" c" <sip:anna@Example.COM>;tag=x', "anna", "example.com", 5060),
        ("sip:anna@10.0.0.5;tag=x", "anna", "10.0.0.5", 5060),
        ("<sip:10.0.0.5>", "", "10.0.0.5", 5060),
        ("<sip:%2B331;phone-context=a:secret@h>", "+331", "h", 5060),
        ("<tel:+33612345678;phone-context=x>", "+33612345678", "", 5060),
        ("<sip:a@[2001:db8::1]:5070>", "a", "[2001:db8::1]", 5070),
    ],
)
def test_a_header_is_read(text: str, user: str, host: str, port: int) -> None:
    assert parse_header(text) == Address(user, host, port)


@pytest.mark.parametrize(
    "text", [None, "", "<>", "anonymous", "<mailto:a@b>", "<sip:a@h:port>", "<sip:a@>", '"', "<sip:a b@h>"]
)
def test_what_is_no_address_is_none(text: str | None) -> None:
    assert parse_header(text) is None


@given(st.text(max_size=300))
def test_no_header_can_hurt(text: str) -> None:
    parse_header(text)
    tag_of(text)
    status_of(text)


def test_a_telephone_is_known_by_user_and_place() -> None:
    anna = parse_uri("sip:anna@10.0.0.5:5062")
    here, elsewhere = Address("x", "10.0.0.5", 5062), Address("x", "10.0.0.6", 5062)
    assert is_from(anna, Address("anna", "10.0.0.5", 5062), None)
    assert is_from(anna, Address("anna", "sip.example.com", 5060), here)
    assert not is_from(anna, Address("anna", "sip.example.com", 5060), elsewhere)
    assert not is_from(anna, Address("ben", "10.0.0.5", 5062), here)
    assert not is_from(anna, None, here)


@pytest.mark.parametrize(
    ("status", "rang", "cause"),
    [
        (486, True, EndCause.BUSY),
        (603, False, EndCause.DECLINED),
        (480, True, EndCause.NO_ANSWER),
        (480, False, EndCause.UNREACHABLE),
        (408, False, EndCause.UNREACHABLE),
        (404, True, EndCause.UNREACHABLE),
        (503, False, EndCause.UNREACHABLE),
        (None, False, EndCause.UNREACHABLE),
        (None, True, EndCause.FAILED),
        (403, False, EndCause.FAILED),
    ],
)
def test_why_a_telephone_did_not_answer(status: int | None, rang: bool, cause: EndCause) -> None:
    assert unanswered(status, rang) is cause


def test_one_cause_stands_for_many() -> None:
    assert outcome([EndCause.UNREACHABLE, EndCause.NO_ANSWER, EndCause.BUSY]) is EndCause.BUSY
    assert outcome([]) is EndCause.UNREACHABLE


@pytest.mark.parametrize(
    ("header", "address", "replaced"),
    [
        ("<sip:101@pbx.example>", "sip:101@pbx.example", None),
        ("sip:101@pbx.example", "sip:101@pbx.example", None),
        ('"Ben" <sip:101@pbx.example;user=phone>;x=y', "sip:101@pbx.example;user=phone", None),
        (
            "<sip:ben@10.0.0.7?Replaces=12%4010.0.0.5%3Bto-tag%3D7%3Bfrom-tag%3D8&Require=replaces>",
            "sip:ben@10.0.0.7",
            "12@10.0.0.5",
        ),
        ("<sip:ben@10.0.0.7?REPLACES=abc;to-tag=1;from-tag=2>", "sip:ben@10.0.0.7", "abc"),
        ("<sip:101@pbx.example;method=SUBSCRIBE>", "", None),
        ("sip:101@pbx.example;method=BYE", "", None),
        ("<sip:101@pbx.example;method=INVITE>", "sip:101@pbx.example;method=INVITE", None),
        ("<", "", None),
        ("", "", None),
        ("<sip:x@y?Replaces>", "sip:x@y", ""),
    ],
)
def test_whom_a_transfer_names(header: str, address: str, replaced: str | None) -> None:
    assert read_refer_to(header) == (address, replaced)


@pytest.mark.parametrize(
    "change",
    [
        {"listen": "0.0.0.0:5060"},
        {"listen": "localhost:5060"},
        {"listen": "127.0.0.1:0"},
        {"allow": ()},
        {"allow": ("::1/128",)},
        {"rtp_ports": "20000"},
        {"rtp_ports": "20000-19000"},
        {"users": ("anna",)},
        {"number_header": "To\r\nX: y"},
        {"password": 'a"b'},
        {"max_calls": 0},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"sip|SIP"):
        SipConfig(**change).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "numbers"),
    [
        ({}, ()),
        ({"Diversion": "<sip:+33111111111@c.example>;reason=no-answer;counter=1"}, ("+33111111111",)),
        (
            {"Diversion": '"Desk, main" <sip:+331@c.example>;reason=unconditional, <sip:+332@c.example>'},
            ("+331", "+332"),
        ),
        (
            {
                "History-Info": "<sip:+331@c>;index=1, <sip:+332@c?Reason=a%2Cb>;index=1.1, <sip:+333@c>;index=1.2"
            },
            ("+332", "+331"),
        ),
        ({"History-Info": "<sip:+331@c>;index=1"}, ()),
        ({"diversion": "<sip:+331@c>", "History-Info": "<sip:+339@c>, <sip:+338@c>"}, ("+331",)),
        ({"Diversion": '"unclosed <sip:+331@c>, <sip:+332@c>'}, ()),
        ({"Diversion": ",,;;<>,"}, ()),
    ],
)
def test_which_way_a_call_came(headers: dict[str, str], numbers: tuple[str, ...]) -> None:
    assert diversions(headers) == numbers


@given(st.text(max_size=200))
def test_whatever_stands_in_a_diversion_is_read_without_an_error(text: str) -> None:
    assert len(diversions({"Diversion": text})) <= 20
    assert len(diversions({"History-Info": text})) <= 20

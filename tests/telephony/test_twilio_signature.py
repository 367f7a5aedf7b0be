"""Requests that come from Twilio, and those that do not. The signatures were made by Twilio's own library (9.13.0)."""

import pytest

from switchhook.telephony.twilio.signature import sign, signed_body, signed_form

TOKEN = "12345"
PLACE = "https://pbx.example/twilio/messages"
FORM = [("MessageSid", "SM1"), ("Body", "héllo 😀"), ("From", "+14155550100")]
FORM_SIGNED = "ZCKTAqFMbP2r3dQFxBgESXmBPH4="
BODY = b'{"a":1}'
BODY_PLACE = f"{PLACE}?bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
BODY_SIGNED = "1O64wz1RY/Xq5LIzaqMmT9wUc6M="


@pytest.mark.parametrize(
    ("url", "fields", "signature"),
    [
        (PLACE, FORM, FORM_SIGNED),
        (
            "https://pbx.example:8443/twilio/messages?a=b&c=d",
            [("To", "+1"), ("From", "+2")],
            "XptqPuJGuhg5C6mUMpUmlmAGr40=",
        ),
        (
            "http://pbx.example/t",
            [("B", "2"), ("A", "z"), ("A", "y"), ("A", "z")],
            "Pfey4jE1P+Ch+Nk75UGu3339SG8=",
        ),
    ],
)
def test_a_form_that_twilio_signed(url: str, fields: list[tuple[str, str]], signature: str) -> None:
    assert sign(TOKEN, url, fields) == signature
    assert signed_form(TOKEN, url, fields, signature)
    assert signed_form(TOKEN, url, reversed(fields), signature)


@pytest.mark.parametrize("signed", [PLACE, "https://pbx.example:443/twilio/messages"])
@pytest.mark.parametrize("configured", [PLACE, "https://pbx.example:443/twilio/messages"])
def test_the_port_may_be_signed_or_not(signed: str, configured: str) -> None:
    assert signed_form(TOKEN, configured, FORM, sign(TOKEN, signed, FORM))


@pytest.mark.parametrize(
    ("token", "url", "fields", "signature"),
    [
        ("12346", PLACE, FORM, FORM_SIGNED),
        (TOKEN, PLACE + "/", FORM, FORM_SIGNED),
        (TOKEN, PLACE.replace("https", "http"), FORM, FORM_SIGNED),
        (TOKEN, PLACE, [*FORM, ("To", "")], FORM_SIGNED),
        (TOKEN, PLACE, FORM[:-1], FORM_SIGNED),
        (TOKEN, PLACE, FORM, FORM_SIGNED.lower()),
        (TOKEN, PLACE, FORM, ""),
        (TOKEN, PLACE, FORM, "é"),
    ],
)
def test_a_form_that_twilio_did_not_sign(
    token: str, url: str, fields: list[tuple[str, str]], signature: str
) -> None:
    assert not signed_form(token, url, fields, signature)


def test_a_body_that_is_no_form_is_signed_by_its_hash() -> None:
    assert signed_body(TOKEN, BODY_PLACE, BODY, BODY_SIGNED)
    assert not signed_body(TOKEN, BODY_PLACE, BODY + b" ", BODY_SIGNED)
    assert not signed_body(TOKEN, BODY_PLACE, BODY, FORM_SIGNED)
    assert not signed_body(TOKEN, PLACE, BODY, sign(TOKEN, PLACE))  # names no hash: anything could be in it

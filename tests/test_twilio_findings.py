"""What `switchhook doctor` says of Twilio's side, from an account on a real socket."""

import json
from collections.abc import AsyncIterator
from ipaddress import IPv4Address
from typing import Any

import pytest

from switchhook.clock import SystemClock
from switchhook.findings.installation import Finding
from switchhook.findings.twilio import examine_twilio
from switchhook.settings.config import load
from tests.telephony.twilio_peer import SID, TOKEN, TwilioPeer

OURS = "+33112345678"
PUBLIC = "https://phone.example"
WELL = {
    "voice_url": f"{PUBLIC}/hooks/twilio/voice",
    "voice_method": "POST",
    "status_callback": f"{PUBLIC}/hooks/twilio/voice/status",
    "status_callback_method": "POST",
    "sms_url": f"{PUBLIC}/hooks/twilio/messages",
    "sms_method": "POST",
    "voice_application_sid": "",
}


class Fixed:
    """Knows every name but one."""

    async def resolve(self, host: str) -> tuple[IPv4Address, ...]:
        if host == "nowhere.example":
            raise OSError("no such name")
        return (IPv4Address("192.0.2.7"),)


@pytest.fixture
async def peer() -> AsyncIterator[TwilioPeer]:
    made = TwilioPeer(numbers={OURS: dict(WELL)})
    await made.start()
    yield made
    await made.stop()


async def look(peer: TwilioPeer, **more: Any) -> dict[str, Finding]:
    given = {
        "public_url": PUBLIC,
        "allow_networks": "127.0.0.0/8",
        "numbers": json.dumps([{"number": "01 12 34 56 78"}, {"number": "Acme", "type": "SENDER_ID"}]),
        "twilio": json.dumps({"account_sid": SID, "auth_token": TOKEN, "url": peer.url}),
        "texts_carrier": "twilio",
        "texts_twilio_account_sid": SID,
        "texts_twilio_auth_token": TOKEN,
        "texts_twilio_url": peer.url,
    }
    config = load({**given, **more}, {})
    found = [one async for one in examine_twilio(config, SystemClock(), Fixed())]
    assert all(bool(one.advice) == (one.state != "ok") for one in found)
    assert all(TOKEN not in f"{one.found}{one.advice}" for one in found)
    return {one.what: one for one in found}


ACCOUNT, NUMBER = f"Twilio account {SID}", f"{OURS} at Twilio"


async def test_an_account_that_is_well(peer: TwilioPeer) -> None:
    found = await look(peer)
    assert {name: one.state for name, one in found.items()} == {
        "public_url": "ok",
        ACCOUNT: "ok",
        NUMBER: "ok",
    }
    assert (
        len([one for one in peer.asked if "Numbers" in one]) == 1
    )  # one account, though for calls and texts


@pytest.mark.parametrize(
    ("change", "found", "advice"),
    [
        ({"voice_url": ""}, "'A call comes in' is not set", f"POST {PUBLIC}/hooks/twilio/voice"),
        ({"voice_url": "http://phone.example/hooks/twilio/voice"}, "http://phone.example", "POST https://"),
        ({"voice_method": "GET"}, "GET https://", "'A call comes in' to POST"),
        ({"status_callback": ""}, "'Call status changes' is not set", "/voice/status"),
        ({"sms_url": "https://demo.twilio.com/welcome"}, "demo.twilio.com", "/hooks/twilio/messages"),
        ({"voice_application_sid": "AP1"}, "a TwiML app", "take the app out"),
    ],
)
async def test_a_number_that_posts_elsewhere(
    peer: TwilioPeer, change: dict[str, str], found: str, advice: str
) -> None:
    peer.numbers[OURS].update(change)
    finding = (await look(peer))[NUMBER]
    assert finding.state == "error"
    assert found in finding.found
    assert advice in finding.advice


async def test_a_number_that_the_account_has_not(peer: TwilioPeer) -> None:
    peer.numbers.clear()
    assert (await look(peer))[NUMBER].state == "warning"
    assert (await look(peer, sip_listen="127.0.0.1:5060"))[NUMBER].state == "ok"


@pytest.mark.parametrize(
    ("fault", "state", "advice"),
    [("401", "error", "auth_token"), ("404", "error", "account_sid"), ("503", "warning", "status page")],
)
async def test_an_account_that_cannot_be_asked(peer: TwilioPeer, fault: str, state: str, advice: str) -> None:
    peer.faults = [fault]
    found = await look(peer)
    assert found[ACCOUNT].state == state
    assert advice in found[ACCOUNT].advice
    assert NUMBER not in found


async def test_an_address_that_twilio_cannot_use(peer: TwilioPeer) -> None:
    assert (await look(peer, public_url="https://nowhere.example"))["public_url"].state == "error"
    assert (await look(peer, public_url="http://phone.example"))["public_url"].state == "warning"
    assert "not set" in (await look(peer, public_url=""))["public_url"].found


async def test_only_texts_and_nothing_at_all(peer: TwilioPeer) -> None:
    peer.numbers[OURS].update(voice_url="", status_callback="")
    assert (await look(peer, twilio=""))[NUMBER].state == "ok"
    assert await look(peer, twilio="", texts_carrier="off") == {}

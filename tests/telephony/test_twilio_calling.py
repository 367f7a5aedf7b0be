"""The calls of Twilio as they are configured: whose key signs, and what the settings mean to the parts."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from switchhook.clock import ManualClock
from switchhook.delivery.address import AddressPolicy
from switchhook.serving.twilio import account, calling, telephones
from switchhook.settings.config import load
from switchhook.storage.sqlite import SqliteStore
from switchhook.telephony.twilio.voice import CALLS_PATH, KEYS_PATH, VoiceHooks
from switchhook.workspace.directory import configure
from switchhook.workspace.switchboard import Switchboard
from tests.telephony.twilio_calls import ANNA, OURS, SID, comes_in

PUBLIC = "https://phone.example"
NUMBERS = [
    {
        "number": OURS,
        "users": ["anna@example.com"],
        "no_answer": "hang up",
        "answer": ["say Welcome.", "ring"],
    }
]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "x.db")
    yield opened
    await opened.close()


async def hooks(store: SqliteStore, more: dict[str, str] | None = None, **twilio: Any) -> VoiceHooks:
    given = {"account_sid": SID, "auth_token": "token", "telephones": {"anna@example.com": [ANNA]}, **twilio}
    values: dict[str, Any] = {
        "public_url": PUBLIC,
        "twilio": json.dumps(given),
        "numbers": json.dumps(NUMBERS),
        "users": json.dumps([{"email": "anna@example.com"}]),
        **(more or {}),
    }
    config, clock = load(values, {}), ManualClock()
    await store.run(lambda tx: configure(tx, "wsp_a", config.users, config.numbers, "FR"))
    board = Switchboard(store, clock, "wsp_a", "FR", lambda id_: id_, telephones=telephones(config))
    made, line = calling(config, store, board, clock, policy=AddressPolicy(), workspace="wsp_a")
    assert made is not None
    assert line.status() == {"twilio": "standby"}
    return made


async def take(made: VoiceHooks, key: str, header: str) -> bytes | None:
    form = comes_in()
    signed = RequestValidator(key).compute_signature(PUBLIC + CALLS_PATH, form)
    return await made.take(CALLS_PATH, "", urlencode(form).encode(), {header.encode(): signed.encode()})


@pytest.mark.parametrize(
    ("twilio", "key", "header", "taken"),
    [
        ({}, "token", "x-twilio-signature", True),
        ({}, "another", "x-twilio-signature", False),
        ({"signing_key": "PSK_1"}, "PSK_1", "x-signalwire-signature", True),
        ({"signing_key": "PSK_1"}, "PSK_1", "x-twilio-signature", True),
        ({"signing_key": "PSK_1"}, "token", "x-signalwire-signature", False),
    ],
)
async def test_whose_key_signs(
    store: SqliteStore, twilio: dict[str, str], key: str, header: str, taken: bool
) -> None:
    answer = await take(await hooks(store, None, **twilio), key, header)
    assert (answer is not None) is taken
    assert answer is None or b"Welcome." in answer  # the rules of the number hold


async def test_menus_extensions_and_agents_of_the_settings(store: SqliteStore) -> None:
    menu = {
        "name": "main",
        "greeting": "say Press 1.",
        "keys": {"1": {"label": "Bot", "do": "agent bot"}},
        "extensions": True,
    }
    settings = {
        "numbers": json.dumps([{"number": OURS, "users": ["anna@example.com"], "answer": "menu main"}]),
        "users": json.dumps([{"email": "anna@example.com", "extension": "22"}]),
        "menus": json.dumps([menu]),
        "agents": json.dumps([{"name": "bot", "uri": "sip:bot@ai.example"}]),
    }
    made = await hooks(store, settings)
    answer = await take(made, "token", "x-twilio-signature")
    assert answer is not None
    assert b"Press 1." in answer
    for keys, dialled in (("1", b"sip:bot@ai.example?X-Switchhook-Call="), ("22", ANNA.encode())):
        form = comes_in(Digits=keys, CallStatus="in-progress")
        query = urlencode({"menu": "main", "tries": "0", "asked": keys})
        signed = RequestValidator("token").compute_signature(f"{PUBLIC}{KEYS_PATH}?{query}", form)
        body = urlencode(form).encode()
        answer = await made.take(KEYS_PATH, query, body, {b"x-twilio-signature": signed.encode()})
        assert answer is not None
        assert dialled in answer


def test_without_an_account_of_its_own_it_is_that_of_texts() -> None:
    texts = {
        "texts_carrier": "twilio",
        "texts_twilio_account_sid": "AC7",
        "texts_twilio_auth_token": "t7",
        "texts_twilio_url": "https://api.example",
    }
    found = account(load({**texts, "twilio": "{}"}, {}))
    assert (found.sid, found.token, found.url) == ("AC7", "t7", "https://api.example")
    own = json.dumps({"account_sid": "AC8", "auth_token": "t8", "url": "https://x.example/laml/"})
    found = account(load({**texts, "twilio": own}, {}))
    assert (found.sid, found.token, found.url) == ("AC8", "t8", "https://x.example/laml")

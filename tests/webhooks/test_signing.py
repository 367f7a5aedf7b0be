"""Signing: the specification's vector, the same code as everybody's HMAC, and a secret that stays one."""

import base64
import hashlib
import hmac
import time
from pathlib import Path

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events import CATALOGUE, render
from switchhook.webhooks import NoMatchingSignature, Secret, Signer, Webhook, sign
from tests.webhooks.node import node_verifies

VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_TIME = 1614265330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

ROOT = Path(__file__).parents[2]
keys = st.binary(min_size=24, max_size=64)


def headers_for(secret: Secret, body: bytes, at: int | None = None) -> dict[str, str]:
    at = int(time.time()) if at is None else at
    return {
        "webhook-id": VECTOR_ID,
        "webhook-timestamp": str(at),
        "webhook-signature": sign([secret], VECTOR_ID, at, body),
    }


def an_event() -> bytes:
    # A transcript with other scripts, quotes and a line separator: what a re-encoding receiver would break.
    data = CATALOGUE["call.completed"].example.replace(b"billing issue", "«Rechnung» — 请 \u2028 😀".encode())
    return render("call.completed", data, time.time_ns() // 1_000_000)


def test_the_vector_every_standard_webhooks_library_shares() -> None:
    assert sign([Secret.parse(VECTOR_SECRET)], VECTOR_ID, VECTOR_TIME, VECTOR_BODY) == VECTOR_SIGNATURE


@given(keys, st.binary(max_size=300))
def test_prekeyed_states_give_what_the_hmac_module_gives(key: bytes, content: bytes) -> None:
    secret = Secret(key)
    assert secret.mac(content) == hmac.digest(key, content, "sha256")
    assert secret.mac(content) == hmac.digest(key, content, "sha256"), "the states were used up"


@given(
    keys, st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), st.integers(0, 2**40), st.binary()
)
def test_the_content_is_id_timestamp_and_body_joined_by_dots(
    key: bytes, msg_id: str, at: int, body: bytes
) -> None:
    content = msg_id.encode() + b"." + str(at).encode() + b"." + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert Signer([Secret(key)]).sign(msg_id, at, body) == f"v1,{expected}"


def test_during_a_rotation_old_and_new_secret_both_sign_in_order() -> None:
    old, new = Secret.generate(), Secret.generate()
    both = sign([new, old], VECTOR_ID, VECTOR_TIME, VECTOR_BODY)
    assert both.split(" ") == [sign([one], VECTOR_ID, VECTOR_TIME, VECTOR_BODY) for one in (new, old)]


def test_signing_without_a_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one secret"):
        sign([], VECTOR_ID, VECTOR_TIME, VECTOR_BODY)


@given(keys)
def test_a_secret_survives_its_text(key: bytes) -> None:
    text = Secret(key).reveal()
    assert text.startswith("whsec_")
    assert Secret.parse(text).mac(b"x") == Secret(key).mac(b"x")
    assert Secret.parse(text.removeprefix("whsec_")) == Secret(key)


def test_a_generated_secret_holds_24_fresh_bytes() -> None:
    one, two = Secret.generate().reveal(), Secret.generate().reveal()
    assert one != two
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 24


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_" + base64.b64encode(b"SECRETSECRETSECRETSECRE").decode(),
        "whsec_" + base64.b64encode(b"s" * 65).decode(),
        "whsec_SECRET not base64!SECRET not base64!",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSé",
    ],
)
def test_a_bad_secret_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match="signing secret") as caught:
        Secret.parse(text)
    shown = str(caught.value)
    assert len(text) < 10 or text.removeprefix("whsec_") not in shown
    assert "SECRET" not in shown
    assert caught.value.__cause__ is None


def test_a_secret_is_not_shown_by_repr_str_or_formatting() -> None:
    secret = Secret.parse(VECTOR_SECRET)
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert "MfKQ" not in shown


def test_the_python_reference_library_verifies_what_we_sign() -> None:
    secret, body = Secret.generate(), an_event()
    payload = standardwebhooks.Webhook(secret.reveal()).verify(body, headers_for(secret, body))
    assert payload["topic"] == "call.completed"


def test_the_node_reference_library_verifies_what_we_sign() -> None:
    secret, body = Secret.generate(), an_event()
    answer = node_verifies(secret.reveal(), headers_for(secret, body), body)
    assert answer["ok"], answer
    assert answer["payload"]["data"]["summary"].count("\u2028") == 1


@pytest.mark.parametrize("position", [0, 10, -1])
def test_one_changed_byte_is_refused_by_every_verifier(position: int) -> None:
    secret, body = Secret.generate(), an_event()
    headers = headers_for(secret, body)
    changed = bytearray(body)
    changed[position] ^= 1
    tampered = bytes(changed)
    with pytest.raises(NoMatchingSignature):
        Webhook(secret).verify(tampered, headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret.reveal()).verify(tampered, headers)
    assert node_verifies(secret.reveal(), headers, tampered) == {
        "ok": False,
        "error": "WebhookVerificationError",
    }


def test_the_lock_file_of_the_node_check_names_no_host_and_pins_exactly() -> None:
    assert "://" not in (ROOT / "package-lock.json").read_text()
    assert '"standardwebhooks": "1.1.1"' in (ROOT / "package.json").read_text()

"""Version v1a: what one side signs the other verifies, foreign code too, and nobody needs `cryptography` without it."""

import base64
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events import CATALOGUE, SmsReceived, render
from switchhook.webhooks import (
    NoMatchingSignature,
    PrivateKey,
    PublicKey,
    Secret,
    VerificationError,
    Webhook,
    sign,
)
from tests.webhooks.node import node_verifies_ed25519

NOW = 1_742_049_000
ID = "msg_0123456789ABCDEFGHIJkl"
BODY = render("sms.received", CATALOGUE["sms.received"].example, NOW * 1000)
KEY = PrivateKey.generate()


def headers(signature: str | None = None, body: bytes = BODY) -> dict[str, str]:
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(NOW),
        "webhook-signature": signature or KEY.sign(ID, NOW, body),
    }


def test_a_receiver_with_the_public_key_gets_the_typed_event() -> None:
    event = Webhook(str(KEY.public)).verify(BODY, headers(), NOW)
    assert isinstance(event.data, SmsReceived)


def test_the_vector_of_rfc_8032() -> None:
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    key = PrivateKey(seed)
    assert str(key.public) == "whpk_" + base64.b64encode(public).decode()
    assert PublicKey(public).verifies(signature, b"\x72")
    assert not PublicKey(public).verifies(signature, b"\x73")


def test_nodes_own_crypto_verifies_what_is_signed_here() -> None:
    assert node_verifies_ed25519(str(KEY.public), headers(), BODY)
    assert not node_verifies_ed25519(str(KEY.public), headers(), BODY + b" ")
    assert not node_verifies_ed25519(str(PrivateKey.generate().public), headers(), BODY)


def test_keys_keep_their_text() -> None:
    assert PrivateKey.parse(KEY.reveal()).reveal() == KEY.reveal()
    assert KEY.reveal().startswith("whsk_")
    assert str(PublicKey.parse(str(KEY.public))) == str(KEY.public)


def test_a_private_key_is_never_shown() -> None:
    assert KEY.reveal()[5:] not in repr(KEY)
    with pytest.raises(ValueError, match="whsk_") as caught:
        PrivateKey.parse("whsk_not?base64")
    assert "not?base64" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["whpk_", "whpk_AAAA", "whpk_" + base64.b64encode(bytes(33)).decode(), "whpk_%"]
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="public key"):
        Webhook(text)


def test_both_kinds_at_once_while_they_are_exchanged() -> None:
    secret = Secret.generate()
    both = headers(f"{sign([secret], ID, NOW, BODY)} {KEY.sign(ID, NOW, BODY)}")
    for receiver in (Webhook(secret), Webhook(KEY.public), Webhook([secret, str(KEY.public)])):
        receiver.verify(BODY, both, NOW)
    Webhook([secret.reveal(), KEY.public]).verify(BODY, headers(), NOW)


def test_one_kind_never_passes_for_the_other() -> None:
    signature = KEY.sign(ID, NOW, BODY)
    for forged in (signature.replace("v1a,", "v1,"), signature.replace("v1a,", "v2,")):
        with pytest.raises(NoMatchingSignature):
            Webhook([str(KEY.public), Secret.generate()]).verify(BODY, headers(forged), NOW)
    with pytest.raises(NoMatchingSignature):
        Webhook(Secret.generate()).verify(BODY, headers(), NOW)
    public = Secret(base64.b64decode(str(KEY.public)[5:]))
    with pytest.raises(NoMatchingSignature):  # the public key is public: it must not do for HMAC
        Webhook(KEY.public).verify(BODY, headers(sign([public], ID, NOW, BODY)), NOW)


@given(st.text(max_size=100))
def test_no_text_is_a_signature(text: str) -> None:
    with pytest.raises(VerificationError):
        Webhook(KEY.public).verify(BODY, headers(f"v1a,{text}"), NOW)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_signature_is_of_its_own_body_only(signed: bytes, received: bytes) -> None:
    webhook = Webhook(KEY.public)
    given_headers = headers(body=signed)
    assert webhook.authenticate(signed, given_headers, NOW) == ID
    if signed != received:
        with pytest.raises(NoMatchingSignature):
            webhook.authenticate(received, given_headers, NOW)


def test_without_cryptography_only_v1a_is_missing_and_says_so() -> None:
    script = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from switchhook.webhooks import Secret, Webhook, sign\n"
        "Webhook(Secret.generate())\n"
        "try:\n"
        f"    Webhook({str(KEY.public)!r})\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install cryptography" in done.stdout


def test_importing_the_package_does_not_import_cryptography() -> None:
    script = "import sys, switchhook.webhooks; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

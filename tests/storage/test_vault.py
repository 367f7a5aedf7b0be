"""What is sealed opens in its place with its key, and nowhere else."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.storage.vault import MARK, SealBroken, Vault, key_of, new_key

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PLACE = ("wsp_1", "ep_1", "secrets")

texts = st.text()
places = st.lists(st.text(max_size=5), max_size=4).map(tuple)
vault, other = Vault([KEY]), Vault([OTHER])


@given(texts, places)
def test_what_is_sealed_opens_in_its_place(text: str, place: tuple[str, ...]) -> None:
    sealed = vault.seal(text, *place)
    assert sealed.startswith(vault.prefix)
    assert Vault([OTHER, KEY]).open(sealed, *place) == text


@given(texts, places, places)
def test_what_is_moved_does_not_open(text: str, place: tuple[str, ...], elsewhere: tuple[str, ...]) -> None:
    if place != elsewhere:
        with pytest.raises(SealBroken):
            vault.open(vault.seal(text, *place), *elsewhere)


@given(texts, st.data())
def test_what_is_changed_in_a_single_bit_does_not_open(text: str, data: st.DataObject) -> None:
    sealed = vault.seal(text, *PLACE)
    raw = bytearray(base64.urlsafe_b64decode(sealed.removeprefix(vault.prefix)))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken, match="wsp_1 ep_1 secrets was changed"):
        vault.open(vault.prefix + base64.urlsafe_b64encode(raw).decode(), *PLACE)


@pytest.mark.parametrize("end", ["", "AAAA", "!", "x", "====", "é"])
def test_what_is_cut_or_written_by_hand_does_not_open(end: str) -> None:
    with pytest.raises(SealBroken, match="wsp_1 ep_1 secrets"):
        vault.open(vault.prefix + end, *PLACE)
    with pytest.raises(SealBroken):
        vault.open(MARK + end, *PLACE)
    with pytest.raises(SealBroken):
        Vault().open(MARK + "9:" + end, *PLACE)


def test_the_same_text_is_never_sealed_alike() -> None:
    assert len({vault.seal("x", *PLACE) for _ in range(100)}) == 100


def test_a_key_that_is_missing_is_named_and_none_is_shown() -> None:
    sealed = other.seal("hidden", *PLACE)
    for lacking in (vault, Vault()):
        with pytest.raises(
            SealBroken, match=f"sealed with the key {key_of(other.prefix)}, which SWITCHHOOK_SE"
        ):
            lacking.open(sealed, *PLACE)
    assert KEY.hex() not in repr(vault)
    assert base64.b64encode(KEY).decode() not in repr(vault)
    assert key_of(vault.prefix) in repr(vault)
    assert key_of(sealed) == key_of(other.prefix) != key_of(vault.prefix)


def test_without_a_key_texts_stay_as_they_are() -> None:
    assert Vault().seal("plain", *PLACE) == "plain"
    assert Vault().prefix == ""
    assert Vault().open("plain", *PLACE) == vault.open("plain", *PLACE) == "plain"


@pytest.mark.parametrize(
    "text",
    [
        KEY.hex(),
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode(),
        f" {KEY.hex()} , {OTHER.hex()}",
    ],
)
def test_keys_are_read_in_base64_and_hexadecimal(text: str) -> None:
    assert Vault.parse(text).prefix == vault.prefix
    assert Vault.parse(text).open(vault.seal("x", *PLACE), *PLACE) == "x"


def test_the_first_key_seals_and_all_of_them_open() -> None:
    both = Vault.parse(f"{OTHER.hex()},{KEY.hex()}")
    assert both.ids == {key_of(vault.prefix), key_of(other.prefix)}
    assert other.open(both.seal("x", *PLACE), *PLACE) == "x"
    assert both.open(vault.seal("x", *PLACE), *PLACE) == "x"


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33, 64])
def test_a_key_of_another_length_is_refused_and_not_repeated(length: int) -> None:
    key = os.urandom(length)
    for text in (key.hex(), base64.b64encode(key).decode(), base64.b64encode(key).decode() + "!"):
        with pytest.raises(ValueError, match="key 2 is not 32 bytes") as caught:
            Vault.parse(f"{KEY.hex()},{text}")
        assert not text or text not in str(caught.value)
        assert KEY.hex() not in str(caught.value)


def test_a_new_key_is_one() -> None:
    assert Vault.parse(new_key()).prefix != Vault.parse(new_key()).prefix
    assert Vault.parse("").ids == frozenset()

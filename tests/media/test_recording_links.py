"""Links to recordings: nobody makes one, nobody changes one, and it does not live for ever."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.media.links import sign_path, verify

KEY = b"k" * 32


def parts(path: str) -> tuple[str, str, str]:
    url = urlsplit(path)
    query = parse_qs(url.query)
    recording = url.path.removeprefix("/v1/assets/recordings/").removesuffix(".mp3")
    return recording, query["expires"][0], query["signature"][0]


def test_a_link_opens_its_recording_until_it_expires() -> None:
    recording, expires, signature = parts(sign_path(KEY, "abc-123_X", 1000))
    assert (recording, expires) == ("abc-123_X", "1000")
    assert verify(KEY, recording, expires, signature, 999)
    assert not verify(KEY, recording, expires, signature, 1000)


@given(st.text(max_size=70), st.text(max_size=20), st.text(max_size=80))
def test_nothing_else_opens_anything(recording: str, expires: str, signature: str) -> None:
    genuine = parts(sign_path(KEY, "abc", 1000))
    if (recording, expires, signature) != genuine:
        assert not verify(KEY, recording, expires, signature, 0)
    assert not verify(KEY, "abd", genuine[1], genuine[2], 0)
    assert not verify(KEY, "abc", "1001", genuine[2], 0)
    assert not verify(b"o" * 32, *genuine, 0)


@pytest.mark.parametrize("recording", ["", "../etc", "a/b", "é", "a?b"])
def test_an_id_that_is_none_is_refused(recording: str) -> None:
    with pytest.raises(ValueError, match="not a recording id"):
        sign_path(KEY, recording, 1)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        sign_path(b"short", "abc", 1)

"""Where sound goes, read from SDP and changed in it."""

import pytest

from switchhook.telephony.sip.edge.sdp import moved, sound_at

PLAIN = (
    b"v=0\r\no=- 1 1 IN IP4 9.9.9.9\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
)
OWN = PLAIN.replace(b"a=rtpmap", b"i=voice\r\nc=IN IP4 192.0.2.8\r\na=rtcp:4999\r\na=rtpmap")
VIDEO = b"m=video 6000 RTP/AVP 31\r\nc=IN IP4 192.0.2.9\r\na=rtcp:6009\r\n"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (PLAIN, ("192.0.2.7", 4000)),
        (PLAIN.replace(b"\r\n", b"\n"), ("192.0.2.7", 4000)),
        (OWN, ("192.0.2.8", 4000)),
        (OWN + VIDEO, ("192.0.2.8", 4000)),
        (PLAIN.replace(b"m=audio", VIDEO + b"m=audio"), ("192.0.2.7", 4000)),
        (PLAIN.replace(b"4000", b"4000/2"), ("192.0.2.7", 4000)),
        (PLAIN.replace(b"4000", b"0"), None),
        (PLAIN.replace(b"4000", b"65535"), None),
        (PLAIN.replace(b"c=IN IP4 192.0.2.7", b"c=IN IP4 0.0.0.0"), None),
        (PLAIN.replace(b"c=IN IP4 192.0.2.7", b"c=IN IP6 ::1"), None),
        (PLAIN.replace(b"c=IN IP4 192.0.2.7", b"c=IN IP4 192.0.2.700"), None),
        (PLAIN.partition(b"m=")[0] + VIDEO, None),
        (b"", None),
    ],
)
def test_where_sound_is_wanted(body: bytes, place: tuple[str, int] | None) -> None:
    assert sound_at(body) == place


@pytest.mark.parametrize("body", [PLAIN, OWN, OWN + VIDEO, PLAIN.replace(b"m=audio", VIDEO + b"m=audio")])
def test_it_is_wanted_elsewhere_and_nothing_else_changes(body: bytes) -> None:
    changed = moved(body, "203.0.113.5", 20_000)
    assert sound_at(changed) == ("203.0.113.5", 20_000)
    assert moved(changed, *sound_at(body) or ("", 0)).count(b"\r\n") == changed.count(b"\r\n")
    assert b"a=rtcp:4999" not in changed
    assert (VIDEO in changed) is (VIDEO in body)
    for line in (b"c=IN IP4 192.0.2.7", b"a=rtpmap:0 PCMU/8000", b"o=- 1 1 IN IP4 9.9.9.9"):
        assert line in changed.splitlines()


def test_titles_stand_before_addresses() -> None:
    lines = moved(OWN, "203.0.113.5", 20_000).splitlines()
    at = lines.index(b"m=audio 20000 RTP/AVP 0 101")
    assert lines[at + 1 : at + 3] == [b"i=voice", b"c=IN IP4 203.0.113.5"]


def test_what_names_no_sound_stays_as_it_is() -> None:
    assert moved(VIDEO, "203.0.113.5", 20_000) == VIDEO

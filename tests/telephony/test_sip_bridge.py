"""Who hears what, frame by frame: a leg that holds, one that waits, and what is recorded meanwhile."""

from array import array
from dataclasses import dataclass, field
from pathlib import Path

from switchhook.clock import ManualClock
from switchhook.media.recording import Recorder
from switchhook.media.tones import silence
from switchhook.telephony.sip.bridge import FRAME_SECONDS, HOLD, PAUSED, Media, Pump
from switchhook.telephony.sip.sounds import ring_tone
from tests.telephony.sip_world import power

FRAME = b"\x01\x02" * 160


@dataclass
class Legs:
    """What legs say, and what they hear."""

    says: dict[int, bytes]
    hears: dict[int, bytes] = field(default_factory=lambda: {1: b"", 2: b""})

    def read(self, handle: int) -> bytes:
        return self.says.get(handle, b"")

    def write(self, handle: int, pcm: bytes) -> None:
        self.hears[handle] += pcm


def run(media: Media, legs: Legs, seconds: float, begin: float = 0.0) -> None:
    for frame in range(round(seconds / FRAME_SECONDS)):
        media.tick(legs, begin + frame * FRAME_SECONDS)  # type: ignore[arg-type]


def test_two_hear_each_other_and_nothing_else() -> None:
    legs = Legs({1: FRAME, 2: b"\x03\x04" * 160})
    run(Media(1, 2), legs, 0.1)
    assert legs.hears == {1: b"\x03\x04" * 800, 2: FRAME * 5}


def test_what_comes_a_little_late_leaves_no_hole() -> None:
    legs = Legs({1: FRAME, 2: FRAME})
    Pump(legs, ManualClock()).add("call", Media(1, 2))  # type: ignore[arg-type]
    assert legs.hears == {1: silence(0.06), 2: silence(0.06)}
    alone = Legs({1: FRAME})
    Pump(alone, ManualClock()).add("call", Media(1, playing=b"x"))  # type: ignore[arg-type]
    assert alone.hears == {1: b"", 2: b""}


def test_what_is_announced_both_hear_before_each_other() -> None:
    legs, media = Legs({1: FRAME, 2: b"\x03\x04" * 160}), Media(1, 2, playing=b"\x07\x08" * 400)
    run(media, legs, 0.06)
    assert legs.hears == {1: b"\x07\x08" * 400, 2: b"\x07\x08" * 400}
    assert media.done.is_set()
    run(media, legs, 0.02)
    assert legs.hears == {1: b"\x07\x08" * 400 + b"\x03\x04" * 160, 2: b"\x07\x08" * 400 + FRAME}


def test_who_is_held_hears_a_tone_while_the_telephone_sends_nothing() -> None:
    legs = Legs({1: FRAME})
    media = Media(1, 2, holding={2})
    run(media, legs, 5.0)
    assert power(array("h", legs.hears[1]), 1400) > 0.001
    assert len(legs.hears[1]) == len(HOLD)
    legs.hears[1] = b""
    legs.says[2] = b"\x05\x06" * 160  # music of its own
    run(media, legs, 1.0)
    assert legs.hears[1] == b"\x05\x06" * 8000
    legs.says[2], legs.hears[1] = b"", b""
    run(media, legs, 0.5)
    assert not legs.hears[1]  # a gap in the music is no end of it
    run(media, legs, 5.0)
    assert power(array("h", legs.hears[1]), 1400) > 0.001


def test_a_notice_comes_before_what_the_other_says() -> None:
    legs = Legs({1: FRAME, 2: b"\x03\x04" * 160})
    run(Media(1, 2, notices={2: PAUSED}), legs, 0.2)
    assert legs.hears[2] == PAUSED + FRAME * 4
    assert legs.hears[1] == b"\x03\x04" * 1600


def test_who_waits_hears_it_ring_again_and_again() -> None:
    legs = Legs({1: FRAME})
    seconds = len(ring_tone()) / 16_000
    run(Media(1, playing=ring_tone(), over_and_over=True), legs, 2 * seconds)
    assert legs.hears == {1: 2 * ring_tone(), 2: b""}


def test_a_recording_goes_on_in_the_next_part_of_the_call_and_is_silent_while_it_is_paused(
    tmp_path: Path,
) -> None:
    legs = Legs({1: FRAME, 2: FRAME})
    first = Media(1, 2, recorder=Recorder(tmp_path / "x.wav"))
    run(first, legs, 1.0)
    first.paused = True
    second = Media(1, playing=ring_tone(), over_and_over=True)
    second.go_on_from(first)
    run(second, legs, 1.0, 1.0)
    second.paused = False
    run(second, legs, 1.0, 2.0)
    assert second.recorder is not None
    assert abs(second.recorder.close() - 3.0) < 0.1
    both = array("h", (tmp_path / "x.wav").read_bytes()[44:])
    left, right = both[0::2], both[1::2]
    assert any(left[4000:8000]), any(right[4000:8000])
    assert not any(left[9000:15_000])
    assert any(left[18_000:])
    assert not any(right[9000:])

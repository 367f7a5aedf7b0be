"""Sound: every 20 ms what one leg said is written to the other and laid into the recording."""

import asyncio
from dataclasses import dataclass, field

from switchhook.clock import Clock
from switchhook.media.recording import Recorder
from switchhook.media.tones import RATE, silence, tone
from switchhook.telephony.sip.backend import Backend

FRAME_SECONDS = 0.02
_FRAME = round(RATE * FRAME_SECONDS) * 2
_QUIET = 25  # frames without sound after which a telephone that holds has none of its own
_STALL = 0.5  # a loop that stood still that long does not catch up frame by frame

CUSHION = silence(0.06)
"""What each of two legs is sent first: so much later may what the other one says come without leaving a hole."""

PAUSED = tone(900, 0.12, level=0.1)  # what is heard when a recording is paused, and when it goes on
RECORDING = PAUSED + silence(0.1) + PAUSED
HOLD = tone(1400, 0.1, level=0.08) + silence(0.1) + tone(1400, 0.1, level=0.08) + silence(4.7)


@dataclass
class Media:
    """One call's sound: two legs, or a leg and what is played to it. The caller's voice goes to the left channel.

    What is played to two legs they hear before each other.

    While a leg of `holding` sends nothing, the other hears `HOLD`: a telephone may have music of its own. What a leg
    has in `notices` it hears before anything else.
    """

    caller: int
    partner: int | None = None
    playing: bytes = b""
    at: int = 0  # how much of it has been heard, in bytes
    over_and_over: bool = False  # from its beginning again
    holding: set[int] = field(default_factory=set)
    notices: dict[int, bytes] = field(default_factory=dict)
    recorder: Recorder | None = None
    began: float = 0.0  # when the recorder was started, on the monotonic clock
    paused: bool = False  # nothing is recorded, and its time goes on
    frames: int = 0  # so far
    quiet: dict[int, int] = field(
        default_factory=dict
    )  # for how many frames a leg that holds has sent nothing
    done: asyncio.Event = field(default_factory=asyncio.Event)  # what was to be played has been

    def tick(self, backend: Backend, now: float) -> None:
        """Move one frame's worth."""
        heard = backend.read(self.caller)
        answer = b"" if self.partner is None else backend.read(self.partner)
        if self.partner is not None and self.at >= len(self.playing):
            backend.write(self.partner, self._notice(self.partner) or self._said(self.caller, heard))
            backend.write(self.caller, self._notice(self.caller) or self._said(self.partner, answer))
        elif self.at < len(self.playing):
            for leg in (self.caller, self.partner):
                if leg is not None:
                    backend.write(leg, self.playing[self.at : self.at + _FRAME])
            self.at += _FRAME
            if self.at >= len(self.playing):
                self.at = 0 if self.over_and_over else len(self.playing)
                if not self.over_and_over:
                    self.done.set()
        self.frames += 1
        if self.recorder is not None and not self.paused:
            at = now - self.began
            self.recorder.left(heard, at)
            self.recorder.right(answer, at)

    def pause(self, paused: bool, told: int | None) -> None:
        """Record silence, or what is said again; the leg `told` hears which."""
        self.paused = paused
        if told is not None:
            self.notices[told] = PAUSED if paused else RECORDING

    def go_on_from(self, before: "Media") -> None:
        """Have the recording of `before`, with its clock."""
        self.recorder, self.began, self.paused = before.recorder, before.began, before.paused

    def _notice(self, leg: int) -> bytes:
        sound = self.notices.pop(leg, b"")
        if len(sound) > _FRAME:
            self.notices[leg] = sound[_FRAME:]
        return sound[:_FRAME]

    def _said(self, leg: int, pcm: bytes) -> bytes:
        """What the other one hears of that leg."""
        if leg not in self.holding:
            return pcm
        if pcm:
            self.quiet[leg] = 0
            return pcm
        self.quiet[leg] = self.quiet.get(leg, _QUIET) + 1
        if self.quiet[leg] <= _QUIET:
            return b""
        at = self.frames * _FRAME % len(HOLD)
        return HOLD[at : at + _FRAME]


class Pump:
    """Ticks all calls that have sound."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self._media: dict[str, Media] = {}

    def add(self, call: str, media: Media) -> None:
        """Begin with a call. What its legs said before is thrown away: nobody could have heard it."""
        self._backend.read(media.caller)
        if media.partner is not None:
            self._backend.read(media.partner)
            self._backend.write(media.caller, CUSHION)
            self._backend.write(media.partner, CUSHION)
        self._media[call] = media

    def remove(self, call: str) -> None:
        """No more sound for that call."""
        self._media.pop(call, None)

    async def run(self) -> None:
        """Tick until cancelled."""
        due = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            for media in list(self._media.values()):
                media.tick(self._backend, now)
            due += FRAME_SECONDS
            if now - due > _STALL:
                due = now
            await self._clock.sleep(due - self._clock.monotonic())

"""Sound: every 20 ms what one leg said is written to the other and laid into the recording."""

import asyncio
from dataclasses import dataclass, field

from switchhook.clock import Clock
from switchhook.media.recording import Recorder
from switchhook.media.tones import RATE
from switchhook.telephony.sip.backend import Backend

FRAME_SECONDS = 0.02
_FRAME = round(RATE * FRAME_SECONDS) * 2
_STALL = 0.5  # a loop that stood still that long does not catch up frame by frame


@dataclass
class Media:
    """One call's sound: two legs, or a leg and the mailbox.

    `outside_is_caller` says whose voice goes to the left channel.
    """

    caller: int
    partner: int | None = None
    outside_is_caller: bool = True
    playing: bytes = b""
    at: int = 0  # how much of it has been heard, in bytes
    over_and_over: bool = False  # from its beginning again
    recorder: Recorder | None = None
    began: float = 0.0  # when the recorder was started, on the monotonic clock
    done: asyncio.Event = field(default_factory=asyncio.Event)  # what was to be played has been

    def tick(self, backend: Backend, now: float) -> None:
        """Move one frame's worth."""
        heard = backend.read(self.caller)
        if self.partner is not None:
            answer = backend.read(self.partner)
            backend.write(self.partner, heard)
            backend.write(self.caller, answer)
        else:
            answer = b""
            if self.at < len(self.playing):
                backend.write(self.caller, self.playing[self.at : self.at + _FRAME])
                self.at += _FRAME
                if self.at >= len(self.playing):
                    self.at = 0 if self.over_and_over else len(self.playing)
                    if not self.over_and_over:
                        self.done.set()
        if self.recorder is not None:
            at = now - self.began
            left, right = (heard, answer) if self.outside_is_caller else (answer, heard)
            self.recorder.left(left, at)
            self.recorder.right(right, at)


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

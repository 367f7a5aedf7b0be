"""A caller from outside who tries a line: one call, real SIP and real sound. No part of the line.

He does as people do: hears out what is said to him, presses his keys, speaks, stays a moment and hangs up.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from switchhook.clock import Clock
from switchhook.media.tones import RATE
from switchhook.telephony.sip.backend import Backend, Invite, Listener, Referral
from switchhook.telephony.sip.bridge import FRAME_SECONDS, Media, Pump
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.stack import BaresipBackend

SIGN = 12.0  # seconds within which a line that is there rings, answers or refuses
QUIET = 1.2  # seconds of silence after which the other side has said what it wanted to
SPEECHLESS = 4.0  # seconds for which one waits for a first word
LISTENS = 30.0  # seconds for which one listens to somebody who does not end
PAUSE = 2.0  # seconds that a comma among the keys stands for
KEYS = "0123456789*#ABCD,"
_LOUD = 500  # an amplitude that is sound and not noise
_LOOK = 0.05
_BYE = 2.0  # seconds for the other side to agree that it is over
_FRAME = round(RATE * FRAME_SECONDS) * 2

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Errand:
    """What the caller does.

    host, port: the line. here: our address that reaches it. number: whom he calls. sender: who he says he is.
    speech: what he says, 8 kHz mono 16 bit. keys: what he presses before; a comma is a pause. after: seconds from the
    answer until he begins; None: when the other side has fallen silent. stay: seconds until he hangs up in the end.
    ring: seconds for which he lets it ring.
    """

    host: str
    port: int
    here: str
    number: str
    sender: str
    speech: bytes = b""
    keys: str = ""
    after: float | None = None
    stay: float = 1.0
    ring: float = 60.0
    rtp_ports: str = "20000-29999"
    codecs: tuple[str, ...] = ("pcmu", "pcma", "opus")
    srtp: str = "off"


@dataclass
class Outcome:
    """What became of it. `status`: of a refusal, if it had one. `ended_by`: `caller` or `line`; empty: no answer."""

    sign: bool = False  # anything was heard of the line at all
    rang: bool = False
    answered: bool = False
    status: int | None = None
    pressed: str = ""
    said: bool = False  # all that was to be said
    heard_seconds: float = 0.0  # of sound, not counting silence
    seconds: float = 0.0  # from the answer to the end
    ended_by: str = ""
    heard: bytearray = field(default_factory=bytearray, repr=False)  # as `Errand.speech`


class _Sound(Media):
    """What is heard is kept; what is to be said is put in `playing`."""

    def __init__(self, caller: int, outcome: Outcome) -> None:
        super().__init__(caller)
        self._outcome = outcome
        self.loud_at: float | None = None  # when something was heard last

    def tick(self, backend: Backend, now: float) -> None:
        """See `bridge.Media`."""
        pcm = backend.read(self.caller)
        pcm = pcm[: len(pcm) // 2 * 2]
        self._outcome.heard += pcm
        if any(abs(sample) > _LOUD for sample in memoryview(pcm).cast("h")):
            self.loud_at = now
            self._outcome.heard_seconds += len(pcm) / 2 / RATE
        if self.at < len(self.playing):
            backend.write(self.caller, self.playing[self.at : self.at + _FRAME])
            self.at += _FRAME
            if self.at >= len(self.playing):
                self.done.set()


class _Backend(BaresipBackend):
    """At any port that is free."""

    async def open(self, config: SipConfig, listener: Listener) -> None:
        """See `backend.Backend.open`."""
        await self._start(config, listener, (config.address()[0], 0), config.networks())


class Caller:
    """Makes the call of an errand, once; the backend's `Listener`. `tell` is told what happens, as it does."""

    def __init__(self, errand: Errand, clock: Clock, tell: Tell) -> None:
        self._errand = errand
        self._clock = clock
        self._tell = tell
        self._backend = _Backend()
        self._pump = Pump(self._backend, clock)
        self._over = asyncio.Event()
        self._handle: int | None = None
        self._sound: _Sound | None = None
        self._began = 0.0
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        """Make the call, to its end.

        Raises:
            BackendError: no telephone can be opened here, or nothing can be sent to the line.
            ValueError: the number or the sender cannot stand in a SIP address.
        """
        errand, outcome = self._errand, self.outcome
        config = SipConfig(
            listen=f"{errand.here}:5060",
            allow=(f"{errand.host}/32",),
            rtp_ports=errand.rtp_ports,
            username=errand.sender,
            codecs=errand.codecs,
            srtp=errand.srtp,
        )
        config.check()
        await self._backend.open(config, self)
        pump = asyncio.create_task(self._pump.run())
        try:
            self._tell(f"calls {errand.number} at {errand.host}:{errand.port} as {errand.sender}")
            self._handle = await self._backend.dial(f"sip:{errand.number}@{errand.host}:{errand.port}", None)
            if not await self._within(SIGN, lambda: outcome.sign):
                return outcome
            await self._within(errand.ring, lambda: outcome.answered)
            if outcome.answered:
                await self._until_over(self._talk())
                outcome.seconds = self._clock.monotonic() - self._began
            elif not self._over.is_set():
                self._tell(f"gives up after {errand.ring:g} s of ringing")
            return outcome
        finally:
            if self._handle is not None and not self._over.is_set():
                if outcome.answered:
                    outcome.ended_by = "caller"
                    self._tell("hangs up")
                await self._backend.drop(self._handle)
                await self._within(_BYE, self._over.is_set)
            pump.cancel()
            await self._backend.shut()

    async def _talk(self) -> None:
        errand, outcome, sound = self._errand, self.outcome, self._sound
        assert sound is not None
        assert self._handle is not None
        if errand.after is not None:
            await self._clock.sleep(errand.after)
        elif errand.keys or errand.speech:
            await self._hear_out(sound)
        for key in errand.keys:
            if key == ",":
                await self._clock.sleep(PAUSE)
                continue
            await self._backend.press(self._handle, key)
            self._tell(f"presses {key}")
            outcome.pressed += key
        if errand.speech:
            if errand.keys and errand.after is None:
                await self._hear_out(sound)
            self._tell(f"speaks for {len(errand.speech) / 2 / RATE:.1f} s")
            sound.playing = errand.speech
            await sound.done.wait()
            outcome.said = True
        await self._clock.sleep(errand.stay)

    async def _hear_out(self, sound: _Sound) -> None:
        """Wait until the other side has spoken, and falls silent."""
        begun = self._clock.monotonic()
        while (now := self._clock.monotonic()) - begun < LISTENS:
            spoke = sound.loud_at is not None and sound.loud_at >= begun
            if now - (sound.loud_at if spoke and sound.loud_at else begun) >= (
                QUIET if spoke else SPEECHLESS
            ):
                self._tell("hears them out" if spoke else "hears nothing")
                return
            await self._clock.sleep(_LOOK)
        self._tell(f"has listened for {LISTENS:g} s")

    async def _until_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it until it is done or the call is over."""
        doing, over = asyncio.create_task(work), asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait((doing, over), return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                doing.result()
        finally:
            doing.cancel()
            over.cancel()

    async def _within(self, seconds: float, sure: Callable[[], bool]) -> bool:
        """Whether it is sure within that time, and before the call is over."""
        end = self._clock.monotonic() + seconds
        while not sure() and not self._over.is_set() and self._clock.monotonic() < end:
            await self._clock.sleep(_LOOK)
        return sure() or self._over.is_set()

    # ------------------------------------------------------------ what the stack says

    def on_ringing(self, handle: int) -> None:
        """See `backend.Listener`."""
        if not self.outcome.rang:
            self._tell("it rings there")
        self.outcome.sign = self.outcome.rang = True

    def on_established(self, handle: int) -> None:
        """See `backend.Listener`."""
        if self._sound is not None:
            return
        self._tell("it is answered")
        self._began = self._clock.monotonic()
        self._sound = _Sound(handle, self.outcome)
        self._pump.add("call", self._sound)
        self.outcome.sign = self.outcome.answered = True

    def on_closed(self, handle: int, status: int | None) -> None:
        """See `backend.Listener`."""
        outcome = self.outcome
        self._pump.remove("call")
        if outcome.answered and not outcome.ended_by:
            outcome.ended_by = "line"
            self._tell("they hang up")
        outcome.status = status
        outcome.sign = outcome.sign or status is not None
        self._over.set()

    def on_invite(self, invite: Invite) -> None:
        """See `backend.Listener`: nobody calls him."""

    def on_dtmf(self, handle: int, digit: str) -> None:
        """See `backend.Listener`."""

    def on_hold(self, handle: int, held: bool) -> None:
        """See `backend.Listener`."""
        self._tell("is held" if held else "is no longer held")

    def on_referred(self, handle: int, referral: Referral) -> None:
        """See `backend.Listener`: he goes nowhere, and hears so by the end of the call."""

    def on_dead(self) -> None:
        """See `backend.Listener`."""
        self._over.set()

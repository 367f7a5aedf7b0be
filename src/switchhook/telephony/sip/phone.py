"""A scripted telephone, for the demonstration and the tests: `python -m switchhook.telephony.sip.phone --help`.

It answers or makes calls over real SIP and RTP, says what a WAV file says, presses keys, and prints what happens, one
JSON object a line: `ready`, `ringing`, `answered`, `heard` (once sound arrives), `key` (one was pressed there),
`closed` (with the SIP status, if any), `exit`; and where it was told to, `held` and `resumed`, `transferred` or `not
transferred`.
It ends by itself: after the number of calls it was told, on SIGTERM, or after `--lifetime` seconds.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from switchhook.clock import SystemClock
from switchhook.media.tones import read_wav
from switchhook.telephony.sip.backend import BackendError, Invite, Referral
from switchhook.telephony.sip.bridge import Media, Pump
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.softphone import RegisteringBackend, Registration
from switchhook.telephony.sip.stack import BaresipBackend

_LOUD = 500  # an amplitude that is sound and not noise
_TAIL = 0.4  # seconds of silence after the speech before hanging up


@dataclass(frozen=True)
class Script:
    """What the telephone does.

    answer: seconds of ringing before it answers; None never does. busy, decline: refuse instead (both are 486 on
    the wire with this stack). dial: call this address. hang_up: hang up once the speech is over, or that many seconds
    after the answer if there is `talk`. press: keys to press, `press_after` seconds after it first heard something;
    `talk` then counts from the last of them. calls: exit after so many. Some seconds (`then`) after the first call is
    answered, hold it for `hold` seconds, pass it on to the address `refer`, or call `consult` on a second call and, as
    long after its answer, connect the two.
    """

    listen: str
    rtp_ports: str
    user: str
    answer: float | None = 1.0
    refuse: bool = False
    dial: str | None = None
    say: str | None = None
    hang_up: bool = False
    talk: float | None = None
    calls: int = 0
    lifetime: float = 120.0
    press: str = ""
    press_after: float = 0.2
    then: float = 1.0
    hold: float | None = None
    refer: str | None = None
    consult: str | None = None
    codecs: tuple[str, ...] = ("pcmu", "pcma")
    srtp: str = "off"
    registration: Registration | None = None


class Phone:
    """A telephone that follows a script; it is the backend's `Listener`."""

    def __init__(self, script: Script) -> None:
        self._script = script
        register = script.registration
        self._backend = RegisteringBackend(register) if register else BaresipBackend()
        self._clock = SystemClock()
        self._pump = Pump(self._backend, self._clock)
        self._speech = read_wav(Path(script.say)) if script.say else b""
        self._media: dict[int, Media] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._ended = 0
        self._second: asyncio.Event | None = None  # set once the second call is answered

    async def run(self) -> None:
        """Follow the script to its end.

        Raises:
            BackendError: the line cannot be opened.
        """
        script = self._script
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._over.set)
        config = SipConfig(
            listen=script.listen,
            rtp_ports=script.rtp_ports,
            username=script.user,
            codecs=script.codecs,
            srtp=script.srtp,
        )
        config.check()
        await self._backend.open(config, self)
        pump = asyncio.create_task(self._pump.run())
        self._say("ready", listen=script.listen)
        if script.dial:
            self._say("dialling", to=script.dial)
            await self._backend.dial(script.dial, None)
        try:
            await asyncio.wait_for(self._over.wait(), script.lifetime)
        except TimeoutError:
            self._say("lifetime over")
        for handle in list(self._media):
            await self._backend.drop(handle)
        if self._media:
            await self._clock.sleep(0.2)  # the BYE should get out
        pump.cancel()
        await self._backend.shut()
        self._say("exit")

    def on_invite(self, invite: Invite) -> None:
        """See `backend.Listener`."""
        self._say("ringing", headers=invite.headers)
        if self._script.refuse:
            self._spawn(self._backend.drop(invite.handle))
        elif self._script.answer is not None:
            self._spawn(self._answer(invite.handle, self._script.answer))

    async def _answer(self, handle: int, seconds: float) -> None:
        await self._clock.sleep(seconds)
        await self._backend.answer(handle)

    def on_ringing(self, handle: int) -> None:
        """See `backend.Listener`."""
        self._say("it rings there")

    def on_established(self, handle: int) -> None:
        """See `backend.Listener`."""
        if handle in self._media:
            return
        self._say("answered")
        media: Media = _Ears(handle, playing=self._speech, heard=lambda: self._heard(handle, media))
        self._media[handle] = media
        self._pump.add(f"{handle:x}", media)
        if self._second is not None:
            self._second.set()
            return
        if self._script.hang_up or (self._script.talk is not None and not self._script.press):
            self._spawn(self._leave(handle, media))
        if self._script.hold is not None:
            self._spawn(self._hold(handle, self._script.hold))
        if self._script.refer or self._script.consult:
            self._second = asyncio.Event()
            self._spawn(self._pass_on(handle))

    async def _press(self, handle: int, media: Media) -> None:
        await self._clock.sleep(self._script.press_after)
        for key in self._script.press:
            await self._backend.press(handle, key)
        if self._script.talk is not None:
            await self._leave(handle, media)

    async def _leave(self, handle: int, media: Media) -> None:
        if self._script.talk is not None:
            await self._clock.sleep(self._script.talk)
        else:
            await media.done.wait()
            await self._clock.sleep(_TAIL)
        await self._backend.drop(handle)

    async def _hold(self, handle: int, seconds: float) -> None:
        await self._clock.sleep(self._script.then)
        await self._held(handle, True)
        await self._clock.sleep(seconds)
        await self._held(handle, False)

    async def _held(self, handle: int, held: bool) -> None:
        while handle in self._media:
            try:
                await self._backend.hold(handle, held)
            except BackendError:  # the stack is renegotiating
                await self._clock.sleep(0.1)
            else:
                self._say("held" if held else "resumed")
                return

    async def _pass_on(self, handle: int) -> None:
        script, target = self._script, self._script.refer or ""
        await self._clock.sleep(script.then)
        try:
            if script.consult:
                await self._held(handle, True)
                second = await self._backend.dial(script.consult, None)
                assert self._second is not None
                await self._second.wait()
                await self._clock.sleep(script.then)
                await self._backend.refer(handle, second)
            else:
                await self._backend.refer(handle, target)
            self._say("transferred")
        except BackendError as error:
            self._say("not transferred", why=str(error))

    def on_hold(self, handle: int, held: bool) -> None:
        """See `backend.Listener`."""
        self._say("is held" if held else "is no longer held")

    def on_referred(self, handle: int, referral: Referral) -> None:
        """See `backend.Listener`: it goes nowhere."""
        self._spawn(self._backend.refuse(handle, 603))

    def _heard(self, handle: int, media: Media) -> None:
        self._say("heard")
        if self._script.press:
            self._spawn(self._press(handle, media))

    def on_dtmf(self, handle: int, digit: str) -> None:
        """See `backend.Listener`."""
        self._say("key", key=digit)

    def on_closed(self, handle: int, status: int | None) -> None:
        """See `backend.Listener`."""
        self._say("closed", status=status)
        self._media.pop(handle, None)
        self._pump.remove(f"{handle:x}")
        self._ended += 1
        if self._script.calls and self._ended >= self._script.calls:
            self._over.set()

    def on_dead(self) -> None:
        """See `backend.Listener`."""
        self._over.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _say(self, what: str, **details: object) -> None:
        line = {"at": round(time.time(), 3), "phone": self._script.user, "event": what, **details}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class _Ears(Media):
    """Sound out of the script, and one word when sound comes in."""

    def __init__(self, caller: int, *, playing: bytes, heard: Any) -> None:
        super().__init__(caller, playing=playing)
        self._heard = heard
        if not playing:
            self.done.set()

    def tick(self, backend: Any, now: float) -> None:
        tapped: Any = _Tap(backend, self._listen)
        super().tick(tapped, now)

    def _listen(self, pcm: bytes) -> None:
        if self._heard is not None and any(abs(s) > _LOUD for s in memoryview(pcm).cast("h")):
            self._heard()
            self._heard = None


class _Tap:
    def __init__(self, backend: Any, listen: Any) -> None:
        self.write = backend.write
        self._read, self._listen = backend.read, listen

    def read(self, handle: int) -> bytes:
        pcm: bytes = self._read(handle)
        self._listen(pcm)
        return pcm


def main() -> None:
    """Run a telephone as the command line says."""
    parser = argparse.ArgumentParser(prog="phone", description="A scripted SIP telephone.")
    parser.add_argument("--listen", default="127.0.0.1:5072", help="IPv4:port for SIP")
    parser.add_argument("--rtp", default="20000-20099", metavar="FIRST-LAST", help="UDP ports for sound")
    parser.add_argument("--user", default="anna", help="user part of its own address, or its number")
    parser.add_argument("--register", metavar="HOST:PORT", help="register there before anything else")
    parser.add_argument("--password", default="", help="what is said to whom asks for it")
    parser.add_argument(
        "--transport", choices=("udp", "tcp", "tls"), default="udp", help="of the registration"
    )
    parser.add_argument("--expires", type=int, default=60, metavar="SECONDS", help="of the registration")
    parser.add_argument("--authorities", default="", metavar="FILE", help="certificates to believe, for TLS")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--answer", type=float, default=1.0, metavar="SECONDS", help="ring that long, then answer"
    )
    what.add_argument("--refuse", action="store_true", help="refuse every call (486)")
    what.add_argument("--ring-only", action="store_true", help="ring and never answer")
    parser.add_argument("--dial", metavar="URI", help="call this address")
    parser.add_argument("--say", metavar="WAV", help="what to say once the call is answered")
    parser.add_argument("--hang-up", action="store_true", help="hang up after the speech")
    parser.add_argument("--talk", type=float, metavar="SECONDS", help="hang up that long after the answer")
    parser.add_argument("--press", default="", metavar="KEYS", help="press these keys (RFC 4733)")
    parser.add_argument(
        "--press-after", type=float, default=0.2, metavar="SECONDS", help="after the first sound"
    )
    parser.add_argument("--calls", type=int, default=0, metavar="N", help="exit after N calls")
    parser.add_argument("--lifetime", type=float, default=120.0, metavar="SECONDS", help="exit by then")
    parser.add_argument(
        "--then", type=float, default=1.0, metavar="SECONDS", help="how long after an answer comes the next"
    )
    parser.add_argument("--hold", type=float, metavar="SECONDS", help="hold the call that long")
    parser.add_argument("--refer", metavar="URI", help="pass the call on to this address")
    parser.add_argument("--consult", metavar="URI", help="call this address and connect the two")
    parser.add_argument("--codecs", default="pcmu,pcma", metavar="NAME,…", help="opus, pcma, pcmu")
    parser.add_argument("--srtp", default="off", metavar="NAME", help="off, offer or require")
    a = parser.parse_args()
    script = Script(
        a.listen,
        a.rtp,
        a.user,
        None if a.ring_only else a.answer,
        a.refuse,
        a.dial,
        a.say,
        a.hang_up,
        a.talk,
        a.calls,
        a.lifetime,
        a.press,
        a.press_after,
        a.then,
        a.hold,
        a.refer,
        a.consult,
        tuple(a.codecs.split(",")),
        a.srtp,
        Registration(a.register, a.password, a.transport, a.authorities, a.expires) if a.register else None,
    )
    try:
        asyncio.run(Phone(script).run())
    except (BackendError, ValueError, OSError) as error:
        sys.exit(f"phone: {error}")


if __name__ == "__main__":
    main()

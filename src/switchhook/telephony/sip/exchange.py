"""The worker's calls: each one's state machine, its timers, its sound, and its legs at the stack."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from switchhook.clock import Clock
from switchhook.telephony.keys import KEYS
from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.backend import Backend, BackendError, Invite, Referral
from switchhook.telephony.sip.bridge import Media, Pump
from switchhook.telephony.sip.causes import refusal
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.consultation import together
from switchhook.telephony.sip.control import CALLER, CallControl
from switchhook.telephony.sip.journal import Journal
from switchhook.telephony.sip.live import Live
from switchhook.telephony.sip.origin import Origin
from switchhook.telephony.sip.plan import RecordingState, Reject, RingPlan, Taping, TransferPlan
from switchhook.telephony.sip.reach import is_absent
from switchhook.telephony.sip.sounds import announcement_of, greeting_of, prompt_of, ring_tone
from switchhook.telephony.sip.tape import Tape
from switchhook.workspace.facts import AnyFact, EndCause, LegEnded, Offered

log = logging.getLogger(__name__)


class Exchange:
    """All calls of one worker. It is the backend's `Listener`.

    `send` hands a fact that is journalled to the server's process. `orphan` says that nobody is there any more: from
    then on what is journalled counts as told, since the next server finds it there.
    """

    def __init__(
        self,
        *,
        config: SipConfig,
        data_dir: Path,
        backend: Backend,
        journal: Journal,
        clock: Clock,
        send: Callable[[int, AnyFact], None],
        died: Callable[[], None],
        spent: frozenset[str] = frozenset(),
    ) -> None:
        self._config = config
        self._data = data_dir
        self._backend = backend
        self._journal = journal
        self._clock = clock
        self._send = send
        self._died = died
        self._origin = Origin(config, clock, spent)
        self._live: dict[str, Live] = {}
        self._legs: dict[int, tuple[str, str]] = {}
        self._waiting: dict[int, tuple[str, str]] = {}  # seq: call and fact that somebody waits for
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump = Pump(backend, clock)
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._orphan = False
        self.refused = 0

    @property
    def calls(self) -> int:
        """How many calls are on."""
        return len(self._live)

    async def run(self) -> None:
        """Move the sound; until cancelled."""
        await self._pump.run()

    # ------------------------------------------------------------ from the server

    def directory(
        self, users: tuple[str, ...], numbers: tuple[str, ...], extensions: tuple[str, ...]
    ) -> None:
        """Our telephones, numbers and extensions from now on."""
        self._origin.directory(users, numbers, extensions)

    def committed(self, seq: int) -> None:
        """The fact `seq` is durable."""
        self._journal.acked(seq)
        call, fact = self._waiting.pop(seq, ("", ""))
        self._feed(call, m.Committed(fact))

    def planned(self, call: str, plan: RingPlan, taping: Taping) -> None:
        """What shall become of a call, and how it is recorded."""
        live = self._live.get(call)
        if live is not None and plan == Reject(EndCause.UNREACHABLE):
            live.refusal = 404  # there is no such number; somebody who is away is 480
        self._feed(call, m.Planned(self._backend.spread(plan), taping.record, taping.consent))

    def originate(self, offered: Offered) -> None:
        """Begin a call that somebody ordered; one that was begun already is left alone."""
        if not self._origin.take(offered.call):
            return
        control = self._control(offered)
        live = self._live[offered.call] = Live(control)
        self._idle.clear()
        self._act(offered.call, live, control.begin())
        if self._closing or len(self._live) > self._config.max_calls:
            self.hang_up(offered.call)

    def _control(self, offered: Offered) -> CallControl:
        config = self._config
        record, key = config.record and not offered.internal, config.record_key
        return CallControl(offered, record=record, max_seconds=config.max_seconds, record_key=key)

    def set_recording(self, call: str, state: RecordingState) -> None:
        """Record the talk of a call, or silence, or nothing."""
        self._feed(call, m.SetRecording(state))

    def pass_on(self, call: str, asked: str, plan: TransferPlan) -> None:
        """What shall become of the transfer that the fact `asked` of a call asks for."""
        self._feed(call, m.PassOn(asked, self._backend.spread(plan)))

    def hang_up(self, call: str) -> None:
        """End that call."""
        self._feed(call, m.HangUpNow())

    def orphan(self) -> None:
        """The server is gone; nobody will acknowledge anything. Ends all calls."""
        self._orphan = True
        for call in list(self._live):  # first, so that nobody is answered only to be hung up on
            self.hang_up(call)
        for call, fact in list(self._waiting.values()):
            self._feed(call, m.Committed(fact))
        self._waiting.clear()

    async def drain(self, seconds: float) -> None:
        """Take no new call, end all, and return when they are over or the time is."""
        self._closing = True
        for call in list(self._live):
            self.hang_up(call)
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            log.warning("%d call(s) were not over in time; the next start ends them", len(self._live))

    @property
    def unacknowledged(self) -> int:
        """How many facts the server has not confirmed."""
        return len(self._waiting)

    # ------------------------------------------------------------ from the stack

    def on_invite(self, invite: Invite) -> None:
        """See `backend.Listener`."""
        if self._closing or len(self._live) >= self._config.max_calls:
            self.refused += 1
            self._spawn(self._backend.drop(invite.handle, 503))
            return
        offered = self._origin.offered(invite)
        control = self._control(offered)
        live = self._live[offered.call] = Live(control, handles={CALLER: invite.handle})
        self._idle.clear()
        self._legs[invite.handle] = (offered.call, CALLER)
        self._act(offered.call, live, control.begin())

    def on_ringing(self, handle: int) -> None:
        """See `backend.Listener`."""
        self._feed_leg(handle, m.Progress)

    def on_established(self, handle: int) -> None:
        """See `backend.Listener`."""
        self._feed_leg(handle, m.Established)

    def on_dtmf(self, handle: int, digit: str) -> None:
        """See `backend.Listener`."""
        if digit in KEYS:
            self._feed_leg(handle, lambda leg: m.Digit(leg, digit))

    def on_hold(self, handle: int, held: bool) -> None:
        """See `backend.Listener`."""
        self._feed_leg(handle, lambda leg: m.Held(leg, held))

    def on_referred(self, handle: int, referral: Referral) -> None:
        """See `backend.Listener`."""
        if handle not in self._legs:
            self._spawn(self._backend.refuse(handle, 481))
        elif referral.replaces:
            self._join(handle, referral.instead)
        else:
            self._feed_leg(handle, lambda leg: m.Referred(leg, referral.target))

    def _join(self, handle: int, instead: int | None) -> None:
        """A telephone wants two calls of its to become one: the other party of the one comes into the other."""
        (call, leg), (second, other) = self._legs[handle], self._legs.get(instead or -1, ("", ""))
        here, there = self._live.get(call), self._live.get(second)
        joint = together(here.control, leg, there.control, other) if here and there else None
        if here is None or there is None or joint is None:
            self._spawn(self._backend.refuse(handle, 481 if there is None else 603))
            return
        if isinstance(joint, str):
            there.refusal = 487
            self._feed(second, m.HangUpNow())  # whoever rings there is to ring for the other one
            self._feed(call, m.Referred(leg, joint))
            return
        if joint.swapped:
            here, there, call, second = there, here, second, call
        guest = there.handles.pop(joint.guest)
        here.handles[joint.joined.leg] = guest
        self._legs[guest] = (call, joint.joined.leg)
        self._feed(call, joint.joined)
        self._pump.remove(second)
        if joint.swapped:  # it was asked for on a leg that ends with its call
            self._spawn(self._agree_first(handle, second, joint.given_away))
        else:
            self._feed(second, joint.given_away)

    async def _agree_first(self, handle: int, call: str, event: m.Event) -> None:
        await self._backend.agree(handle)
        self._feed(call, event)

    def on_closed(self, handle: int, status: int | None) -> None:
        """See `backend.Listener`."""
        call, leg = self._legs.pop(handle, ("", ""))
        self._feed(call, m.Closed(leg, status))

    def on_dead(self) -> None:
        """See `backend.Listener`."""
        self._died()

    # ------------------------------------------------------------ doing

    def _feed_leg(self, handle: int, event: Callable[[str], m.Event]) -> None:
        call, leg = self._legs.get(handle, ("", ""))
        self._feed(call, event(leg))

    def _feed(self, call: str, event: m.Event) -> None:
        live = self._live.get(call)
        if live is not None:
            self._act(call, live, live.control.handle(event, self._clock.now()))

    def _act(self, call: str, live: Live, actions: list[m.Action]) -> None:
        for action in actions:
            match action:
                case m.Tell(fact):
                    if isinstance(fact, LegEnded) and fact.leg == CALLER:
                        away = fact.cause is EndCause.UNREACHABLE
                        live.refusal = live.refusal or (480 if away else refusal(fact.cause))
                    self._tell(fact)
                case m.Call(leg):
                    live.unborn[leg] = False
                    self._backend.ring(live.handles.get(CALLER, 0))
                    self._spawn(self._dial(call, live, action))
                case m.Drop(leg):
                    self._drop(live, leg)
                case m.Answer():
                    self._spawn(self._backend.answer(live.handles[CALLER]))
                case m.Release(leg):
                    self._spawn(self._release(live.handles[leg]))
                case m.Refuse(leg, status):
                    self._spawn(self._backend.refuse(live.handles[leg], status))
                case m.Adopt(leg):
                    handle = live.handles[CALLER] = live.handles.pop(leg)
                    self._legs[handle] = (call, CALLER)
                case m.Press(leg, digit):
                    if leg in live.handles:
                        self._spawn(self._backend.press(live.handles[leg], digit))
                case m.SetTimer(name, seconds):
                    self._set_timer(call, live, name, seconds)
                case m.FinishRecording():
                    self._pump.remove(call)
                    self._spawn(self._finish(call, live))
                case m.Over():
                    self._forget(call, live)
                case _:
                    self._sound(call, live, action)

    def _sound(self, call: str, live: Live, action: m.Action) -> None:
        match action:
            case m.Bridge(one, other):
                self._hear(call, live, Media(live.handles[one], live.handles[other]))
            case m.Hold(leg, held) if live.media is not None:
                holding, handle = live.media.holding, live.handles[leg]
                holding.add(handle) if held else holding.discard(handle)
            case m.PauseRecording(paused, told) if live.media is not None:
                live.media.pause(paused, live.handles.get(told or ""))
            case m.DiscardRecording():
                self._spawn(self._discard(live))
            case m.Play(greeting):
                self._spawn(self._play(call, live, self._quiet(call, live), partial(greeting_of, greeting)))
            case m.Prompt(sounds):
                self._spawn(self._play(call, live, self._quiet(call, live), partial(prompt_of, sounds)))
            case m.Announce(sound):
                media = live.media or self._quiet(call, live)
                self._spawn(self._play(call, live, media, partial(announcement_of, sound)))
            case m.Ringback(leg):
                self._hear(call, live, Media(live.handles[leg], playing=ring_tone(), over_and_over=True))
            case m.Hush():
                self._quiet(call, live)
            case m.Record(voicemail):
                self._record(call, live, voicemail)

    def _tell(self, fact: AnyFact) -> None:
        seq = self._journal.fact(fact)
        if self._orphan:
            # After this turn: the state machine is in the middle of its answer.
            asyncio.get_running_loop().call_soon(self._feed, fact.call, m.Committed(fact.id))
        else:
            self._waiting[seq] = (fact.call, fact.id)
            self._send(seq, fact)

    async def _dial(self, call: str, live: Live, to: m.Call) -> None:
        leg = to.leg
        probe = asyncio.ensure_future(is_absent(to.uri))
        try:
            handle = await self._backend.dial(to.uri, to.identity, dict(to.headers))
        except BackendError as error:
            log.warning("%s", error)
            live.unborn.pop(leg)
            probe.cancel()
            self._feed(call, m.Closed(leg))
            return
        live.handles[leg] = handle
        self._legs[handle] = (call, leg)
        if live.unborn.pop(leg):
            await self._backend.drop(handle)
        if await probe:
            self._feed(call, m.Absent(leg))

    async def _release(self, handle: int) -> None:
        await self._backend.agree(handle)
        await self._backend.drop(handle)

    def _drop(self, live: Live, leg: str) -> None:
        if leg in live.unborn:
            live.unborn[leg] = True
        elif leg in live.handles:
            status = live.refusal if leg == CALLER else 0
            self._spawn(self._backend.drop(live.handles[leg], status or 486))

    def _hear(self, call: str, live: Live, media: Media) -> Media:
        """From now on the call sounds like that."""
        if live.media is not None:
            live.media.done.set()  # nobody hears the rest of it
            media.go_on_from(live.media)
        live.media = media
        self._pump.add(call, media)
        return media

    def _quiet(self, call: str, live: Live) -> Media:
        return self._hear(call, live, Media(live.handles[CALLER]))

    async def _play(self, call: str, live: Live, media: Media, read: Callable[[], bytes]) -> None:
        media.playing = await asyncio.to_thread(read)
        await media.done.wait()
        if live.media is media:  # else it was cut short
            self._feed(call, m.Played())

    def _record(self, call: str, live: Live, voicemail: bool) -> None:
        try:
            live.tape = Tape(call, self._data, self._journal, voicemail)
        except OSError as error:
            log.error("no recording of this call: %s", error)
            return
        if live.media is not None:
            live.media.began = self._clock.monotonic()
            live.media.paused = False
            live.media.recorder = live.tape.recorder

    async def _discard(self, live: Live) -> None:
        tape, live.tape = live.tape, None
        if live.media is not None:
            live.media.recorder = None
        if tape is not None:
            await tape.discard()

    async def _finish(self, call: str, live: Live) -> None:
        path, seconds = ("", 0.0) if live.tape is None else await live.tape.finish()
        self._feed(call, m.RecordingReady(path, seconds))

    def _set_timer(self, call: str, live: Live, name: str, seconds: float) -> None:
        live.wait(name, self._clock.call_later(seconds, lambda: self._feed(call, m.TimedOut(name))))

    def _forget(self, call: str, live: Live) -> None:
        live.end()
        for handle in live.handles.values():
            self._legs.pop(handle, None)
        self._pump.remove(call)
        del self._live[call]
        if not self._live:
            self._idle.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a call's task failed", exc_info=error)

"""Calls of Twilio: what it asks, and what it tells.

    a call comes in  ─▶ Offered, durable ─▶ ring, call out, take a message, or refuse
    legs, the call   ─▶ facts
    nobody answered  ─▶ a greeting and a message
    keys in a menu   ─▶ Chose, and what the key stands for
    a recording      ─▶ written down as to be fetched (`keeper.py`)

What Twilio posts may come to any process, twice, and in any order: each fact has an id of its own, and counts once in
the database. An answer is given when what was said is durable; without one Twilio tries its fallback, or tells the
caller.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import parse_qs, urlencode

import msgspec

from switchhook.clock import Clock
from switchhook.settings.dialplan import SAY, read_sound
from switchhook.telephony.keys import KEYS
from switchhook.telephony.twilio import reports, twiml
from switchhook.telephony.twilio.door import Door, Form, Headers
from switchhook.telephony.twilio.fetching import FetchRecording, Side
from switchhook.telephony.twilio.reports import SOURCE, Report
from switchhook.telephony.twilio.routing import (
    LISTS,
    NO_ANSWER,
    Agent,
    Ask,
    CallOut,
    Forward,
    Lists,
    Mailbox,
    Place,
    Refuse,
    Ring,
    Say,
    VoiceSettings,
    Way,
    blocked,
    own_of,
    plan,
)
from switchhook.telephony.twilio.settling import is_recorded, nothing_more
from switchhook.telephony.twilio.twiml import Keeping, Telephone
from switchhook.workspace.collecting import CALL_HEADER
from switchhook.workspace.directory import Number
from switchhook.workspace.facts import EndCause, LegKind, Settled
from switchhook.workspace.switchboard import Switchboard

log = logging.getLogger(__name__)

CALLS_PATH = "/hooks/twilio/voice"
STATUS_PATH = "/hooks/twilio/voice/status"
LEG_PATH = "/hooks/twilio/voice/leg"
DIALLED_PATH = "/hooks/twilio/voice/dialled"
KEYS_PATH = "/hooks/twilio/voice/keys"
LEFT_PATH = "/hooks/twilio/voice/left"
RECORDING_PATH = "/hooks/twilio/voice/recording"
MOST_KEYS = 32  # that are looked at


class Keep(Protocol):
    """Writes down that a recording is to be fetched."""

    async def __call__(self, recording: FetchRecording) -> None:
        """Returns when it is durable.

        Raises:
            StorageError: it could not be stored.
        """


class VoiceHooks:
    """The places that Twilio posts to about calls."""

    def __init__(
        self, switchboard: Switchboard, door: Door, settings: VoiceSettings, clock: Clock, keep: Keep
    ) -> None:
        self._switchboard = switchboard
        self._door = door
        self._settings = settings
        self._clock = clock
        self._keep = keep
        self._places: dict[str, Callable[[Form, dict[str, str]], Awaitable[bytes]]] = {
            CALLS_PATH: self._begins,
            STATUS_PATH: self._status,
            LEG_PATH: self._leg,
            DIALLED_PATH: self._dialled,
            KEYS_PATH: self._pressed,
            LEFT_PATH: self._left,
            RECORDING_PATH: self._recording,
        }

    def __repr__(self) -> str:
        return f"VoiceHooks({self._door.account})"

    async def take(self, path: str, query: str, body: bytes, headers: Headers) -> bytes | None:
        """The document that answers what was posted to one of our places; None when it is not Twilio who posts.

        Raises:
            StorageError: it could not be stored.
        """
        form = self._door.read(path, query, body, headers)
        if form is None:
            return None
        ours = {name: values[0] for name, values in parse_qs(query).items()}
        await self._switchboard.load()  # any process may be asked, also one that has no line
        return await self._places[path](form, ours)

    async def _begins(self, form: Form, _: dict[str, str]) -> bytes:
        now = self._clock.now()
        report = reports.posted(form, now)
        directory = self._switchboard.directory
        call = reports.offered(report, now, directory) if report.sid else None
        if call is None:
            log.warning(
                "a call of Twilio to %.40r is refused: it is from or to nobody of the workspace",
                "a number" if report.by_telephone else report.to,
            )
            return twiml.reject()
        if blocked(call, directory, self._settings):
            call = msgspec.structs.replace(call, blocked=True)
        await self._switchboard.report(call)
        way = plan(call, directory, self._settings)
        if isinstance(way, Refuse):
            await self._switchboard.report(reports.end(call.call, now, way.cause))
            return twiml.reject(busy=way.cause is not EndCause.BLOCKED)
        return await self._follow(call.call, way, own_of(call, directory))

    async def _follow(self, call: str, way: Way, own: Number | None) -> bytes:
        """The document that has this done, for a call of one of our numbers."""
        keeps = own is None or own.settings.record
        settings = self._settings
        match way:
            case Ring(telephones, seconds, then):
                rung = [self._telephone(call, LegKind.USER, address) for address in telephones]
                return twiml.ring(rung, seconds, self._next(then), self._keeping(Side.OUTSIDE, keeps))
            case Forward(number, then, seconds):
                rung = [self._telephone(call, LegKind.FORWARD, number)]
                return twiml.ring(rung, seconds, self._next(then), self._keeping(Side.OUTSIDE, keeps))
            case CallOut(number, caller, seconds):
                rung = [self._telephone(call, LegKind.OUTSIDE, number)]
                return twiml.ring(
                    rung, seconds, self._url(DIALLED_PATH), self._keeping(Side.USER, keeps), caller
                )
            case Agent(uri, seconds, then):
                agent = self._telephone(call, LegKind.AI, uri)
                dialled = msgspec.structs.replace(agent, address=await self._naming(call, uri))
                return twiml.ring([dialled], seconds, self._next(then), self._keeping(Side.OUTSIDE, keeps))
            case Ask():
                return await self._ask(call, way)
            case Say(text, then):
                return twiml.say(text, settings.language, self._next(then))
            case Mailbox(greeting):
                return await self._take_message(call, greeting or settings.greeting)
            case Refuse():
                return twiml.hang_up()

    async def _status(self, form: Form, _: dict[str, str]) -> bytes:
        report = reports.posted(form, self._clock.now())
        for fact in reports.of_call(report, self._switchboard.directory) if report.sid else ():
            await self._switchboard.report(fact)
        await self._settle(report.sid)
        return twiml.nothing()

    async def _leg(self, form: Form, ours: dict[str, str]) -> bytes:
        report = reports.posted(form, self._clock.now())
        call, kind = ours.get("call", ""), ours.get("kind", "")
        if call and kind in {LegKind.USER, LegKind.OUTSIDE, LegKind.FORWARD, LegKind.AI}:
            for fact in reports.of_leg(report, call, LegKind(kind), ours.get("to", report.to)):
                await self._switchboard.report(fact)
            await self._settle(call)
        return twiml.nothing()

    async def _dialled(self, form: Form, ours: dict[str, str]) -> bytes:
        """Telephones have rung and perhaps somebody has talked, or something was said: what follows."""
        report: Report = reports.posted(form, self._clock.now())
        outcome = form.get("DialCallStatus")
        if report.over:
            return twiml.nothing()
        if outcome in ("completed", "answered") or report.by_telephone or not report.sid:
            return twiml.hang_up()
        number = self._number_of(report)
        if number is None:
            return twiml.hang_up()
        lists = self._lists(number, report)
        name, _, step = ours.get("then", "").partition(".")
        menu = ours.get("menu", "")
        known = (menu or name in LISTS) and step.isascii() and step.isdigit()
        place = Place(name, int(step[:4]), menu) if known else Place(NO_ANSWER, 0)
        busy = outcome == "busy"
        return await self._follow(report.sid, lists.was_busy(place) if busy else lists.follow(place), number)

    async def _pressed(self, form: Form, ours: dict[str, str]) -> bytes:
        """Keys were pressed in a menu, or none in time: what follows."""
        report: Report = reports.posted(form, self._clock.now())
        if report.over:
            return twiml.nothing()
        number = self._number_of(report)
        if number is None or not report.sid:
            return twiml.hang_up()
        lists, menu, tries = self._lists(number, report), ours.get("menu", ""), ours.get("tries", "")
        typed = "".join(key for key in form.get("Digits", "") if key in KEYS)[:MOST_KEYS]
        known = tries.isascii() and tries.isdigit()
        key, step = lists.pressed(menu, typed, int(tries[:4]) if known else 0)
        if key is not None:
            label = lists.label(menu, key)
            await self._switchboard.report(
                reports.chose(report.sid, report.at, ours.get("asked", ""), key, label)
            )
        return await self._follow(report.sid, step, number)

    async def _ask(self, call: str, asks: Ask) -> bytes:
        menu, now = asks.menu, self._clock.now()
        await self._switchboard.report(reports.menu_answers(call, now))
        said = [read_sound(text) for text in ((menu.wrong,) if asks.wrong and menu.wrong else ())]
        said.append(read_sound(menu.greeting))
        return twiml.ask(
            [sound.rest for sound in said if sound.verb == SAY],
            self._settings.language,
            self._url(KEYS_PATH, menu=menu.name, tries=str(asks.tries), asked=str(now)),
            keys=asks.choices,
            seconds=menu.seconds,
            digit_seconds=menu.digit_seconds,
        )

    async def _naming(self, call: str, uri: str) -> str:
        """The address of an agent that is told our id of the call, in a header, as Twilio sends one."""
        state = await self._switchboard.find(SOURCE, call)
        return uri if state is None else f"{uri}{'&' if '?' in uri else '?'}{CALL_HEADER}={state.id}"

    def _number_of(self, report: Report) -> Number | None:
        directory = self._switchboard.directory
        return directory.number(directory.spell(report.to))

    def _lists(self, number: Number, report: Report) -> Lists:
        return Lists(number, self._switchboard.directory, self._settings, report.sender)

    async def _left(self, form: Form, _: dict[str, str]) -> bytes:
        """A message was left, or none."""
        return twiml.hang_up()

    async def _recording(self, form: Form, ours: dict[str, str]) -> bytes:
        call, sid = form.get("CallSid", ""), form.get("RecordingSid", "")
        status = form.get("RecordingStatus", "completed")
        if not call or not (sid.isascii() and sid.isalnum() and len(sid) <= 64):
            return twiml.nothing()
        if status == "completed":
            first = ours.get("first", "")
            channels = form.get("RecordingChannels", "2")
            side = Side(first) if first in set(Side) else Side.OUTSIDE
            began_at = reports.moment(form.get("RecordingStartTime"), 0)
            kept = FetchRecording(sid, call, side, 1 if channels == "1" else 2, "message" in ours, began_at)
            await self._keep(kept)
        elif status in ("absent", "failed"):
            await self._settle(call, absent=True)
        return twiml.nothing()

    async def _take_message(self, call: str, greeting: str) -> bytes:
        await self._switchboard.report(reports.mailbox_answers(call, self._clock.now()))
        settings = self._settings
        keeping = Keeping(self._url(RECORDING_PATH, first=Side.OUTSIDE, message="1"))
        return twiml.leave_message(
            greeting,
            settings.language,
            settings.voicemail_seconds,
            self._url(LEFT_PATH),
            keeping,
        )

    async def _settle(self, call: str, *, absent: bool = False) -> None:
        """Complete a call that is over as soon as nothing more can come of it."""
        state = await self._switchboard.find(SOURCE, call) if call else None
        if state is None:
            return
        records = is_recorded(state, self._switchboard.directory, records=self._settings.record)
        if nothing_more(state, records=records, absent=absent):
            await self._switchboard.report(
                Settled(source=SOURCE, call=call, id="settled", at=self._clock.now())
            )

    def _telephone(self, call: str, kind: LegKind, address: str) -> Telephone:
        return Telephone(address, self._url(LEG_PATH, call=call, kind=kind, to=address))

    def _next(self, place: Place) -> str:
        where = {"menu": place.menu} if place.menu else {}
        return self._url(DIALLED_PATH, then=f"{place.name}.{place.step}", **where)

    def _keeping(self, first: Side, keeps: bool) -> Keeping | None:
        return Keeping(self._url(RECORDING_PATH, first=first)) if keeps and self._settings.record else None

    def _url(self, path: str, **ours: str) -> str:
        return f"{self._door.public_url}{path}{'?' + urlencode(ours) if ours else ''}"

"""What shall become of a call that Twilio asks about: the workspace's numbers and users, and the settings. Pure.

A call to a number goes through the number's lists of actions, one step after the other, until somebody takes it:

    answer, or closed outside the hours ─▶ … ─▶ no_answer ─▶ … ─▶ the end
      └─ busy ─▶ …                     ─▶ no_answer

Twilio remembers where a call is: each step is told the place of the next one, and asks with it.
"""

from collections.abc import Mapping, Sequence

import msgspec

from switchhook.settings.dialplan import (
    FORWARD,
    HANG_UP,
    RING,
    SAY,
    VOICEMAIL,
    Action,
    read_actions,
    read_sound,
)
from switchhook.settings.lists import refuses
from switchhook.settings.members import IN_TURN, NumberConfig
from switchhook.settings.opening import open_at
from switchhook.telephony.twilio.twiml import MOST
from switchhook.workspace.directory import ACTIVE, Directory, Number, User
from switchhook.workspace.facts import Direction, EndCause, Offered

ANSWER, CLOSED, BUSY, NO_ANSWER = LISTS = ("answer", "closed", "busy", "no_answer")


class VoiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How calls of Twilio are handled.

    `telephones` are what rings for each user, by e-mail address; `rules` those of numbers, by their E.164 spelling;
    `block` who may call no number. `greeting` is read out in `language` before a voicemail, or played when it is a URL.
    """

    telephones: Mapping[str, tuple[str, ...]] = {}
    rules: Mapping[str, NumberConfig] = {}
    block: tuple[str, ...] = ()
    record: bool = True
    greeting: str = ""
    language: str = ""
    voicemail_seconds: float = 120.0


class Place(msgspec.Struct, frozen=True):
    """A step of one of the lists, counted from 0."""

    name: str
    step: int


class Ring(msgspec.Struct, frozen=True):
    """These telephones ring, for so many seconds; what follows when nobody answers is at `then`."""

    telephones: tuple[str, ...]
    seconds: float
    then: Place = Place(NO_ANSWER, 0)


class Forward(msgspec.Struct, frozen=True):
    """A number outside is called for the caller."""

    number: str
    then: Place = Place(NO_ANSWER, 0)
    seconds: float = 40.0


class Say(msgspec.Struct, frozen=True):
    """Something is read out."""

    text: str
    then: Place = Place(NO_ANSWER, 0)


class CallOut(msgspec.Struct, frozen=True):
    """A number outside is called for a user; `caller` is who it sees."""

    number: str
    caller: str
    seconds: float = 60.0


class Mailbox(msgspec.Struct, frozen=True):
    """A message may be left."""

    greeting: str = ""


class Refuse(msgspec.Struct, frozen=True):
    """The call is not taken, or is over."""

    cause: EndCause


Step = Ring | Forward | Say | Mailbox | Refuse
Way = Step | CallOut


def own_of(call: Offered, directory: Directory) -> Number | None:
    """The number of ours that a call is on."""
    if call.direction is not Direction.OUTBOUND:
        return directory.number(directory.spell(call.to_raw))
    user = directory.user_of_sip(call.user_ref)
    return directory.number_of_user(user) if user else None


def blocked(call: Offered, directory: Directory, settings: VoiceSettings) -> bool:
    """Whether a list keeps the caller out."""
    if call.direction is Direction.OUTBOUND:
        return False
    rules = settings.rules.get(directory.spell(call.to_raw))
    own, allow = (rules.block, rules.allow) if rules else ((), ())
    return refuses(directory.spell(call.from_raw), (*settings.block, *own), allow)


def plan(call: Offered, directory: Directory, settings: VoiceSettings) -> Way:
    """What shall become of a call that begins."""
    if call.direction is Direction.OUTBOUND:
        own = own_of(call, directory)
        return CallOut(call.to_raw, own.number) if own else Refuse(EndCause.UNREACHABLE)
    if call.blocked or blocked(call, directory, settings):
        return Refuse(EndCause.BLOCKED)
    number = own_of(call, directory)
    if number is None:
        return Refuse(EndCause.UNREACHABLE)
    rules = settings.rules.get(number.number)
    shut = rules is not None and rules.hours is not None and not open_at(rules.hours, call.at)
    return Lists(number, directory, settings, call.from_raw).follow(Place(CLOSED if shut else ANSWER, 0))


class Lists:
    """The lists of a number, for a call of `caller`."""

    def __init__(self, number: Number, directory: Directory, settings: VoiceSettings, caller: str) -> None:
        self._number = number
        self._directory = directory
        self._settings = settings
        self._rules = settings.rules.get(number.number) or NumberConfig(number.number)
        self._caller = directory.spell(caller)

    def follow(self, place: Place) -> Step:
        """What is done from a place on."""
        actions = self._actions(place.name)
        steps = [step for action in actions for step in self._steps(action)]
        if place.step < len(steps):
            step = steps[place.step]
            if isinstance(step, Ring | Forward | Say):
                return msgspec.structs.replace(step, then=Place(place.name, place.step + 1))
            return step
        if place.name == NO_ANSWER or (actions and actions[-1].verb == SAY):
            return Refuse(EndCause.NO_ANSWER)
        return self.follow(Place(NO_ANSWER, 0))

    def was_busy(self, place: Place) -> Step:
        """What is done when telephones were busy, and it would have gone on at `place`."""
        if self._rules.busy and place.name in (ANSWER, CLOSED):
            return self.follow(Place(BUSY, 0))
        return self.follow(place)

    def _actions(self, name: str) -> Sequence[Action]:
        given = read_actions(getattr(self._rules, name))
        if given:
            return given
        if name == ANSWER:
            return (Action(RING),)
        voicemail = name == NO_ANSWER and self._number.settings.voicemail
        return (Action(VOICEMAIL),) if voicemail else ()

    def _steps(self, action: Action) -> list[Step]:
        """An action as steps; none for what nobody can take, and for what only the SIP line does."""
        if action.verb == RING:
            return self._ring(action.users)
        if action.verb == FORWARD:
            # Not back to who calls, nor round in circles.
            own = action.rest == self._caller or self._directory.number(action.rest) is not None
            return [] if own else [Forward(action.rest)]
        if action.verb == SAY:
            return [Say(action.rest)]
        if action.verb == VOICEMAIL:
            heard = read_sound(self._rules.greeting) if self._rules.greeting else None
            return [Mailbox(heard.rest if heard is not None and heard.verb == SAY else "")]
        return [Refuse(EndCause.NO_ANSWER)] if action.verb == HANG_UP else []

    def _ring(self, emails: tuple[str, ...]) -> list[Step]:
        seconds = self._number.settings.ring_seconds
        users = self._number.users
        if emails:
            users = tuple(user for user in self._directory.users if user.email in emails)
        if emails or self._rules.ring != IN_TURN:
            found = self._telephones(users)
            return [Ring(found, seconds)] if found else []
        rung: set[str] = set()
        steps: list[Step] = []
        for user in users:
            # A telephone of two users rings for the first of them.
            found = tuple(one for one in self._telephones((user,)) if one not in rung)
            rung.update(found)
            if found:
                steps.append(Ring(found, self._rules.user_seconds.get(user.email, seconds)))
        return steps

    def _telephones(self, users: Sequence[User]) -> tuple[str, ...]:
        given = self._settings.telephones
        found = [one for user in users if user.status == ACTIVE for one in given.get(user.email, ())]
        return tuple(dict.fromkeys(found))[:MOST]

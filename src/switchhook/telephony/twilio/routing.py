"""What shall become of a call that Twilio asks about: the workspace's numbers and users, and the settings. Pure.

A call to a number goes through the number's lists of actions, one step after the other, until somebody takes it:

    answer, or closed outside the hours ─▶ … ─▶ no_answer ─▶ … ─▶ the end
      └─ busy ─▶ …                     ─▶ no_answer

A menu is a step that asks for keys; the list of the key that was pressed follows, and then no_answer as well. Twilio
remembers where a call is: each step is told the place of the next one, and asks with it.
"""

from collections.abc import Mapping, Sequence

import msgspec

from switchhook.settings.dialplan import (
    AGENT,
    FORWARD,
    HANG_UP,
    MENU,
    REPEAT,
    RING,
    SAY,
    VOICEMAIL,
    Action,
    AgentConfig,
    MenuConfig,
    read_actions,
    read_sound,
)
from switchhook.settings.lists import refuses
from switchhook.settings.members import IN_TURN, NumberConfig
from switchhook.settings.opening import open_at
from switchhook.telephony.keys import hear
from switchhook.telephony.twilio.twiml import MOST
from switchhook.workspace.directory import ACTIVE, Directory, Number, User
from switchhook.workspace.facts import Direction, EndCause, Offered

ANSWER, CLOSED, BUSY, NO_ANSWER = LISTS = ("answer", "closed", "busy", "no_answer")
OTHERWISE = "otherwise"  # that of a menu; the others of a menu are "key 1" and so on


class VoiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How calls of Twilio are handled.

    `telephones` are what rings for each user, by e-mail address; `rules` those of numbers, by their E.164 spelling;
    `block` who may call no number. `menus` and `agents` are known by their names, `extensions` are e-mail addresses of
    users by what is dialled for them. `greeting` is read out in `language` before a voicemail, or played when it is a
    URL.
    """

    telephones: Mapping[str, tuple[str, ...]] = {}
    rules: Mapping[str, NumberConfig] = {}
    block: tuple[str, ...] = ()
    menus: Mapping[str, MenuConfig] = {}
    agents: Mapping[str, AgentConfig] = {}
    extensions: Mapping[str, str] = {}
    record: bool = True
    greeting: str = ""
    language: str = ""
    voicemail_seconds: float = 120.0


class Place(msgspec.Struct, frozen=True):
    """A step of a list, counted from 0: one of the number's, or one of a menu."""

    name: str
    step: int
    menu: str = ""


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


class Agent(msgspec.Struct, frozen=True):
    """An AI agent is called for the caller."""

    uri: str
    seconds: float
    then: Place = Place(NO_ANSWER, 0)


class Ask(msgspec.Struct, frozen=True):
    """A menu says what it has to say, and waits for keys. It has done so `tries` times in vain; `wrong`: the last time
    keys were pressed that are no choice."""

    menu: MenuConfig
    choices: Mapping[str, str]  # labels by keys
    tries: int = 0
    wrong: bool = False


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


Step = Ring | Forward | Agent | Say | Ask | Mailbox | Refuse
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
        actions = self._actions(place)
        steps = [step for action in actions for step in self._steps(action, place.menu)]
        if place.step < len(steps):
            step = steps[place.step]
            if isinstance(step, Ring | Forward | Agent | Say):
                return msgspec.structs.replace(step, then=Place(place.name, place.step + 1, place.menu))
            return step
        if place == Place(NO_ANSWER, place.step) or (actions and actions[-1].verb == SAY):
            return Refuse(EndCause.NO_ANSWER)
        return self.follow(Place(NO_ANSWER, 0))

    def was_busy(self, place: Place) -> Step:
        """What is done when telephones were busy, and it would have gone on at `place`."""
        if self._rules.busy and (place.menu or place.name in (ANSWER, CLOSED)):
            return self.follow(Place(BUSY, 0))
        return self.follow(place)

    def pressed(self, name: str, typed: str, tries: int) -> tuple[str | None, Step]:
        """What follows keys that were pressed in a menu, or none in time: the key that was chosen, if one was, and the
        step. `tries` is how often the menu had asked in vain before."""
        asks = self._ask(name)
        if asks is None:
            return None, self.follow(Place(NO_ANSWER, 0))
        heard = hear(typed, asks.choices)
        if isinstance(heard, str):
            return heard, self.follow(Place(_key(heard), 0, name))
        if tries + 1 >= asks.menu.tries:
            return None, self.follow(Place(OTHERWISE, 0, name))
        return None, msgspec.structs.replace(asks, tries=tries + 1, wrong=bool(typed))

    def label(self, name: str, key: str) -> str | None:
        """What a key of a menu is called."""
        asks = self._ask(name)
        return asks.choices.get(key) if asks is not None else None

    def _actions(self, place: Place) -> Sequence[Action]:
        if place.menu:
            menu = self._settings.menus.get(place.menu)
            return self._keys(menu).get(place.name, ()) if menu is not None else ()
        name = place.name
        given = read_actions(getattr(self._rules, name))
        if given:
            return given
        if name == ANSWER:
            return (Action(RING),)
        voicemail = name == NO_ANSWER and self._number.settings.voicemail
        return (Action(VOICEMAIL),) if voicemail else ()

    def _keys(self, menu: MenuConfig) -> Mapping[str, tuple[Action, ...]]:
        """The lists of a menu, those of extensions among them."""
        extensions = self._settings.extensions if menu.extensions else {}
        return {_key(digits): (Action(RING, email),) for digits, email in extensions.items()} | menu.lists

    def _ask(self, name: str) -> Ask | None:
        """A menu at its beginning; None where there is none that can be heard on Twilio."""
        menu = self._settings.menus.get(name)
        if menu is None or read_sound(menu.greeting).verb != SAY:
            return None
        names = {user.email: user.name for user in self._directory.users}
        extensions = self._settings.extensions if menu.extensions else {}
        choices = {digits: names.get(email) or email for digits, email in extensions.items()}
        return Ask(menu, choices | {key: one.label for key, one in menu.keys.items()})

    def _steps(self, action: Action, menu: str) -> list[Step]:
        """An action as steps; none for what nobody can take, and for what only the SIP line does."""
        if action.verb in (MENU, REPEAT):
            asks = self._ask(action.rest or menu)
            return [asks] if asks is not None else []
        if action.verb == AGENT:
            agent = self._settings.agents.get(action.rest)
            return [Agent(agent.uri, agent.seconds)] if agent is not None else []
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


def _key(digits: str) -> str:
    """The name of a key's list, as `MenuConfig.lists` has it."""
    return f"key {digits}"

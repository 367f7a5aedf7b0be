"""What becomes of a call: the workspace's numbers and users and the rules of the settings, as a plan. Pure.

    blocked? ─▶ refused     closed? ─▶ `closed`     else ─▶ `answer`, or the users ring ─▶ `busy`, `no_answer`

What a list of actions does not say at its end is `no_answer`'s to say, and what that does not say either is an end
without an answer. After an announcement it is the end of the call.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from switchhook.media.speech import spoken_file
from switchhook.settings.dialplan import (
    AGENT,
    FORWARD,
    HANG_UP,
    MENU,
    REPEAT,
    RING,
    SAY,
    SPOKEN,
    VOICEMAIL,
    Action,
    Actions,
    AgentConfig,
    MenuConfig,
    read_actions,
    read_sound,
)
from switchhook.settings.lists import refuses
from switchhook.settings.members import IN_TURN, NumberConfig
from switchhook.settings.opening import open_at
from switchhook.telephony.sip.address import parse_uri
from switchhook.telephony.sip.plan import (
    Announce,
    Choice,
    Dial,
    Enter,
    Fetch,
    Forward,
    Mailbox,
    Menu,
    Passing,
    Reject,
    Ring,
    RingPlan,
    Script,
    Step,
    Taping,
    TransferPlan,
)
from switchhook.workspace.collecting import CALL_HEADER
from switchhook.workspace.directory import Directory, Number, User
from switchhook.workspace.e164 import is_e164
from switchhook.workspace.facts import Direction, EndCause, LegKind, Offered, TransferAsked

HOPS = 5  # a call that was diverted that often goes round in circles, or is meant to cost somebody money

_HANG_UP = Reject(EndCause.NO_ANSWER)


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the line that routing needs.

    `trunk` is the `HOST:PORT` that calls to the outside go through, `host` our own. `rules` are those of numbers, by
    their E.164 spelling. What is to be said by the program `speak` lies in `spoken`. `extensions` are
    e-mail addresses of users, by what the others dial to reach them.
    """

    trunk: str = ""
    host: str = "localhost"
    greeting: str | None = None
    voicemail_seconds: float = 120.0
    block: tuple[str, ...] = ()
    rules: dict[str, NumberConfig] = {}
    menus: dict[str, MenuConfig] = {}
    agents: dict[str, AgentConfig] = {}
    speak: str = ""
    spoken: Path = Path()
    extensions: Mapping[str, str] = {}
    transfer_seconds: float = 30.0
    consent: str = ""

    def file(self, sound: Action) -> str:
        """Where a sound lies."""
        return str(spoken_file(self.spoken, self.speak, sound.rest)) if sound.verb == SAY else sound.rest


def plan(offered: Offered, directory: Directory, routing: Routing, call: str = "") -> RingPlan:
    """What shall become of a call; `call` is our id of it, for an agent to name it by."""
    called = directory.spell(offered.to_raw)
    if offered.internal:
        there = _reached_at(offered.to_raw, directory, routing)
        return Ring(tuple(one for one in there if one != offered.user_ref), routing.transfer_seconds)
    if offered.direction is Direction.OUTBOUND:
        if not routing.trunk:
            return Reject(EndCause.UNREACHABLE)
        own = _own_number(offered, directory)
        outside = Dial((f"sip:{called}@{routing.trunk}",), identity=own.number if own else None)
        if offered.ordered is None:
            return outside
        user = directory.user_of_sip(offered.user_ref)
        return Fetch(user.telephones if user else (), outside, called)
    if offered.blocked or blocked(offered, directory, routing):
        return Reject(EndCause.BLOCKED)
    number = directory.number(called)
    if number is None:
        return Reject(EndCause.UNREACHABLE)
    return _Way(offered, directory, routing, number, call).begin()


def blocked(offered: Offered, directory: Directory, routing: Routing) -> bool:
    """Whether a list keeps the caller out. Who calls out is never blocked."""
    if offered.direction is Direction.OUTBOUND or offered.internal:
        return False
    rules = routing.rules.get(directory.spell(offered.to_raw))
    own, allow = (rules.block, rules.allow) if rules else ((), ())
    return refuses(directory.spell(offered.from_raw), (*routing.block, *own), allow)


def may_forward(target: str, offered: Offered, directory: Directory) -> bool:
    """Whether a call may be passed on to that number: not to who called, not back to where it was diverted from, not to
    ourselves, and not once more when that has happened too often."""
    been = {directory.spell(raw) for raw in (*offered.diverted, offered.from_raw)}
    return target not in been and directory.number(target) is None and len(offered.diverted) < HOPS


def taping(offered: Offered, directory: Directory, routing: Routing) -> Taping:
    """How the number that a call is on wants its talks recorded."""
    inbound = offered.direction is Direction.INBOUND
    own = directory.number(directory.spell(offered.to_raw)) if inbound else _own_number(offered, directory)
    rules = routing.rules.get(own.number) if own else None
    consent = (rules.consent if rules else "") or routing.consent
    return Taping(own is None or own.settings.record, routing.file(read_sound(consent)) if consent else "")


def _own_number(offered: Offered, directory: Directory) -> Number | None:
    """The number that a call goes out with: the one it says, or that of its user."""
    user = directory.user_of_sip(offered.user_ref)
    named = directory.number(directory.spell(offered.from_raw))
    return named or (directory.number_of_user(user) if user else None)


def passing(asked: TransferAsked, directory: Directory, routing: Routing, call: str = "") -> TransferPlan:
    """Where a call goes that a telephone passes on: who has that telephone, extension or number, an agent, or outside.

    `call` is our id of it, for an agent to name it by.
    """
    user = directory.user_of_sip(asked.to)
    try:
        named = parse_uri(asked.to).user
    except ValueError:
        return Reject(EndCause.UNREACHABLE)
    there = user.telephones if user is not None else _reached_at(named, directory, routing)
    there = tuple(one for one in there if parse_uri(one) != parse_uri(asked.by))
    if there:
        return Passing(there, LegKind.USER, seconds=routing.transfer_seconds)
    agent = routing.agents.get(named)
    if agent is not None:
        told = {CALL_HEADER: call} if call else {}
        return Passing((agent.uri,), LegKind.AI, seconds=agent.seconds, headers=told)
    number = directory.spell(named)
    outside = is_e164(number) and directory.number(number) is None
    by = directory.user_of_sip(asked.by)
    if by is None or user is not None or not outside or not routing.trunk:
        return Reject(EndCause.UNREACHABLE)
    own = directory.number_of_user(by)
    return Passing(
        (f"sip:{number}@{routing.trunk}",),
        LegKind.FORWARD,
        number,
        own.number if own else None,
        routing.transfer_seconds,
    )


class _Way:
    """The way of one call to one number."""

    def __init__(
        self, offered: Offered, directory: Directory, routing: Routing, number: Number, call: str
    ) -> None:
        self._offered = offered
        self._directory = directory
        self._routing = routing
        self._number = number
        self._rules = routing.rules.get(number.number) or NumberConfig(number.number)
        self._call = call
        self._in_busy = False
        self._no_answer: Step = Reject()  # after what is itself done when nobody answers
        self._no_answer = self._last_resort()

    def begin(self) -> RingPlan:
        """The whole of it."""
        rules = self._rules
        if rules.hours is not None and not open_at(rules.hours, self._offered.at):
            first = self._follow(read_actions(rules.closed), self._no_answer, "time-of-day")
        else:
            answer = read_actions(rules.answer) or (Action(RING),)
            first = self._follow(answer, self._no_answer, "unconditional")
        menus: dict[str, Menu] = {}
        left = list(_leads_to(first))
        while left:
            name = left.pop()
            if name not in menus:
                menus[name] = menu = self._menu(self._routing.menus[name])
                for step in (menu.otherwise, *(choice.then for choice in menu.choices.values())):
                    left += _leads_to(step)
        return Script(first, menus) if menus else first

    def _last_resort(self) -> Step:
        actions = read_actions(self._rules.no_answer)
        if actions:
            return self._follow(actions, Reject(), "no-answer")
        return self._mailbox() if self._number.settings.voicemail else Reject()

    def _follow(self, actions: Sequence[Action], rest: Step, reason: str, menu: str = "") -> Step:
        """The steps of a list, `rest` at its end. `reason` is told to whom the call is forwarded to (RFC 5806)."""
        step = _HANG_UP if actions and actions[-1].verb in SPOKEN else rest
        for action in reversed(actions):
            step = self._step(action, step, reason, menu)
        return step

    def _step(self, action: Action, rest: Step, reason: str, menu: str) -> Step:
        verb = action.verb
        if verb == RING:
            return self._ring(action.users, rest)
        if verb == FORWARD:
            return self._forward(action.rest, rest, reason)
        if verb == AGENT:
            return self._agent(self._routing.agents[action.rest], rest)
        if verb == MENU:
            return Enter(action.rest)
        if verb == REPEAT:
            return Enter(menu)
        if verb == VOICEMAIL:
            return self._mailbox()
        return _HANG_UP if verb == HANG_UP else Announce(self._file(action), rest)

    def _ring(self, emails: tuple[str, ...], rest: Step) -> Step:
        seconds = self._number.settings.ring_seconds
        users = self._number.users
        if emails:
            users = tuple(user for user in self._directory.users if user.email in emails)
        busy = self._busy() if not emails else None
        if emails or self._rules.ring != IN_TURN:
            targets = _telephones(users)
            # Nobody can answer: what follows follows at once, by a ring that has nothing to ring.
            return Ring(targets, seconds if targets else 0.0, rest, busy)
        step, first = rest, True
        for user in reversed(users):
            # A telephone of two users rings for the first of them.
            earlier = _telephones(users[: users.index(user)])
            targets = tuple(one for one in _telephones((user,)) if one not in earlier)
            if targets:
                own = self._rules.user_seconds.get(user.email, seconds)
                step, first = Ring(targets, own, step, busy if first else None), False
        return Ring((), 0.0, rest, busy) if first else step

    def _busy(self) -> Step | None:
        actions = read_actions(self._rules.busy)
        if not actions or self._in_busy:  # who is busy when they ring once more is not rung for ever
            return None
        self._in_busy = True
        step = self._follow(actions, self._no_answer, "user-busy")
        self._in_busy = False
        return step

    def _forward(self, number: str, rest: Step, reason: str) -> Step:
        offered, host = self._offered, self._routing.host
        if not may_forward(number, offered, self._directory):
            return rest
        hops = len(offered.diverted) + 1
        return Forward(
            (f"sip:{number}@{self._routing.trunk}",),
            identity=self._directory.spell(offered.from_raw),
            headers={"Diversion": f"<sip:{self._number.number}@{host}>;reason={reason};counter={hops}"},
            otherwise=rest,
            shown=number,
        )

    def _agent(self, agent: AgentConfig, rest: Step) -> Step:
        return Forward(
            (agent.uri,),
            LegKind.AI,
            agent.seconds,
            self._directory.spell(self._offered.from_raw),
            {CALL_HEADER: self._call} if self._call else {},
            rest,
        )

    def _mailbox(self) -> Mailbox:
        own = self._file(read_sound(self._rules.greeting)) if self._rules.greeting else None
        return Mailbox(own or self._routing.greeting, self._routing.voicemail_seconds)

    def _menu(self, menu: MenuConfig) -> Menu:
        def follow(entries: Actions) -> Step:
            return self._follow(read_actions(entries), self._no_answer, "deflection", menu.name)

        choices = {key: Choice(one.label, follow(one.do)) for key, one in menu.keys.items()}
        for key, email in self._routing.extensions.items() if menu.extensions else ():
            name = next((user.name for user in self._directory.users if user.email == email), "")
            choices[key] = Choice(name or email, follow(f"{RING} {email}"))
        return Menu(
            self._file(read_sound(menu.greeting)),
            choices,
            menu.seconds,
            menu.digit_seconds,
            menu.tries,
            self._file(read_sound(menu.wrong)) if menu.wrong else None,
            follow(menu.otherwise),
        )

    def _file(self, action: Action) -> str:
        return self._routing.file(action)


def _leads_to(step: Step) -> Iterator[str]:
    """The menus that a step may lead to."""
    match step:
        case Enter(menu=name):
            yield name
        case Announce(then=then):
            yield from _leads_to(then)
        case Ring(otherwise=otherwise, busy=busy):
            yield from _leads_to(otherwise)
            if busy is not None:
                yield from _leads_to(busy)
        case Forward(otherwise=otherwise):
            yield from _leads_to(otherwise)


def _telephones(users: Sequence[User]) -> tuple[str, ...]:
    """Those of several users. One user may be listed twice and two may share a telephone: each rings once."""
    return tuple(dict.fromkeys(address for user in users for address in user.telephones))


def _reached_at(dialled: str, directory: Directory, routing: Routing) -> tuple[str, ...]:
    """The telephones at an extension or a number of ours."""
    email = routing.extensions.get(dialled)
    if email is not None:
        found = [user for user in directory.users if user.email == email]
    else:
        number = directory.number(directory.spell(dialled))
        found = list(number.users) if number is not None else []
    return tuple(dict.fromkeys(address for user in found for address in user.telephones))

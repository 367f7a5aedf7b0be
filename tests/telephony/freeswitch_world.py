"""Ways to tell a story of FreeSWITCH, and what becomes of it in the rules of a call."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from switchhook.telephony.freeswitch.calls import Calls
from switchhook.telephony.freeswitch.events import read
from switchhook.telephony.freeswitch.happenings import Happening
from switchhook.telephony.freeswitch.names import Plan
from switchhook.workspace.call_state import CallState
from switchhook.workspace.calls import Draft, apply
from switchhook.workspace.completed import Context
from switchhook.workspace.directory import Directory, Number, NumberSettings, User
from switchhook.workspace.facts import AnyFact

CAPTURES = Path(__file__).parent / "freeswitch_captures"
BEGAN = 1_795_437_318_000
CALLER, MAIN, FRIEND = "+33612345678", "+33199999901", "+33698765432"

JANE = User("usr_jane", "jane@example.com", "Jane", ())
OMAR = User("usr_omar", "omar@example.com", "Omar", ())
TELEPHONES = {
    "sip:agent@freeswitch": JANE.email,
    "sip:ext@freeswitch": OMAR.email,
    "sip:101@freeswitch": JANE.email,
    "sip:102@freeswitch": OMAR.email,
}
DIRECTORY = Directory(
    (JANE, OMAR), (Number(MAIN, "Main", "FR", (JANE,), NumberSettings()),), "FR", TELEPHONES
)
PLAN = Plan(
    trunks=("sofia/internal/+*", "external", "carrier"),
    contexts=("inbound",),
    ai=("robot",),
    extensions={"agent": JANE.email, "ext": OMAR.email, "101": JANE.email, "102": OMAR.email},
)

Message = dict[str, Any]


def capture(name: str) -> list[Message]:
    """The events of one captured call."""
    with (CAPTURES / f"esl-{name}.jsonl").open() as lines:
        return [json.loads(line) for line in lines]


def happenings(messages: Iterable[Message]) -> list[Happening]:
    return [happening for message in messages for happening in read(message, BEGAN)]


def facts_of(
    said: Iterable[Happening], plan: Plan = PLAN, has: Callable[[str], bool] | None = None
) -> list[AnyFact]:
    """All facts, those that time makes included."""
    calls = Calls("freeswitch", plan, has=has)
    facts = [fact for happening in said for fact in calls.take(happening, 0.0)]
    return facts + calls.lapse(10.0)


def told(facts: Iterable[AnyFact]) -> dict[str, list[Draft]]:
    """The events of each call."""
    context = Context(DIRECTORY, lambda id_: f"https://example.com/{id_}", lambda: "rec_1", now=BEGAN)
    states: dict[str, CallState] = {}
    drafts: dict[str, list[Draft]] = {}
    for fact in facts:
        state = states.setdefault(
            fact.call, CallState(id=f"cll_{fact.call}", source="freeswitch", source_call=fact.call)
        )
        drafts.setdefault(fact.call, []).extend(apply(state, fact, context))
    return drafts


def story(said: Iterable[Happening]) -> list[Draft]:
    """The events of the only call in it."""
    ((_, drafts),) = told(facts_of(said)).items()
    return drafts


class Switch:
    """Writes the events that FreeSWITCH would send. `at` is in seconds since it began."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._at = 0.0
        self._channels: dict[str, Message] = {}

    def at(self, seconds: float) -> "Switch":
        self._at = seconds
        return self

    @property
    def _now(self) -> str:
        return str(int(BEGAN * 1000 + self._at * 1_000_000))

    def says(self, event: str, channel: str, **fields: Any) -> "Switch":
        """An event of a channel, with what is known of it."""
        known = self._channels[channel]
        self.messages.append({"Event-Name": event, "Event-Date-Timestamp": self._now, **known, **fields})
        return self

    def custom(self, subclass: str, channel: str, **fields: Any) -> "Switch":
        return self.says("CUSTOM", channel, **{"Event-Subclass": subclass}, **fields)

    def becomes(self, channel: str, **fields: Any) -> "Switch":
        """Something of a channel is different from now on."""
        self._channels[channel] = self._channels[channel] | fields
        return self

    def new(self, id_: str, name: str, direction: str = "inbound", **fields: Any) -> "Switch":
        self._channels[id_] = {
            "Unique-ID": id_,
            "Channel-Name": name,
            "Call-Direction": direction,
            "Caller-Channel-Created-Time": self._now,
            **fields,
        }
        return self.says("CHANNEL_CREATE", id_)

    def inbound(self, id_: str = "a", to: str = MAIN, **fields: Any) -> "Switch":
        return self.new(
            id_,
            f"sofia/external/{CALLER}@203.0.113.5",
            **{
                "Caller-Caller-ID-Number": CALLER,
                "Caller-Destination-Number": to,
                "Caller-Context": "inbound",
                "variable_sofia_profile_name": "external",
                **fields,
            },
        )

    def phone(self, id_: str, user: str, to: str, **fields: Any) -> "Switch":
        """A user's telephone calls."""
        return self.new(
            id_,
            f"sofia/internal/{user}@example.com",
            **{
                "Caller-Caller-ID-Number": user,
                "Caller-Destination-Number": to,
                "Caller-Context": "default",
                "variable_user_name": user,
                **fields,
            },
        )

    def calls(self, by: str, id_: str, user: str) -> "Switch":
        """A telephone is called for `by`, or for nobody."""
        return self._called(by, id_, f"sofia/internal/{user}@10.0.0.9:5060", user, variable_dialed_user=user)

    def calls_out(self, by: str, id_: str, number: str = FRIEND, **fields: Any) -> "Switch":
        """A trunk is called for `by`, or for nobody."""
        return self._called(
            by, id_, f"sofia/external/{number}", number, variable_sip_gateway_name="carrier", **fields
        )

    def _called(self, by: str, id_: str, name: str, to: str, **fields: Any) -> "Switch":
        link = (
            {"variable_originator": by, "Other-Type": "originator", "Other-Leg-Unique-ID": by} if by else {}
        )
        return self.new(id_, name, "outbound", **{"Caller-Destination-Number": to, **link, **fields})

    def rings(self, id_: str) -> "Switch":
        return self.says("CHANNEL_PROGRESS", id_)

    def answers(self, id_: str) -> "Switch":
        return self.becomes(id_, **{"Caller-Channel-Answered-Time": self._now}).says("CHANNEL_ANSWER", id_)

    def bridges(self, a: str, b: str) -> "Switch":
        return self.says("CHANNEL_BRIDGE", a, **{"Bridge-A-Unique-ID": a, "Bridge-B-Unique-ID": b})

    def talk(self, a: str, b: str) -> "Switch":
        """`b` answers, and is connected with `a`."""
        return self.answers(b).answers(a).bridges(a, b)

    def hangs_up(self, id_: str, cause: str = "NORMAL_CLEARING", **fields: Any) -> "Switch":
        more = {"Hangup-Cause": cause, "Caller-Channel-Hangup-Time": self._now, **fields}
        return self.becomes(id_, **more).says("CHANNEL_HANGUP", id_).says("CHANNEL_HANGUP_COMPLETE", id_)

    def sent(self, id_: str, exten: str, entry: str = "t1") -> "Switch":
        """A channel is sent to an extension."""
        written = f"{(BEGAN + int(self._at * 1000)) // 1000}:{entry}:bl_xfer:{exten}/default/XML"
        before = self._channels[id_].get("variable_transfer_history", [])
        return self.becomes(
            id_,
            **{
                "variable_transfer_history": [*before, written],
                "Caller-Transfer-Source": written,
                "Caller-Profile-Created-Time": self._now,
                "Caller-Destination-Number": exten,
                "Caller-Context": "default",
            },
        ).says("CHANNEL_UNBRIDGE", id_)

    def joined(self, a: str, b: str, *also: str) -> "Switch":
        """Two channels are connected by whoever may, as `uuid_bridge` does. `also`: what the history says besides."""
        second = (BEGAN + int(self._at * 1000)) // 1000
        for one, other in ((a, b), (b, a)):
            history = [*also, f"{second}:x-{one}:uuid_br:{other}"]
            self.becomes(one, **{"variable_transfer_history": history, "Caller-Transfer-Source": history[-1]})
        return self.bridges(a, b)

    def records(self, id_: str, path: str, event: str = "RECORD_STOP", **fields: Any) -> "Switch":
        return self.says(
            event, id_, **{"Record-File-Path": path, "Event-Calling-File": "switch_ivr_async.c", **fields}
        )

    def facts(self, has: Callable[[str], bool] | None = None) -> list[AnyFact]:
        return facts_of(happenings(self.messages), has=has)

    def story(self) -> list[Draft]:
        return story(happenings(self.messages))

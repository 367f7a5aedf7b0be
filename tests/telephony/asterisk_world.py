"""Ways to tell a story of Asterisk, and what becomes of it in the rules of a call."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from switchhook.telephony.asterisk import ari_events
from switchhook.telephony.asterisk.ami_events import read
from switchhook.telephony.asterisk.ari_links import Links
from switchhook.telephony.asterisk.calls import Calls
from switchhook.telephony.asterisk.happenings import Happening
from switchhook.telephony.asterisk.names import Plan
from switchhook.workspace.call_state import CallState
from switchhook.workspace.calls import Draft, apply
from switchhook.workspace.completed import Context
from switchhook.workspace.directory import Directory, Number, NumberSettings, User
from switchhook.workspace.facts import AnyFact, Ended, Settled

CAPTURES = Path(__file__).parent / "asterisk_captures"
BEGAN = 1_795_436_378_000
CALLER, MAIN, FRIEND = "+33612345678", "+33199999901", "+33698765432"

JANE = User("usr_jane", "jane@example.com", "Jane", ())
OMAR = User("usr_omar", "omar@example.com", "Omar", ())
TELEPHONES = {
    "sip:agent@asterisk": JANE.email,
    "sip:101@asterisk": JANE.email,
    "sip:102@asterisk": OMAR.email,
}
DIRECTORY = Directory(
    (JANE, OMAR), (Number(MAIN, "Main", "FR", (JANE,), NumberSettings()),), "FR", TELEPHONES
)
PLAN = Plan(
    trunks=("PJSIP/trunk*",),
    contexts=("inbound",),
    ai=("PJSIP/robot", "AudioSocket/*"),
    extensions={"agent": JANE.email, "101": JANE.email, "102": OMAR.email},
)

Message = dict[str, str]


def capture(name: str) -> list[Message]:
    """The messages of one captured call."""
    with (CAPTURES / f"{name}.jsonl").open() as lines:
        return [{key: str(value) for key, value in json.loads(line).items()} for line in lines]


def happenings(messages: Iterable[Message]) -> list[Happening]:
    return [happening for message in messages for happening in read(message, BEGAN)]


def ari_capture(name: str) -> list[dict[str, Any]]:
    """The events of one call that was captured over ARI."""
    with (CAPTURES / f"{name}.jsonl").open() as lines:
        return [json.loads(line) for line in lines]


def over_ari(events: Iterable[dict[str, Any]]) -> list[Happening]:
    """What a session makes of them."""
    links = Links()
    return [
        happening
        for event in events
        for happening in [*ari_events.read(event, BEGAN), *links.take(event, BEGAN)]
    ]


def facts_of(said: Iterable[Happening], plan: Plan = PLAN) -> list[AnyFact]:
    """All facts, those that time makes included."""
    calls = Calls("asterisk", plan)
    facts = [fact for happening in said for fact in calls.take(happening, 0.0)]
    return facts + calls.lapse(10.0)


def told(facts: Iterable[AnyFact]) -> dict[str, list[Draft]]:
    """The events of each call."""
    context = Context(DIRECTORY, lambda id_: f"https://example.com/{id_}", lambda: "rec_1", now=BEGAN)
    states: dict[str, CallState] = {}
    drafts: dict[str, list[Draft]] = {}
    for fact in _settled(facts):
        state = states.setdefault(
            fact.call, CallState(id=f"cll_{fact.call}", source="asterisk", source_call=fact.call)
        )
        drafts.setdefault(fact.call, []).extend(apply(state, fact, context))
    return drafts


def _settled(facts: Iterable[AnyFact]) -> Iterable[AnyFact]:
    """The same, without waiting for recordings."""
    for fact in facts:
        yield fact
        if isinstance(fact, Ended) and not fact.final:
            yield Settled(source=fact.source, call=fact.call, id="settled", at=fact.at)


def story(said: Iterable[Happening]) -> list[Draft]:
    """The events of the only call in it."""
    ((_, drafts),) = told(facts_of(said)).items()
    return drafts


class Pbx:
    """Writes the messages that Asterisk would send. `at` is in seconds since it began."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._at = 0.0

    def at(self, seconds: float) -> "Pbx":
        self._at = seconds
        return self

    def says(self, event: str, **fields: Any) -> "Pbx":
        self.messages.append(
            {
                "Event": event,
                "Timestamp": f"{BEGAN / 1000 + self._at:.6f}",
                **{k: str(v) for k, v in fields.items()},
            }
        )
        return self

    @staticmethod
    def channel(
        name: str,
        link: str = "",
        prefix: str = "",
        *,
        exten: str = "s",
        context: str = "internal",
        number: str = "",
    ) -> Message:
        """The fields of a channel. Its number is what is behind the last dash of `name`."""
        number_ = name.partition(";")[0].rpartition("-")[2] + ("2" if name.endswith(";2") else "")
        id_ = f"1795436378.{number_}"
        return {
            f"{prefix}Channel": name,
            f"{prefix}Uniqueid": id_,
            f"{prefix}Linkedid": f"1795436378.{link}" if link else id_,
            f"{prefix}Exten": exten,
            f"{prefix}Context": context,
            f"{prefix}CallerIDNum": number or "<unknown>",
        }

    def new(self, name: str, link: str = "", state: str = "Down", **fields: str) -> "Pbx":
        return self.says("Newchannel", ChannelStateDesc=state, **self.channel(name, link, **fields))

    def inbound(self, name: str = "PJSIP/trunk-1", to: str = MAIN) -> "Pbx":
        return self.new(name, state="Ring", exten=to, context="inbound", number=CALLER)

    def dials(self, by: str, name: str, link: str, string: str = "", **fields: str) -> "Pbx":
        caller = self.channel(by, link, **fields) if by else {}
        self.new(name, link)
        return self.says("DialBegin", DialString=string, **caller, **self.channel(name, link, "Dest"))

    def rings(self, name: str, link: str) -> "Pbx":
        return self.says("Newstate", ChannelStateDesc="Ringing", **self.channel(name, link))

    def dialled(self, by: str, name: str, link: str, status: str) -> "Pbx":
        return self.says(
            "DialEnd", DialStatus=status, **self.channel(by, link), **self.channel(name, link, "Dest")
        )

    def enters(self, name: str, link: str, bridge: str, *, holding: bool = False) -> "Pbx":
        technology = "holding_bridge" if holding else "simple_bridge"
        fields = {"BridgeUniqueid": bridge, "BridgeType": "", "BridgeTechnology": technology}
        return self.says("BridgeEnter", **fields, **self.channel(name, link))

    def leaves(self, name: str, link: str, bridge: str) -> "Pbx":
        return self.says("BridgeLeave", BridgeUniqueid=bridge, **self.channel(name, link))

    def hangs_up(self, name: str, link: str, cause: int = 16, tech: int = 0) -> "Pbx":
        return self.says("Hangup", Cause=cause, TechCause=tech or "", **self.channel(name, link))

    def talk(self, by: str, name: str, link: str, bridge: str) -> "Pbx":
        """`name` answers, and is connected with `by`."""
        self.dialled(by, name, link, "ANSWER")
        return self.enters(name, link, bridge).enters(by, link, bridge)

    def story(self) -> list[Draft]:
        """What becomes of it. Told over ARI with `channelvars = CHANNEL(linkedid)`, it is the same."""
        made = story(happenings(self.messages))
        assert story(over_ari(map(as_ari, self.messages))) == made
        return made


_DESTINATIONS = {"App": "application", "Link": "link", "Threeway": "threeway"}


def as_ari(message: Message, *, linked: bool = True) -> dict[str, Any]:
    """The event of ARI that tells what a message of AMI does."""
    at = datetime.fromtimestamp(round(float(message["Timestamp"]), 3), UTC)
    event: dict[str, Any] = {"timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000"}

    def channel(prefix: str = "") -> dict[str, Any] | None:
        if f"{prefix}Uniqueid" not in message:
            return None
        number = message[f"{prefix}CallerIDNum"]
        return {
            "id": message[f"{prefix}Uniqueid"],
            "name": message[f"{prefix}Channel"],
            "state": message.get("ChannelStateDesc", "Up"),
            "caller": {"name": "", "number": "" if number == "<unknown>" else number},
            "connected": {"name": "", "number": ""},
            "dialplan": {
                "context": message[f"{prefix}Context"],
                "exten": message[f"{prefix}Exten"],
                "priority": 1,
            },
            "creationtime": event["timestamp"],
            **({"channelvars": {"CHANNEL(linkedid)": message[f"{prefix}Linkedid"]}} if linked else {}),
        }

    match message["Event"]:
        case "Newchannel":
            event |= {"type": "ChannelCreated", "channel": channel()}
        case "Newstate":
            event |= {"type": "ChannelStateChange", "channel": channel()}
        case "DialBegin" | "DialEnd":
            event |= {
                "type": "Dial",
                "peer": channel("Dest"),
                "dialstring": message.get("DialString", ""),
                "dialstatus": message.get("DialStatus", ""),
                **({"caller": channel()} if channel() else {}),
            }
        case "BridgeEnter" | "BridgeLeave":
            type_ = "ChannelEnteredBridge" if message["Event"] == "BridgeEnter" else "ChannelLeftBridge"
            kind = "holding" if message.get("BridgeTechnology") == "holding_bridge" else "mixing"
            bridge = {"id": message["BridgeUniqueid"], "bridge_type": kind, "channels": []}
            event |= {"type": type_, "channel": channel(), "bridge": bridge}
        case "Hangup":
            event |= {"type": "ChannelDestroyed", "channel": channel(), "cause": int(message["Cause"])}
            if message["TechCause"]:
                event["tech_cause"] = int(message["TechCause"])
        case "BlindTransfer":
            event |= {"type": "BridgeBlindTransfer", "channel": channel("Transferer")}
            event |= {"transferee": channel("Transferee"), "exten": message["Extension"]}
            event |= {"result": message["Result"]}
        case "AttendedTransfer":
            event |= {"type": "BridgeAttendedTransfer", "result": message["Result"]}
            event |= {"destination_type": _DESTINATIONS.get(message.get("DestType", ""), "bridge")}
            event |= {"transferer_first_leg": channel("OrigTransferer"), "transferee": channel("Transferee")}
            event |= {
                "transferer_second_leg": channel("SecondTransferer"),
                "transfer_target": channel("TransferTarget"),
            }
        case "UserEvent":
            event |= {"type": "ChannelUserevent", "channel": channel(), "eventname": message["UserEvent"]}
            event |= {"userevent": {name: message[name] for name in ("Key", "Label") if name in message}}
    return event

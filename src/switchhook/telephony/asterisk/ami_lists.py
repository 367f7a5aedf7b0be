"""What is up, as the manager interface lists it; and whether it tells of it by events as well. Pure.

BridgeList         which bridges are car parks and waiting rooms; any user may ask
CoreShowChannels   all channels, each with its bridge; needs write = reporting
"""

from collections.abc import Iterable, Mapping

from switchhook.telephony.asterisk.ami_events import as_channel, is_holding
from switchhook.telephony.asterisk.happenings import Channel
from switchhook.telephony.asterisk.names import Kind, Plan
from switchhook.telephony.watching import ConnectionLost, Refused

Message = Mapping[str, str]

_NOBODY = Plan(())


class Listing:
    """The answers to one question for all that is up."""

    def __init__(self, number: int, user: str) -> None:
        self._user = user
        self._bridges, self._channels = f"switchhook-bridges-{number}", f"switchhook-channels-{number}"
        self._holding: set[str] = set()
        self._found: list[Channel] = []

    def actions(self) -> tuple[Message, Message]:
        """What is to be asked, in this order."""
        return (
            {"Action": "BridgeList", "ActionID": self._bridges},
            {"Action": "CoreShowChannels", "ActionID": self._channels},
        )

    def is_answer(self, message: Message) -> bool:
        """Whether a message belongs to it."""
        return message.get("ActionID", "") in {self._bridges, self._channels}

    def take(self, message: Message) -> tuple[Channel, ...] | None:
        """All channels once the answer is complete. One that is parked, or waits, is in no bridge.

        Raises:
            Refused: we may not ask.
            ConnectionLost: there is no answer.
        """
        event = message.get("Event")
        if event == "BridgeListItem" and is_holding(message):
            self._holding.add(message.get("BridgeUniqueid", ""))
        if message.get("ActionID") != self._channels:
            return None
        if message.get("Response") == "Error":
            raise self._refused(message.get("Message", "no reason"))
        if event == "CoreShowChannel":
            listed = dict(message)
            if listed.get("BridgeId") in self._holding:
                del listed["BridgeId"]
            channel = as_channel(listed)
            if channel is not None:
                self._found.append(channel)
        return tuple(self._found) if event == "CoreShowChannelsComplete" else None

    def _refused(self, why: str) -> Refused | ConnectionLost:
        if "permission" not in why.lower():
            return ConnectionLost(f"Asterisk does not list its channels: {why}")
        return Refused(
            f"user {self._user!r} may not list the channels ({why}); give it write = reporting in manager.conf"
        )


class Told:
    """Of which channels there were events. Where some are listed and never told of, we hear of no calls at all."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def begin(self, channels: Iterable[Channel]) -> None:
        """Those that were there before."""
        self._ids |= {channel.id for channel in channels}

    def hear(self, message: Message) -> None:
        """Note of whom an event tells."""
        event, id_ = message.get("Event"), message.get("Uniqueid")
        if event == "Hangup":
            self._ids.discard(id_ or "")
        elif event and id_:
            self._ids.add(id_)

    def untold(self, channels: Iterable[Channel]) -> tuple[Channel, ...]:
        """Those of which nothing was told. What Asterisk makes for its own use is not always told of."""
        seen = {Kind.USER, Kind.LOCAL}
        return tuple(
            channel
            for channel in channels
            if channel.id not in self._ids and _NOBODY.kind(channel.name) in seen
        )

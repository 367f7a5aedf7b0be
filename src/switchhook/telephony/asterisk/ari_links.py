"""Which channels are one call, where Asterisk does not say it. Pure.

With `channelvars = CHANNEL(linkedid)` in ari.conf each channel says what it is linked to, and nothing is looked for.
Else channels are told to belong together by who dials whom, which `Picture` sees by itself, and by

    the name        the two halves of a call of Asterisk to itself
    the arguments   of `Stasis(app,…,ID)`: whoever wrote the application names the channel that it was called for
    the number      whoever an application calls has the number of exactly one caller as its connected line

Channels may be told of in any order: what decides is their times, and what they are.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from switchhook.telephony.asterisk import happenings as h
from switchhook.telephony.asterisk.ari_events import as_channel, time_of
from switchhook.telephony.asterisk.names import is_dialled

KEEP = 60_000  # ms that a channel is remembered after its end
MOST = 10_000  # channels that are remembered
TELLING = ("ChannelCreated", "ChannelDestroyed", "StasisStart", "Dial")  # the events that tell something


class _Seen(msgspec.Struct):
    channel: h.Channel
    caller: bool = False  # it came in by itself
    called_at: int | None = None  # when an application called it
    connected: str = ""
    args: tuple[str, ...] = ()
    gone_at: int | None = None


class Links:
    """What was seen of channels that are not linked."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def take(self, message: Mapping[str, Any], now: int) -> list[h.Happening]:
        """Which channel belongs to which, as far as this event tells it."""
        type_ = message.get("type")
        if type_ not in TELLING:
            return []
        at = time_of(message, "timestamp") or now
        found = message.get("peer" if type_ == "Dial" else "channel")
        channel = as_channel(found)
        if channel is None or channel.link:
            return []
        new = channel.id not in self._seen
        seen = self._note(channel, at)
        match type_:
            case "ChannelCreated" if channel.state == "Ring":
                new = new or not seen.caller
                seen.caller = True
            case "ChannelDestroyed":
                seen.gone_at = at
            case "StasisStart":
                seen.args = tuple(one for one in message.get("args") or () if isinstance(one, str))
                new = True
            case "Dial" if seen.called_at is None and not message.get("caller"):
                seen.called_at, seen.connected = at, _connected(found)
                new = True
        return self._of(seen, at) if new else []

    def compare(self, all_: h.Everything, channels: Any) -> list[h.Happening]:
        """The same of all that is up. `channels` is the answer that it was made of."""
        links: list[h.Happening] = []
        connected = {one.get("id"): _connected(one) for one in channels if isinstance(one, dict)}
        for channel in all_.channels:
            if channel.link:
                continue
            seen = self._note(channel, all_.at)
            if is_dialled(channel.application):
                if seen.called_at is None:
                    seen.called_at, seen.connected = all_.at, connected.get(channel.id, "")
            elif seen.called_at is None:
                seen.caller = True
            links += self._of(seen, all_.at)
        return links

    def _note(self, channel: h.Channel, at: int) -> _Seen:
        seen = self._seen.get(channel.id)
        if seen is None:
            over = [id_ for id_, one in self._seen.items() if (one.gone_at or at) < at - KEEP]
            for id_ in over or list(self._seen)[: len(self._seen) - MOST]:
                del self._seen[id_]
            seen = self._seen[channel.id] = _Seen(channel)
        return seen

    def _of(self, seen: _Seen, at: int) -> list[h.Happening]:
        """The links from and to a channel of which something new is known."""
        others = [one for one in self._seen.values() if one is not seen]
        pairs = [(seen, self._seen[id_]) for id_ in seen.args if id_ in self._seen]
        pairs += [(other, seen) for other in others if seen.channel.id in other.args]
        if seen.channel.name.startswith("Local/"):
            both = [pair for other in others for pair in ((seen, other), (other, seen))]
            pairs += [(one, to) for one, to in both if _halves(one.channel, to.channel)]
        called = [one for one in others if one.connected == seen.channel.number] if seen.caller else [seen]
        pairs += [(one, caller) for one in called if (caller := self._caller(one)) is not None]
        return [h.Linked(at, one.channel, to.channel) for one, to in pairs if one is not to]

    def _caller(self, seen: _Seen) -> _Seen | None:
        """The only caller whose number is the connected line of a channel that was called while they were there."""
        if seen.called_at is None or not seen.connected:
            return None
        found = [
            one
            for one in self._seen.values()
            if one.caller
            and one.called_at is None
            and one.channel.number == seen.connected
            and one.channel.since <= seen.called_at <= (one.gone_at or seen.called_at)
        ]
        return found[0] if len(found) == 1 else None


def _halves(second: h.Channel, first: h.Channel) -> bool:
    """Whether they are the two halves of a call of Asterisk to itself, in this order."""
    return (
        second.name.endswith(";2")
        and first.name.endswith(";1")
        and second.name[:-1] == first.name[:-1]
        and second.name.startswith("Local/")
    )


def _connected(found: Any) -> str:
    line = found.get("connected") if isinstance(found, dict) else None
    number = line.get("number") if isinstance(line, dict) else None
    return number if isinstance(number, str) else ""

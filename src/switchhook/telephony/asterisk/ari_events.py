"""The events of the REST interface (ARI) as happenings. Pure.

What comes is JSON of whatever version of Asterisk: a field that is missing or is something else counts as empty.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from switchhook.telephony.asterisk import happenings as h
from switchhook.telephony.asterisk.ami_events import MENU, THREEWAY

Message = Mapping[str, Any]

LINKED = "CHANNEL(linkedid)"  # as it is spelled in `channelvars` of ari.conf
HOLDING = "holding"  # a bridge in which nobody hears anybody


def read(message: Message, now: int) -> list[h.Happening]:
    """What an event says, nothing when it is of no interest. `now` is our own time in wall ms."""
    make = _EVENTS.get(_text(message, "type"))
    return make(message, time_of(message, "timestamp") or now) if make is not None else []


def as_channel(found: Any, bridge: str = "") -> h.Channel | None:
    """A channel as ARI describes it, or None when it is none."""
    id_ = _text(found, "id")
    if not id_:
        return None
    plan = _table(found, "dialplan")
    return h.Channel(
        id=id_,
        link=_text(_table(found, "channelvars"), LINKED),
        name=_text(found, "name"),
        number=_text(_table(found, "caller"), "number"),
        exten=_text(plan, "exten"),
        context=_text(plan, "context"),
        state=_text(found, "state"),
        bridge=bridge,
        application=_text(plan, "app_name"),
        since=time_of(found, "creationtime"),
    )


def everything(channels: Any, bridges: Any, now: int) -> h.Everything:
    """All that is up, of the answers to `GET /channels` and `GET /bridges`."""
    of = {
        str(member): _text(bridge, "id")
        for bridge in _list(bridges)
        if _text(bridge, "bridge_type") != HOLDING
        for member in _list(_table(bridge).get("channels"))
    }
    found = (as_channel(one, of.get(_text(one, "id"), "")) for one in _list(channels))
    return h.Everything(now, tuple(one for one in found if one is not None))


def version(about: Any) -> str:
    """The version in the answer to `GET /asterisk/info`; empty when there is none."""
    return _text(_table(about, "system"), "version")


def endpoints(found: Any) -> tuple[str, ...]:
    """The endpoints in the answer to `GET /endpoints`, as the names of their channels begin."""
    return tuple(
        sorted(f"{_text(one, 'technology')}/{_text(one, 'resource')}" for one in _list(found) if _table(one))
    )


def time_of(found: Any, name: str) -> int:
    """The time in that field, in wall ms; 0 when there is none."""
    try:
        at = datetime.fromisoformat(_text(found, name))
        return round(at.timestamp() * 1000) if at.tzinfo is not None else 0
    except (ValueError, OverflowError):
        return 0


def _created(message: Message, at: int) -> list[h.Happening]:
    return [h.Created(at, channel) for channel in _channels(message, "channel")]


def _changed(message: Message, at: int) -> list[h.Happening]:
    return [h.Changed(at, channel) for channel in _channels(message, "channel")]


def _dial(message: Message, at: int) -> list[h.Happening]:
    """One event for the beginning, for each step, and for what came of it."""
    status = _text(message, "dialstatus")
    for peer in _channels(message, "peer"):
        if not status:
            by = as_channel(message.get("caller"))
            return [h.Dialled(at, by, peer, _text(message, "dialstring"))]
        if status not in {"RINGING", "PROGRESS", "PROCEEDING"}:
            return [h.DialOver(at, peer, status)]
    return []


def _entered(message: Message, at: int) -> list[h.Happening]:
    bridge = _table(message, "bridge")
    if _text(bridge, "bridge_type") == HOLDING:
        return []
    return [h.Entered(at, channel, _text(bridge, "id")) for channel in _channels(message, "channel")]


def _left(message: Message, at: int) -> list[h.Happening]:
    id_ = _text(_table(message, "bridge"), "id")
    return [h.Left(at, channel, id_) for channel in _channels(message, "channel")]


def _destroyed(message: Message, at: int) -> list[h.Happening]:
    cause, tech = _number(message, "cause"), _number(message, "tech_cause")
    return [h.Gone(at, channel, cause, tech) for channel in _channels(message, "channel")]


def _blind_transfer(message: Message, at: int) -> list[h.Happening]:
    if _text(message, "result") != "Success":
        return []
    whom = as_channel(message.get("transferee"))
    return [h.PassedOn(at, by, whom, _text(message, "exten")) for by in _channels(message, "channel")]


def _attended_transfer(message: Message, at: int) -> list[h.Happening]:
    by, second = (
        as_channel(message.get("transferer_first_leg")),
        as_channel(message.get("transferer_second_leg")),
    )
    if by is None or second is None or _text(message, "result") != "Success":
        return []
    if _text(message, "destination_type") == THREEWAY:
        return []
    whom, target = as_channel(message.get("transferee")), as_channel(message.get("transfer_target"))
    return [h.Introduced(at, by, second, whom, target)]


def _user_event(message: Message, at: int) -> list[h.Happening]:
    said = _table(message, "userevent")
    key = _text(said, "Key")
    if _text(message, "eventname") != MENU or not key:
        return []
    label = _text(said, "Label") or None
    return [h.Pressed(at, channel, key, label) for channel in _channels(message, "channel")]


def _recording(message: Message, at: int) -> list[h.Happening]:
    """Of a recording that failed or was thrown away there is no file."""
    found, type_ = _table(message, "recording"), _text(message, "type")
    name, format_, target = _text(found, "name"), _text(found, "format"), _text(found, "target_uri")
    if not name:
        return []
    if type_ == "RecordingStarted":
        return [h.RecordingOn(at, name, format_, target)]
    kept = type_ == "RecordingFinished" and _text(found, "state") != "canceled"
    return [h.RecordingOver(at, name, format_, target, kept, _number(found, "duration"))]


_EVENTS: dict[str, Callable[[Message, int], list[h.Happening]]] = {
    "ChannelCreated": _created,
    "ChannelStateChange": _changed,
    "Dial": _dial,
    "ChannelEnteredBridge": _entered,
    "ChannelLeftBridge": _left,
    "ChannelDestroyed": _destroyed,
    "BridgeBlindTransfer": _blind_transfer,
    "BridgeAttendedTransfer": _attended_transfer,
    "ChannelUserevent": _user_event,
    "RecordingStarted": _recording,
    "RecordingFinished": _recording,
    "RecordingFailed": _recording,
}


def _channels(message: Message, name: str) -> Iterable[h.Channel]:
    channel = as_channel(message.get(name))
    return (channel,) if channel is not None else ()


def _table(found: Any, name: str = "") -> Mapping[str, Any]:
    inner = found.get(name) if name and isinstance(found, dict) else found
    return inner if isinstance(inner, dict) else {}


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _text(found: Any, name: str) -> str:
    inner = found.get(name) if isinstance(found, dict) else None
    return inner if isinstance(inner, str) else ""


def _number(message: Message, name: str) -> int:
    found = message.get(name)
    return found if isinstance(found, int) and 0 <= found < 1_000_000 else 0

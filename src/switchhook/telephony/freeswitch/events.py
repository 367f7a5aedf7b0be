"""The events of FreeSWITCH as happenings. Pure.

Times are those that FreeSWITCH gives, in microseconds; of a channel rather than of the event where both are there, so
that they are the same whichever event tells of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from switchhook.telephony.freeswitch import happenings as h
from switchhook.telephony.freeswitch.names import host, is_local, resource

Message = Mapping[str, Any]  # values are texts, or lists of texts for a variable that has several

EVENTS = (
    "CHANNEL_CREATE",
    "CHANNEL_OUTGOING",
    "CHANNEL_ORIGINATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_BRIDGE",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_HANGUP",
    "CHANNEL_HANGUP_COMPLETE",
    "RECORD_START",
    "RECORD_STOP",
)
MENU = "switchhook::menu"  # event of the dialplan: Event-Subclass=switchhook::menu,Key=2,Label=Sales
CONFERENCE = "conference::maintenance"
SUBCLASSES = (CONFERENCE, MENU)

# Of a channel that is called: for which one. A ring of several rings, and a queue, have variables of their own.
_FOR = (
    "variable_originating_leg_uuid",
    "variable_originator",
    "variable_ent_originate_aleg_uuid",
    "variable_cc_member_session_uuid",
)
_FOREGROUND = "switch_ivr_play_say.c"  # records a caller who is connected with nobody
_CALLING = frozenset({"CHANNEL_CREATE", "CHANNEL_OUTGOING", "CHANNEL_ORIGINATE"})


def read(message: Message, now: int) -> list[h.Happening]:
    """What an event says, nothing when it is of no interest. `now` is our own time in wall ms."""
    name = text(message, "Event-Name")
    key = text(message, "Event-Subclass") if name == "CUSTOM" else name
    make = _EVENTS.get(key)
    channel = as_channel(message)
    if make is None or channel is None:
        return []
    at = _ms(message, "Event-Date-Timestamp") or now
    found = make(message, at, channel)
    return [found] if found is not None else []


def text(message: Message, key: str) -> str:
    """One value; of several the first."""
    found = message.get(key, "")
    if isinstance(found, list):
        found = found[0] if found else ""
    return found if isinstance(found, str) else str(found)


def several(message: Message, key: str) -> Sequence[str]:
    """All values of a variable, however they are written."""
    found = message.get(key, "")
    if isinstance(found, list):
        return [str(one) for one in found]
    if not isinstance(found, str) or not found:
        return []
    return found.removeprefix("ARRAY::").split("|:") if found.startswith("ARRAY::") else [found]


def as_channel(message: Message) -> h.Channel | None:
    """The channel of an event or of a dump, or None when there is none."""
    id_ = text(message, "Unique-ID")
    if not id_:
        return None

    def field(*keys: str) -> str:
        return next((found for key in keys if (found := text(message, key))), "")

    name = field("Channel-Name", "Caller-Channel-Name", "variable_channel_name")
    outbound = field("Call-Direction", "Caller-Direction", "variable_direction") == "outbound"
    return h.Channel(
        id=id_,
        name=name,
        outbound=outbound,
        number=field("Caller-Caller-ID-Number"),
        exten=field("Caller-Destination-Number"),
        context=field("Caller-Context"),
        profile=field("variable_sofia_profile_name") or _profile(name),
        gateway=field("variable_sip_gateway_name", "variable_sip_gateway"),
        host=host(name) if outbound else field("variable_sip_received_ip", "Caller-Network-Addr"),
        user=_user(message, name, outbound=outbound),
        authorized=not outbound and bool(field("variable_user_name", "variable_sip_auth_username")),
        diverted=field("Caller-RDNIS") if field("Event-Name") == "CHANNEL_CREATE" else "",
        by=_by(message) if outbound else "",
        # A real channel has all variables of a half that has stepped aside for it.
        twin=field("variable_other_loopback_leg_uuid") if is_local(name) else "",
        disposition=field("variable_endpoint_disposition"),
        history=_history(message),
        created_at=_ms(message, "Caller-Channel-Created-Time"),
        rang_at=_ms(message, "Caller-Channel-Progress-Time")
        or _ms(message, "Caller-Channel-Progress-Media-Time")
        or None,
        answered_at=_ms(message, "Caller-Channel-Answered-Time") or None,
        bridged_at=_ms(message, "Caller-Channel-Bridged-Time") or None,
        partner=field("variable_signal_bond", "variable_bridge_uuid"),
    )


def as_listed(row: Message) -> h.Channel | None:
    """The channel of a row of `show channels`, as it began; None when it has no id."""
    id_ = text(row, "uuid")
    if not id_:
        return None
    name, call = text(row, "name"), text(row, "call_uuid")
    outbound = text(row, "direction") == "outbound"
    seconds = text(row, "created_epoch")
    return h.Channel(
        id=id_,
        name=name,
        outbound=outbound,
        number=text(row, "initial_cid_num") or text(row, "cid_num"),
        exten=text(row, "initial_dest") or text(row, "dest"),
        context=text(row, "initial_context") or text(row, "context"),
        profile=_profile(name),
        host=host(name) if outbound else text(row, "initial_ip_addr") or text(row, "ip_addr"),
        user=text(row, "presence_id").partition("@")[0] or resource(name),
        by=call if outbound and call != id_ else "",
        created_at=int(seconds) * 1000 if seconds.isascii() and seconds.isdigit() else 0,
    )


def _by(message: Message) -> str:
    """The channel for which this one is called. `Other-Leg` says later with whom it was connected."""
    for key in _FOR:
        if found := text(message, key):
            return found
    if text(message, "Event-Name") in _CALLING and text(message, "Other-Type") == "originator":
        return text(message, "Other-Leg-Unique-ID")
    return ""


def _profile(name: str) -> str:
    technology, _, rest = name.partition("/")
    return rest.partition("/")[0] if technology == "sofia" and "/" in rest else ""


def _user(message: Message, name: str, *, outbound: bool) -> str:
    keys = (
        ("variable_dialed_user", "Channel-Presence-ID")
        if outbound
        else ("variable_user_name", "variable_sip_auth_username", "Channel-Presence-ID", "Caller-Username")
    )
    for key in keys:
        found = text(message, key).partition("@")[0]
        if found:
            return found
    return resource(name)


def _history(message: Message) -> tuple[h.Entry, ...]:
    found = []
    for written in several(message, "variable_transfer_history"):
        parts = written.split(":", 3)
        if len(parts) < 4 or not (parts[0].isascii() and parts[0].isdigit()):
            continue
        at = 0
        if written == text(message, "Caller-Transfer-Source") and parts[2] == "bl_xfer":
            at = _ms(message, "Caller-Profile-Created-Time")  # the profile that the transfer made
        found.append(h.Entry(parts[1], at or int(parts[0]) * 1000, parts[2], parts[3], at > 0))
    return tuple(found)


def _began(message: Message, at: int, channel: h.Channel) -> h.Happening:
    return h.Began(channel.created_at or at, channel)


def _seen(message: Message, at: int, channel: h.Channel) -> h.Happening:
    return h.Seen(at, channel)


def _progress(message: Message, at: int, channel: h.Channel) -> h.Happening:
    return h.Rang(at, channel) if channel.outbound else h.Seen(at, channel)


def _answer(message: Message, at: int, channel: h.Channel) -> h.Happening:
    return h.PickedUp(channel.answered_at or at, channel)


def _bridge(message: Message, at: int, channel: h.Channel) -> h.Happening:
    ids = _connected(message) or {text(message, "Other-Leg-Unique-ID")} - {""}
    others = tuple(h.Channel(id_, "") for id_ in sorted(ids - {channel.id}))
    return h.Entered(at, (channel, *others), "|".join(sorted({channel.id, *ids})))


def _unbridge(message: Message, at: int, channel: h.Channel) -> h.Happening:
    ids = _connected(message)  # none where FreeSWITCH does not pass the sound on itself
    return h.Left(at, channel, "|".join(sorted({channel.id, *ids})) if ids else "", bool(ids))


def _connected(message: Message) -> set[str]:
    return {text(message, "Bridge-A-Unique-ID"), text(message, "Bridge-B-Unique-ID")} - {""}


def _hangup(message: Message, at: int, channel: h.Channel) -> h.Happening:
    ended = _ms(message, "Caller-Channel-Hangup-Time") or at
    return h.Gone(ended, channel, text(message, "Hangup-Cause") or text(message, "variable_hangup_cause"))


def _record(message: Message, at: int, channel: h.Channel) -> h.Happening | None:
    path = text(message, "Record-File-Path")
    if not path:
        return None
    complete = text(message, "Event-Name") == "RECORD_STOP"
    length = _number(text(message, "variable_record_ms")) if complete else 0
    return h.Taped(
        at,
        channel,
        path,
        complete,
        message=text(message, "Event-Calling-File") == _FOREGROUND,
        stereo=_true(message, "variable_RECORD_STEREO"),
        swapped=_true(message, "variable_RECORD_STEREO_SWAP"),
        seconds=length / 1000,
        began_at=at - length,
    )


def _conference(message: Message, at: int, channel: h.Channel) -> h.Happening | None:
    room = text(message, "Conference-Unique-ID") or text(message, "Conference-Name")
    match text(message, "Action"):
        case "add-member":
            return h.Entered(at, (channel,), f"conference:{room}")
        case "del-member":
            return h.Left(at, channel, f"conference:{room}")
    return None


def _menu(message: Message, at: int, channel: h.Channel) -> h.Happening | None:
    key = text(message, "Key")
    return h.Pressed(at, channel, key, text(message, "Label") or None) if key else None


_EVENTS: dict[str, Callable[[Message, int, h.Channel], h.Happening | None]] = {
    "CHANNEL_CREATE": _began,
    "CHANNEL_OUTGOING": _seen,
    "CHANNEL_ORIGINATE": _seen,
    "CHANNEL_PROGRESS": _progress,
    "CHANNEL_PROGRESS_MEDIA": _progress,
    "CHANNEL_ANSWER": _answer,
    "CHANNEL_BRIDGE": _bridge,
    "CHANNEL_UNBRIDGE": _unbridge,
    "CHANNEL_HANGUP": _hangup,
    "CHANNEL_HANGUP_COMPLETE": _hangup,
    "RECORD_START": _record,
    "RECORD_STOP": _record,
    CONFERENCE: _conference,
    MENU: _menu,
}


def _true(message: Message, key: str) -> bool:
    """Whether a variable that the dialplan sets is so; its name is written there in whatever case."""
    found = next((text(message, name) for name in message if name.lower() == key.lower()), "")
    return found.lower() in {"true", "yes", "on", "1", "enabled", "active", "allow", "t"}


def _ms(message: Message, key: str) -> int:
    """A time, in wall ms; 0 when there is none."""
    return _number(text(message, key)) // 1000


def _number(written: str) -> int:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 20 else 0

"""The events of the manager interface as happenings. Pure.

Times are those of Asterisk when it gives any (`timestampevents = yes`), else those of arrival.
"""

from collections.abc import Callable, Mapping

from switchhook.telephony.asterisk import happenings as h

Message = Mapping[str, str]

MENU = "SwitchhookMenu"  # UserEvent(SwitchhookMenu,Key:2,Label:Sales) in the dialplan
HOLDING = "holding_bridge"  # a bridge in which nobody hears anybody: a car park, a waiting room
THREEWAY = "threeway"  # how an attended transfer ends in which whoever transferred stays


def read(message: Message, now: int) -> list[h.Happening]:
    """What an event says, nothing when it is of no interest. `now` is our own time in wall ms."""
    make = _EVENTS.get(message.get("Event", ""))
    found = make(message, _time(message, now)) if make is not None else None
    return [found] if found is not None else []


def as_channel(message: Message, prefix: str = "") -> h.Channel | None:
    """The channel whose fields begin with `prefix`, or None when there is none."""
    id_ = message.get(f"{prefix}Uniqueid", "")
    if not id_:
        return None

    def field(name: str) -> str:
        found = message.get(prefix + name, "")
        return "" if found == "<unknown>" else found

    return h.Channel(
        id=id_,
        link=field("Linkedid") or id_,
        name=field("Channel"),
        number=field("CallerIDNum"),
        exten=field("Exten"),
        context=field("Context"),
        state=field("ChannelStateDesc"),
        bridge=field("BridgeId"),
        application=field("Application"),
    )


def _newchannel(message: Message, at: int) -> h.Happening | None:
    channel = as_channel(message)
    return h.Created(at, channel) if channel else None


def _newstate(message: Message, at: int) -> h.Happening | None:
    channel = as_channel(message)
    return h.Changed(at, channel) if channel else None


def _dial_begin(message: Message, at: int) -> h.Happening | None:
    channel = as_channel(message, "Dest")
    return h.Dialled(at, as_channel(message), channel, message.get("DialString", "")) if channel else None


def _dial_end(message: Message, at: int) -> h.Happening | None:
    channel = as_channel(message, "Dest")
    return h.DialOver(at, channel, message.get("DialStatus", "")) if channel else None


def is_holding(message: Message) -> bool:
    """Whether the bridge that a message describes is one in which nobody hears anybody."""
    return message.get("BridgeTechnology") == HOLDING


def _bridge_enter(message: Message, at: int) -> h.Happening | None:
    channel = as_channel(message) if not is_holding(message) else None
    return h.Entered(at, channel, message.get("BridgeUniqueid", "")) if channel else None


def _bridge_leave(message: Message, at: int) -> h.Happening | None:
    channel = as_channel(message)
    return h.Left(at, channel, message.get("BridgeUniqueid", "")) if channel else None


def _hangup(message: Message, at: int) -> h.Happening | None:
    channel = as_channel(message)
    if channel is None:
        return None
    return h.Gone(at, channel, _number(message.get("Cause", "")), _number(message.get("TechCause", "")))


def _blind_transfer(message: Message, at: int) -> h.Happening | None:
    by = as_channel(message, "Transferer")
    if by is None or message.get("Result") != "Success":
        return None
    return h.PassedOn(at, by, as_channel(message, "Transferee"), message.get("Extension", ""))


def _attended_transfer(message: Message, at: int) -> h.Happening | None:
    by = as_channel(message, "OrigTransferer")
    second = as_channel(message, "SecondTransferer")
    if by is None or second is None or message.get("Result") != "Success":
        return None
    if message.get("DestType", "").lower() == THREEWAY:
        return None
    return h.Introduced(
        at, by, second, as_channel(message, "Transferee"), as_channel(message, "TransferTarget")
    )


def _user_event(message: Message, at: int) -> h.Happening | None:
    channel = as_channel(message)
    key = message.get("Key", "")
    if channel is None or message.get("UserEvent") != MENU or not key:
        return None
    return h.Pressed(at, channel, key, message.get("Label") or None)


_EVENTS: dict[str, Callable[[Message, int], h.Happening | None]] = {
    "Newchannel": _newchannel,
    "Newstate": _newstate,
    "DialBegin": _dial_begin,
    "DialEnd": _dial_end,
    "BridgeEnter": _bridge_enter,
    "BridgeLeave": _bridge_leave,
    "Hangup": _hangup,
    "BlindTransfer": _blind_transfer,
    "AttendedTransfer": _attended_transfer,
    "UserEvent": _user_event,
}


def _time(message: Message, now: int) -> int:
    try:
        return int(float(message["Timestamp"]) * 1000)
    except (KeyError, ValueError, OverflowError):
        return now


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

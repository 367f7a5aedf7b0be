"""Keys that a telephone sends as SIP INFO: `application/dtmf-relay` and `application/dtmf`. Pure."""

import re

from switchhook.telephony.sip.edge.message import Message

_SIGNAL = re.compile(r"(?im)^[ \t]*signal[ \t]*=[ \t]*([0-9]{1,2}|[*#A-D])[ \t]*\r?$").search
_PLAIN = re.compile(r"[ \t\r\n]*([0-9]{1,2}|[*#A-Da-d])[ \t\r\n]*").fullmatch
_NUMBERED = {10: "*", 11: "#", 12: "A", 13: "B", 14: "C", 15: "D"}


def digit_of(request: Message) -> str | None:
    """The key; empty when it is a kind of press that is none (a flash), None when the INFO is about something else."""
    kind = (request.get("Content-Type") or "").partition(";")[0].strip().lower()
    text = request.body[:256].decode("ascii", "replace")
    if kind == "application/dtmf-relay":
        found = _SIGNAL(text)
    elif kind == "application/dtmf":
        found = _PLAIN(text)
    else:
        return None
    if found is None:
        return ""
    said = found.group(1).upper()
    return _NUMBERED.get(int(said), "") if len(said) == 2 and said.isdigit() and int(said) > 9 else said[-1]

"""What Twilio says of calls and their legs, as facts. Pure.

A call is the leg that it began with, by its CallSid; each telephone that is dialled is a leg with a CallSid of its own.
Twilio repeats itself, and is not always in order: facts have ids made of the CallSid and what is said of it.

    voice webhook          Offered
    leg: ringing           Ringing
    leg: in-progress       Answered
    leg: completed, …      Answered when it was talked on, LegEnded
    call: completed, …     Offered when that was not heard of, Ended
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from switchhook.workspace.directory import Directory
from switchhook.workspace.e164 import is_e164
from switchhook.workspace.facts import (
    Answered,
    AnyFact,
    Chose,
    Direction,
    EndCause,
    Ended,
    LegEnded,
    LegKind,
    Offered,
    Ringing,
)

SOURCE = "twilio"
MAILBOX = "mailbox"
MENU = "menu"
CALLED_BY_API = "outbound-api"

_CAUSES = {
    "completed": EndCause.HANGUP,
    "busy": EndCause.BUSY,
    "no-answer": EndCause.NO_ANSWER,
    "canceled": EndCause.CANCELLED,
    "failed": EndCause.UNREACHABLE,
}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one leg. `at` is when it was so (wall ms), `seconds` how long was talked when it is over."""

    sid: str
    status: str
    at: int
    sender: str = ""
    to: str = ""
    direction: str = ""
    diverted: str = ""
    seconds: int = 0

    @property
    def over(self) -> bool:
        """Whether the leg has ended."""
        return self.status in _CAUSES

    @property
    def by_telephone(self) -> bool:
        """Whether a telephone that is registered at Twilio calls, and no number."""
        return self.sender.startswith(("sip:", "sips:", "client:"))


def posted(form: Mapping[str, str], now: int) -> Report:
    """The report of a request. Most say when it was so; what does not is so now."""
    return Report(
        sid=form.get("CallSid", ""),
        status=form.get("CallStatus", ""),
        at=moment(form.get("Timestamp"), now),
        sender=form.get("From", ""),
        to=form.get("To", ""),
        direction=form.get("Direction", ""),
        diverted=form.get("ForwardedFrom", ""),
        seconds=_seconds(form.get("CallDuration")),
    )


def looked_up(resource: Mapping[str, Any], now: int) -> Report:
    """The report of a call that was asked for."""
    return Report(
        sid=str(resource.get("sid") or ""),
        status=str(resource.get("status") or ""),
        at=moment(resource.get("end_time") or resource.get("start_time"), now),
        sender=str(resource.get("from") or ""),
        to=str(resource.get("to") or ""),
        direction=str(resource.get("direction") or ""),
        diverted=str(resource.get("forwarded_from") or ""),
        seconds=_seconds(resource.get("duration")),
    )


def offered(report: Report, at: int, directory: Directory) -> Offered | None:
    """The call that begins so; None when it is none of the workspace's."""
    if report.direction == CALLED_BY_API:
        own, other = report.sender, report.to
        user_ref = None
    elif report.by_telephone:
        if directory.user_of_sip(report.sender) is None:
            return None
        own, other, user_ref = report.sender, dialled(report.to, directory), report.sender
        if not is_e164(other):
            return None
    else:
        if directory.number(directory.spell(report.to)) is None:
            return None
        return Offered(
            source=SOURCE,
            call=report.sid,
            id="offered",
            at=at,
            leg=report.sid,
            direction=Direction.INBOUND,
            from_raw=report.sender,
            to_raw=report.to,
            original_to_raw=report.diverted or None,
        )
    if user_ref is None and directory.number(directory.spell(own)) is None:
        return None
    return Offered(
        source=SOURCE,
        call=report.sid,
        id="offered",
        at=at,
        leg=report.sid,
        direction=Direction.OUTBOUND,
        from_raw=own,
        to_raw=other,
        user_ref=user_ref,
    )


def dialled(to: str, directory: Directory) -> str:
    """The number that a telephone dialled, E.164 when it is one: the name in a SIP address."""
    name = to.removeprefix("sips:").removeprefix("sip:").partition("@")[0] if to.startswith("sip") else to
    return directory.spell(name)


def of_leg(report: Report, call: str, kind: LegKind, target: str) -> list[AnyFact]:
    """What is said of a leg of `call`."""
    leg = report.sid
    if not leg:
        return []

    def answered(at: int) -> Answered:
        return Answered(
            source=SOURCE, call=call, id=f"answered {leg}", at=at, leg=leg, kind=kind, target=target
        )

    if report.status == "ringing":
        return [
            Ringing(
                source=SOURCE, call=call, id=f"ringing {leg}", at=report.at, leg=leg, kind=kind, target=target
            )
        ]
    if report.status == "in-progress":
        return [answered(report.at)]
    if not report.over:
        return []
    ended = LegEnded(
        source=SOURCE,
        call=call,
        id=f"ended {leg}",
        at=report.at,
        leg=leg,
        kind=kind,
        target=target,
        cause=_CAUSES[report.status],
    )
    talked = report.status == "completed" and report.seconds > 0
    return [answered(report.at - report.seconds * 1000), ended] if talked else [ended]


def of_call(report: Report, directory: Directory) -> list[AnyFact]:
    """What is said of a call as a whole."""
    begun = offered(report, report.at - report.seconds * 1000, directory)
    if begun is None:
        return []
    facts: list[AnyFact] = []
    if report.direction == CALLED_BY_API:
        facts = [begun, *of_leg(report, report.sid, LegKind.OUTSIDE, report.to)]
    if report.over:
        facts = facts or [begun]
        facts.append(end(report.sid, report.at, _CAUSES[report.status]))
    return facts


def end(call: str, at: int, cause: EndCause) -> Ended:
    """The end of a call. What was never answered has nothing more to be waited for."""
    final = cause is not EndCause.HANGUP
    return Ended(source=SOURCE, call=call, id="ended", at=at, cause=cause, final=final)


def mailbox_answers(call: str, at: int) -> Answered:
    """Our mailbox takes the call."""
    return Answered(
        source=SOURCE, call=call, id=MAILBOX, at=at, leg=MAILBOX, kind=LegKind.MAILBOX, target=MAILBOX
    )


def menu_answers(call: str, at: int) -> Answered:
    """A menu or an announcement of ours takes the call."""
    return Answered(source=SOURCE, call=call, id=MENU, at=at, leg=MENU, kind=LegKind.MENU, target=MENU)


def chose(call: str, at: int, asked: str, key: str, label: str | None) -> Chose:
    """A choice in a menu. `asked` tells one time that it was asked for from the others, so that a repetition counts
    once."""
    return Chose(source=SOURCE, call=call, id=f"chose {asked}", at=at, key=key, label=label)


def moment(value: Any, now: int) -> int:
    """Wall ms of a date as mail has it; `now` when it cannot be read."""
    try:
        found = parsedate_to_datetime(str(value or ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return now
    known = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    begun = datetime(1970, 1, 1, tzinfo=UTC)
    return max(0, round((known - begun).total_seconds() * 1000))


def _seconds(value: Any) -> int:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 7 else 0

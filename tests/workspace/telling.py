"""Short ways to tell what happened in a call."""

from typing import Any

from switchhook.events.payloads import Speaker
from switchhook.workspace.call_state import CallState
from switchhook.workspace.calls import Draft, apply
from switchhook.workspace.completed import Context
from switchhook.workspace.directory import Directory, Number, NumberSettings, User
from switchhook.workspace.facts import (
    Answered,
    AnyFact,
    Chose,
    Collected,
    Direction,
    EndCause,
    Ended,
    LegEnded,
    LegKind,
    NotTranscribed,
    Offered,
    Recorded,
    Ringing,
    Settled,
    Transcribed,
    Transferred,
    Utterance,
)

START = 1_742_049_000_000  # 2025-03-15T14:30:00Z
OUTSIDE = "+33612345678"
MAIN = "+33123456789"
SECOND = "+33123456780"

ANNA = User("usr_anna", "anna@example.com", "Anna", ("sip:anna@10.0.0.5",))
BEN = User("usr_ben", "ben@example.com", "Ben", ("sip:ben@10.0.0.6", "sip:ben@10.0.0.7:5070"))
CLEO = User("usr_cleo", "cleo@example.com", "Cleo", ("sip:cleo@10.0.0.8",))

DIRECTORY = Directory(
    (ANNA, BEN, CLEO),
    (
        Number(SECOND, "Second", "FR", (BEN,), NumberSettings()),
        Number(MAIN, "Main", "FR", (ANNA, BEN), NumberSettings()),
        Number("+33123456770", "Nobody's", "FR", (), NumberSettings()),
    ),
    "FR",
)
CONTEXT = Context(DIRECTORY, lambda id_: f"https://phone.example.com/recordings/{id_}", lambda: "rec_1")


def at(seconds: float) -> int:
    """Wall milliseconds, so many seconds into the call."""
    return START + round(seconds * 1000)


def base(id: str, seconds: float) -> dict[str, Any]:
    """What every fact carries."""
    return {"source": "sip", "call": "call-1", "id": id, "at": at(seconds)}


def rings(from_raw: str = OUTSIDE, to_raw: str = MAIN) -> Offered:
    """An outside party calls."""
    return Offered(
        **base("offered", 0), leg="in", direction=Direction.INBOUND, from_raw=from_raw, to_raw=to_raw
    )


def dials(user_ref: str | None, to_raw: str = OUTSIDE, from_raw: str = "anna") -> Offered:
    """A user's telephone calls out."""
    return Offered(
        **base("offered", 0),
        leg="in",
        direction=Direction.OUTBOUND,
        from_raw=from_raw,
        to_raw=to_raw,
        user_ref=user_ref,
    )


def ringing(target: str, seconds: float, kind: LegKind = LegKind.USER) -> Ringing:
    """A telephone has begun to ring."""
    return Ringing(**base(f"ringing {target}", seconds), leg=target, kind=kind, target=target)


def answers(target: str, seconds: float, kind: LegKind = LegKind.USER) -> Answered:
    """Somebody has answered."""
    return Answered(**base(f"answered {target}", seconds), leg=target, kind=kind, target=target)


def stops(target: str, seconds: float, cause: EndCause, kind: LegKind = LegKind.USER) -> LegEnded:
    """A leg is over."""
    return LegEnded(**base(f"ended {target}", seconds), leg=target, kind=kind, target=target, cause=cause)


def recorded(length: float, seconds: float = 90, *, voicemail: bool = False) -> Recorded:
    """A recording is complete."""
    return Recorded(**base("recorded", seconds), path="recordings/x.mp3", seconds=length, voicemail=voicemail)


def chooses(key: str, seconds: float, label: str | None = None) -> Chose:
    """A key is pressed in a menu."""
    return Chose(**base(f"chose {seconds}", seconds), key=key, label=label)


def passes_on(
    to: str,
    seconds: float,
    *,
    by: str | None = "sip:anna@10.0.0.5",
    kind: LegKind | None = None,
    original: str | None = None,
) -> Transferred:
    """The call is transferred."""
    return Transferred(**base(f"transferred {seconds}", seconds), by=by, to=to, kind=kind, original=original)


def collects(seconds: float, **data: Any) -> Collected:
    """Somebody was asked and has told."""
    return Collected(**base(f"collected {seconds}", seconds), data=data)


def ends(seconds: float, cause: EndCause = EndCause.HANGUP, *, final: bool = True) -> Ended:
    """The call is over."""
    return Ended(**base("ended", seconds), cause=cause, final=final)


def settles(seconds: float) -> Settled:
    """Nothing more is to come."""
    return Settled(**base("settled", seconds))


def transcribed(seconds: float = 95, summary: str = "A bill.", **more: Any) -> Transcribed:
    """What was said in the recording is known."""
    lines = (
        Utterance(Speaker.EXTERNAL, 0.5, "I have a question about my invoice."),
        Utterance(Speaker.USER, 4.25, "Let me look."),
    )
    engine = "extractive" if summary else None
    told = {"language": "en", "lines": lines, "summary": summary, "summary_engine": engine} | more
    return Transcribed(**base("transcribed", seconds), **told)


def not_transcribed(seconds: float = 120) -> NotTranscribed:
    """It was waited for long enough."""
    return NotTranscribed(**base("not awaited", seconds), why="30 seconds are over")


def a_state() -> CallState:
    """A call of which nothing is known yet."""
    return CallState(id="cll_1", source="sip", source_call="call-1")


def tell(*facts: AnyFact, context: Context = CONTEXT, state: CallState | None = None) -> list[Draft]:
    """The events that these facts make, in order."""
    state = state or a_state()
    return [draft for fact in facts for draft in apply(state, fact, context)]

"""What the spans of calls and texts tell: which, of what kind and how far; never who, from where, or what was said."""

from switchhook.tracing.spans import Value
from switchhook.tracing.tracer import Intake
from switchhook.workspace.call_state import CallState
from switchhook.workspace.facts import Answered, AnyFact, Ended, LegEnded, Offered, Ringing

ACCEPTED, RECEIVED = "accepted", "received"


def trace_fact(traces: Intake, workspace: str, call: str, fact: AnyFact, now: int) -> None:
    """A fact of a call has come in, at `now` (wall ms)."""
    kind = str(fact.__struct_config__.tag)
    attributes: dict[str, Value] = {
        "switchhook.workspace.id": workspace,
        "switchhook.call.id": call,
        "switchhook.source": fact.source,
        "switchhook.fact": kind,
        "switchhook.fact.age_ms": now - fact.at,
    }
    if isinstance(fact, Offered):
        attributes["switchhook.call.direction"] = fact.direction.value
    if isinstance(fact, Ringing | Answered | LegEnded):
        attributes["switchhook.leg.kind"] = fact.kind.value
    if isinstance(fact, Ended | LegEnded):
        attributes["switchhook.end.cause"] = fact.cause.value
    traces.reported(call, f"{fact.source} {kind}", attributes)


def trace_call(traces: Intake, workspace: str, state: CallState) -> None:
    """A call is over and told."""
    attributes: dict[str, Value] = {
        "switchhook.workspace.id": workspace,
        "switchhook.call.id": state.id,
        "switchhook.source": state.source,
        "switchhook.call.answered": any(leg.answered_at is not None for leg in state.legs.values()),
    }
    if state.direction is not None:
        attributes["switchhook.call.direction"] = state.direction.value
    if state.cause is not None:
        attributes["switchhook.end.cause"] = state.cause.value
    ended = state.ended_at or state.heard_at
    traces.whole(state.id, "call", state.started_at or ended, ended, attributes)


def trace_text(traces: Intake, workspace: str, text: str, carrier: str, what: str) -> None:
    """Something is known of a text: that it was `ACCEPTED` to be sent or `RECEIVED`, or its new status."""
    attributes: dict[str, Value] = {
        "switchhook.workspace.id": workspace,
        "switchhook.text.id": text,
        "switchhook.source": carrier,
        "switchhook.text.status": what,
    }
    traces.reported(text, f"text {what}", attributes, first=what in (ACCEPTED, RECEIVED))

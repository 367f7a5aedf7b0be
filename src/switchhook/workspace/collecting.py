"""What an AI agent was told in a call, as it hands it to us: kept with the call while its end is not told."""

from typing import Any

import msgspec

from switchhook.storage.store import Transaction
from switchhook.workspace.call_state import CallState, Told

CALL_HEADER = "X-Switchhook-Call"  # of a call to an agent: our id of the call, for it to name it by
MOST = 100  # times that something is told of one call
MOST_BYTES = 64 * 1024  # of all that is told of one call, as JSON

_encode = msgspec.json.Encoder().encode
_state = msgspec.json.Decoder(CallState).decode


class CollectError(Exception):
    """It cannot be kept."""


class NoSuchCall(CollectError):
    """The workspace has no such call."""


class CallOver(CollectError):
    """The end of the call has been told, and with it what was collected."""


class TooMuch(CollectError):
    """More than a call may carry."""


async def collect(tx: Transaction, workspace: str, call: str, data: dict[str, Any], now: int) -> None:
    """Keep `data` with a call that is open or whose end is not told yet. Later fields replace earlier ones.

    Raises:
        CollectError: it cannot be kept; the class says why.
    """
    rows = await tx.fetch("call", workspace, call)
    if not rows:
        raise NoSuchCall
    state = _state(rows[0][1])
    if state.completed:
        raise CallOver
    told = [*state.collected, Told(now, f"told {len(state.collected):03}", data)]
    if len(told) > MOST or sum(len(_encode(one.data)) for one in told) > MOST_BYTES:
        raise TooMuch
    state.collected = told
    over = None if state.open else state.ended_at or now
    await tx.execute("save_call", workspace, call, state.started_at or now, over, _encode(state).decode())

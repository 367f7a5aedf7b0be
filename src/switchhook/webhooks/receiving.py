"""What becomes of a message that has arrived: the order of verify, claim, work, mark and answer. Pure.

Working before the answer (the default):

    verify ──▶ claim ──▶ work ──▶ finish ──▶ 200
      │          │         └ error: release ──▶ 500, the sender tries again
      │          ├ done already ──▶ 200
      │          └ under way ──▶ 409, the sender tries again and finds it done, or does it
      └ 400 or 401

Answering at once, where the store keeps bodies:

    verify ──▶ room? ──▶ claim, body kept ──▶ 202 … claim again ──▶ work ──▶ finish
                 │          ├ done already ──▶ 200          │           └ error: release, for later
                 │          └ under way ──▶ 202: it is kept  └ lost: somebody else has it
                 └ no ──▶ 503, before anything is noted

What a crash leaves behind is a claim. It runs out after `lease` seconds; then the sender's next attempt takes it, or,
where the body was kept, whoever looks for what waits. So a crash repeats work and never loses it: a 2xx is only ever
answered for what is done, or kept. Two who have the same message at once are told apart by the claim, and one of them
works, as long as no work takes longer than the lease.

A step is a question to the world; the generators here say in which order they are asked, and whoever runs them answers
with what was asked for, or throws in what went wrong.
"""

from collections.abc import Generator, Mapping
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from switchhook.events import Event, InvalidEvent, UnknownTopic, parse
from switchhook.webhooks.dedupe.contract import Claim, State
from switchhook.webhooks.verify import (
    NoMatchingSignature,
    TimestampTooNew,
    TimestampTooOld,
    VerificationError,
    Webhook,
)

D = TypeVar("D")

MAX_BODY = 4 * 1024 * 1024
"""Bytes; a larger body is answered 413 by the adapters that read it themselves."""

MAX_REASON = 300
"""The most characters of a reason that is answered."""


class OnError(Enum):
    """What a handler's error means."""

    RETRY = "retry"
    """The message is given back, and comes again: the answer is 500, or it is kept for later."""
    ACCEPT = "accept"
    """It is logged, and the message counts as done."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How long things take, in seconds. `lease`: longer than any handler. `keep`: how long a message that is done is
    remembered; the sender may be asked to send it again for as long as it keeps it. `attempts`: after so many in the
    background a message is given up."""

    lease: float = 600.0
    keep: float = 30 * 86400.0
    attempts: int = 12
    on_error: OnError = OnError.RETRY


class Background(msgspec.Struct, frozen=True, kw_only=True):
    """How to work after the answer. `queue`: messages that may wait or be worked on in this process; beyond, 503.
    `sweep`: seconds between two looks for what was left behind. `may_lose`: take a store that keeps no bodies over a
    crash."""

    workers: int = 4
    queue: int = 1000
    sweep: float = 15.0
    may_lose: bool = False

    def __post_init__(self) -> None:
        if self.workers < 1 or self.queue < 1 or self.sweep <= 0:
            raise ValueError(
                "a background needs at least one worker, room for one message, and time between sweeps"
            )


class Message(msgspec.Struct, Generic[D], frozen=True, kw_only=True):
    """What a handler is given. `id` is the `webhook-id`, the same on every repetition; `attempt` counts them from 1 as
    far as the store knows; `timestamp` is when the event was accepted."""

    id: str
    topic: str
    timestamp: str
    data: D
    attempt: int = 1


class Answer(NamedTuple):
    """What the sender is told: a status, a few words, and perhaps in how many seconds to come again."""

    status: int
    reason: str
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The answer's headers."""
        found = {"content-type": "text/plain; charset=utf-8"}
        return found if self.retry_after is None else found | {"retry-after": str(self.retry_after)}

    @property
    def body(self) -> bytes:
        """The answer's body."""
        return self.reason.encode("utf-8", "replace")


class Take(NamedTuple):
    """Claim the message; a `Claim` is the answer."""

    id: str
    token: str
    seconds: float
    body: bytes | None


class Work(NamedTuple):
    """Run the handlers; None is the answer, or the error of one of them."""

    message: Message[Any]


class Finish(NamedTuple):
    """Note that it is done."""

    id: str
    token: str
    seconds: float


class Release(NamedTuple):
    """Give it back."""

    id: str
    token: str
    after: float | None


class Reserve(NamedTuple):
    """Is there room for one more in the queue? It is kept free when the answer is True."""


class Free(NamedTuple):
    """The room that was kept free is not needed."""


class Enqueue(NamedTuple):
    """Have it worked on, in the room that was kept free."""

    id: str
    token: str
    body: bytes


Step = Take | Work | Finish | Release | Reserve | Free | Enqueue
Steps = Generator[Step, Any, Answer]


def checked(
    webhook: Webhook, body: bytes, headers: Mapping[str, str], now: float
) -> tuple[str, Event] | Answer:
    """The id and the event of an authentic message, or what to answer without looking any further."""
    try:
        msg_id = webhook.authenticate(body, headers, now)
        return msg_id, parse(body)
    except VerificationError as error:
        unsure = isinstance(error, NoMatchingSignature | TimestampTooOld | TimestampTooNew)
        return Answer(401 if unsure else 400, str(error)[:MAX_REASON])
    except UnknownTopic as error:
        return Answer(200, f"ignored: {error.topic[:60]} is newer than this receiver")
    except InvalidEvent as error:
        return Answer(400, f"authentic, but not an event: {error}"[:MAX_REASON])


def message_of(msg_id: str, event: Event, attempt: int) -> Message[Any]:
    """What a handler is given of an event."""
    return Message(id=msg_id, topic=event.topic, timestamp=event.timestamp, data=event.data, attempt=attempt)


def arrive(found: tuple[str, Event], token: str, rules: Rules) -> Steps:
    """A message that is worked on before it is answered."""
    msg_id, event = found
    claim: Claim = yield Take(msg_id, token, rules.lease, None)
    if claim.state is State.DONE:
        return Answer(200, "done already")
    if claim.state is State.UNDER_WAY:
        return Answer(409, "under way: come again later")
    error: Exception | None = yield Work(message_of(msg_id, event, claim.attempt))
    if error is not None and rules.on_error is OnError.RETRY:
        yield Release(msg_id, token, None)
        return Answer(500, "a handler failed")
    yield Finish(msg_id, token, rules.keep)
    return Answer(200, "done")


def arrive_queued(msg_id: str, body: bytes, token: str, rules: Rules, *, keeps: bool) -> Steps:
    """A message that is answered at once. `keeps` is whether the store would have it after a crash."""
    if not (yield Reserve()):
        return Answer(503, "too much is waiting here", 5)
    try:
        claim: Claim = yield Take(msg_id, token, rules.lease, body)
    except Exception:
        yield Free()
        raise
    if claim.state is State.CLAIMED:
        yield Enqueue(msg_id, token, body)
        return Answer(202, "taken")
    yield Free()
    if claim.state is State.DONE:
        return Answer(200, "done already")
    # Kept already, it is as good as done. Kept in memory only, a crash may yet take it: let the sender ask again.
    return Answer(202, "taken already") if keeps else Answer(409, "under way: come again later")


def carry_on(msg_id: str, body: bytes, token: str, rules: Rules) -> Generator[Step, Any, Exception | None]:
    """A message out of the queue, or one that was left behind. The error for which it was given up, if it was."""
    claim: Claim = yield Take(msg_id, token, rules.lease, None)
    if claim.state is not State.CLAIMED:
        return None
    error: Exception | None
    try:
        event = parse(body)
    except InvalidEvent as caught:  # another version of this program kept it
        error = caught
    else:
        error = yield Work(message_of(msg_id, event, claim.attempt))
    last = claim.attempt >= rules.attempts or rules.on_error is OnError.ACCEPT
    if error is not None and not last:
        yield Release(msg_id, token, delay(claim.attempt))
        return None
    yield Finish(msg_id, token, rules.keep)
    return error


def delay(attempt: int) -> float:
    """Seconds until a message whose handler failed in the background is worked on again: 5 s, doubled up to an hour."""
    return min(5.0 * float(1 << min(attempt - 1, 20)), 3600.0)

"""What is known of one call. Written down as JSON: a field that is added needs a default, for calls in progress."""

from typing import Any

import msgspec

from switchhook.workspace.facts import Direction, EndCause, LegKind, SummaryEngine, Utterance


class Leg(msgspec.Struct):
    """One telephone or trunk of a call, as far as it got."""

    kind: LegKind
    target: str
    rang_at: int | None = None
    answered_at: int | None = None
    cause: EndCause | None = None
    ended_at: int | None = None


class Recording(msgspec.Struct, frozen=True):
    """A recording of this call, by its id and its place below the data directory."""

    id: str
    path: str
    seconds: float
    voicemail: bool
    began_at: int | None = None
    mixed: bool = False


class Transcript(msgspec.Struct, frozen=True):
    """What was said, as `Transcribed` tells it."""

    language: str | None
    lines: tuple[Utterance, ...]
    summary: str = ""
    summary_engine: SummaryEngine | None = None
    data: dict[str, Any] = {}


class Choice(msgspec.Struct, frozen=True, order=True):
    """One choice in a phone menu, in the order of `at`; `id` is that of the fact."""

    at: int
    id: str
    key: str
    label: str | None


class Transfer(msgspec.Struct, frozen=True):
    """The call was passed on; `original` is the source's own id of the call it goes on from."""

    at: int
    id: str
    by: str | None
    to: str
    kind: LegKind
    original: str | None


class Told(msgspec.Struct, frozen=True):
    """Data collected in the call by one fact."""

    at: int
    id: str
    data: dict[str, Any]


class CallState(msgspec.Struct, kw_only=True):
    """Everything known of one call. Times are wall milliseconds, the source's own but for `heard_at`."""

    id: str
    source: str
    source_call: str
    direction: Direction | None = None
    from_number: str = ""
    to_number: str = ""
    original_to: str | None = None
    user_ref: str | None = None
    internal: bool = False  # between telephones of ours; it makes no events
    started_at: int | None = None
    legs: dict[str, Leg] = msgspec.field(default_factory=dict)
    choices: list[Choice] = msgspec.field(default_factory=list)
    transfers: list[Transfer] = msgspec.field(default_factory=list)
    collected: list[Told] = msgspec.field(default_factory=list)
    recording: Recording | None = None
    awaits: bool | None = None  # whether its end is to tell of a transcript; None before there is a recording
    transcript: Transcript | None = None  # until it is told: from then on its item has the words
    ended_at: int | None = None
    cause: EndCause | None = None
    final: bool = True  # whether its end said that nothing more is to come
    settled: bool = False
    heard_at: int = 0  # when something new was heard of it, on our own clock
    answered: bool = False  # told
    completed: bool = False  # told
    transcribed: bool = False  # told
    seen: set[str] = msgspec.field(default_factory=set)

    @property
    def open(self) -> bool:
        """Whether something is still expected to happen to it."""
        return not (self.completed or self.settled)

    @property
    def last_at(self) -> int | None:
        """The latest moment that the source has told of."""
        times = [self.started_at, self.ended_at]
        for leg in self.legs.values():
            times += [leg.rang_at, leg.answered_at, leg.ended_at]
        return max((at for at in times if at is not None), default=None)

"""What can happen to a call, and what can be done about it: the vocabulary of `control`.

Events go in, actions come out; a leg is named by a short string that is unique within its call. All durations are
seconds.
"""

from dataclasses import dataclass

from switchhook.telephony.sip.plan import RecordingState, RingPlan, TransferPlan
from switchhook.workspace.facts import AnyFact, LegKind

# ---------------------------------------------------------------- events


@dataclass(frozen=True)
class Committed:
    """The fact of that id is durable."""

    fact: str


@dataclass(frozen=True)
class Planned:
    """The application said what shall become of the call, and whether a talk in it is recorded."""

    plan: RingPlan
    record: bool = True
    consent: str = ""  # the file that both hear before that


@dataclass(frozen=True)
class Progress:
    """A leg that was dialled rings (SIP 180 or 183)."""

    leg: str


@dataclass(frozen=True)
class Established:
    """A leg is answered, and sound can flow."""

    leg: str


@dataclass(frozen=True)
class Closed:
    """A leg is gone. `status` is the SIP status that ended it, None when it was ended otherwise."""

    leg: str
    status: int | None = None


@dataclass(frozen=True)
class Absent:
    """Nobody listens at the address of a leg that was dialled: its host said so (ICMP port unreachable)."""

    leg: str


@dataclass(frozen=True)
class TimedOut:
    """A timer that was set has run out."""

    timer: str


@dataclass(frozen=True)
class Digit:
    """A key was pressed at the other end of a leg: `0` to `9`, `*`, `#`, `A` to `D`."""

    leg: str
    digit: str


@dataclass(frozen=True)
class Played:
    """What was played last has been heard to its end."""


@dataclass(frozen=True)
class RecordingReady:
    """The recording is complete at `path`, relative to the data directory; 0.0 seconds: there is none."""

    path: str
    seconds: float


@dataclass(frozen=True)
class HangUpNow:
    """Somebody in charge wants the call ended."""


@dataclass(frozen=True)
class Held:
    """A leg's telephone holds us, or no longer does."""

    leg: str
    held: bool


@dataclass(frozen=True)
class Referred:
    """A leg's telephone wants who it talks with to be with somebody else; empty when it says nobody that it could."""

    leg: str
    to: str


@dataclass(frozen=True)
class SetRecording:
    """Somebody wants the talk recorded, or silence in the recording for a while, or no recording of it."""

    state: RecordingState


@dataclass(frozen=True)
class Joined:
    """The other party of another call of the user at leg `by` comes in instead of them, as `leg`.

    `target` is the address of that party, `to` how to name them.
    """

    by: str
    leg: str
    kind: LegKind
    target: str
    to: str


@dataclass(frozen=True)
class GivenAway:
    """The party that the user at leg `by` talked with is in the call `into` from now on, with `to`."""

    by: str
    to: str
    kind: LegKind
    into: str


@dataclass(frozen=True)
class PassOn:
    """The application said what shall become of the transfer that the fact `asked` asks for."""

    asked: str
    plan: TransferPlan


Event = (
    Committed
    | Held
    | Referred
    | PassOn
    | SetRecording
    | Joined
    | GivenAway
    | Planned
    | Progress
    | Established
    | Closed
    | Absent
    | TimedOut
    | Digit
    | Played
    | RecordingReady
    | HangUpNow
)

# ---------------------------------------------------------------- actions


@dataclass(frozen=True)
class Tell:
    """Report a fact. Facts are reported in this order."""

    fact: AnyFact


@dataclass(frozen=True)
class Call:
    """Dial `uri`; from now on there is a leg of that name. `headers` go into the INVITE."""

    leg: str
    uri: str
    identity: str | None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Drop:
    """End the leg: cancel, refuse or hang up, whichever fits. A leg already gone is no error."""

    leg: str


@dataclass(frozen=True)
class Answer:
    """Send the caller the 200 that he waits for."""


@dataclass(frozen=True)
class Bridge:
    """Let two legs hear each other, and nobody else; `one` is on the left of the recording."""

    one: str
    other: str


@dataclass(frozen=True)
class Hold:
    """That leg's telephone holds the call, or no longer does: who is bridged with it hears that."""

    leg: str
    held: bool


@dataclass(frozen=True)
class Release:
    """Say on that leg that the transfer it asked for has come about, and end it."""

    leg: str


@dataclass(frozen=True)
class Refuse:
    """Say on that leg, by a SIP status, that the transfer it asked for does not come about."""

    leg: str
    status: int


@dataclass(frozen=True)
class Announce:
    """Play that file to both who talk; they do not hear each other until then. `Played` says that it is over."""

    sound: str


@dataclass(frozen=True)
class Record:
    """Begin to record: the bridge, or the caller's message."""

    voicemail: bool


@dataclass(frozen=True)
class Play:
    """Play the greeting (None: ours) and the beep to the caller."""

    greeting: str | None


@dataclass(frozen=True)
class Prompt:
    """Play these sounds to the caller, one after the other, in place of what he hears."""

    sounds: tuple[str, ...]


@dataclass(frozen=True)
class Ringback:
    """Let that leg, which is up already, hear that it rings somewhere, and nobody else."""

    leg: str = "caller"


@dataclass(frozen=True)
class Hush:
    """Play nothing more; no `Played` follows."""


@dataclass(frozen=True)
class Press:
    """Press that key at our end of a leg (RFC 4733)."""

    leg: str
    digit: str


@dataclass(frozen=True)
class PauseRecording:
    """Lay silence into the recording from now on, or what is said again. The leg `told`, if any, hears which."""

    paused: bool
    told: str | None = None


@dataclass(frozen=True)
class DiscardRecording:
    """Stop recording, and keep nothing of it."""


@dataclass(frozen=True)
class Adopt:
    """That leg, which was dialled, is the caller's from now on."""

    leg: str


@dataclass(frozen=True)
class SetTimer:
    """Wake up once in that time; a timer of that name that is set already is replaced."""

    timer: str
    seconds: float


@dataclass(frozen=True)
class FinishRecording:
    """No more sound comes: complete the recording."""


@dataclass(frozen=True)
class Over:
    """The call is over and has told everything; forget it."""


Action = (
    Tell
    | Call
    | Drop
    | Answer
    | Bridge
    | Hold
    | Release
    | Refuse
    | Record
    | PauseRecording
    | DiscardRecording
    | Adopt
    | Play
    | Prompt
    | Announce
    | Ringback
    | Hush
    | Press
    | SetTimer
    | FinishRecording
    | Over
)

"""What shall become of a call that was offered: the application's answer to the line.

A plan is a step, and a step names the one that follows when nobody took the call. `Script` adds the menus that steps of
it may enter. All durations are seconds. Addresses are SIP URIs as one would dial them, `sip:anna@10.0.0.5:5062`.
Sounds are paths of WAV files (8 kHz, mono, 16 bit); one that cannot be read is silence, but for the greeting of the
mailbox.
"""

from typing import Literal, NamedTuple

import msgspec

from switchhook.workspace.facts import EndCause, LegKind

UNANSWERED = (
    EndCause.NO_ANSWER,
    EndCause.BUSY,
    EndCause.DECLINED,
    EndCause.UNREACHABLE,
    EndCause.FAILED,
)
"""Every way in which a ring can end without an answer."""


class Taping(NamedTuple):
    """Whether the talks of a call are recorded, and the file that both hear before that; empty for none."""

    record: bool = True
    consent: str = ""


class Mailbox(msgspec.Struct, frozen=True, tag="mailbox"):
    """Answer, play the greeting and a beep, and record until the caller hangs up or `seconds` are over.

    `greeting` is the path of a WAV file (8 kHz, mono, 16 bit); None plays the one that comes with Switchhook, and so
    does a file that cannot be read. `after` lists the outcomes of the ring that lead here; any other rejects.
    """

    greeting: str | None = None
    seconds: float = 120.0
    after: tuple[EndCause, ...] = UNANSWERED


class Reject(msgspec.Struct, frozen=True, tag="reject"):
    """End the call without an answer.

    `cause` is what is reported as the call's end; None takes the outcome of the ring (`FAILED` when nothing rang).
    It also decides the status of the refusal (see `causes`). A caller who is up already hears a hang-up.
    """

    cause: EndCause | None = None


class Ring(msgspec.Struct, frozen=True, tag="ring"):
    """Ring all `targets` at once for `seconds`; the first who answers has the call.

    They see the caller's number in P-Asserted-Identity (RFC 3325). `busy` is what follows when the outcome is that
    somebody is busy, `otherwise` what follows any other; without `busy`, every one.
    """

    targets: tuple[str, ...]
    seconds: float = 25.0
    otherwise: "Step" = Reject()
    busy: "Step | None" = None


class Dial(msgspec.Struct, frozen=True, tag="dial"):
    """Connect to an outside party over the first of `targets` that takes the call.

    The next is tried when one is unreachable or fails; a callee who is busy or declines is the answer.
    `identity` is the number to show to the callee, sent as P-Asserted-Identity (RFC 3325).
    """

    targets: tuple[str, ...]
    seconds: float = 60.0
    identity: str | None = None


class Forward(msgspec.Struct, frozen=True, tag="forward"):
    """Pass the call on to somebody who is no telephone of ours: an outside number, or an AI agent (`kind`).

    As `Dial`, with `headers` in the INVITE; `otherwise` follows when nobody took it. `shown` is what is reported of it
    in place of the address that was dialled.
    """

    targets: tuple[str, ...]
    kind: LegKind = LegKind.FORWARD
    seconds: float = 60.0
    identity: str | None = None
    headers: dict[str, str] = {}
    otherwise: "Step" = Reject()
    shown: str | None = None


class Fetch(msgspec.Struct, frozen=True, tag="fetch"):
    """Ring `targets`, the telephones of who wants to call: the first who answers is the caller, and `then` follows.

    They see `identity`, the number that is going to be called.
    """

    targets: tuple[str, ...]
    then: "Step"
    identity: str | None = None
    seconds: float = 30.0


class Announce(msgspec.Struct, frozen=True, tag="announce"):
    """Answer, let the caller hear `sound`, and go on with `then`."""

    sound: str
    then: "Step" = Reject(EndCause.NO_ANSWER)


class Enter(msgspec.Struct, frozen=True, tag="enter"):
    """Go to the menu of that name."""

    menu: str


class Choice(msgspec.Struct, frozen=True):
    """What a key of a menu means to people, and to us."""

    label: str
    then: "Step"


class Menu(msgspec.Struct, frozen=True):
    """Answer, say what there is to choose, and follow what the caller's keys mean.

    A key is one digit or several, `*` and `#` among them. `seconds` is how long is waited for the first digit once the
    greeting is over, `digit_seconds` for each further one. Nothing, or what is no choice (`wrong` is played), has the
    greeting said again, `tries` times in all; then `otherwise` follows.
    """

    greeting: str
    choices: dict[str, Choice]
    seconds: float = 6.0
    digit_seconds: float = 2.0
    tries: int = 3
    wrong: str | None = None
    otherwise: "Step" = Reject(EndCause.NO_ANSWER)


Step = Ring | Dial | Forward | Fetch | Announce | Enter | Mailbox | Reject


class Script(msgspec.Struct, frozen=True, tag="script"):
    """A step, and the menus that it may lead to."""

    first: Step
    menus: dict[str, Menu] = {}


RingPlan = Step | Script


class Passing(msgspec.Struct, frozen=True, tag="passing"):
    """Where a call goes that is passed on: all `targets` ring at once for `seconds`, the first who answers has it.

    `kind` is who is there, `to` how to name them once they have it; None: by the address that answered. `identity` is
    the number to show; None shows that of the party who is passed on. `headers` go into the INVITE.
    """

    targets: tuple[str, ...]
    kind: LegKind
    to: str | None = None
    identity: str | None = None
    seconds: float = 30.0
    headers: dict[str, str] = {}


RecordingState = Literal["on", "paused", "off"]
TransferPlan = Passing | Reject

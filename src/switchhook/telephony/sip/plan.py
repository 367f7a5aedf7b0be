"""What shall become of a call that was offered: the application's answer to the line.

All durations are seconds. Addresses are SIP URIs as one would dial them, `sip:anna@10.0.0.5:5062`.
"""

import msgspec

from switchhook.workspace.facts import EndCause

UNANSWERED = (
    EndCause.NO_ANSWER,
    EndCause.BUSY,
    EndCause.DECLINED,
    EndCause.UNREACHABLE,
    EndCause.FAILED,
)
"""Every way in which a ring can end without an answer."""


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

    `cause` is what is reported as the call's end; None takes the outcome of the ring (`FAILED` when nothing rang). On
    the wire a refusal is always 486: the stack has no other.
    """

    cause: EndCause | None = None


class Ring(msgspec.Struct, frozen=True, tag="ring"):
    """Ring all `targets` at once for `seconds`; the first who answers has the call.

    They see the caller's number in P-Asserted-Identity (RFC 3325).
    """

    targets: tuple[str, ...]
    seconds: float = 25.0
    otherwise: Mailbox | Reject = Reject()


class Dial(msgspec.Struct, frozen=True, tag="dial"):
    """Connect to an outside party over the first of `targets` that takes the call.

    The next is tried when one is unreachable or fails; a callee who is busy or declines is the answer.
    `identity` is the number to show to the callee, sent as P-Asserted-Identity (RFC 3325).
    """

    targets: tuple[str, ...]
    seconds: float = 60.0
    identity: str | None = None


RingPlan = Ring | Dial | Reject

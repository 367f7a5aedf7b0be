"""The calls that go through the front: who is at which end of them. Pure; times are seconds."""

from dataclasses import dataclass, field

from switchhook.telephony.sip.edge.flows import Flow
from switchhook.telephony.sip.edge.message import Message, tag
from switchhook.telephony.sip.edge.relay import Relay

LINGER = 32.0
"""How long a call is known after its end, for what is sent again (RFC 3261, 17: 64 times T1)."""


@dataclass
class Dialog:
    """One call between the stack and a peer outside.

    Known by Call-ID and the tag of who began it. `token` is its name between us and the stack, `flow` the way to the
    peer, `outward` whether the stack began it.
    """

    token: str
    call_id: str
    tag: str
    flow: Flow
    outward: bool
    born: float
    cseq: int = 0  # of the INVITE that began it
    branch: str = ""  # of that INVITE, as it came
    trunk: bool = False
    user: str = ""  # address of record, or the telephone's address, when one of our users is the peer
    target: str = ""  # outward: the Request-URI that the peer sees
    shown: str = ""  # outward: the URI in From that the peer sees
    inner_contact: str = ""  # where the stack wants what belongs to this call
    taken: bool = False  # the stack has told of it
    ringing: bool = False  # the caller may know that it rings
    held: tuple[Flow, bytes] | None = None  # what he would have heard until then
    wanted: int = 0  # the status that a refusal shall have
    answered: bool = False
    info: int = 0  # CSeq of the last key that came by INFO
    over: float | None = None
    sent: set[tuple[str, str]] = field(default_factory=set)  # outward by a connection: branches and methods
    relay: Relay | None = None  # what its sound goes through

    def end(self, now: float) -> None:
        """It is over since now, if it was not before; and there is no more sound."""
        self.over = now if self.over is None else self.over
        if self.relay is not None:
            self.relay.close()

    @property
    def up(self) -> bool:
        """Whether it has been answered and has not ended."""
        return self.answered and self.over is None


class Dialogs:
    """All of them."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Dialog] = {}
        self._tokens: dict[str, Dialog] = {}

    def __len__(self) -> int:
        return len(self._known)

    def add(self, dialog: Dialog) -> None:
        """One more; another one of the same name is forgotten."""
        old = self._known.get((dialog.call_id, dialog.tag))
        if old is not None:
            self._remove(old)
        self._known[dialog.call_id, dialog.tag] = dialog
        self._tokens[dialog.token] = dialog

    def find(self, message: Message) -> Dialog | None:
        """The call that a message belongs to, whoever sent it."""
        call_id = message.call_id
        for name in ("From", "To"):
            found = self._known.get((call_id, tag(message.get(name))))
            # The tag "" is that of callers who have none, and of every To that begins a call.
            if found is not None and (name == "From" or found.tag):
                return found
        return None

    def of(self, token: str) -> Dialog | None:
        """The call of that name."""
        return self._tokens.get(token)

    def forget(self, dialog: Dialog) -> None:
        """It never was."""
        if self._tokens.get(dialog.token) is dialog:
            self._remove(dialog)

    def sweep(self, now: float) -> list[Dialog]:
        """Forget those that are over; returns those that the stack never spoke of."""
        lost = [
            one
            for one in self._known.values()
            if not one.taken and one.over is None and now - one.born >= LINGER
        ]
        gone = [one for one in self._known.values() if one.over is not None and now - one.over >= LINGER]
        for one in lost + gone:
            self._remove(one)
        return lost

    def _remove(self, dialog: Dialog) -> None:
        if dialog.relay is not None:
            dialog.relay.close()
        del self._known[dialog.call_id, dialog.tag]
        del self._tokens[dialog.token]

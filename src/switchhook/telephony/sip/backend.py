"""What the worker needs of a SIP stack, and nothing more; `stack` fills it with baresip.

A leg is an integer handle that the backend chooses. A handle lives until `closed` was reported for it, exactly once;
whatever is done to it later does nothing. All calls and reports happen on the worker's loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeVar

import msgspec

from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.plan import RingPlan, TransferPlan

EMPTY: Mapping[str, str] = MappingProxyType({})


class Health(msgspec.Struct, frozen=True):
    """How the front of the line is: telephones that have registered, addresses that are banned, and how we are
    registered at the trunk (empty when we are not to be)."""

    registered: int = 0
    banned: int = 0
    trunk: str = ""


AnyPlan = TypeVar("AnyPlan", bound=RingPlan | TransferPlan)


@dataclass(frozen=True)
class Invite:
    """A call that came in. Header values are as they stood in the INVITE; any may be missing."""

    handle: int
    call_id: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Referral:
    """A wish that the other end of a leg's call be connected with somebody else (REFER, RFC 3515).

    `target` is the address that was named, as it came. One that `replaces` means a call that exists already
    (RFC 3891): `instead` is the leg of ours that it names, None when it is none of ours.
    """

    target: str
    replaces: bool = False
    instead: int | None = None


class Listener(Protocol):
    """Who is told what happens to legs."""

    def on_invite(self, invite: Invite) -> None:
        """Somebody calls. He knows nothing of it yet; everything is ours to decide."""

    def on_ringing(self, handle: int) -> None:
        """A leg that was dialled rings."""

    def on_established(self, handle: int) -> None:
        """The leg is answered and confirmed; sound can be read and written."""

    def on_dtmf(self, handle: int, digit: str) -> None:
        """A key was pressed at the other end (RFC 4733, or SIP INFO)."""

    def on_hold(self, handle: int, held: bool) -> None:
        """The other side of an answered leg holds us, or no longer does."""

    def on_referred(self, handle: int, referral: Referral) -> None:
        """The other side wants a transfer. Nothing is done about it but what `agree` or `refuse` do."""

    def on_closed(self, handle: int, status: int | None) -> None:
        """The leg is gone, by SIP status `status` if there was one."""

    def on_dead(self) -> None:
        """The stack itself has died and will say nothing more."""


class BackendError(Exception):
    """The stack could not do it. The text is for the operator."""


class Backend(Protocol):
    """A SIP and RTP stack."""

    async def open(self, config: SipConfig, listener: Listener) -> None:
        """Open the line.

        Raises:
            BackendError: it cannot be opened, for instance because the port is taken.
        """

    async def dial(self, uri: str, identity: str | None, headers: Mapping[str, str] = EMPTY) -> int:
        """Send an INVITE with these headers; returns once it is on its way.

        Raises:
            BackendError: it could not be sent.
        """

    async def answer(self, handle: int) -> None:
        """Send 200 to a call that came in."""

    async def drop(self, handle: int, status: int = 486) -> None:
        """End a leg in whatever state it is: CANCEL, BYE, or a refusal by `status`. `on_closed` follows.

        A telephone's backend has no other refusal than 486.
        """

    def ring(self, handle: int) -> None:
        """Let a caller hear that it rings; until then he is told nothing."""

    def spread(self, plan: AnyPlan) -> AnyPlan:
        """The plan with the telephones that have registered in place of their users."""

    def health(self) -> Health:
        """How the front is now."""

    async def press(self, handle: int, digit: str) -> None:
        """Press a key (RFC 4733); returns when it is released. Those of a leg go out one after the other."""

    async def agree(self, handle: int) -> None:
        """Say that the transfer asked for on that leg has come about; returns when it was said."""

    async def refuse(self, handle: int, status: int) -> None:
        """Say that the transfer asked for on that leg does not come about, by a SIP status from 300 on."""

    def read(self, handle: int) -> bytes:
        """What was heard since the last time: 8 kHz, mono, 16 bit; empty when nothing was, or nothing can be."""

    def write(self, handle: int, pcm: bytes) -> None:
        """Let it be heard there. What cannot be sent soon is dropped."""

    async def shut(self) -> None:
        """Close the line. Legs that are still open are not reported any more."""

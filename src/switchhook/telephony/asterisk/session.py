"""What a connection to Asterisk is, however it is made."""

from typing import Protocol

import msgspec

from switchhook.telephony import watching
from switchhook.telephony.asterisk.happenings import Channel, Happening


class Access(msgspec.Struct, frozen=True):
    """Where Asterisk is and who we are to it. `app` and `prefix` are those of ARI, `challenge` is of AMI."""

    host: str
    port: int
    user: str
    secret: str
    tls: bool = False
    challenge: bool = True
    app: str = "switchhook"
    prefix: str = ""

    def __repr__(self) -> str:
        return f"Access({self.host!r}, {self.port}, {self.user!r})"


class Looked(msgspec.Struct, frozen=True):
    """What somebody who looks at an Asterisk sees. What it does not tell is empty or None.

    `apart` is how many seconds its clock is ahead of ours. `endpoints` are `PJSIP/trunk` and the like.
    """

    version: str
    apart: float | None
    channels: tuple[Channel, ...]
    endpoints: tuple[str, ...] | None = None


class Session(watching.Session[Happening], Protocol):
    """One connection; being let in, it asks for all that is up."""

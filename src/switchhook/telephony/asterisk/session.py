"""What a connection to Asterisk is, however it is made."""

from typing import Protocol

import msgspec

from switchhook.telephony.asterisk.happenings import Channel, Happening


class ConnectionLost(Exception):
    """Asterisk cannot be reached any more; the text says what happened. To be tried again."""


class Refused(Exception):
    """Asterisk does not let us do what we need; the text says what to change. To be tried again, seldom."""


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


class Session(Protocol):
    """One connection. After any exception it is closed and another one is made."""

    async def open(self) -> None:
        """Connect, be let in, and ask for all that is up.

        Raises:
            ConnectionLost, Refused: see there.
        """

    async def ask(self) -> None:
        """Ask for all that is up once more.

        Raises:
            ConnectionLost: see there.
        """

    async def next(self) -> list[Happening]:
        """What comes next, possibly nothing.

        Raises:
            ConnectionLost, Refused: see there.
        """

    async def close(self) -> None:
        """Hang up."""

"""What a connection to FreeSWITCH is."""

from typing import Protocol

import msgspec

from switchhook.telephony.freeswitch.happenings import Happening


class ConnectionLost(Exception):
    """FreeSWITCH cannot be reached any more; the text says what happened. To be tried again."""


class Refused(Exception):
    """FreeSWITCH does not let us do what we need; the text says what to change. To be tried again, seldom."""


class Access(msgspec.Struct, frozen=True):
    """Where FreeSWITCH is and who we are to it: `user` is `name@domain`, or empty for the password of the socket."""

    host: str
    port: int
    password: str
    user: str = ""

    def __repr__(self) -> str:
        return f"Access({self.host!r}, {self.port}, {self.user!r})"


class Session(Protocol):
    """One connection. After any exception it is closed and another one is made."""

    async def open(self) -> None:
        """Connect, be let in, and hear of events from now on.

        Raises:
            ConnectionLost, Refused: see there.
        """

    async def catch_up(self) -> list[Happening]:
        """All that is up (`Everything`), and what happened before and after it was asked for, in order.

        Raises:
            ConnectionLost, Refused: see there.
        """

    async def next(self) -> list[Happening]:
        """What comes next, possibly nothing.

        Raises:
            ConnectionLost: see there.
        """

    async def close(self) -> None:
        """Hang up."""

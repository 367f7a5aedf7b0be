"""What a connection to FreeSWITCH is."""

from typing import Protocol

import msgspec

from switchhook.telephony import watching
from switchhook.telephony.freeswitch.happenings import Happening


class Access(msgspec.Struct, frozen=True):
    """Where FreeSWITCH is and who we are to it: `user` is `name@domain`, or empty for the password of the socket."""

    host: str
    port: int
    password: str
    user: str = ""

    def __repr__(self) -> str:
        return f"Access({self.host!r}, {self.port}, {self.user!r})"


class Session(watching.Session[Happening], Protocol):
    """One connection."""

    async def catch_up(self) -> list[Happening]:
        """All that is up (`Everything`), and what happened before and after it was asked for, in order.

        Raises:
            ConnectionLost, Refused: see there.
        """

"""Which recording of a call is kept, and where its file can be had. Pure.

FreeSWITCH says the path of the file on its own machine. Only what lies below the directory that the settings name is
taken, and only by the path below it.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

import msgspec

from switchhook.telephony.freeswitch.happenings import Taped


class Tape(msgspec.Struct, frozen=True):
    """A recording that is to be fetched. `began_at` is FreeSWITCH's, in wall ms.

    `swap`: the outside party is on the right of it. `message`: it is alone on it. `seconds` is its length as far as
    FreeSWITCH says.
    """

    call: str
    path: str
    began_at: int
    swap: bool = False
    message: bool = False
    stereo: bool = False
    seconds: float = 0.0


def chosen(call: str, tapes: Sequence[tuple[Taped, bool]], *, talked: bool) -> Tape | None:
    """The recording of a call that is kept; each comes with whether its channel is the outside party's.

    A talk is rather kept than a message, two voices apart rather than mixed, and a long one rather than a short one.
    """
    fitting = [(tape, outside) for tape, outside in tapes if talked or tape.message] or list(tapes)
    if not fitting:
        return None

    def worth(one: tuple[Taped, bool]) -> tuple[bool, bool, bool, float, str]:
        tape, outside = one
        return (talked is not tape.message, tape.stereo, outside, tape.seconds, tape.path)

    tape, outside = max(fitting, key=worth)
    return Tape(
        call, tape.path, tape.began_at, outside is tape.swapped, tape.message, tape.stereo, tape.seconds
    )


def below(directory: str, path: str) -> str | None:
    """The path below `directory`, or None when it does not lie there."""
    if "\0" in path or "\\" in path:
        return None
    try:
        found = PurePosixPath(path).relative_to(PurePosixPath(directory))
    except ValueError:
        return None
    return None if ".." in found.parts or not found.parts else str(found)

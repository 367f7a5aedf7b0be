"""What turns the sound of one side into lines."""

from array import array
from typing import Protocol

import msgspec

from switchhook.media.transcription.speech import Line


class Heard(msgspec.Struct, frozen=True):
    """What one side said; `language` is a code like `en`, None when nothing was said or it is not sure."""

    language: str | None
    lines: list[Line]


class Later(Exception):
    """It cannot be done now; it may be another time. The text says why."""


class Never(Exception):
    """It cannot be done, however often it is tried. The text says why."""


class Engine(Protocol):
    """Hears one side of a recording at a time."""

    async def hear(self, samples: "array[int]", language: str | None) -> Heard:
        """What is said in 16-bit sound of `RATE`, in a language that is known or None.

        Raises:
            Later: not at the moment.
            Never: not ever.
        """

    async def close(self) -> None:
        """Let go of what it holds."""

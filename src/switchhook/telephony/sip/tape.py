"""The recording of one call: in the diary before anything of it is on the disk, and a file of its own at the end."""

import asyncio
import logging
import secrets
from pathlib import Path

from switchhook.media.recording import Recorder, to_mp3
from switchhook.telephony.sip.journal import Journal, Recording

log = logging.getLogger(__name__)

# Seconds the encoder pauses after each second of sound, for the frames of the calls that go on.
_BREATH = 0.003


class Tape:
    """What is recorded of a call; `recorder` takes the sound."""

    def __init__(self, call: str, data: Path, journal: Journal, voicemail: bool) -> None:
        """Begin it.

        Raises:
            OSError: it cannot be written.
        """
        # The name is unguessable: it is the recording's id in links.
        name = secrets.token_hex(16)
        self._entry = Recording(call, f"recordings/{name}.part.wav", f"recordings/{name}.mp3", voicemail)
        self._data = data
        journal.recording(self._entry)
        self.recorder = Recorder(data / self._entry.part)

    async def finish(self) -> tuple[str, float]:
        """Complete it: its path below the data directory, and its length in seconds, 0.0 when there is nothing."""
        part, target = self._data / self._entry.part, self._data / self._entry.path
        seconds = 0.0
        try:
            await asyncio.to_thread(self.recorder.close)
            seconds = await asyncio.to_thread(to_mp3, part, target, breath=_BREATH)
        except OSError as error:
            log.error("the recording %s stays as it is: %s", self._entry.part, error)
        return self._entry.path, seconds

    async def discard(self) -> None:
        """Keep nothing of it. When the disk does not let go of it, that is logged."""
        try:
            await asyncio.to_thread(self.recorder.close)
            (self._data / self._entry.part).unlink(missing_ok=True)
        except OSError as error:
            log.error("a recording that is not wanted could not be removed: %s", error)

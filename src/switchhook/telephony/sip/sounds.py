"""What a caller hears of us, as samples: greetings, prompts, the tone of a telephone that rings elsewhere."""

import logging
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from switchhook.media.tones import beep, read_wav, ringback, silence, sound

log = logging.getLogger(__name__)

_BREATH = silence(0.4)  # a caller whose answer has just arrived would miss the first word


def greeting_of(path: str | None) -> bytes:
    """The greeting of the mailbox and its beep; what cannot be read is the one that comes with Switchhook."""
    try:
        pcm = read_wav(Path(path) if path else sound("voicemail.wav"))
    except (OSError, ValueError) as error:
        log.warning("greeting: %s; playing the one that comes with Switchhook", error)
        pcm = read_wav(sound("voicemail.wav"))
    return _BREATH + pcm + beep()


def prompt_of(paths: Iterable[str]) -> bytes:
    """Prompts, one after the other; one that cannot be read is silence."""
    spoken = _BREATH
    for path in paths:
        try:
            spoken += read_wav(Path(path))
        except (OSError, ValueError) as error:
            log.error("a prompt cannot be played: %s", error)
    return spoken


def announcement_of(path: str) -> bytes:
    """What is heard before a talk is recorded; nothing when it cannot be read, and then nothing is recorded."""
    try:
        return _BREATH + read_wav(Path(path))
    except (OSError, ValueError) as error:
        log.error("a talk is not recorded, because what is to be heard before cannot be played: %s", error)
        return b""


@cache
def ring_tone() -> bytes:
    """What is heard while it rings, once."""
    return ringback()

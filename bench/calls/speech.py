"""What is said in the calls: recorded sentences whose words are known, as telephone sound.

Debian's package asterisk-core-sounds-en-wav has them, spoken by a person (CC BY-SA 3.0). Without it espeak-ng says
them, which shows sides and times but says nothing of word errors.
"""

import re
import shutil
import subprocess
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

RATE = 8000
HUMAN = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
_LOUD = 500  # an amplitude that is speech


@dataclass(frozen=True)
class Sentence:
    """A sentence, and the file of the package that says it."""

    file: str
    words: str


SENTENCES = {
    "phone": Sentence("privacy-prompt", "Please enter your phone number, starting with the area code."),
    "leader": Sentence("conf-waitforleader", "The conference will begin when the leader arrives."),
    "person": Sentence(
        "dir-instr",
        "If this is the person you are looking for press one now, otherwise please press star now.",
    ),
    "service": Sentence(
        "ss-noservice",
        "The number you have dialed is not in service. Please check the number and try again.",
    ),
    "only": Sentence("conf-onlyperson", "You are currently the only person in this conference."),
    "hold": Sentence(
        "followme/pls-hold-while-try", "Please hold while I try to locate the person you are calling."
    ),
    "sorry": Sentence("followme/sorry", "I'm sorry, but I was unable to locate the person you are calling."),
    "busy": Sentence(
        "queue-periodic-announce",
        "All of our representatives are currently busy. Please stay on the line and your call will be answered by the "
        "next available representative.",
    ),
    "next": Sentence(
        "queue-youarenext",
        "Your call is now first in line and will be answered by the next available representative.",
    ),
    "extension": Sentence("transfer", "Please hold while I try that extension."),
}


def is_human() -> bool:
    """Whether a person says the sentences."""
    return HUMAN.is_dir()


class Voice:
    """Makes the files that the telephones say, in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def say(self, name: str, after: float = 0.0) -> tuple[Path, float]:
        """A WAV file with a sentence after so many seconds of silence, and when its first sound is (seconds)."""
        path = self._directory / f"{name}-{after:g}.wav"
        samples = self._samples(name)
        onset = next(index for index, value in enumerate(samples) if abs(value) > _LOUD) / RATE
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(bytes(2 * round(after * RATE)) + samples.tobytes())
        return path, after + onset

    def _samples(self, name: str) -> "array[int]":
        sentence = SENTENCES[name]
        source = HUMAN / f"{sentence.file}.wav"
        if not source.is_file():
            source = self._spoken(name, sentence.words)
        with wave.open(str(source), "rb") as file:
            return array("h", file.readframes(file.getnframes()))

    def _spoken(self, name: str, words: str) -> Path:
        spoken, ready = self._directory / f"{name}-22.wav", self._directory / f"{name}-8.wav"
        if not ready.is_file():
            for tool in ("espeak-ng", "sox"):
                if shutil.which(tool) is None:
                    raise SystemExit(
                        f"{tool} is missing: install asterisk-core-sounds-en-wav, or espeak-ng and sox"
                    )
            subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", spoken, words], check=True)
            subprocess.run(["sox", spoken, "-r", str(RATE), "-c", "1", "-b", "16", ready], check=True)
        return ready


def words_of(text: str) -> list[str]:
    """The words of a text, as they are compared."""
    said = text.lower().replace("1", "one").replace("*", "star").replace("dialled", "dialed")
    return re.findall(r"[a-z']+", said)


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """How many words are wrong, missing or too many (edit distance), and how many there were."""
    want, got = words_of(said), words_of(heard)
    row = list(range(len(got) + 1))
    for i, word in enumerate(want, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1], len(want)

"""Speech to text by an endpoint: `POST /v1/audio/transcriptions`, as OpenAI documents it and many servers speak it.

A piece of one side goes out as a WAV file, with `response_format=verbose_json`; segments with their times come back. A
side on which nobody is heard is not sent at all.
"""

import io
import secrets
import wave
from array import array

import msgspec

from switchhook.media.transcription.engine import Heard, Later
from switchhook.media.transcription.http import Poster
from switchhook.media.transcription.speech import (
    QUIET,
    RATE,
    Line,
    Segment,
    Word,
    is_believable,
    level,
    lines_of,
    timed,
)

PATH = "/v1/audio/transcriptions"
HEARD = 0.5  # seconds: a side that is not louder than QUIET anywhere for so long is silent
# Names that verbose_json gives languages, where a code is meant.
_CODES = {
    "arabic": "ar",
    "chinese": "zh",
    "czech": "cs",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hebrew": "he",
    "hindi": "hi",
    "hungarian": "hu",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "norwegian": "no",
    "polish": "pl",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "turkish": "tr",
    "ukrainian": "uk",
}


class _Word(msgspec.Struct, frozen=True):
    word: str
    start: float
    end: float


class _Segment(msgspec.Struct, frozen=True):
    start: float
    end: float
    text: str
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None


class _Answer(msgspec.Struct, frozen=True):
    text: str
    language: str | None = None
    segments: list[_Segment] | None = None
    words: list[_Word] | None = None


_answer = msgspec.json.Decoder(_Answer).decode


class Endpoint:
    """An `Engine`."""

    name = "openai"

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    async def hear(self, samples: "array[int]", language: str | None) -> Heard:
        """See `Engine`."""
        step = HEARD * RATE
        if all(
            level(samples, i / RATE, i / RATE + HEARD) < QUIET for i in range(0, len(samples), round(step))
        ):
            return Heard(None, [])
        fields = [
            ("model", self._poster.place.model),
            ("response_format", "verbose_json"),
            ("timestamp_granularities[]", "segment"),
            ("temperature", "0"),
        ]
        if language is not None:
            fields.append(("language", language))
        kind, body = form(fields, wav(samples), secrets.token_hex(16))
        try:
            answer = _answer(await self._poster.post(PATH, kind, body))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise Later("the answer of the endpoint is not verbose_json") from None
        return read(answer, samples)

    async def close(self) -> None:
        """See `Engine`."""


def read(answer: _Answer, samples: "array[int]") -> Heard:
    """What an answer says. Times outside of what was sent are moved to its edge. Pure."""
    length = len(samples) / RATE
    lines: list[Line] = []
    for one in answer.segments or ([_Segment(0.0, length, answer.text)] if answer.text.strip() else []):
        start = min(max(one.start, 0.0), length)
        end = min(max(one.end, start), length)
        words = tuple(
            Word(word.start, word.end, f" {word.word.strip()}")
            for word in answer.words or ()
            if one.start <= word.start < one.end
        )
        segment = Segment(
            start,
            end,
            one.text,
            one.no_speech_prob or 0.0,
            one.avg_logprob or 0.0,
            one.compression_ratio or 1.0,
            words,
        )
        if is_believable(segment, level(samples, start, end)):
            lines += lines_of(segment)
    lines = timed(lines, samples)
    language = (answer.language or "").strip().lower()
    return Heard(_CODES.get(language, language[:16]) or None if lines else None, lines)


def wav(samples: "array[int]") -> bytes:
    """16-bit sound of one channel as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return file.getvalue()


def form(fields: list[tuple[str, str]], file: bytes, boundary: str) -> tuple[str, bytes]:
    """A multipart form with a WAV file (RFC 7578): its content type and its body."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="side.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    body = b"".join([*parts, head.encode(), file, f"\r\n--{boundary}--\r\n".encode()])
    return f"multipart/form-data; boundary={boundary}", body

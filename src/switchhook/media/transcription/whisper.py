"""Whisper on this machine, by faster-whisper: 8-bit weights, no network, the threads it is given."""

import asyncio
import os
import sys
import types
from array import array
from pathlib import Path
from typing import Any

from switchhook.media.transcription.engine import Heard
from switchhook.media.transcription.speech import Line, Segment, Word, is_believable, level, lines_of, timed

SURE = 0.5  # of a language, to stay with it for the rest of the call
VAD = {"speech_pad_ms": 200, "min_silence_duration_ms": 500}


class Whisper:
    """An `Engine`. Loads the model when it is made, which takes a second and 270 MB."""

    name = "whisper"

    def __init__(self, model: Path, threads: int) -> None:
        """Load it.

        Raises:
            ImportError: faster-whisper is not installed.
            RuntimeError: the model cannot be loaded.
        """
        os.environ["HF_HUB_OFFLINE"] = "1"
        # faster-whisper decodes files with PyAV, which we do not need, and whose wheels hold codecs under the GPL.
        sys.modules.setdefault("av", types.ModuleType("av"))
        from faster_whisper import WhisperModel

        self._model = WhisperModel(
            str(model), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )

    async def hear(self, samples: "array[int]", language: str | None) -> Heard:
        """See `Engine`."""
        return await asyncio.to_thread(self._hear, samples, language)

    async def close(self) -> None:
        """See `Engine`."""

    def _hear(self, samples: "array[int]", language: str | None) -> Heard:
        import numpy as np

        sound = np.frombuffer(samples, dtype=np.int16).astype(np.float32) / 32768
        found, info = self._model.transcribe(
            sound,
            language=language,
            beam_size=1,
            temperature=[0.0, 0.4],
            condition_on_previous_text=False,
            word_timestamps=True,
            hallucination_silence_threshold=2.0,
            vad_filter=True,
            vad_parameters=VAD,
        )
        lines: list[Line] = []
        for one in found:
            segment = _segment(one)
            if is_believable(segment, level(samples, segment.start, segment.end)):
                lines += lines_of(segment)
        lines = timed(lines, samples)
        known = bool(lines) and info.language_probability >= SURE
        return Heard(info.language if known else None, lines)


def _segment(one: Any) -> Segment:
    words = tuple(Word(float(word.start), float(word.end), word.word) for word in one.words or ())
    return Segment(
        float(words[0].start if words else one.start),
        float(words[-1].end if words else one.end),
        one.text,
        no_speech=one.no_speech_prob,
        log_probability=one.avg_logprob,
        compression=one.compression_ratio,
        words=words,
    )

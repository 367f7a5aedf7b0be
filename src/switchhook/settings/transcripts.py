"""The settings of transcripts and summaries."""

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from switchhook.settings import parsers
from switchhook.settings.sources import Option


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model looks for in every transcript; it is put into `data_collected` when it is there."""

    name: str
    description: str = ""
    type: Literal["text", "number", "boolean"] = "text"


@dataclass(frozen=True)
class TranscriptSettings:
    """What `Config` holds of them."""

    transcripts_engine: str
    transcripts_wait: float
    transcripts_model: str
    transcripts_threads: int
    transcripts_idle_minutes: float
    transcripts_openai_url: str
    transcripts_openai_key: str = field(repr=False)
    transcripts_openai_model: str
    transcripts_openai_timeout: float
    summaries_engine: str
    summaries_prompt: str
    summaries_fields: tuple[Field, ...]
    summaries_openai_url: str
    summaries_openai_key: str = field(repr=False)
    summaries_openai_model: str
    summaries_openai_timeout: float


AUTO, OFF, WHISPER, OPENAI, EXTRACTIVE = "auto", "off", "whisper", "openai", "extractive"

# fmt: off - a table: one line each
TRANSCRIPT_OPTIONS: tuple[Option, ...] = (
    Option(
        "transcripts_engine",
        parsers.one_of(AUTO, OFF, WHISPER, OPENAI),
        AUTO,
        "Who transcribes: whisper (this machine), openai (an endpoint), off; auto is whisper if it is installed.",
        "NAME",
    ),
    Option(
        "transcripts_wait",
        parsers.number(0, 600),
        30.0,
        "Seconds after its end that a call waits for its transcript.",
        "SECONDS",
    ),
    Option(
        "transcripts_model",
        parsers.text,
        "",
        "Directory of a Whisper model for CTranslate2; by default the packaged one, for English.",
        "DIR",
    ),
    Option("transcripts_threads", parsers.whole(1, 64), 1, "Threads that Whisper computes with.", "N"),
    Option(
        "transcripts_idle_minutes",
        parsers.number(0, 1_440),
        5.0,
        "Minutes without work after which the transcriber ends.",
        "MINUTES",
    ),
    Option(
        "transcripts_openai_url",
        parsers.url,
        "",
        "Endpoint that speaks as OpenAI's does, without /v1.",
        "URL",
    ),
    Option("transcripts_openai_key", parsers.text, "", "Its API key.", "SECRET"),
    Option("transcripts_openai_model", parsers.word, "whisper-1", "Its model.", "NAME"),
    Option(
        "transcripts_openai_timeout",
        parsers.number(1, 3_600),
        120.0,
        "Seconds it has for five minutes of one side.",
        "SECONDS",
    ),
    Option(
        "summaries_engine",
        parsers.one_of(EXTRACTIVE, OFF, OPENAI),
        EXTRACTIVE,
        "Who summarises: extractive (sentences of the transcript), openai (a model behind an endpoint), off.",
        "NAME",
    ),
    Option(
        "summaries_prompt",
        parsers.text,
        "",
        "File with the prompt; by default the one that comes with Switchhook.",
        "FILE",
    ),
    Option(
        "summaries_fields",
        parsers.structs(Field),
        (),
        "What the model looks for in every call (tables in the file, JSON elsewhere).",
        "JSON",
    ),
    Option(
        "summaries_openai_url", parsers.url, "", "Endpoint that speaks as OpenAI's does, without /v1.", "URL"
    ),
    Option("summaries_openai_key", parsers.text, "", "Its API key.", "SECRET"),
    Option("summaries_openai_model", parsers.text, "", "Its model.", "NAME"),
    Option(
        "summaries_openai_timeout",
        parsers.number(1, 600),
        20.0,
        "Seconds it has for an answer; it is asked twice.",
        "SECONDS",
    ),
)
# fmt: on

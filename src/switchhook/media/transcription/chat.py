"""A summary by a language model behind an endpoint: `POST /v1/chat/completions`, as OpenAI documents it.

One message, the transcript first and what is asked last; the answer is JSON, and nothing of it is believed that was not
asked for: tags that the workspace has not, other fields, a summary that repeats itself or is longer than what was said.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec

from switchhook.events.payloads import Speaker
from switchhook.media.transcription.engine import Later
from switchhook.media.transcription.http import Poster
from switchhook.media.transcription.speech import Said
from switchhook.settings.transcripts import Field

PATH = "/v1/chat/completions"
TRIES = 2
TAGS = 5  # that a call is given at most
TEXT = 1_000  # letters of a field of text
PLACES = ("{transcript}", "{tags}", "{fields}")  # that a prompt may name


class Summary(msgspec.Struct, frozen=True):
    """What a model makes of a transcript."""

    text: str
    tags: tuple[str, ...] = ()
    data: dict[str, Any] = {}


class Unusable(ValueError):
    """An answer that is not what was asked for."""


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message


class _Completion(msgspec.Struct, frozen=True):
    choices: list[_Choice]


class _Told(msgspec.Struct, frozen=True):
    summary: str
    tags: list[str] = []
    data: dict[str, Any] = {}


_completion = msgspec.json.Decoder(_Completion).decode
_told = msgspec.json.Decoder(_Told).decode
_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


def default_prompt() -> str:
    """The prompt that comes with Switchhook."""
    return resources.files(__package__).joinpath("prompt.txt").read_text(encoding="utf-8")


def check_prompt(prompt: str) -> str:
    """A prompt that can be used.

    Raises:
        ValueError: it does not say where the transcript goes.
    """
    if PLACES[0] not in prompt:
        raise ValueError(f"the prompt does not say where the transcript goes: write {PLACES[0]}")
    return prompt


async def summarise(
    poster: Poster, prompt: str, said: Sequence[Said], tags: Mapping[str, str], fields: Sequence[Field]
) -> Summary:
    """Ask a model; `tags` are the names of those that a call may be given, by their keys.

    Raises:
        Later: it gave no answer, or twice none that can be used.
        engine.Never: it does not take this.
    """
    message = written(prompt, said, tags, fields)
    body = msgspec.json.encode(
        {
            "model": poster.place.model,
            "temperature": 0,
            "messages": [{"role": "user", "content": message}],
        }
    )
    why = ""
    for _ in range(TRIES):
        try:
            answer = await poster.post(PATH, "application/json", body)
            return checked(content_of(answer), said, tags, fields)
        except (Later, Unusable) as error:
            why = str(error)
    raise Later(why)


def written(prompt: str, said: Sequence[Said], tags: Mapping[str, str], fields: Sequence[Field]) -> str:
    """The message: the prompt with what it names put in. Pure."""
    names = {Speaker.EXTERNAL: "Caller", Speaker.USER: "Agent"}
    lines = "\n".join(f"{names[one.source]}: {one.text}" for one in said)
    listed = "\n".join(f"- {key}: {name}" for key, name in tags.items()) or "(none)"
    wanted = "\n".join(f"- {one.name} ({one.type}): {one.description}" for one in fields) or "(none)"
    # In one pass: a caller who says {tags} is not to be answered with them.
    parts: list[str] = []
    rest = prompt
    while rest:
        at, place = min(((rest.find(p), p) for p in PLACES if p in rest), default=(-1, ""))
        if at < 0:
            break
        parts += [rest[:at], dict(zip(PLACES, (lines, listed, wanted), strict=True))[place]]
        rest = rest[at + len(place) :]
    return "".join(parts) + rest


def content_of(answer: bytes) -> str:
    """What the model said.

    Raises:
        Unusable: it is no completion.
    """
    try:
        content = _completion(answer).choices[0].message.content
    except (*_ERRORS, IndexError):
        raise Unusable("the answer of the endpoint is not a chat completion") from None
    if not content or not content.strip():
        raise Unusable("the model said nothing")
    return content.strip()


def checked(content: str, said: Sequence[Said], tags: Mapping[str, str], fields: Sequence[Field]) -> Summary:
    """What of an answer can be believed. Pure.

    Raises:
        Unusable: nothing.
    """
    begin, end = content.find("{"), content.rfind("}")
    try:
        told = _told(content[begin : end + 1].encode())
    except _ERRORS:
        raise Unusable("the model's answer is not the JSON that was asked for") from None
    text = told.summary.strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not text:
        raise Unusable("the model's summary is empty")
    if len(set(lines)) < len(lines):
        raise Unusable("the model's summary repeats itself")
    if len(text) > sum(len(one.text) + 1 for one in said):
        raise Unusable("the model's summary is longer than what was said")
    keys = tuple(dict.fromkeys(key for key in told.tags if key in tags))[:TAGS]
    return Summary(text, keys, _data(told.data, fields))


def _data(told: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """The fields that were asked for and found, each of its kind."""
    found: dict[str, Any] = {}
    for field in fields:
        value = told.get(field.name)
        if isinstance(value, str) and field.type == "text" and value.strip():
            found[field.name] = value.strip()[:TEXT]
        elif isinstance(value, bool):
            if field.type == "boolean":
                found[field.name] = value
        elif isinstance(value, int | float) and field.type == "number":
            found[field.name] = value
    return found

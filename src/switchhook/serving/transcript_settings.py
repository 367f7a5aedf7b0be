"""Whether the settings of transcripts and summaries go together, and what the transcriber is told of them."""

from pathlib import Path

from switchhook.media.transcription import models
from switchhook.media.transcription import protocol as p
from switchhook.media.transcription.chat import check_prompt, default_prompt
from switchhook.media.transcription.http import Place
from switchhook.settings.config import Config
from switchhook.settings.sources import ConfigError
from switchhook.settings.transcripts import AUTO, OFF, OPENAI, WHISPER


def check_transcripts(config: Config) -> None:
    """Refuse settings that do nothing, are too few, or cannot be used.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    _check_remote(config, "transcripts")
    _check_remote(config, "summaries")
    if config.transcripts_engine == WHISPER:
        try:
            models.find(config.transcripts_model)
        except models.ModelError as error:
            where = "transcripts_model" if config.transcripts_model else "transcripts_engine"
            raise ConfigError(f"{config.sources[where]}: {error}") from None
    elif config.transcripts_model and config.transcripts_engine != AUTO:
        raise ConfigError(
            f"{config.sources['transcripts_model']}: only the engine whisper has a model of this machine"
        )
    names = [field.name for field in config.summaries_fields]
    twice = next((name for name in names if names.count(name) > 1 or not name.strip()), None)
    if twice is not None:
        raise ConfigError(f"{config.sources['summaries_fields']}: each field needs a name of its own")
    if config.summaries_prompt:
        _prompt(config)


def _check_remote(config: Config, section: str) -> None:
    """The settings of an endpoint need the engine, and the engine needs them."""
    engine = getattr(config, f"{section}_engine")
    given = [name for name in config.sources if name.startswith(f"{section}_openai_")]
    if section == "summaries":
        given += [name for name in ("summaries_prompt", "summaries_fields") if name in config.sources]
    if engine != OPENAI and given:
        raise ConfigError(
            f'{config.sources[given[0]]}: it is not used; write engine = "openai" in [{section}] as well'
        )
    if engine == OPENAI:
        for name in ("url", "model"):
            if not getattr(config, f"{section}_openai_{name}"):
                where = config.sources[f"{section}_engine"]
                raise ConfigError(f"{where}: openai cannot be used without {name} in [{section}.openai]")


def _prompt(config: Config) -> str:
    try:
        return check_prompt(Path(config.summaries_prompt).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{config.sources['summaries_prompt']}: {error}") from None


def engine_of(config: Config) -> str:
    """Who transcribes: `whisper`, `openai` or `off`."""
    if config.transcripts_engine != AUTO:
        return config.transcripts_engine
    if config.transcripts_model:
        return WHISPER if models.is_engine_installed() else OFF
    return WHISPER if models.is_installed() else OFF


def settings_of(config: Config) -> p.Configure | None:
    """What the transcriber is told; None when there is none.

    Raises:
        ConfigError: the prompt cannot be read any more.
    """
    engine = engine_of(config)
    if engine == OFF:
        return None
    speech: p.Local | p.Remote = p.Local(config.transcripts_model, config.transcripts_threads)
    if engine == OPENAI:
        speech = p.Remote(_place(config, "transcripts"))
    return p.Configure(
        speech=speech,
        summaries=config.summaries_engine != OFF,
        chat=_place(config, "summaries") if config.summaries_engine == OPENAI else None,
        prompt=_prompt(config) if config.summaries_prompt else default_prompt(),
        fields=config.summaries_fields,
        allow_networks=tuple(str(network) for network in config.allow_networks),
        egress_proxy=config.egress_proxy,
    )


def _place(config: Config, section: str) -> Place:
    url, key, model, timeout = (
        getattr(config, f"{section}_openai_{name}") for name in ("url", "key", "model", "timeout")
    )
    return Place(url.removesuffix("/v1"), key, model, timeout)

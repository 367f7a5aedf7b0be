"""What `switchhook doctor` looks at where recordings are transcribed: the engine, its model, the endpoints."""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import SystemResolver
from switchhook.delivery.http.dial import default_ssl_context
from switchhook.findings.installation import Finding, reach
from switchhook.media.transcription import models
from switchhook.serving.transcript_settings import check_transcripts, engine_of
from switchhook.settings.config import Config
from switchhook.settings.sources import ConfigError
from switchhook.settings.transcripts import OFF, OPENAI, WHISPER


async def examine_transcripts(config: Config, clock: Clock) -> AsyncIterator[Finding]:
    """Look at who transcribes and who summarises."""
    try:
        check_transcripts(config)
    except ConfigError:
        return  # `configuration` says it
    engine = engine_of(config)
    if engine == OFF:
        why = "" if config.transcripts_engine == OFF else f"; to have them: {models.INSTALL}"
        yield Finding("transcripts", "ok", f"recordings are not transcribed{why}")
        return
    if engine == WHISPER:
        yield await _model(config.transcripts_model)
    else:
        yield await _endpoint(config, clock, "transcripts", config.transcripts_openai_url)
    if config.summaries_engine == OPENAI:
        yield await _endpoint(config, clock, "summaries", config.summaries_openai_url)


async def _model(model: str) -> Finding:
    try:
        folder = await asyncio.to_thread(models.check, model)
    except (models.ModelError, OSError) as error:
        return Finding(
            "transcripts",
            "error",
            str(error),
            f"`{models.INSTALL}`, or name a model with --transcripts-model",
        )
    return Finding("transcripts", "ok", f"Whisper is there, with the model in {folder}")


async def _endpoint(config: Config, clock: Clock, what: str, url: str) -> Finding:
    found = await reach(
        url,
        AddressPolicy(config.allow_networks),
        SystemResolver(clock),
        default_ssl_context(),
        clock,
        through_proxy=bool(config.egress_proxy),
    )
    return msgspec.structs.replace(found, what=f"{what} endpoint")

"""What `switchhook doctor` looks at where traces are sent: whether the collector takes them."""

from collections.abc import AsyncIterator

from switchhook.clock import Clock
from switchhook.findings.installation import Finding
from switchhook.serving.traces import probe
from switchhook.settings.config import Config


async def examine_traces(config: Config, clock: Clock) -> AsyncIterator[Finding]:
    """Look at the collector, when there is one."""
    if not config.traces_endpoint:
        return
    wrong = await probe(config, clock)
    if wrong is None:
        yield Finding("traces", "ok", "the collector takes them")
    else:
        yield Finding(
            "traces",
            "error",
            f"the collector does not take them: {wrong}",
            "look at [traces]: it must speak OTLP over HTTP (mostly at port 4318, not 4317), and know the token",
        )

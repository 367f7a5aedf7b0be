"""`switchhook doctor`."""

import asyncio
from pathlib import Path
from typing import Any

import click
import msgspec

from switchhook.clock import SystemClock
from switchhook.commands.printing import cell, coloured, json_option, print_json
from switchhook.commands.settings import settings
from switchhook.findings.asterisk import examine_asterisk
from switchhook.findings.freeswitch import examine_freeswitch
from switchhook.findings.installation import Finding, examine
from switchhook.findings.sip import examine_sip
from switchhook.findings.smpp import examine_smpp
from switchhook.findings.traces import examine_traces
from switchhook.findings.transcripts import examine_transcripts
from switchhook.findings.twilio import examine_twilio
from switchhook.settings.config import load

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command("doctor")
@json_option
@settings()
def doctor_command(as_json: bool, config_file: Path | None, **flags: Any) -> None:
    """Look at configuration, files, disk, clock, ports, database, endpoints, carriers and switches, and say what to do.

    Takes the settings of `serve`, on the machine where it runs, while it runs or not. Exit code 1 when there is
    an error.
    """
    config = load(flags, file=config_file)
    found: list[Finding] = []

    async def look() -> None:
        clock = SystemClock()
        for findings in (
            examine(config, clock),
            examine_sip(config, clock),
            examine_transcripts(config, clock),
            examine_twilio(config, clock),
            examine_smpp(config, clock),
            examine_asterisk(config, clock),
            examine_freeswitch(config, clock),
            examine_traces(config, clock),
        ):
            async for finding in findings:
                found.append(finding)
                if not as_json:
                    _show(finding)

    asyncio.run(look())
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
    errors = sum(one.state == "error" for one in found)
    if errors:
        raise click.ClickException(f"{errors} of {len(found)} findings are errors")


def _show(finding: Finding) -> None:
    state = coloured(f"{finding.state:<8}", _COLOURS[finding.state])
    click.echo(f"{state}{cell(finding.what)}: {cell(finding.found)}")
    if finding.advice:
        click.echo(f"        {cell(finding.advice)}")

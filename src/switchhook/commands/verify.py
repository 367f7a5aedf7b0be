"""`switchhook verify`: why does this request not verify?"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path

import click
import msgspec

from switchhook.clock import SystemClock
from switchhook.webhooks.captured import Captured, read_headers, read_request
from switchhook.webhooks.diagnose import Diagnosis, diagnose

SECRET_ENV = "WEBHOOK_SECRET"  # noqa: S105 - the name of a variable


@click.command("verify")
@click.argument("request_file", metavar="[REQUEST]", required=False)
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="TEXT",
    help=f"The receiver's secret or public key; several may be given. [{SECRET_ENV}]",
)
@click.option(
    "-H",
    "--header",
    "lines",
    multiple=True,
    metavar="LINE",
    help="A header, `name: value`, as curl takes it.",
)
@click.option(
    "--headers",
    "headers_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with a header on each line.",
)
@click.option("--body", "body_file", metavar="FILE", help="A file with the body alone, - for standard input.")
@click.option("--data-binary", "data", metavar="TEXT|@FILE", help="The body, as curl takes it.")
@click.option(
    "--at",
    metavar="TIME",
    help="When it arrived, in seconds since 1970 or as 2026-01-31T08:00:00Z; judges its age.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_command(
    request_file: str | None,
    *,
    secrets: tuple[str, ...],
    lines: tuple[str, ...],
    headers_file: Path | None,
    body_file: str | None,
    data: str | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Say why a captured webhook request does not verify, and what to do about it.

    REQUEST is a file with the raw HTTP request, - for standard input; or give the headers and the body by options.
    Nothing is sent anywhere, and the secret is not printed.

    Exit code 0: it is authentic. 1: it is not, and the output says why. 2: the call was wrong.
    """
    keys = list(secrets) or [value for value in [os.environ.get(SECRET_ENV, "")] if value]
    if not keys:
        raise click.UsageError(
            f"name the receiver's secret: --secret whsec_…, or {SECRET_ENV} in the environment"
        )
    request = _captured(request_file, lines, headers_file, body_file, data)
    now = SystemClock().now() / 1000 if at is None else _seconds(at)
    found = diagnose(request.body, request.headers, keys, now, arrived=at is not None)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found) | {"missing_bytes": request.short}, indent=2))
    else:
        _print(found, request.short)
    sys.exit(0 if found.authentic else 1)


def _print(found: Diagnosis, short: int) -> None:
    name = " ".join(one for one in (found.id, found.topic) if one)
    click.echo(f"{'authentic' if found.authentic else 'NOT authentic'}{': ' + name if name else ''}")
    if short and not found.authentic:
        click.echo(f"\nbody-cut: {short} bytes of the body are missing by its content-length.")
        click.echo("  → Capture it again as a whole; look for a limit of size in front of the receiver.")
    for one in found.findings:
        click.echo(f"\n{one.code}: {one.what}\n  → {one.do}")


def _captured(
    request_file: str | None,
    lines: tuple[str, ...],
    headers_file: Path | None,
    body_file: str | None,
    data: str | None,
) -> Captured:
    if request_file is not None:
        if lines or headers_file or body_file or data is not None:
            raise click.UsageError("give either a whole request, or its headers and its body")
        try:
            return read_request(_read(request_file))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="REQUEST") from None
    text = "\n".join([headers_file.read_text("latin-1") if headers_file else "", *lines])
    if body_file is None and data is None:
        raise click.UsageError(
            "give a file with the whole request, or --header/--headers and --body/--data-binary"
        )
    if body_file is not None and data is not None:
        raise click.UsageError("give the body once: --body or --data-binary")
    if data is not None:
        body = _read(data[1:]) if data.startswith("@") else data.encode("utf-8", "surrogateescape")
    else:
        assert body_file is not None
        body = _read(body_file)
    return Captured(read_headers(text), body)


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise click.UsageError(f"{name}: {error.strerror}") from None


def _seconds(text: str) -> float:
    try:
        return float(text) if text.replace(".", "", 1).isdigit() else datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise click.BadParameter(
            f"{text} is neither seconds since 1970 nor a time like 2026-01-31T08:00:00Z", param_hint="--at"
        ) from None

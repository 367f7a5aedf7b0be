"""A call to the line from outside, for `switchhook call`: where the line is, what is said, and what became of it."""

import asyncio
import re
import socket
import sys
import tempfile
import wave
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from switchhook.clock import SystemClock
from switchhook.commands.client import Client, ServerError, part, reached
from switchhook.commands.printing import cell, print_json
from switchhook.commands.settings import wait
from switchhook.commands.stream import past, place
from switchhook.media.speech import SpeechError, find_speaker, speak, telephone_sound
from switchhook.media.tones import RATE, read_wav
from switchhook.settings.config import Config, ConfigError, load
from switchhook.telephony.sip.backend import BackendError
from switchhook.telephony.sip.caller import KEYS, Caller, Errand, Outcome
from switchhook.telephony.sip.reach import is_absent

SENDER = "+33639980001"  # of a block that is given to nobody, for films and examples
SPEAKER = "espeak-ng --stdout"
EVENTS = 45.0  # seconds for the events of a call; its transcript may hold them up for 30
_LOOK = 0.5

Where = tuple[str | None, str | None, Path | None, str | None]

_REFUSED = {
    401: "it wants a password: a user of the line is called {sender}; be somebody else with --from",
    403: "callers like {sender} are blocked ([sip] block, or block of the number); be somebody else with --from",
    404: "{number} is no number of this line; `switchhook numbers list` shows them",
    407: "it wants a password: a user of the line is called {sender}; be somebody else with --from",
    408: "nobody answered in time",
    480: "nobody answered, and no mailbox takes messages for {number}",
    486: "it is busy, and no mailbox takes messages for {number}",
    488: "it takes no sound like ours; see [sip] codecs and srtp, and try --srtp offer or require",
    500: "the line could not store the call; see the log of the server",
    503: "the line takes no more calls for now ([sip] max_calls), or is not ready; see the log of the server",
    600: "it is busy, and no mailbox takes messages for {number}",
    603: "it was declined, and no mailbox takes messages for {number}",
}


def try_line(number: str, sender: str | None, wanted: Mapping[str, Any], where: Where, as_json: bool) -> None:
    """Make the call and print what happened.

    Raises:
        ClickException: it could not be made, or was not answered.
    """
    if wanted["say"] is not None and wanted["wav"] is not None:
        raise click.UsageError("either --say or --wav")
    keys = (wanted["keys"] or "").upper().replace(" ", "")
    if strange := sorted(set(keys) - set(KEYS)):
        raise click.UsageError(
            f"--dtmf: {strange[0]!r} is no key; there are 0-9, *, # and A-D, and a comma pauses"
        )
    number = _plain("NUMBER", number)
    sender = _plain("--from", sender or SENDER)
    config = load({"data": where[3]}, file=where[2])
    client = _client(where)
    host, port = _place(wanted["line"], client, config)
    if asyncio.run(is_absent(f"sip:{host}:{port}")):
        raise click.ClickException(
            f"nothing listens at {host}:{port}; does `serve` run there with [sip] listen?"
        )
    errand = Errand(
        host,
        port,
        _here(host, port),
        number,
        sender,
        speech=_speech(wanted["say"], wanted["wav"], wanted["speak"] or config.sip_speak or SPEAKER),
        keys=keys,
        after=wanted["after"],
        stay=1.0 if wanted["stay"] is None else wanted["stay"],
        ring=wanted["ring"] or 60.0,
        srtp=wanted["srtp"] or "off",
    )
    there = _there(client)
    clock = SystemClock()
    began = clock.monotonic()

    def tell(what: str) -> None:
        if not as_json:
            click.echo(f"{clock.monotonic() - began:6.1f} s  {cell(what)}")
            sys.stdout.flush()

    async def make() -> Outcome:
        return await Caller(errand, clock, tell).run()

    try:
        outcome = asyncio.run(make())
    except (BackendError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    if wanted["heard"] is not None and outcome.answered:
        _keep(wanted["heard"], outcome)
    events = _events(client, there, errand) if outcome.sign else []
    call = next((one["payload"]["data"] for one in events if one["topic"] == "call.completed"), None)
    reason = refusal(outcome, errand)
    if as_json:
        print_json(_told(errand, outcome, reason, call, events))
    else:
        _print(call, events, client, outcome)
    if reason:
        raise click.ClickException(reason)


def _plain(name: str, text: str) -> str:
    """A number, or a name, as it can stand in a SIP address."""
    found = re.sub(r"[\s().-]", "", text)
    if not re.fullmatch(r"[A-Za-z0-9+*#_~]{1,64}", found):
        raise click.UsageError(f"{name}: {text!r} is no number; write it like +33112345678")
    return found


def refusal(outcome: Outcome, errand: Errand) -> str:
    """Why nobody answered, and what helps; empty when somebody did. Pure."""
    if outcome.answered:
        return ""
    line, status = f"{errand.host}:{errand.port}", outcome.status
    if status is None and not outcome.sign:
        return (
            f"no SIP line answers at {line}; is [sip] listen there, is {errand.here} in [sip] allow "
            "(it does not even hear others), and does a firewall let UDP through?"
        )
    if status is None:
        return f"nobody answered within {errand.ring:g} s"
    why = _REFUSED.get(status, "see the log of the server")
    return (
        f"the line refused the call with {status}: {why.format(number=errand.number, sender=errand.sender)}"
    )


def _client(where: Where) -> Client | None:
    """The server, if there is a key for it."""
    try:
        return reached(*where)
    except ConfigError:
        if where[0] or where[1]:
            raise
        return None


def _place(line: str | None, client: Client | None, config: Config) -> tuple[str, int]:
    """Address (IPv4) and port of the line."""
    text, remote = line or "", ""
    if line is None and client is not None:
        text, remote = _listening(client), urlsplit(client.url).hostname or ""
    text = text or config.sip_listen
    if not text:
        raise click.UsageError("where is the SIP line? name it with --line HOST:PORT")
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, "5060"
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536 or not host:
        raise click.UsageError(f"--line must be like 192.0.2.7:5060, not {text!r}")
    try:
        found = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_DGRAM)[0][4][0]
    except OSError as error:
        raise click.ClickException(f"there is no IPv4 address of {host} ({error.strerror})") from None
    if remote and ip_address(found).is_loopback and not _here_is(remote):
        raise click.ClickException(
            f"the line of {remote} listens on {text}, for its own machine alone; call from there, or name --line"
        )
    return str(found), int(port)


def _here_is(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(client: Client) -> str:
    """Where the line of the server is, as its settings say; empty when they do not, or are not for this key."""
    try:
        settings = client.data("GET", "/v2/api/system")["settings"]
    except ServerError:
        return ""
    return next((str(one["value"]) for one in settings if one["name"] == "sip_listen"), "")


def _here(host: str, port: int) -> str:
    """Our address that packets to the line leave from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, port))  # nothing is sent
        except OSError as error:
            raise click.ClickException(f"there is no way to {host}: {error.strerror}") from None
        return str(probe.getsockname()[0])


def _speech(text: str | None, wav: str | None, speaker: str) -> bytes:
    """What is to be said, as the caller says it."""
    if text is not None:
        try:
            find_speaker(speaker)
            with tempfile.TemporaryDirectory() as folder:
                return read_wav(speak(Path(folder), speaker, text))
        except (SpeechError, ValueError) as error:
            raise click.ClickException(f"--say: {error}") from None
    if wav is None:
        return b""
    try:
        content = sys.stdin.buffer.read() if wav == "-" else Path(wav).read_bytes()
        return telephone_sound(content).tobytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {wav}: {error.strerror or error}") from None
    except ValueError as error:
        raise click.ClickException(f"{wav}: {error}") from None


def _there(client: Client | None) -> set[str] | None:
    """The events there are, the newest of them; None when they are not for us to see."""
    if client is None:
        return None
    try:
        return {str(one["id"]) for one in past(client, recent=100)}
    except ServerError as error:
        click.echo(f"what the server makes of the call is not shown: {error.message}", err=True)
        return None


def _events(client: Client | None, there: set[str] | None, errand: Errand) -> list[dict[str, Any]]:
    """The events of our call, until it is completed."""
    if client is None or there is None:
        return []
    clock = SystemClock()
    end = clock.monotonic() + EVENTS
    found: list[dict[str, Any]] = []
    told = False
    while clock.monotonic() < end:
        found = [
            one
            for one in past(client, after=place(there))
            if one["id"] not in there and one["topic"].startswith("call.") and _is_ours(client, one, errand)
        ]
        if any(one["topic"] == "call.completed" for one in found):
            return found
        if not told:
            click.echo("waits for call.completed", err=True)
            told = True
        wait(clock, _LOOK)
    click.echo(f"no call.completed within {EVENTS:g} s; see the log of the server", err=True)
    return found


def _is_ours(client: Client, event: dict[str, Any], errand: Errand) -> bool:
    if event["payload"] is None:  # too large for the stream
        event["payload"] = client.data("GET", f"/v2/api/events/{part(event['id'])}")["payload"]
    shown = (event["payload"] or {}).get("data", {}).get("from_number") or ""
    return _end(shown) == _end(errand.sender)


def _end(number: str) -> str:
    """The digits by which a number is known, however it is written."""
    return re.sub(r"[^0-9]", "", number)[-8:]


def _keep(path: Path, outcome: Outcome) -> None:
    try:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(bytes(outcome.heard))
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from None


def _told(
    errand: Errand, outcome: Outcome, reason: str, call: Any, events: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "to": errand.number,
        "from": errand.sender,
        "line": f"{errand.host}:{errand.port}",
        "rang": outcome.rang,
        "answered": outcome.answered,
        "status": outcome.status,
        "reason": reason or None,
        "pressed": outcome.pressed,
        "said": outcome.said,
        "heard_seconds": round(outcome.heard_seconds, 1),
        "seconds": round(outcome.seconds, 1),
        "ended_by": outcome.ended_by or None,
        "call": call,
        "events": [{name: one[name] for name in ("id", "topic", "created_at")} for one in events],
    }


def _print(call: Any, events: list[dict[str, Any]], client: Client | None, outcome: Outcome) -> None:
    if outcome.answered:
        click.echo(f"heard {outcome.heard_seconds:.1f} s of sound in {outcome.seconds:.1f} s")
    if client is None:
        click.echo("give --key (or --data) to see what the server makes of it", err=True)
    if call is not None:
        line = [call["id"], call["result"], call["length"]]
        line += [call["user_email"]] if call["result"] == "ANSWERED" else []
        line += ["recorded"] if call["recording_url"] else []
        click.echo("\t".join(cell(one) for one in line))
        for choice in call["ivr_result"]:
            click.echo(cell(f"chose {choice['dtmf_key'] or ''}: {choice['text_key'] or 'nothing'}"))
    for one in events:
        click.echo("\t".join(cell(one[name]) for name in ("created_at", "topic", "id")))

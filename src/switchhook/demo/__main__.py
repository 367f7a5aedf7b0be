"""`make demo`: a real call over SIP and RTP on this machine, and its webhooks as they arrive.

    caller ──SIP, RTP──▶ switchhook serve ──SIP, RTP──▶ telephone of Camille
                               └──HTTP, signed──▶ receiver (here), which verifies and prints

Everything is real: the processes, the sockets, the speech, the signatures. Data stays in ./demo-data, so a second run
goes on where the first one stopped.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import uvloop

from switchhook.demo.api import Api, ApiError
from switchhook.demo.receiver import Receiver, listen
from switchhook.webhooks import Webhook

DATA = Path(os.environ.get("SWITCHHOOK_DEMO_DATA", "demo-data"))
NUMBER = "+33112345678"
CALLER = "+33612345678"
TOPICS = ["call.received", "call.completed"]
PATIENCE = 60.0  # seconds for the call and both of its events

CONFIG = """\
# Written anew by every `make demo`.
allow_networks = ["127.0.0.0/8"]
rate_limits = false
log_level = "warning"

[sip]
listen = "127.0.0.1:{sip}"
rtp_ports = "{rtp}-{rtp_last}"

[[users]]
email = "camille@acme.example"
name = "Camille Martin"
sip = ["sip:camille@127.0.0.1:{phone}"]

[[numbers]]
number = "{number}"
name = "Support Acme"
users = ["camille@acme.example"]
"""


class DemoError(Exception):
    """The demonstration cannot go on; the text says why."""


def say(text: str = "") -> None:
    """One line on standard output."""
    print(text, flush=True)


def free_port(wanted: int, kind: socket.SocketKind) -> int:
    """`wanted` when it is free on 127.0.0.1, otherwise any that is."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, kind) as probe:
            # As the server binds: a port that a former run has just left is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind is socket.SOCK_STREAM)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("no port is free on 127.0.0.1")


def free_range(wanted: int, size: int) -> int:
    """The first of `size` UDP ports in a row that are free on 127.0.0.1, from `wanted` upwards."""
    for first in range(wanted, 60_000, size):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + size):
                    probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise DemoError("no ports are free for media on 127.0.0.1")


@contextlib.asynccontextmanager
async def child(*args: str, ready: str, log: Path, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child process that has printed a line beginning with `ready`; ended when the block is left."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *args,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={k: v for k, v in os.environ.items() if not k.startswith("SWITCHHOOK_")} | env,
            start_new_session=True,  # Ctrl-C is for us; the children are then ended in order
        )
    assert process.stdout is not None
    drain: asyncio.Task[bytes] | None = None
    try:
        while not (line := await process.stdout.readline()).startswith(ready.encode()):
            if not line:
                raise DemoError(f"{' '.join(args)} did not start; see {log}")
        drain = asyncio.create_task(process.stdout.read())
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(12):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if drain is not None:
            drain.cancel()


class Story:
    """Prints what arrives, and knows when the call's two events have."""

    def __init__(self) -> None:
        self.complete = asyncio.Event()
        self._missing = set(TOPICS)

    def event(self, event: Any, message_id: str, body: bytes) -> None:
        """A verified event."""
        envelope = json.loads(body)
        topic, data = envelope["topic"], envelope["data"]
        say(f"{datetime.now():%H:%M:%S.%f}"[:-3] + f"  {topic}   {message_id}   signature verified")
        width = max(map(len, data))
        for name, value in data.items():
            if value not in (None, "", [], {}) and not isinstance(value, dict):
                say(f"              {name:{width}}  {json.dumps(value, ensure_ascii=False)}")
        say()
        self._missing.discard(topic)
        if not self._missing:
            self.complete.set()

    def refused(self, why: str) -> None:
        """A request that did not verify."""
        say(f"refused: {why}")


def sound(name: str) -> str:
    """The path of a bundled WAV file."""
    return str(resources.files("switchhook.media").joinpath("sounds", name))


async def endpoint(api: Api, url: str) -> dict[str, Any]:
    """The endpoint of our receiver: the one from an earlier run, moved to `url`, or a new one."""
    for known in (await api.call("GET", "/v2/api/webhooks"))["data"]:
        if known["description"] == "demo":
            await api.call("PUT", f"/v2/api/webhooks/{known['id']}", {"url": url, "enabled": True})
            found: dict[str, Any] = (await api.call("GET", f"/v2/api/webhooks/{known['id']}"))["data"]
            return found
    wanted = {"url": url, "topics": TOPICS, "description": "demo"}
    made: dict[str, Any] = (await api.call("POST", "/v2/api/webhooks", wanted))["data"]
    return made


async def run(stop: asyncio.Event, *, once: bool) -> None:
    """The demonstration. `once` ends it after the call."""
    DATA.mkdir(parents=True, exist_ok=True, mode=0o700)  # noqa: ASYNC240 - nothing else runs yet
    http = free_port(8080, socket.SOCK_STREAM)
    hook = free_port(8090, socket.SOCK_STREAM)
    sip = free_port(5060, socket.SOCK_DGRAM)
    phone = free_port(5062, socket.SOCK_DGRAM)
    rtp = free_range(20_000, 60)
    config = DATA / "switchhook.toml"
    config.write_text(
        CONFIG.format(sip=sip, rtp=rtp, rtp_last=rtp + 19, phone=phone, number=NUMBER), encoding="utf-8"
    )
    story = Story()
    receiver = Receiver(story.event, story.refused)
    log = DATA / "demo.log"
    async with contextlib.AsyncExitStack() as stack:
        listening = await listen(receiver, hook)
        stack.callback(listening.cancel)
        await stack.enter_async_context(
            child(
                *("-m", "switchhook", "serve", "--config", str(config)),
                *("--data", str(DATA), "--port", str(http)),
                ready="ready ",
                log=log,
            )
        )
        api = Api(f"http://127.0.0.1:{http}", (DATA / "admin.key").read_text().strip())
        hooked = await endpoint(api, f"http://127.0.0.1:{hook}/hooks")
        receiver.webhook = Webhook(hooked["signing_secret"])
        say(f"Switchhook serves at  {api.url}   (data in {DATA}/, log in {log})")
        say(f"The SIP line is at    sip:{NUMBER}@127.0.0.1:{sip}")
        say(f"The receiver is at    {hooked['url']}   ({', '.join(TOPICS)})")
        say()
        telephone = "switchhook.telephony.sip.phone"
        await stack.enter_async_context(
            child(
                *("-m", telephone, "--listen", f"127.0.0.1:{phone}", "--rtp", f"{rtp + 20}-{rtp + 39}"),
                *(
                    "--user",
                    "camille",
                    "--answer",
                    "1.5",
                    "--say",
                    sound("demo_agent.wav"),
                    "--lifetime",
                    "86400",
                ),
                ready='{"',
                log=log,
            )
        )
        say(f"Marie calls {NUMBER}; Camille's telephone rings, they talk, Marie hangs up.")
        say()
        async with child(
            *("-m", telephone, "--listen", f"127.0.0.1:{free_port(5064, socket.SOCK_DGRAM)}"),
            *("--rtp", f"{rtp + 40}-{rtp + 59}", "--user", CALLER, "--dial", f"sip:{NUMBER}@127.0.0.1:{sip}"),
            *("--say", sound("demo_caller.wav"), "--hang-up", "--calls", "1"),
            ready='{"',
            log=log,
        ):
            await first(story.complete, stop, PATIENCE, log)
        if once or stop.is_set():
            return
        say("That was it: a real call, recorded, and delivered as signed webhooks. Still serving; now try")
        say()
        say(f"  {api.url}               the page (sign in with the key in {DATA / 'admin.key'})")
        say(f"  {api.url}/docs          the API (key in {DATA / 'admin.key'})")
        say(f"  sip:{NUMBER}@127.0.0.1:{sip}   with a softphone on this machine")
        say()
        for line in curl(api.url):
            say(f"  {line}")
        say()
        say("Ctrl-C ends it.")
        await api.call(
            "PUT", f"/v2/api/webhooks/{hooked['id']}", {"topics": [*TOPICS, "tag.added", "call.triggered"]}
        )
        await stop.wait()


def curl(url: str) -> list[str]:
    """A command that publishes an event, as lines."""
    data = {"call_id": "cll_1", "tag_key": "urgent", "tag_name": "Urgent", "user_email": None}
    return [
        f"curl -s {url}/v2/api/events \\",
        f'  -H "Authorization: Api-Key $(cat {DATA / "admin.key"})" -H "Content-Type: application/json" \\',
        f"  -d '{json.dumps({'topic': 'tag.added', 'data': data})}'",
    ]


async def first(done: asyncio.Event, stop: asyncio.Event, seconds: float, log: Path) -> None:
    """Wait for `done` or `stop`.

    Raises:
        DemoError: neither came in time.
    """
    waits = [asyncio.ensure_future(event.wait()) for event in (done, stop)]
    finished, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    if not finished:
        raise DemoError(f"the events of the call did not arrive within {seconds:.0f} s; see {log}")


async def main() -> int:
    """Run until Ctrl-C; the exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await run(stop, once="--once" in sys.argv[1:])
    except (DemoError, ApiError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))

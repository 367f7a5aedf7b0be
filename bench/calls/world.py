"""What the calls need around them: a server, telephones, a trunk, callers, and a receiver that verifies."""

import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.serving import Server
from switchhook.webhooks import Webhook

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "tests" / "telephony" / "scenarios"
TOPICS = ["call.received", "call.triggered", "call.completed"]
LIFETIME = 60  # seconds after which a telephone ends whatever happens


class Told(http.server.ThreadingHTTPServer):
    """A receiver: verifies every message and keeps it with the time it came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[tuple[float, dict[str, Any]]] = []
        self.unverified = 0
        self.secret = ""
        self.seen: set[str] = set()
        self.repeated = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Told

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        now = time.time()
        try:
            Webhook(self.server.secret).verify(body, dict(self.headers.items()))
        except Exception:  # whatever it is, it is not verified
            self.server.unverified += 1
        else:
            id_ = self.headers["webhook-id"]
            self.server.repeated += id_ in self.server.seen
            self.server.seen.add(id_)
            self.server.events.append((now, json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Telephone:
    """A scripted telephone in a process of its own, and when it said what."""

    def __init__(self, port: int, user: str, does: Sequence[str], rtp: int) -> None:
        command = [
            sys.executable,
            "-m",
            "switchhook.telephony.sip.phone",
            "--listen",
            f"127.0.0.1:{port}",
            "--rtp",
            f"{rtp}-{rtp + 39}",
            "--user",
            user,
        ]
        if "--lifetime" not in does:
            command += ["--lifetime", str(LIFETIME)]
        self.said: list[tuple[float, dict[str, Any]]] = []
        self.child = subprocess.Popen(
            [*command, *does], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            with self._news:
                self.said.append((time.time(), json.loads(line)))
                self._news.notify_all()

    def when(self, event: str, *, last: bool = False) -> float | None:
        """When it said that, first or last."""
        times = [at for at, one in self.said if one["event"] == event]
        return times[-1 if last else 0] if times else None

    def until(self, event: str, seconds: float) -> bool:
        """Wait until it says that."""
        with self._news:
            return self._news.wait_for(lambda: self.when(event) is not None, seconds)

    def end(self) -> None:
        """End it, by its own process id."""
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def free_port() -> int:
    """A UDP port on loopback that nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def sipp(scenario: str, line: int, number: str, directory: Path, rtp: int) -> subprocess.Popen[bytes]:
    """A caller of sipp, with one of the scenarios of the tests."""
    command = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-p", str(free_port())]
    command += ["-mi", "127.0.0.1", "-mp", str(rtp), "-m", "1", "-nostdin", "-timeout", "40s"]
    command += [f"127.0.0.1:{line}", "-s", number]
    return subprocess.Popen(
        command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def serve(data: Path, config: str, environment: Mapping[str, str]) -> tuple[Server, Told]:
    """A server of that configuration, and a receiver that is told of its calls."""
    file = data / "calls.toml"
    data.mkdir(parents=True, exist_ok=True)
    file.write_text(config)
    told = Told()
    program = [sys.executable, "-m", "switchhook", "serve", "--config", str(file)]
    server = Server(data, program=program, environment=environment)
    try:
        told.secret = server.endpoint(told.url, TOPICS)["signing_secret"]
    except BaseException:
        server.stop()
        raise
    return server, told

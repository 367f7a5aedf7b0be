"""Starts and ends real processes: a `switchhook serve`, a sink. Shared by the benchmarks and the tests."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class NotReady(RuntimeError):
    """A child ended, with `code`, before it was ready."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Process:
    """A child that prints a line when it is ready. Ended by its process id only."""

    def __init__(
        self, args: list[str], ready: str, env: dict[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._log = log.open("ab") if log else None
        self.child = subprocess.Popen(
            args, env=env, stdout=subprocess.PIPE, stderr=self._log or subprocess.DEVNULL, text=True
        )
        self.lines: list[str] = []
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.lines.append(line.strip())
            if line.startswith(ready):
                break
        else:
            self.child.wait()
            self.child.stdout.close()
            if self._log:
                self._log.close()
            shown = log.read_text()[-2000:] if log else ""
            code = self.child.returncode
            raise NotReady(code, f"{args} ended with {code} before it was ready: {shown}")
        # Whatever it prints later must not fill the pipe and stop it.
        self._drain = threading.Thread(target=self.child.stdout.read, daemon=True)
        self._drain.start()

    def kill(self) -> None:
        """SIGKILL: no clean-up of any kind."""
        self.child.send_signal(signal.SIGKILL)
        self.reap()

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, and the exit code."""
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        finally:
            if self.child.poll() is None:
                self.child.kill()
            self.reap()

    def reap(self) -> None:
        """Wait for its end, and let go of what belonged to it."""
        self.child.wait()
        self._drain.join()
        assert self.child.stdout is not None
        self.child.stdout.close()
        if self._log:
            self._log.close()


class Server(Process):
    """`switchhook serve` on `data`, on a free port of 127.0.0.1."""

    def __init__(
        self,
        data: Path,
        *,
        port: int = 0,
        program: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        seen: Path | None = None,
        **settings: Any,
    ) -> None:
        """`program` runs it when it is not the plain command; `seen` is how its data directory looks from here."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("SWITCHHOOK_")}
        env |= {
            "SWITCHHOOK_DATA": str(data),
            "SWITCHHOOK_PORT": str(port),
            "SWITCHHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
            "SWITCHHOOK_LOG_LEVEL": "warning",
            "SWITCHHOOK_RATE_LIMITS": "off",
        }
        env |= {f"SWITCHHOOK_{name.upper()}": str(value) for name, value in settings.items()}
        env |= environment or {}
        data.mkdir(parents=True, exist_ok=True)
        # cwd must not matter: a switchhook.toml of the developer's would be read.
        env["SWITCHHOOK_CONFIG"] = str(data / "empty.toml")
        (data / "empty.toml").touch()
        command = list(program) or [sys.executable, "-m", "switchhook", "serve"]
        super().__init__(command, "ready ", env, data / "serve.log")
        self.url = self.lines[-1].split()[1]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.place = ("127.0.0.1", self.port)
        self.key = ((seen or data) / "admin.key").read_text().strip()

    def workers(self) -> list[int]:
        """The process ids of its workers, the first one first."""
        pid = self.child.pid
        return sorted(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One API request; the decoded answer."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Api-Key {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def endpoint(self, url: str, topics: list[str]) -> dict[str, Any]:
        """Make an endpoint."""
        made: dict[str, Any] = self.call("POST", "/v2/api/webhooks", {"url": url, "topics": topics})["data"]
        return made


class Fleet:
    """Everything that serves from one store: a `serve`, with workers or without, or two with a role each.

    `front` takes requests.
    """

    def __init__(
        self, data: Path, database: str = "", *, workers: int = 1, split: bool = False, **more: Any
    ) -> None:
        settings = {"workers": workers} | ({"database": database} if database else {}) | more
        self.servers = [
            Server(data, **settings, role=role) for role in (("api", "dispatch") if split else ("all",))
        ]
        self.front = self.servers[0]

    @property
    def pids(self) -> list[int]:
        """The processes that work."""
        return [pid for server in self.servers for pid in (server.child.pid, *server.workers())]

    def stop(self) -> None:
        """Stop all of them."""
        for server in self.servers:
            server.stop()


class Sink(Process):
    """`bench/sink.py`, logging to `log`."""

    def __init__(self, log: Path, *, port: int = 0, status: int = 204, fail_rate: float = 0.0) -> None:
        args = [sys.executable, str(HERE / "sink.py"), "--log", str(log), "--port", str(port)]
        super().__init__([*args, "--status", str(status), "--fail-rate", str(fail_rate)], "listening ")
        self.log = log
        self.port = int(self.lines[-1].split()[1])
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def received(self, path: str | None = None) -> list[tuple[str, int, str]]:
        """(webhook-id, monotonic nanoseconds, digest of the body) of what came, to `path` or at all, in order."""
        rows = []
        for line in self.log.read_text().splitlines():
            id_, at, digest, to = line.split()
            if path is None or path == to:
                rows.append((id_, int(at), digest))
        return rows

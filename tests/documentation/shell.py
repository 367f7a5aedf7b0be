"""A terminal in a scratch folder: it runs the lines that a page shows, with what stands for the reader's own put in."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.documentation.warm import CLIENT
from tests.ports import free_port
from tests.waiting import until

WAIT = 120  # seconds for anything that has to come; it comes in a fraction of one
# What stays in the foreground until it is ended, and what it says when it works.
STAYS = {r"switchhook serve\b": "ready ", r"switchhook listen\b": "signing with "}


def lines_of(text: str) -> list[str]:
    """The commands of a block: continued lines are one, comments and empty lines none."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


class Terminal:
    """Runs one page. `stands_for` tells what the reader puts in place of a name in capitals, or of an address."""

    def __init__(self, folder: Path, warm: Path) -> None:
        """`folder` is empty; `warm` is the socket of `tests/documentation/warm.py`."""
        self.folder = folder
        self.port = free_port()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("SWITCHHOOK_")}
        self.env["PATH"] = f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}"
        self.env["HOME"] = str(folder)
        self.env["SWITCHHOOK_PORT"] = str(self.port)
        self.env["SWITCHHOOK_URL"] = self.url = f"http://127.0.0.1:{self.port}"
        self.env |= {"SWITCHHOOK_RATE_LIMITS": "off", "SWITCHHOOK_TRANSCRIPTS_ENGINE": "off"}
        self.stands_for: dict[str, str | Callable[[], str]] = {"8080": str(self.port)}
        self._staying: list[tuple[str, subprocess.Popen[bytes], Path]] = []
        program = folder / ".venv" / "bin" / "switchhook"
        program.parent.mkdir(parents=True)
        program.write_text(CLIENT.format(python=sys.executable, socket=str(warm)))
        program.chmod(0o755)

    def run(self, line: str) -> str:
        """Run a command; what it printed, or of one that stays the line that says it works.

        Raises:
            AssertionError: it failed.
        """
        line = self._put_in(line)
        exported = re.fullmatch(r"export (\w+)=(\S+)", line)
        if exported:
            self.env[exported[1]] = exported[2]
            return ""
        for stays, sign in STAYS.items():
            if re.search(stays, line):
                return self._stay(line, sign)
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.env,
            input="y\n",  # to whoever asks whether that is meant
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def _put_in(self, line: str) -> str:
        """In one go: what was put in may hold, by chance, what stands for something else."""

        def here(found: re.Match[str]) -> str:
            given = self.stands_for[found[0]]
            return given if isinstance(given, str) else given()

        return re.sub("|".join(map(re.escape, self.stands_for)), here, line)

    def _stay(self, line: str, sign: str) -> str:
        kind = line.split("switchhook ")[1].split(maxsplit=1)[0]
        # One at a time, on one port; and whoever listens would meet another server, which has other keys.
        self.end("listen")
        self.end(kind)
        out = self.folder / f"{kind}.log"
        with out.open("wb") as file:
            child = subprocess.Popen(
                [
                    *("env", "--default-signal=INT"),  # the tests may run as a shell's background job
                    "bash",
                    "-c",
                    f"exec {line}" if "=" not in line.split(maxsplit=1)[0] else f"exec env {line}",
                ],
                cwd=self.folder,
                env=self.env,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._staying.append((kind, child, out))
        said = partial(out.read_text, errors="replace")

        def signs() -> list[str]:
            # Whole lines only: the last one may be on its way.
            return [
                one for one in said().splitlines(keepends=True) if one.startswith(sign) and one.endswith("\n")
            ]

        until(lambda: signs() or child.poll() is not None, lambda: f"{line} does not say {sign!r}: {said()}")
        assert signs(), f"{line}\n{said()}"
        return signs()[0]

    def log(self, kind: str) -> str:
        """What the `serve` or `listen` that was started last has printed so far."""
        return (self.folder / f"{kind}.log").read_text(errors="replace")

    def end(self, kind: str = "") -> None:
        """End what stays, of one kind or all of it, as Ctrl-C or a service manager does.

        Raises:
            AssertionError: one of them did not end well; all have ended.
        """
        faults = []
        for one in [one for one in self._staying if not kind or one[0] == kind]:
            self._staying.remove(one)
            name, child, out = one
            child.send_signal(signal.SIGTERM if name == "serve" else signal.SIGINT)
            try:
                child.wait(WAIT)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.returncode not in (0, 130):
                faults.append(f"{name} ended with {child.returncode}: {out.read_text(errors='replace')}")
        assert not faults, "\n".join(faults)

    def call(self, method: str, path: str, body: object = None, *, key: str = "") -> Any:
        """A request to the server of the page; its decoded answer."""
        key = key or (self.folder / "switchhook-data" / "admin.key").read_text().strip()
        request = Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Api-Key {key}", "Content-Type": "application/json"},
        )
        with urlopen(request, timeout=WAIT) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def fill(self, table: Mapping[str, str | Callable[[], str]]) -> None:
        """Say what stands for what; the longest names are put in first."""
        self.stands_for = dict(sorted((self.stands_for | dict(table)).items(), key=lambda one: -len(one[0])))

"""The examples as their first lines say to run them: real servers, and a foreign library that signs."""

import ast
import datetime
import os
import re
import shlex
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from switchhook.webhooks.testing import SECRET, Sender
from tests.documentation.shell import WAIT
from tests.ports import free_port

pytestmark = pytest.mark.process

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*_app.py"))
# How each server is told its port, for there is one on 8000 already.
PORT = {"uvicorn": "UVICORN_PORT", "flask": "FLASK_RUN_PORT", "python": "PORT"}


def how_to_run(name: str) -> list[str]:
    """The command of the first line, with what this Python brings of it."""
    said = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))) or ""
    shown = re.search(r"Run: WEBHOOK_SECRET=whsec_… (.+)$", said)
    assert shown is not None, f"the first line of {name}.py must say how to run it"
    program, *args = shlex.split(shown[1])
    return [sys.executable, *(["-m", program] if program != "python" else []), *args]


@dataclass
class Served:
    """An example that runs."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Status and body of the answer."""
        request = urllib.request.Request(self.url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=WAIT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(params=NAMES)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    port = free_port()
    command = how_to_run(request.param)
    environment = os.environ | {name: str(port) for name in PORT.values()}
    environment |= {"WEBHOOK_SECRET": SECRET, "WEBHOOK_NOTES": str(tmp_path / "notes.db")}
    if command[-1] == "runserver":
        command += [str(port), "--noreload"]
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=EXAMPLES, env=environment, stdout=out, stderr=out)
    found = Served(f"http://127.0.0.1:{port}/webhooks", process, log)
    try:
        until_it_answers(found)
        yield found
    finally:
        process.terminate()
        process.wait()


def until_it_answers(served: Served) -> None:
    """Any answer will do: what is not signed is refused."""
    pause = threading.Event()
    for _ in range(WAIT * 10):
        try:
            assert served.post(b"{}", {"content-type": "application/json"})[0] == 400
        except urllib.error.URLError:
            assert served.process.poll() is None, served.log.read_text()
            pause.wait(0.1)
        else:
            return
    raise AssertionError(served.log.read_text())


def signed(body: bytes, message: str) -> dict[str, str]:
    """What a sender of another make would send with it."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "content-type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message, now, body.decode()),
    }


def test_an_example_serves_as_its_first_line_says(served: Served) -> None:
    body = Sender().message("call.completed").body
    headers = signed(body, "msg_one")
    status, said = served.post(body, headers)
    assert (status, said) in ((200, "done"), (202, "taken"))
    again, said = served.post(body, headers)
    assert (again, said) in ((200, "done already"), (202, "taken already"))
    assert served.post(body + b" ", headers)[0] == 401
    assert served.post(body, headers | {"webhook-signature": "v1,bm9ib2R5"})[0] == 401
    other = body.replace(b"call.completed", b"tomorrow.invented")
    assert served.post(other, signed(other, "msg_two"))[0] == 200


def test_the_function_has_a_first_line_too() -> None:
    said = ast.get_docstring(ast.parse((EXAMPLES / "lambda_function.py").read_text(encoding="utf-8"))) or ""
    assert "lambda_function.handler" in said

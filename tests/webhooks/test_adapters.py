"""Every example runs, in its framework, on what a sender really sends."""

import base64
import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from switchhook.webhooks import Background, Receiver
from switchhook.webhooks.adapters.aws_lambda import function
from switchhook.webhooks.testing import SECRET, Sender, Signed

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ["asgi_app", "fastapi_app", "starlette_app", "wsgi_app", "flask_app", "django_app", "lambda_function"]


class Answered:
    def __init__(self, status: int) -> None:
        self.status_code = status


class LambdaClient:
    """What API Gateway makes of a request, in its two formats, with and without base64."""

    def __init__(self, handler: Any) -> None:
        self.handler = handler
        self.formats = 0

    def post(self, url: str, content: bytes, headers: dict[str, str]) -> Answered:
        self.formats += 1
        encoded = self.formats % 2 == 0
        body = base64.b64encode(content).decode() if encoded else content.decode()
        event: dict[str, Any] = {"body": body, "isBase64Encoded": encoded}
        if self.formats % 3 == 0:
            event |= {"version": "2.0", "rawPath": url, "headers": headers}
        elif self.formats % 3 == 1:
            event |= {"path": url, "headers": {name.title(): value for name, value in headers.items()}}
        else:
            event |= {"path": url, "headers": None, "multiValueHeaders": {k: [v] for k, v in headers.items()}}
        answer = self.handler(event, None)
        assert isinstance(answer["body"], str)
        return Answered(answer["statusCode"])


def client_of(name: str, example: Any, stack: ExitStack) -> Any:
    if name in ("asgi_app", "fastapi_app", "starlette_app"):
        from starlette.testclient import TestClient

        return stack.enter_context(TestClient(example.app))
    if name == "flask_app":
        return example.app.test_client()
    if name == "wsgi_app":
        from werkzeug.test import Client

        return Client(example.app)
    if name == "django_app":
        import django
        from django.test import Client as DjangoClient

        django.setup()
        return DjangoClient(enforce_csrf_checks=True)
    return LambdaClient(example.handler)


@pytest.fixture(params=NAMES)
def running(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Any, Any]]:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("WEBHOOK_NOTES", str(tmp_path / "notes.db"))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    # Django is configured once in a process.
    example = sys.modules.get(request.param) if request.param == "django_app" else None
    if example is None:
        sys.modules.pop(request.param, None)
        example = importlib.import_module(request.param)
    example.calls.clear()
    with ExitStack() as stack:
        yield example, client_of(request.param, example, stack)
    close = getattr(example.receiver.dedupe, "close", None)
    if close is not None:
        close()


def test_every_example_is_tried() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(NAMES)


def test_an_example_takes_a_signed_message_once_and_refuses_what_is_wrong(running: tuple[Any, Any]) -> None:
    (example, client), webhook_sender = running, Sender()
    name = "cll_0123456789ABCDEFGHIJkl"
    text = {"summary": "Été, naïve, 日本語, 😀"}
    first, second = webhook_sender.send_twice(client, "call.completed", id=name, **text)
    assert first.status_code in (200, 202)
    assert second.status_code in (200, 202)
    assert webhook_sender.send_unknown(client).status_code == 200
    assert webhook_sender.send(client, "tag.added").status_code == 200
    assert webhook_sender.send_wrongly_signed(client, "call.completed").status_code == 401
    assert webhook_sender.send_changed(client, "call.completed").status_code == 401
    assert webhook_sender.send_old(client, "call.completed").status_code == 401
    assert webhook_sender.send_without(client, "webhook-id", "call.completed").status_code == 400
    if hasattr(client, "get"):
        assert client.get("/webhooks").status_code in (404, 405)
    if example.receiver.background is not None:
        client.__exit__(None, None, None)  # the application ends, and its background with it
        client.__enter__()
    assert example.calls == [name]


def test_a_body_without_end_is_cut_off_by_the_adapters_that_read_it_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from starlette.testclient import TestClient
    from werkzeug.test import Client

    from switchhook.webhooks.adapters import asgi, wsgi

    for module in (asgi, wsgi):
        monkeypatch.setattr(module, "MAX_BODY", 1000)
    for client in (
        TestClient(asgi.application(Receiver(SECRET))),
        Client(wsgi.application(Receiver(SECRET))),
    ):
        large = Sender().raw(b"x" * 1001)
        assert Sender().send(client, "tag.added").status_code == 200
        posted: Any = (
            client.post("/webhooks", content=large.body, headers=large.headers)
            if isinstance(client, TestClient)
            else client.post("/webhooks", data=large.body, headers=large.headers)
        )
        assert posted.status_code == 413


def test_a_lambda_function_refuses_a_background_and_a_body_that_is_not_what_it_is_said_to_be() -> None:
    with pytest.raises(ValueError, match="background"):
        function(Receiver(SECRET, background=Background(may_lose=True)))
    handler = function(Receiver(SECRET))
    assert handler({"body": "*", "isBase64Encoded": True, "headers": {}}, None)["statusCode"] == 400
    assert handler({}, None)["statusCode"] == 400


def test_a_sample_that_the_catalogue_does_not_allow_is_not_made() -> None:
    sender = Sender()
    with pytest.raises(TypeError, match="no field `lenght`"):
        sender.message("call.completed", lenght="5m")
    with pytest.raises(ValueError, match="tag_key"):
        sender.message("tag.added", tag_key=7)
    assert isinstance(sender.message("endpoint.disabled"), Signed)


THEIRS = """
import flask
import pytest
from switchhook.webhooks import Receiver
from switchhook.webhooks.adapters.flask import view

pytest_plugins = ["switchhook.webhooks.testing"]

@pytest.fixture
def client(webhook_secret):
    app = flask.Flask(__name__)
    app.post("/hooks")(view(Receiver(webhook_secret)))
    return app.test_client()

@pytest.fixture
def webhook_url():
    return "/hooks"

def test_theirs(client, webhook_sender):
    assert webhook_sender.send(client, "call.completed").status_code == 200
    assert webhook_sender.send_old(client, "call.completed").status_code == 401
"""


def test_the_fixtures_are_there_for_who_names_the_module(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(THEIRS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout

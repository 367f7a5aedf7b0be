"""The lines of docs/receiving.md for each framework, run as they stand: the answer does not wait for the work."""

import importlib
import re
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from switchhook.webhooks import Background, Message, Receiver
from switchhook.webhooks.testing import SECRET, Sender, Signed

ROOT = Path(__file__).resolve().parents[2]
WAIT = 60  # seconds for what comes at once


def rows() -> dict[str, list[str]]:
    """The frameworks of the table, and the pieces of code beside each."""
    page = (ROOT / "docs" / "receiving.md").read_text(encoding="utf-8")
    section = page.partition("\n## In a framework\n")[2].partition("\n## ")[0]
    table = re.findall(r"^\| ([A-Z][^|]*) \| (.+) \|$", section, re.MULTILINE)
    return {name: re.findall(r"`([^`]+)`", text) for name, text in table}


def fastapi(code: list[str], space: dict[str, Any], stack: ExitStack) -> Callable[[Signed], int]:
    from fastapi import FastAPI

    from switchhook.webhooks.adapters.fastapi import lifespan, router

    included, application = code
    space |= {"FastAPI": FastAPI, "lifespan": lifespan, "router": router}
    space["app"] = eval(application, space)
    exec(included, space)
    return asgi_client(space["app"], stack)


def starlette(code: list[str], space: dict[str, Any], stack: ExitStack) -> Callable[[Signed], int]:
    from starlette.applications import Starlette
    from starlette.routing import Route

    from switchhook.webhooks.adapters.starlette import endpoint

    (route,) = code
    app = Starlette(routes=[eval(route, space | {"Route": Route, "endpoint": endpoint})])
    return asgi_client(app, stack)


def asgi_client(app: Any, stack: ExitStack) -> Callable[[Signed], int]:
    from starlette.testclient import TestClient

    client = stack.enter_context(
        TestClient(app)
    )  # else each request has a loop of its own, and work ends with it
    return lambda signed: int(
        client.post("/webhooks", content=signed.body, headers=signed.headers).status_code
    )


def flask(code: list[str], space: dict[str, Any], stack: ExitStack) -> Callable[[Signed], int]:
    from flask import Flask

    from switchhook.webhooks.adapters.flask import view

    app = Flask(__name__)
    (line,) = code
    exec(line, space | {"app": app, "view": view})
    client = app.test_client()
    return lambda signed: client.post("/webhooks", data=signed.body, headers=signed.headers).status_code


def django(code: list[str], space: dict[str, Any], stack: ExitStack) -> Callable[[Signed], int]:
    # Django is configured once in a process: by the example, also where other tests need it.
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        importlib.import_module("django_app")
    finally:
        sys.path.pop(0)
    from django.test import RequestFactory
    from django.urls import path

    from switchhook.webhooks.adapters import django as adapter

    line, other = code
    assert hasattr(adapter, other)
    pattern = eval(line, space | {"path": path, "view": adapter.view})

    def post(signed: Signed) -> int:
        headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in signed.headers.items()}
        request = RequestFactory().post("/webhooks", signed.body, content_type="application/json", **headers)
        return int(pattern.resolve("webhooks").func(request).status_code)

    return post


def without(code: list[str], space: dict[str, Any], stack: ExitStack) -> Callable[[Signed], int]:
    from werkzeug.test import Client

    from switchhook.webhooks.adapters import asgi, wsgi

    (line,) = code
    both: list[Any] = []
    for module in (asgi, wsgi):
        mine = space | {"application": module.application}
        exec(line, mine)
        both.append(mine["app"])
    assert asgi_client(both[0], stack)(Sender().message("tag.added")) == 200
    client = Client(both[1])
    return lambda signed: client.post("/webhooks", data=signed.body, headers=signed.headers).status_code


def aws_lambda(code: list[str], space: dict[str, Any], stack: ExitStack) -> Callable[[Signed], int]:
    from switchhook.webhooks.adapters.aws_lambda import function

    (line,) = code
    space["receiver"] = worked = Receiver(SECRET)  # nothing runs there after the answer
    worked.on("call.completed")(lambda message: None)
    exec(line, space | {"function": function})
    handler = function(worked)
    return lambda signed: int(
        handler({"body": signed.body.decode(), "headers": signed.headers}, None)["statusCode"]
    )


FRAMEWORKS = {
    "FastAPI": fastapi,
    "Starlette": starlette,
    "Flask": flask,
    "Django": django,
    "AWS Lambda": aws_lambda,
    "ASGI, WSGI": without,
}


def test_every_framework_of_the_table_is_tried() -> None:
    assert list(rows()) == list(FRAMEWORKS)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_lines_for_a_framework_answer_at_once_however_long_the_work_takes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    go_on, done = threading.Event(), threading.Event()
    receiver = Receiver(SECRET, background=Background(may_lose=True))

    @receiver.on("call.completed")
    def slow(message: Message[Any]) -> None:
        assert go_on.wait(WAIT)
        done.set()

    with ExitStack() as stack:
        post = FRAMEWORKS[name](rows()[name], {"receiver": receiver}, stack)
        answered = post(Sender().message("call.completed"))
        assert not done.is_set()
        go_on.set()
        if name == "AWS Lambda":  # which has a receiver of its own
            assert answered == 200
        else:
            assert answered == 202
            assert done.wait(WAIT)
    receiver.close()

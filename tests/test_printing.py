"""What commands print on a terminal, by a real one, and in a pipe."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from typing import Any

import click
import pytest
from click.testing import CliRunner

from switchhook.commands.client import Client
from switchhook.commands.printing import coloured, flat, print_rows

ROWS = [
    {"id": "ep_0352troMJ2wVVq6x3onKqO", "url": "https://example.com/a/rather/long/way", "topics": ["a", "b"]},
    {"id": "ep_1", "url": "https://example.com/\x1b[2J", "topics": []},
]


def on_terminal(code: str, columns: int) -> str:
    """What a program prints on a terminal that wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=env | {"TERM": "xterm"}
    ) as child:
        os.close(theirs)
        found = b""
        try:
            while piece := os.read(ours, 65_536):
                found += piece
        except OSError:  # the other side is closed
            pass
        child.wait(60)
    os.close(ours)
    return found.decode().replace("\r\n", "\n").replace("\x1b[1m", "").replace("\x1b[0m", "")


def rows(columns: int, given: object = ROWS) -> list[str]:
    code = (
        "from switchhook.commands.printing import print_rows\n"
        f"print_rows({given!r}, ('id', 'url', 'topics'), none='no webhooks')"
    )
    return on_terminal(code, columns).splitlines()


def test_an_id_stands_in_one_piece_on_a_terminal_of_any_width() -> None:
    for columns in (120, 80, 60, 40, 20):
        lines = rows(columns)
        assert any("ep_0352troMJ2wVVq6x3onKqO" in line for line in lines), lines
        assert not any("\x1b" in line for line in lines)
    long: list[dict[str, Any]] = [{"id": "dlv_" + "x" * 44, "url": "u" * 30, "topics": ["t" * 30]}]
    assert any(long[0]["id"] in line for line in rows(80, long))
    assert rows(120)[0].split() == ["id", "url", "topics"]
    assert len(rows(120)) == 3
    narrow = rows(40)
    assert narrow[0].split() == ["id", "ep_0352troMJ2wVVq6x3onKqO"]
    assert narrow[3] == ""


def test_somebody_at_a_terminal_is_told_that_there_is_nothing() -> None:
    assert rows(80, []) == ["no webhooks"]


def test_colours_are_left_out_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured("ok", "green") == "\x1b[32mok\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured("ok", "green") == "ok"


def test_things_in_things_are_named_by_their_way() -> None:
    assert flat({"a": 1, "b": {"c": 2, "d": {"e": None}}, "f": {}}) == {
        "a": 1,
        "b.c": 2,
        "b.d.e": None,
        "f": {},
    }


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ({"message": "No. Do it.", "suggestion": "Do it."}, "No. Do it."),
        ({"message": "No.", "suggestion": "Do it."}, "No. Do it."),
        ({"message": "a: bad", "errors": [{"field": "a", "message": "bad"}]}, "a: bad"),
        ({"message": "No.", "errors": [{"field": "a", "message": "bad"}]}, "No.\n  a: bad"),
        (
            {
                "message": "a: bad",
                "errors": [{"field": "a", "message": "bad"}, {"field": "b", "message": "worse"}],
            },
            "a: bad\n  a: bad\n  b: worse",
        ),
    ],
    ids=range(5),
)
def test_a_refusal_is_told_once(error: dict[str, Any], says: str) -> None:

    client = Client("http://127.0.0.1:1", "ak_live_x")
    told = client.refusal(400, json.dumps({"error": {"code": "X"} | error}).encode()).message
    assert told == f"http://127.0.0.1:1 answered 400 (X): {says}"


def test_a_pipe_gets_lines_with_tabs_and_nothing_else() -> None:

    @click.command()
    def command() -> None:
        print_rows(ROWS, ("id", "topics"), none="nothing")

    assert CliRunner().invoke(command).output == "ep_0352troMJ2wVVq6x3onKqO\ta,b\nep_1\t\n"

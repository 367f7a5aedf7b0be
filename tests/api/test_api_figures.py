"""The page of figures, of one worker and of several; and what a process that serves no API answers."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from switchhook.api import figures
from switchhook.api.app import build
from switchhook.api.figures import Family, page
from switchhook.api.metrics import HELP
from switchhook.serving.seat import SLOT, Board
from tests.api.world import World

COUNT = Family("x_total", "counter", "How many.", [("", {}, 2), ("", {"of": "a"}, 3)])
TIME = Family("x_seconds", "histogram", "How long.", [("_bucket", {"le": "1"}, 1), ("_sum", {}, 0.5)])


def test_one_worker_has_no_label() -> None:
    assert page({"": [COUNT, TIME]}).decode().splitlines() == [
        "# HELP x_total How many.",
        "# TYPE x_total counter",
        "x_total 2",
        'x_total{of="a"} 3',
        "# HELP x_seconds How long.",
        "# TYPE x_seconds histogram",
        'x_seconds_bucket{le="1"} 1',
        "x_seconds_sum 0.5",
    ]


def test_several_workers_stand_together_in_each_family() -> None:
    assert page({"1": [COUNT], "2": [TIME, COUNT]}).decode().splitlines() == [
        "# HELP x_total How many.",
        "# TYPE x_total counter",
        'x_total{worker="1"} 2',
        'x_total{worker="1",of="a"} 3',
        'x_total{worker="2"} 2',
        'x_total{worker="2",of="a"} 3',
        "# HELP x_seconds How long.",
        "# TYPE x_seconds histogram",
        'x_seconds_bucket{worker="2",le="1"} 1',
        'x_seconds_sum{worker="2"} 0.5',
    ]


async def test_the_figures_of_a_worker_are_on_the_page_of_another(world: World, key: str) -> None:
    await world.publish(key)
    services = dataclasses.replace(world.services(), worker="2", others=lambda: {"1": world.app.figures()})
    answer = await world.call("GET", "/metrics", app=build(services))
    lines = answer.body.decode().splitlines()
    assert 'switchhook_events_accepted_total{worker="1"} 1' in lines
    assert 'switchhook_events_accepted_total{worker="2"} 0' in lines
    assert len([line for line in lines if line.startswith("# TYPE")]) == len(
        set(re.findall("# TYPE .+", "\n".join(lines)))
    )


def test_figures_come_through_as_they_were() -> None:
    assert figures.decode(figures.encode([COUNT, TIME])) == [COUNT, TIME]


def test_a_board_gives_each_slot_what_was_written_last_and_whole() -> None:
    board = Board(2)
    assert board.read(0) == b""
    board.write(0, b"first, and longer")
    board.write(1, b"x" * (SLOT - 8))
    board.write(0, b"second")
    assert (board.read(0), board.read(1)) == (b"second", b"x" * (SLOT - 8))
    board.write(1, b"y" * SLOT)  # too long: it stays
    assert board.read(1) == b"x" * (SLOT - 8)
    board.clear(1)
    assert (board.read(0), board.read(1)) == (b"second", b"")


def test_what_is_being_written_is_not_shown() -> None:
    board = Board(1)
    board.write(0, b"before")
    assert board.read(0) == b"before"
    board._memory[8:10] = b"AF"  # the beginning of the next ones
    assert board.read(0) == b"before"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/api/webhooks"),
        ("POST", "/v2/api/events"),
        ("POST", "/v2/api/events/batch"),
        ("GET", "/"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
        ("GET", "/v1/assets/recordings/rec_1.mp3"),
    ],
)
async def test_a_process_without_the_api_says_who_has_it(
    world: World, key: str, method: str, path: str, tmp_path: Path
) -> None:
    app = build(dataclasses.replace(world.services(), serves_api=False))
    answer = await world.call(method, path, key=key, app=app)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.code == "API_NOT_SERVED"
    for open_ in ("/healthz", "/readyz", "/metrics"):
        assert (await world.call("GET", open_, app=app)).status == 200


def test_every_figure_has_a_help_text_and_no_text_is_of_none() -> None:
    """Whatever a part counts it tells by the name `snapshot`."""
    named = {
        key.value
        for path in Path(figures.__file__).parents[1].rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "snapshot"
        for returned in ast.walk(node)
        if isinstance(returned, ast.Dict)
        for key in returned.keys
        if isinstance(key, ast.Constant)
    }
    assert named == HELP.keys()

"""What the text names between backticks is there: routes, commands and their options, variables, figures, modules."""

import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator

import click
import pytest
from markdown_it import MarkdownIt

from switchhook.api.errors import CODES
from switchhook.api.routes import ROUTES
from switchhook.cli import cli
from switchhook.settings.config import OPTIONS
from switchhook.settings.sources import NO_SETTINGS
from tests.documentation.blocks import PAGES, ROOT

VARIABLES = {*NO_SETTINGS, *(option.env for option in OPTIONS)}
# Read by the demonstration and the benchmarks alone, or by click.
OTHERS = {"SWITCHHOOK_DEMO_DATA"}
# What others take: routes that we call, or that stand on another server.
THEIRS = ("/ari/", "/recordings/stored", "/v1/audio/", "/v1/chat/", "/your/")


def spans() -> list[tuple[str, str]]:
    """Every piece of code in running text, with its page. Of CHANGELOG.md none: it tells what was."""
    found = []
    for path in PAGES:
        if path.name == "CHANGELOG.md":
            continue
        for token in MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")):
            found += [
                (path.name, child.content) for child in token.children or () if child.type == "code_inline"
            ]
    return found


SPANS = spans()
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "switchhook").rglob("*.py"))


def test_there_is_much_to_look_at() -> None:
    assert len(SPANS) > 1000


def test_every_route_that_is_named_is_one() -> None:
    patterns = [
        (route.method, re.compile(re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(route.path)) + r"(\?.*)?"))
        for route in ROUTES
    ]
    named, missing = 0, []
    for page, text in SPANS:
        read = re.match(r"(GET|POST|PUT|PATCH|DELETE) (/\S+)", text)
        if read is None or read[2].startswith(THEIRS) or "…" in read[2]:
            continue
        named += 1
        method, target = read.groups()
        if not any(method == one and pattern.fullmatch(target) for one, pattern in patterns):
            missing.append(f"{page}: {text}")
    assert not missing
    assert named > 20


def commands() -> Iterator[tuple[str, list[str]]]:
    """The commands of ours that are named, with their words."""
    for page, text in SPANS:
        read = re.match(r"(?:\S*=\S+ )*(?:\S*/)?switchhook ([a-z].*)", text)
        if read:
            yield f"{page}: {text}", shlex.split(read[1])


@pytest.mark.parametrize(("place", "words"), list(commands()), ids=[place for place, _ in commands()])
def test_every_command_that_is_named_is_one_and_has_those_options(place: str, words: list[str]) -> None:
    command: click.Command = cli
    while isinstance(command, click.Group) and words:
        assert words[0] in command.commands, place
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    bare = [word.strip("[]") for word in words]
    named = {word.partition("=")[0] for word in bare if word.startswith("-") and word != "-"}
    assert named <= options | {"-h", "--help"}, place


def test_every_variable_that_is_named_is_read() -> None:
    for page, text in SPANS:
        named = set(re.findall(r"(?<!_)SWITCHHOOK_[A-Z_]+[A-Z]", text))
        assert named <= VARIABLES | OTHERS, f"{page}: {text}"


def test_every_figure_that_is_named_is_told() -> None:
    named = {(page, text) for page, text in SPANS if re.fullmatch(r"switchhook_[a-z_]+", text)}
    assert named
    for page, text in named:
        assert text.removeprefix("switchhook_") in SOURCE, f"{page}: {text}"


def test_every_target_of_make_that_is_named_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {text.split()[1] for _, text in SPANS if re.fullmatch(r"make [a-z]+", text)}
    assert named
    assert named <= targets


def test_every_module_that_is_named_is_there() -> None:
    for page, text in SPANS:
        read = re.match(r"python -m ((?:switchhook|bench)[\w.]*)|^(switchhook(?:\.[a-z_]+)+)$", text)
        if read is None or text.endswith((".db", ".toml", ".service")) or f'"{text}"' in SOURCE:
            continue  # a file, or the name of something that the source says
        name = read[1] or read[2]
        try:
            there = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:
            there = False
        parent, _, attribute = name.rpartition(".")
        assert there or hasattr(importlib.import_module(parent), attribute), f"{page}: {text}"


def test_every_error_code_in_front_of_a_status_is_one() -> None:
    """`409 `CODE`` and the like, as pages write them."""
    named = 0
    for path in PAGES:
        if path.name == "CHANGELOG.md":
            continue
        for status, code in re.findall(
            r"\b(4\d\d|5\d\d):? `([A-Z][A-Z_]+)`", path.read_text(encoding="utf-8")
        ):
            named += 1
            assert code in CODES, f"{path.name}: {status} {code}"
    assert named > 5

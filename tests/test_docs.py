"""The documentation says what is so."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from switchhook.api.metrics import HELP
from switchhook.api.routes import ROUTES
from switchhook.api.scopes import ALL, SCOPES
from switchhook.cli import cli
from switchhook.delivery.exchange import Kind
from switchhook.settings.config import OPTIONS

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_page_of_events_is_what_the_catalogue_says() -> None:
    page = runpy.run_path(str(ROOT / "scripts" / "events_page.py"))["page"]
    assert (ROOT / "docs" / "events.md").read_text(encoding="utf-8") == page()


def test_every_setting_is_documented_with_its_three_names_and_no_other_is() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for option in OPTIONS:
        assert f"| `{option.flag}` | `{option.env}` |" in text, option.name
    documented = set(re.findall(r"^\| `(--[a-z-]+)` \|", text, re.MULTILINE))
    assert documented == {option.flag for option in OPTIONS}


def test_every_scope_that_opens_something_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("| scope | opens |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"`([A-Z_]+)`", table))
    assert documented == {ALL, *(scope for route in ROUTES for scope in route.scopes)}
    assert documented <= set(SCOPES)


def test_every_figure_is_documented_and_no_other_is() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("| figures, all beginning with `switchhook_` | |")[2].partition("\n\n")[0]
    documented = {
        name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])
    }
    source = (ROOT / "src" / "switchhook" / "api" / "metrics.py").read_text(encoding="utf-8")
    assert documented == {*HELP, *re.findall(r'"switchhook_([a-z_]+)"', source)}


def test_every_result_of_an_attempt_is_documented() -> None:
    text = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
    table = text.partition("| result | |")[2].partition("\n\n")[0]
    documented = [
        name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])
    ]
    assert sorted(documented) == sorted(Kind)


def leaves(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from leaves(inner, f"{name} {word}")
    else:
        yield name


def test_every_command_is_documented_with_an_example_that_it_takes() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("\n## Command line\n")[2].partition("\n## ")[0]
    shown = set()
    for line in re.findall(r"^(switchhook .+)", section, re.MULTILINE):
        words = shlex.split(line, comments=True)[1:]
        command: click.Command = cli
        name = "switchhook"
        while isinstance(command, click.Group):
            assert words, line
            assert words[0] in command.commands, line
            name += f" {words[0]}"
            command = command.commands[words.pop(0)]
        command.make_context(name, words)  # the arguments are read, nothing is done
        shown.add(name)
    assert shown == set(leaves(cli, "switchhook"))


def test_every_link_between_the_pages_leads_somewhere() -> None:
    for page in DOCS:
        for target in re.findall(r"\]\(([^)#]+?\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} → {target}"


def test_every_test_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for name in named:
        assert f"def {name}(" in written or (ROOT / "tests").rglob(f"{name}.py"), name
        assert f"def {name}(" in written, name


def test_the_site_builds_and_asks_no_other_host(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    command = [
        sys.executable,
        "-m",
        "zensical",
        "build",
        "--strict",
    ]  # every link and every anchor leads somewhere
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / "site").glob("*.html"))
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} <= {page.stem for page in pages}
    for page in pages:
        loaded = re.findall(
            r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(https?:[^"'> ]+)""", page.read_text()
        )
        assert not loaded, page.name


def test_every_page_is_in_the_navigation_once_and_what_else_is_there_leads_somewhere() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    targets = re.findall(r"^ *- [^:]+: (\S+)$", text, re.MULTILINE)
    pages = [target for target in targets if target.endswith(".md")]
    assert sorted(pages) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    for target in set(targets) - set(pages):  # a heading of a page, as the site spells it
        page, _, anchor = target.partition(".html#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / f"{page}.md").read_text(), re.MULTILINE)
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, target

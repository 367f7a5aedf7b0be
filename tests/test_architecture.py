"""The shape of the house: imports run downwards, packages say what they are for, modules stay short."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "switchhook"
MODULES = sorted(SOURCE.rglob("*.py"))

RUN_LINT_IMPORTS = "from importlinter.cli import lint_imports_command as run; run()"
LONGEST = 400  # lines


def called(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def lint_imports(config: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join([str(SOURCE.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", RUN_LINT_IMPORTS, "--config", str(config), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_run_downwards_only(tmp_path: Path) -> None:
    done = lint_imports(ROOT / "pyproject.toml", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_the_rule_of_imports_would_notice(tmp_path: Path) -> None:
    """The layers upside down are broken: the rule looks at the code and not past it."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    layers = "\n    ".join(reversed(rules["layers"]))
    config = tmp_path / "upside-down.ini"
    config.write_text(
        "[importlinter]\nroot_package = switchhook\n"
        "[importlinter:contract:1]\nname = Upside down\ntype = layers\n"
        f"containers = switchhook\nlayers =\n    {layers}\n"
    )
    done = lint_imports(config, tmp_path)
    assert done.returncode != 0, done.stdout + done.stderr
    assert "0 kept, 1 broken" in done.stdout


def test_every_package_has_its_layer() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    placed = {name.strip() for layer in rules["layers"] for name in layer.split("|")}
    packages = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()}
    assert packages <= placed


@pytest.mark.parametrize("package", [p for p in MODULES if p.name == "__init__.py"], ids=called)
def test_a_package_says_in_a_few_lines_what_lives_there(package: Path) -> None:
    text = ast.get_docstring(ast.parse(package.read_text()))
    assert text, "no docstring"
    assert len([line for line in text.splitlines() if line.strip()]) <= 4


@pytest.mark.parametrize("module", MODULES, ids=called)
def test_a_module_says_what_it_is_and_is_not_too_long(module: Path) -> None:
    text = module.read_text()
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert len(text.splitlines()) <= LONGEST


@pytest.mark.parametrize("package", ["events", "webhooks"])
def test_what_receivers_import_needs_nothing_of_the_server(package: str) -> None:
    """Neither the server's own modules nor what only they need."""
    script = f"import sys, switchhook.{package}; print(*sys.modules, sep=chr(10))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    ours = {name.split(".")[1] for name in loaded if name.startswith("switchhook.")}
    assert ours <= {"events", "webhooks"}
    needed_by_the_server_only = {
        "apsw",
        "httptools",
        "lameenc",
        "phonenumbers",
        "starlette",
        "uvicorn",
        "uvloop",
        "click",
    }
    not_at_once = {"asyncio", "cryptography", "sqlite3", "ssl", "pytest"}
    assert not (needed_by_the_server_only | not_at_once) & {name.partition(".")[0] for name in loaded}


def test_receivers_install_three_packages_at_most() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert 1 <= len(project["dependencies"]) <= 3
    assert project["dependencies"][0].startswith("msgspec")  # which needs nothing itself


def test_the_toolkit_imports_what_receivers_have_and_frameworks_where_they_are_named() -> None:
    allowed = sys.stdlib_module_names | {"msgspec", "switchhook"}
    named = {"ed25519.py": {"cryptography"}, "testing.py": {"pytest"}}
    for path in (SOURCE / "webhooks").rglob("*.py"):
        theirs = named.get(path.name, set())
        if path.parent.name == "adapters":
            theirs = {path.stem}
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] in allowed | theirs, f"{called(path)} imports {name}"
                if name.startswith("switchhook."):
                    assert name.split(".")[1] in {"events", "webhooks"}, f"{called(path)} imports {name}"


def test_the_pure_parts_do_no_input_and_output() -> None:
    forbidden = {"asyncio", "socket", "apsw", "subprocess", "httptools", "threading"}
    edges = {SOURCE / "webhooks" / name for name in EDGES_OF_THE_TOOLKIT}
    assert all(path.exists() for path in edges)
    toolkit = [path for path in (SOURCE / "webhooks").rglob("*.py") if not edges & {path, *path.parents}]
    pure = [*(SOURCE / "events").rglob("*.py"), *toolkit]
    pure += [
        SOURCE / "workspace" / "calls.py",
        SOURCE / "workspace" / "facts.py",
        SOURCE / "workspace" / "e164.py",
    ]
    for path in pure:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not forbidden & {name.partition(".")[0] for name in names}, called(path)


def test_no_two_test_modules_have_one_name() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


# What of the receiver's toolkit meets the world: threads and loops, databases, frameworks.
EDGES_OF_THE_TOOLKIT = {"adapters", "background.py", "dedupe", "receiver.py"}

# Who may ask the machine for the time, each with its reason.
READS_TIME = {
    "clock.py": "it is the clock",
    "events/ids.py": "for whoever makes an id and has no clock",
    "webhooks/verify.py": "a receiver's toolkit: a receiver has no clock of ours",
    "webhooks/receiver.py": "the same",
    "webhooks/testing.py": "the same: what it signs must be recent",
    "webhooks/dedupe/memory.py": "the same",
    "webhooks/dedupe/sqlite.py": "the same",
    "telephony/sip/phone.py": "a scripted telephone in a process of its own, with no schedule",
    "demo/__main__.py": "waits for a person",
    "demo/receiver.py": "stands for somebody else's server",
}
ASKS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
}


def test_time_is_read_from_the_one_clock() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                asks = (node.value.id, node.attr) in ASKS
                assert not asks or called(path) in READS_TIME, f"{called(path)}:{node.lineno}"


def test_whoever_waits_waits_on_the_one_clock() -> None:
    """`asyncio.sleep(0)` is a turn of the loop; anything longer would not move in a test."""
    for path in MODULES:
        if called(path) in READS_TIME:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            holder = ast.unparse(node.func.value)
            place = f"{called(path)}:{node.lineno}"
            if (holder, node.func.attr) == ("asyncio", "sleep"):
                assert ast.unparse(node.args[0]) == "0", place
            if node.func.attr in ("call_later", "call_at"):
                assert "clock" in holder or holder == "self", place

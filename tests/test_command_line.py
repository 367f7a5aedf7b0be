"""The command line as a whole: what it costs to start, how it ends, and what shells are told of it."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from switchhook.cli import SECTIONS, cli
from switchhook.commands.completion import SHELLS, place, script
from switchhook.commands.lazy import LazyGroup
from switchhook.serving.installation import InstallationError

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-m", "switchhook"]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """One in which nothing of this machine's settings is left."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHHOOK_")}
    return kept | {"SWITCHHOOK_DATA": str(tmp_path / "data"), "HOME": str(tmp_path)} | more


def run(tmp_path: Path, *args: str, **more: str) -> "subprocess.CompletedProcess[str]":
    env = environment(tmp_path, **more)
    return subprocess.run(
        [*PROGRAM, *args], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_help_imports_no_command_and_nothing_that_is_slow() -> None:
    code = (
        "import sys, switchhook.cli\n"
        "from click.testing import CliRunner\n"
        "before = set(sys.modules)\n"
        "done = CliRunner().invoke(switchhook.cli.cli, ['--help'])\n"
        "assert done.exit_code == 0 and 'deliveries' in done.output, done.output\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    ours = {name for name in loaded if name.startswith("switchhook.")}
    assert ours == {"switchhook.cli", "switchhook.commands", "switchhook.commands.lazy"}
    assert not {"asyncio", "phonenumbers", "apsw", "rich", "websockets"} & set(loaded)


@pytest.mark.parametrize("name", [name for section in SECTIONS.values() for name in section])
def test_every_command_of_the_table_is_there_under_its_name(name: str) -> None:
    command = cli.commands[name]
    assert command.name == name
    (text,) = [section[name].text for section in SECTIONS.values() if name in section]
    assert len(text) <= 60  # a line of the help on a terminal of 80 columns
    assert f"  {name}" in CliRunner().invoke(cli, ["--help"]).output
    assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


def test_a_command_that_is_not_there_is_answered_with_the_one_that_is() -> None:
    done = CliRunner().invoke(cli, ["endpoint", "list"])
    assert done.exit_code == 2
    assert "'endpoints'" in done.output
    assert isinstance(cli, LazyGroup)
    with pytest.raises(TypeError):
        cli.add_command(click.Command("more"))


# --------------------------------------------------------------- how it ends


def test_every_exit_code_of_the_table_is_what_happens(tmp_path: Path) -> None:
    table = (ROOT / "docs" / "operations.md").read_text().partition("| exit code |")[2].partition("\n\n")[0]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    cases: list[tuple[int, tuple[str, ...], dict[str, str]]] = [
        (0, ("--version",), {}),
        (0, ("keys", "create", "--scopes", "ALL"), {}),
        (1, ("endpoints", "list", "--url", "http://127.0.0.1:1", "--key", "ak_live_x"), {}),  # nobody there
        (1, ("keys", "revoke", "none"), {}),  # StorageError and its like: the database says no
        (1, ("restore", "absent.tar"), {}),
        (1, ("workspaces", "list", "--data", "/dev/null/x"), {}),  # InstallationError
        (1, ("export", "/dev/null/x.csv", "--url", "http://127.0.0.1:1", "--key", "ak_live_x"), {}),
        (1, ("verify", "--secret", "whsec_" + "A" * 32, "-H", "webhook-id: x", "--data-binary", "{}"), {}),
        (2, ("endpoints", "lst"), {}),
        (2, ("trigger", "call.recieved", "--key", "ak_live_x"), {}),
        (2, ("listen",), {"SWITCHHOOK_PORT": "eighty"}),  # ConfigError: a setting
        (2, ("endpoints", "list"), {}),  # ConfigError: no key
    ]
    for code, args, more in cases:
        done = run(tmp_path, *args, **more)
        assert done.returncode == code, (args, done)
        assert "Traceback" not in done.stderr
        if code:
            assert "authentic" in done.stdout or (not done.stdout and done.stderr), (args, done)
    assert documented == {code for code, _, _ in cases} | {130}


LOOKS = [
    "keys list",
    "keys revoke key_x",
    "workspaces list",
    "users list",
    "users set a@b.example --name A",
    "numbers list",
    "numbers set +33123456789 --name A",
    "numbers remove +33123456789",
    "prune",
    "dashboard-link",
]


@pytest.mark.parametrize("line", LOOKS)
def test_what_only_looks_makes_no_database_in_the_wrong_folder(line: str, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    done = CliRunner().invoke(cli, [*line.split(), "--data", str(folder)], env={"SWITCHHOOK_CONFIG": None})
    assert isinstance(done.exception, InstallationError)
    assert str(done.exception) == (
        f"there is no database {folder / 'switchhook.db'}; name its directory with --data, or --database"
    )
    assert not folder.exists()


WRONG = {
    "serve --host 192.0.2.1 --port 0": r"cannot serve on 192\.0\.2\.1:0: .*; name another one with --host",
    "keys create": r"say what the key may do: --scopes ALL, or some of EVENTS_WRITE, .*",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_told_with_what_helps(line: str, tmp_path: Path) -> None:
    done = run(tmp_path, *line.split())
    assert done.returncode in (1, 2)
    assert re.search(WRONG[line], done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_with_130_and_without_a_word(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        args = ["listen", "--url", url, "--key", "ak_live_x", "--forward", "http://127.0.0.1:1/"]
        with subprocess.Popen(
            # What runs the tests may itself have been started with SIGINT ignored, as a shell's background jobs are.
            ["env", "--default-signal=INT", *PROGRAM, *args],
            env=environment(tmp_path),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stderr is not None
            assert child.stderr.readline().startswith("signing with whsec_")  # it is at work
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err.strip()) == (130, "", "")


def test_a_reader_who_has_seen_enough_is_no_fault_to_speak_of(tmp_path: Path) -> None:
    assert run(tmp_path, "workspaces", "create", "Harbour").returncode == 0
    line = f"{shlex.join(PROGRAM)} workspaces list | true"
    done = subprocess.run(
        ["sh", "-c", line],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""


# --------------------------------------------------------------- what shells are told

BASH = """
source <("$0" completion bash)
complete -p switchhook >&2
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_switchhook_completion switchhook
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def switchhook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command as an installed one, by its own name."""
    path = tmp_path_factory.mktemp("bin") / "switchhook"
    path.write_text(f"#!{sys.executable}\nfrom switchhook.cli import main\nmain()\n")
    path.chmod(0o755)
    return path


def completed(switchhook: Path, tmp_path: Path, *words: str, **more: str) -> list[str]:
    """What bash would offer for the last of the words."""
    env = environment(tmp_path, **more)
    env["PATH"] = f"{switchhook.parent}{os.pathsep}{env['PATH']}"
    done = subprocess.run(
        ["bash", "-c", BASH, str(switchhook), "switchhook", *words],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "-F _switchhook_completion switchhook" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr  # nothing is said while somebody types
    return done.stdout.split()


def test_bash_completes_commands_options_and_topics(switchhook: Path, tmp_path: Path) -> None:
    assert completed(switchhook, tmp_path, "end") == ["endpoints"]
    assert completed(switchhook, tmp_path, "endpoints", "r") == ["resume", "rotate"]
    assert completed(switchhook, tmp_path, "retry", "--dr") == ["--dry-run"]
    assert completed(switchhook, tmp_path, "trigger", "tag.") == ["tag.added", "tag.removed"]
    assert "call.completed" in completed(switchhook, tmp_path, "listen", "--topic", "call.c")
    assert completed(switchhook, tmp_path, "deliveries", "list", "x", "--status", "f") == ["failed"]


def test_a_completion_that_reaches_no_server_offers_nothing_and_says_nothing(
    switchhook: Path, tmp_path: Path
) -> None:
    nobody = {"SWITCHHOOK_URL": "http://127.0.0.1:1", "SWITCHHOOK_KEY": "ak_live_x"}
    assert completed(switchhook, tmp_path, "endpoints", "show", "", **nobody) == []
    assert completed(switchhook, tmp_path, "endpoints", "show", "") == []  # no key
    assert completed(switchhook, tmp_path, "endpoints", "show", "", SWITCHHOOK_PORT="x") == []


def test_the_scripts_are_for_their_shells(tmp_path: Path) -> None:
    assert set(SHELLS) == {"bash", "zsh", "fish"}
    for shell in SHELLS:
        text = script(shell, cli)
        assert f"_SWITCHHOOK_COMPLETE={shell}_complete" in text
        if shutil.which(shell):
            done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("shell", "variables", "path"),
    [
        ("bash", {}, "/h/.local/share/bash-completion/completions/switchhook"),
        ("bash", {"XDG_DATA_HOME": "/d"}, "/d/bash-completion/completions/switchhook"),
        ("zsh", {}, "/h/.zfunc/_switchhook"),
        ("fish", {}, "/h/.config/fish/completions/switchhook.fish"),
        ("fish", {"XDG_CONFIG_HOME": "/c"}, "/c/fish/completions/switchhook.fish"),
    ],
)
def test_where_a_shell_looks(shell: str, variables: dict[str, str], path: str) -> None:
    assert place(shell, variables, Path("/h")) == Path(path)


def test_a_completion_is_installed_where_the_shell_looks(tmp_path: Path) -> None:
    done = run(tmp_path, "completion", "fish", "--install", XDG_CONFIG_HOME=str(tmp_path / "c"))
    assert done.returncode == 0
    installed = Path(done.stdout.strip())
    assert installed == tmp_path / "c" / "fish" / "completions" / "switchhook.fish"
    assert installed.read_text() == script("fish", cli)
    (tmp_path / "file").touch()
    refused = run(tmp_path, "completion", "fish", "--install", XDG_CONFIG_HOME=str(tmp_path / "file"))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "cannot write" in refused.stderr

"""`switchhook users` and `switchhook numbers`."""

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from switchhook.cli import cli
from switchhook.commands.printing import cell
from switchhook.serving.installation import InstallationError
from tests.test_prune import options

__all__ = ["options"]  # a fixture


def run(options: list[str], *args: str) -> Result:
    return CliRunner().invoke(cli, [*args, *options], env={"SWITCHHOOK_CONFIG": None})


def shown(options: list[str], *args: str) -> list[dict[str, Any]]:
    done = run(options, *args, "--json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_team_is_set_up_changed_and_listed(options: list[str]) -> None:
    id_ = run(
        options, "users", "add", "anna@harbour.example", "--name", "Anna", "--role", "admin"
    ).stdout.strip()
    assert id_.startswith("usr-")
    run(options, "users", "add", "ben@harbour.example", "--status", "BLOCKED")
    assert shown(options, "users", "list") == [
        {
            "id": id_,
            "name": "Anna",
            "email": "anna@harbour.example",
            "role": "ADMIN",
            "status": "ACTIVE",
            "sip": [],
        },
        *shown(options, "users", "list", "--status", "blocked"),
    ]
    changed = run(options, "users", "set", "Anna@harbour.example", "--role", "MANAGER")
    assert changed.stdout == f"anna@harbour.example\tAnna\tMANAGER\tACTIVE\t{id_}\n"
    run(options, "users", "set", id_, "--name", "", "--status", "BLOCKED")
    (anna,) = shown(options, "users", "list", "--role", "manager")
    assert (anna["id"], anna["name"], anna["status"]) == (id_, "", "BLOCKED")


def test_numbers_are_set_up_changed_and_let_go(options: list[str]) -> None:
    for email in ("anna@harbour.example", "ben@harbour.example"):
        run(options, "users", "add", email)
    done = run(
        options, "numbers", "add", "01 23 45 67 89", "--name", "Desk", "--capabilities", "sms,voice"
    ).stdout
    assert done == "+33123456789\n"
    run(options, "numbers", "add", "HARBOUR", "--type", "sender_id", "--users", "ben@harbour.example")
    (number, sender) = shown(options, "numbers", "list")
    assert (number["type"], number["country"], number["capabilities"]) == ("NUMBER", "FR", ["SMS", "VOICE"])
    assert (sender["type"], sender["country"], sender["capabilities"]) == ("SENDER_ID", "FR", ["SMS"])
    assert [user["email"] for user in sender["users"]] == ["ben@harbour.example"]
    both = "ben@harbour.example,anna@harbour.example"
    changed = run(options, "numbers", "set", "0123456789", "--users", both, "--capabilities", "VOICE")
    assert changed.stdout == f"+33123456789\tDesk\tFR\tNUMBER\tVOICE\t{both}\n"
    changed = run(
        options, "numbers", "set", "+33123456789", "--users", "", "--name", "Front", "--country", "be"
    )
    assert changed.stdout == "+33123456789\tFront\tBE\tNUMBER\tVOICE\t\n"
    assert run(options, "numbers", "remove", "01 23 45 67 89").exit_code == 0
    assert [one["number"] for one in shown(options, "numbers", "list")] == ["HARBOUR"]


def test_what_cannot_be_done_says_what_helps(options: list[str]) -> None:
    run(options, "users", "add", "anna@harbour.example")
    run(options, "numbers", "add", "+33123456789")
    for args, code, said in (
        (("users", "add", "ANNA@harbour.example"), 1, "`switchhook users set anna@harbour.example`"),
        (("users", "add", "anna"), 2, "write it like anna@example.com"),
        (("users", "set", "ana@harbour.example", "--role", "ADMIN"), 1, "did you mean anna@harbour.example?"),
        (("users", "set", "usr-none", "--role", "ADMIN"), 1, "`switchhook users list`"),
        (("users", "set", "anna@harbour.example"), 2, "--name, --role or --status"),
        (("users", "set", "anna@harbour.example", "--role", "king"), 2, "'admin', 'manager', 'member'"),
        (("numbers", "add", "0123456789"), 1, "`switchhook numbers set +33123456789`"),
        (("numbers", "add", "123"), 1, "write it with its country, like +33123456789"),
        (("numbers", "add", "+33123456780", "--users", "x@y.example"), 1, "`switchhook users add`"),
        (("numbers", "add", "+33123456780", "--capabilities", "fax"), 2, "VOICE, SMS, MMS, not 'FAX'"),
        (("numbers", "add", "A-LONG-SENDER", "--type", "SENDER_ID"), 2, "1 to 11 letters"),
        (("numbers", "set", "+33123456788", "--name", "x"), 1, "did you mean +33123456789?"),
        (("numbers", "set", "+33123456789"), 2, "--name, --country, --capabilities or --users"),
        (("numbers", "set", "+33123456789", "--capabilities", ","), 2, "name a capability"),
        (("numbers", "remove", "+33999999999"), 1, "`switchhook numbers list`"),
    ):
        refused = run(options, *args)
        assert (refused.exit_code, refused.stdout) == (code, ""), args
        assert said in refused.stderr, args
    assert len(shown(options, "users", "list")) == len(shown(options, "numbers", "list")) == 1


def test_a_workspace_has_its_own_team(options: list[str]) -> None:
    run(options, "users", "add", "anna@first.example")
    run(options, "workspaces", "create", "Harbour Dental")
    ours = ("--workspace", "Harbour Dental")
    run(options, "users", "add", "anna@first.example", *ours)
    run(options, "numbers", "add", "+33123456789", "--users", "anna@first.example", *ours)
    assert shown(options, "numbers", "list") == []
    assert len(shown(options, "numbers", "list", *ours)) == 1
    (one,), (other,) = shown(options, "users", "list"), shown(options, "users", "list", *ours)
    assert one["id"] != other["id"]
    assert isinstance(
        run(options, "users", "list", "--workspace", "Harbor Dental").exception, InstallationError
    )


def test_what_the_file_says_again_is_told(tmp_path: Any, options: list[str]) -> None:
    file = tmp_path / "switchhook.toml"
    file.write_text('[[users]]\nemail = "a@b.example"\n[[numbers]]\nnumber = "01 23 45 67 89"\n')
    given = [*options, "--config", str(file)]
    run(given, "users", "add", "a@b.example")
    run(given, "numbers", "add", "+33123456789")
    for args in (
        ("users", "set", "a@b.example", "--name", "A"),
        ("numbers", "set", "+33123456789", "--name", "A"),
        ("numbers", "remove", "+33123456789"),
    ):
        done = run(given, *args)
        assert done.exit_code == 0
        assert "holds again when `serve` starts" in done.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain é 日本", "plain é 日本"),
        ("a\tb\nc", r"a\tb\nc"),
        ("\x1b[31mred\x9b\x7f", r"\x1b[31mred\x9b\x7f"),
        ("left\u202eright\u2028", r"left\u202eright\u2028"),
        (None, ""),
        (True, "yes"),
        (["a", "b\n"], r"a,b\n"),
    ],
)
def test_nothing_that_is_printed_moves_the_cursor(value: object, text: str) -> None:
    assert cell(value) == text


def test_every_command_that_tells_something_takes_json() -> None:
    def without(command: click.Command, name: str) -> list[str]:
        if isinstance(command, click.Group):
            return [one for key, inner in command.commands.items() for one in without(inner, f"{name} {key}")]
        return [] if any("--json" in parameter.opts for parameter in command.params) else [name.strip()]

    # Two that serve, one that writes a file, and two whose output is a key or a script and nothing else.
    assert without(cli, "") == ["serve", "secrets new-key", "export", "mcp", "completion"]


def test_small_commands_tell_json(options: list[str]) -> None:
    made = json.loads(run(options, "workspaces", "create", "Harbour", "--json").stdout)
    key = json.loads(
        run(options, "keys", "create", "--scopes", "ALL", "--workspace", made["id"], "--json").stdout
    )
    assert key["key"] == key["key"].strip()
    gone = json.loads(run(options, "keys", "revoke", key["id"], "--json").stdout)
    assert gone["id"] == key["id"]
    run(options, "numbers", "add", "+33123456789")
    removed = json.loads(run(options, "numbers", "remove", "+33123456789", "--json").stdout)
    assert removed == {"number": "+33123456789", "removed": True}
    link = json.loads(run(options, "dashboard-link", "--json").stdout)["link"]
    assert "/dashboard#link=" in link

"""The commands that are clients of a server, against a real one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from standardwebhooks import Webhook

from bench.serving import Server
from switchhook.cli import cli
from switchhook.events import CATALOGUE
from switchhook.settings.config import ConfigError
from tests.ports import free_port
from tests.receiver import Receiver
from tests.waiting import until

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("cli") / "data", retry_schedule="0,3600")
    yield running
    running.stop()


def run(server: Server, *args: str, typed: str = "", **environment: str | None) -> Result:
    env = {"SWITCHHOOK_URL": server.url, "SWITCHHOOK_KEY": server.key, "SWITCHHOOK_CONFIG": None}
    return CliRunner().invoke(cli, list(args), env=env | environment, prog_name="switchhook", input=typed)


def shown(server: Server, *args: str) -> Any:
    done = run(server, *args, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def text(server: Server, *args: str) -> str:
    done = run(server, *args)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def attempted(server: Server, delivery: str, status: str) -> dict[str, Any]:
    """The delivery, once it has been attempted and has that status."""
    found: dict[str, Any] = {}

    def met() -> bool:
        found.update(shown(server, "deliveries", "show", delivery))
        return found["status"] == status and bool(found["attempts"])

    until(met, lambda: found)
    return found


def test_an_endpoint_is_made_tested_and_its_deliveries_are_sent_again(
    server: Server, receiver: Receiver
) -> None:
    id_, secret = text(server, "endpoints", "create", receiver.url, "--topic", "tag.added").split("\t")
    listed = run(server, "endpoints", "list").stdout
    assert f"{id_}\tenabled\t{receiver.url}\ttag.added" in listed
    for args in (("endpoints", "list"), ("endpoints", "show", id_), ("endpoints", "pause", id_)):
        for more in ((), ("--json",)):
            assert secret not in run(server, *args, *more).output
    assert secret in text(server, "endpoints", "show", id_, "--secret")
    assert text(server, "endpoints", "resume", id_) == f"{id_}\tenabled"

    delivery = text(server, "endpoints", "test", id_, "--topic", "tag.added")
    headers, body = receiver.caught.get(timeout=60)
    Webhook(secret).verify(body, headers)
    assert attempted(server, delivery, "succeeded")["attempts"][0]["status_code"] == 204
    newer = text(server, "endpoints", "rotate", id_)
    assert newer.startswith("whsec_")
    assert newer != secret

    receiver.status = 500
    event = text(server, "trigger", "tag.added", "--set", "tag_name=VIP", "--set", "user_email=null")
    _, body = receiver.caught.get(timeout=60)
    assert json.loads(body)["data"]["tag_name"] == "VIP"
    assert json.loads(body)["data"]["user_email"] is None
    pending = ("deliveries", "list", id_, "--status", "pending")
    until(lambda: [one for one in shown(server, *pending) if one["attempts"]])  # the first one is recorded
    (one,) = shown(server, *pending)
    assert one["event_id"] == event
    plain = run(server, "deliveries", "list", id_, "--limit", "1").stdout
    assert plain.startswith(f"{one['id']}\tpending\ttag.added\t1\t500\t")
    assert "for the receiver" in text(server, "deliveries", "show", one["id"])

    receiver.status = 204
    filtered = ("retry", "--endpoint", id_, "--status", "pending", "--response", "5xx", "--since", "1h")
    assert text(server, *filtered, "--dry-run") == "would retry 1 deliveries"
    assert "\tcompleted\t1 queued of " in text(server, *filtered)
    receiver.caught.get(timeout=60)
    attempted(server, one["id"], "succeeded")
    assert text(server, "retry", one["id"]).startswith(one["id"])
    receiver.caught.get(timeout=60)
    job = shown(server, "recover", id_, "--since", "1d")
    assert (job["kind"], job["status"]) == ("recover", "completed")
    asked = run(server, "endpoints", "delete", id_)
    assert (asked.exit_code, "say --yes" in asked.stderr) == (2, True)  # nobody is there to answer
    refused = run(server, "endpoints", "delete", id_, typed="n\n")
    assert (refused.exit_code, "nothing was deleted" in refused.stderr) == (1, True)
    assert run(server, "endpoints", "delete", id_, typed="y\n").exit_code == 0
    assert run(server, "deliveries", "list", id_).exit_code == 1


def test_ids_of_webhooks_are_completed(server: Server, receiver: Receiver) -> None:
    ids = [text(server, "endpoints", "create", f"{receiver.url}/{n}").split("\t")[0] for n in range(2)]
    typed = {"COMP_CWORD": "3", "_SWITCHHOOK_COMPLETE": "zsh_complete"}
    for words in ("endpoints show", "deliveries list", "recover"):
        line = f"switchhook {words} {ids[1]}"
        typed |= {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        told = run(server, **typed).stdout
        assert told.splitlines() == ["plain", ids[1], f"{receiver.url}/1"]
    typed |= {"COMP_WORDS": "switchhook retry --endpoint ep_", "COMP_CWORD": "3"}
    assert set(ids) <= set(run(server, **typed).stdout.splitlines())
    assert run(server, **typed, SWITCHHOOK_KEY="ak_live_wrong").stdout == "\n"
    for id_ in ids:
        assert run(server, "endpoints", "delete", id_, "--yes").exit_code == 0


def test_events_are_carried_to_a_receiver_that_nobody_reaches(server: Server, receiver: Receiver) -> None:
    ids = [text(server, "trigger", "call.completed") for _ in range(2)]
    assert ids[0] != ids[1]
    assert (
        shown(server, "trigger", "call.completed")["data"]["id"]
        != json.loads(CATALOGUE["call.completed"].example)["id"]
    )
    assert text(server, "trigger", "call.received") != text(server, "trigger", "call.received")
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    done = run(
        server,
        *("listen", "--forward", receiver.url, "--recent", "5", "--topic", "call.completed", "--count", "2"),
        SWITCHHOOK_LISTEN_SECRET=secret,
    )
    assert done.exit_code == 0, done.output
    assert secret not in done.output
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[1:] for line in lines] == [["call.completed", id_, "→ 204"] for id_ in ids]
    for id_ in ids:
        headers, body = receiver.caught.get(timeout=60)
        assert headers["webhook-id"] == id_
        Webhook(secret).verify(body, headers)
    nobody = "http://127.0.0.1:1/hook"
    told = run(server, "listen", "--forward", nobody, "--recent", "1", "--count", "1", "--json")
    assert json.loads(told.stdout)["answer"] == "Connection refused"
    assert "signing with whsec_" in told.stderr


def test_what_happens_while_nobody_listens_is_told_once_somebody_does_again(
    tmp_path: Path, receiver: Receiver
) -> None:
    data = tmp_path / "data"
    place = free_port()
    running = Server(data, port=place)
    listening = [sys.executable, "-m", "switchhook", "listen", "--url", running.url, "--key", running.key]
    with subprocess.Popen(
        [*listening, "--topic", "tag.added", "--count", "4"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as child:
        try:
            assert child.stderr is not None
            assert child.stderr.readline().startswith("listens to http")
            running.stop()
            assert "tries again until the server answers" in child.stderr.readline()
            missed = []
            running = Server(data, port=free_port())  # nobody hears it there
            missed = [text(running, "trigger", "tag.added") for _ in range(2)]
            running.stop()
            running = Server(data, port=place)
            assert "listens again" in child.stderr.readline()
            missed.append(text(running, "trigger", "tag.added"))
            running.stop()
            assert "tries again" in child.stderr.readline()
            running = Server(data, port=place)
            missed.append(text(running, "trigger", "tag.added"))
            out, _ = child.communicate(timeout=60)
        finally:
            child.kill()
            running.stop()
    assert [line.split("\t")[2] for line in out.splitlines()] == missed  # each once
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("listen", "--topic", "tag.aded"), 2, "did you mean tag.added?"),
        (("trigger", "tag.added", "--set", "tag_nme=x"), 2, "did you mean tag_name?"),
        (("trigger", "tag.added", "--set", "colour=x"), 1, "data.colour: unknown field"),
        (("trigger", "tag.aded"), 2, "did you mean tag.added?"),
        (("trigger", "tag.added", "--set", "tag_name"), 2, "write PATH=VALUE"),
        (("trigger", "call.received", "--set", "persn.name=x"), 2, "did you mean person?"),
        (("trigger", "call.received", "--set", "deals.7.name=x"), 2, "there is no '7'"),
        (("trigger", "tag.added", "--set", "tag_name=7"), 1, "data.tag_name"),
        (("endpoints", "show", "ep_none"), 1, "WEBHOOK_NOT_FOUND"),
        (("endpoints", "create", "ftp://x"), 1, "answered 4"),
        (("deliveries", "show", "none"), 1, "DELIVERY_NOT_FOUND"),
        (("recover", "ep_none", "--since", "yesterday"), 2, "write 2h, 3d or 2026"),
        (("retry",), 2, "name deliveries by their ids"),
        (("retry", "x", "--topic", "tag.added"), 2, "name deliveries by their ids"),
        (("listen", "--forward", "localhost:3000"), 2, "--forward must be like"),
        (("endpoints", "list", "--key", "ak_live_wrong"), 1, "--key or SWITCHHOOK_KEY"),
        (("endpoints", "list", "--url", "http://127.0.0.1:1"), 1, "is `switchhook serve` running there?"),
        (("listen", "--url", "http://127.0.0.1:1"), 1, "is `switchhook serve` running there?"),
        (("endpoints", "list", "--url", "127.0.0.1:8080"), 2, "--url must be like"),
    ],
)
def test_a_refusal_says_what_helps(server: Server, args: tuple[str, ...], code: int, said: str) -> None:
    done = run(server, *args)
    lines = done.stderr.splitlines()
    assert len(set(lines)) == len(lines)
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    assert said in done.stderr
    assert server.key not in done.output
    assert "ak_live_wrong" not in done.output


def test_the_key_of_the_data_directory_is_for_this_machine_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text(server.key + "\n")
    here = ("endpoints", "list", "--data", str(tmp_path))
    assert run(server, *here, SWITCHHOOK_KEY=None).exit_code == 0
    refused = run(server, *here, SWITCHHOOK_KEY=None, SWITCHHOOK_URL="https://phone.example.com").exception
    assert isinstance(refused, ConfigError)
    assert "give --key or SWITCHHOOK_KEY" in str(refused)
    (tmp_path / "admin.key").unlink()
    missing = run(server, *here, SWITCHHOOK_KEY=None).exception
    assert isinstance(missing, ConfigError)
    assert "or the server's --data" in str(missing)


def test_people_come_from_a_file_and_go_to_one(server: Server, tmp_path: Path) -> None:
    source = tmp_path / "people.csv"
    rows = "".join(f"Person {n},+336{n:08d}\n" for n in range(9_000, 9_300))
    source.write_text("name,numbers\nZoe,+33611111111\nBroken,12\n" + rows)
    dry = run(server, "import", str(source), "--dry-run")
    assert (dry.exit_code, dry.stdout) == (
        1,
        "301 would be created, 0 would be updated, 0 would be unchanged, 1 faulty\n",
    )
    assert "line 3: numbers[0]: " in dry.stderr
    program = [sys.executable, "-m", "switchhook", "import", str(source), "--dry-run"]
    where = ["--url", server.url, "--key", server.key]
    whole = subprocess.run([*program, *where], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (whole.returncode, whole.stdout, whole.stderr) == (1, dry.stdout, dry.stderr)
    assert len(text(server, "export").splitlines()) == 1
    done = run(server, "import", str(source), "--json")
    report = json.loads(done.stdout)
    assert (report["created"], report["faulty"], report["rows"][1]["line"]) == (301, 1, 3)
    again = run(server, "import", str(source))
    assert again.stdout == "0 created, 0 updated, 301 unchanged, 1 faulty\n"

    cards = tmp_path / "people.vcf"
    assert run(server, "export", str(cards)).exit_code == 0
    assert cards.read_text().count("BEGIN:VCARD") == 301
    assert text(server, "import", str(cards)) == "0 created, 0 updated, 301 unchanged, 0 faulty"
    assert text(server, "export", "--format", "csv").startswith("name,last_name,")


def test_files_that_cannot_be_taken_are_told(server: Server, tmp_path: Path) -> None:
    strange = tmp_path / "people.xlsx"
    strange.write_bytes(b"PK\x03\x04")
    assert run(server, "import", str(strange)).exit_code == 2
    (tmp_path / "empty.csv").touch()
    assert "text/csv" not in run(server, "import", str(tmp_path / "empty.csv")).output
    broken = tmp_path / "people.csv"
    broken.write_text("unknown column\n1\n")
    done = run(server, "import", str(broken))
    assert done.exit_code == 1
    assert "unknown column" in done.output
    done = run(server, "export", str(tmp_path / "nowhere" / "people.csv"))
    assert (done.exit_code, "cannot write" in done.output) == (1, True)


def test_people_of_a_file_larger_than_a_request_are_all_there(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("switchhook.commands.people.PIECE", 500)
    source = tmp_path / "many.csv"
    source.write_text(
        "name,numbers\n" + "".join(f"Many {n},+337{n:08d}\n" for n in range(100)) + "Broken,12\n"
    )
    done = run(server, "import", str(source), "--json")
    report = json.loads(done.stdout)
    assert (report["created"], report["faulty"]) == (100, 1)
    assert [one["line"] for one in report["rows"]] == list(range(2, 103))


def test_a_call_is_ordered_from_the_command_line() -> None:
    asked: list[tuple[str, bytes]] = []

    class Line(Receiver):
        def takes(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
            asked.append((path, body))
            return 202, b'{"data":{"id":"cll-1"}}'

    with Line() as line:
        env = {"SWITCHHOOK_URL": f"http://127.0.0.1:{line.port}", "SWITCHHOOK_KEY": "ak_live_x"}
        args = ["call", "+33612345678", "--user", "anna@x.example", "--no-record"]
        done = CliRunner().invoke(cli, args, env=env)
    assert (done.exit_code, done.stdout) == (0, "cll-1\n")
    ((path, body),) = asked
    assert path == "/v2/api/calls"
    assert json.loads(body) == {"to": "+33612345678", "user_email": "anna@x.example", "record": False}


def test_a_call_that_no_line_could_carry_is_refused_with_what_to_do(server: Server) -> None:
    done = run(server, "call", "+33612345678", "--user", "anna@x.example")
    assert done.exit_code == 1
    assert "--sip-listen" in done.output
    assert run(server, "call", "+33612345678").exit_code != 0

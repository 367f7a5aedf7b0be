"""Real servers with sealed secrets: the key given, exchanged, forgotten."""

import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from standardwebhooks import Webhook

from bench.serving import Server
from tests.postgres import Cluster, name_of
from tests.receiver import Receiver

pytestmark = pytest.mark.process

TAG = {"call_id": "cll_1", "tag_key": "a", "tag_name": "A", "user_email": None}


def new_key(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "switchhook", "secrets", "new-key"],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    (key,) = done.stdout.splitlines()
    return key


def deliver(server: Server, receiver: Receiver, secret: str) -> None:
    made = server.call("POST", "/v2/api/events", {"topic": "tag.added", "data": TAG})["data"]
    headers, body = receiver.caught.get(timeout=60)
    assert headers["webhook-id"] == made["id"]
    Webhook(secret).verify(body, headers)


def test_a_key_is_given_exchanged_and_never_silently_missing(tmp_path: Path, receiver: Receiver) -> None:
    data = tmp_path / "data"

    def column() -> str:
        connection = apsw.Connection(str(data / "switchhook.db"), flags=apsw.SQLITE_OPEN_READONLY)
        ((text,),) = connection.execute("SELECT secrets FROM endpoints").fetchall()
        connection.close()
        return str(text)

    old, new = new_key(tmp_path), new_key(tmp_path)
    server = Server(data)
    secret = server.endpoint(receiver.url, ["tag.added"])["signing_secret"]
    deliver(server, receiver, secret)
    server.stop()
    assert secret in column()

    server = Server(data, secrets_key=old)
    deliver(server, receiver, secret)
    server.stop()
    under_old = column()
    assert under_old.startswith("sealed:1:")

    for wrong in ("", new):
        with pytest.raises(RuntimeError, match="which SWITCHHOOK_SECRETS_KEY does not hold") as caught:
            Server(data, secrets_key=wrong)
        assert "ended with 1" in str(caught.value)
        assert column() == under_old

    server = Server(data, secrets_key=f"{new},{old}")
    deliver(server, receiver, secret)
    server.stop()
    assert column()[:18] != under_old[:18]
    server = Server(data, secrets_key=new)
    deliver(server, receiver, secret)
    server.stop()
    said = (data / "serve.log").read_text()
    for hidden in (old, new, secret):
        assert hidden not in said
    for file in data.rglob("*"):
        if file.name not in ("serve.log", "empty.toml"):  # the test's own
            assert file.stat().st_mode & 0o077 == 0, file


def test_servers_on_one_database_exchange_their_key_while_they_deliver(
    tmp_path: Path, receiver: Receiver, cluster: Cluster, database: str
) -> None:
    old, new = new_key(tmp_path), new_key(tmp_path)
    data = tmp_path / "data"
    first = Server(data, database=database, secrets_key=f"{old},{new}")
    second = Server(data, database=database, secrets_key=f"{old},{new}")
    try:
        secret = first.endpoint(receiver.url, ["tag.added"])["signing_secret"]
        deliver(second, receiver, secret)
        first.stop()
        first = Server(data, database=database, secrets_key=f"{new},{old}")  # seals anew
        deliver(second, receiver, secret)
        id_ = second.call("GET", "/v2/api/webhooks")["data"][0]["id"]
        rotated = second.call("POST", f"/v2/api/webhooks/{id_}/rotate-secret", {"overlap_seconds": 0})["data"]
        deliver(first, receiver, rotated["signing_secret"])
        second.stop()
        first.stop()
        first = Server(data, database=database, secrets_key=f"{new},{old}")
        first.stop()
        first = Server(data, database=database, secrets_key=new)
        deliver(first, receiver, rotated["signing_secret"])
        rows = cluster.execute("SELECT secrets FROM endpoints", database=name_of(database))
        assert str(rows[0]).startswith("('sealed:1:")
    finally:
        for server in (first, second):
            if server.child.poll() is None:
                server.stop()

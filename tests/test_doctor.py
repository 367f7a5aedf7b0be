"""`switchhook doctor`: what it finds, and that it changes nothing."""

import asyncio
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
import trustme
from click.testing import CliRunner

from switchhook.cli import cli
from switchhook.clock import SystemClock
from switchhook.delivery.address import AddressPolicy
from switchhook.findings.installation import _endpoints, reach
from switchhook.media.transcription import models
from switchhook.media.transcription.models import FILES
from switchhook.serving.installation import ServeLock, open_store
from switchhook.settings.config import load
from switchhook.storage import endpoints, keys
from switchhook.storage.sql import migrations
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.vault import Vault
from tests.media.s3_server import BUCKET, serving
from tests.storage.rows import WORKSPACE, an_endpoint
from tests.test_prune import flags, options

__all__ = ["options"]  # a fixture


@pytest.fixture
def port() -> Iterator[int]:
    """One on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class Fixed:
    """Knows one address."""

    async def resolve(self, host: str) -> tuple[IPv4Address, ...]:
        return (IPv4Address("127.0.0.1"),)


def look(*args: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = CliRunner().invoke(
        cli, ["doctor", "--json", "--port", "0", *args], env={"SWITCHHOOK_CONFIG": None}
    )
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, {one["what"]: one for one in json.loads(done.stdout)}


def make(options: list[str], *urls: str) -> list[str]:
    """An installation with these endpoints; what doctor calls them."""

    async def run() -> None:
        store = await open_store(load(flags(options), {}))
        try:
            await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "One", 1))
            for n, url in enumerate(urls):
                row = msgspec.structs.replace(an_endpoint(f"ep_{n}"), url=url)
                await store.run(lambda tx, row=row: endpoints.add_endpoint(tx, row))  # type: ignore[misc]
        finally:
            await store.close()

    asyncio.run(run())
    return [f"endpoint ep_{n}" for n in range(len(urls))]


def test_an_installation_that_is_well(options: list[str], port: int) -> None:
    (ours,) = make(options, f"http://127.0.0.1:{port}/hook")
    code, found = look(*options, "--allow-networks", "127.0.0.0/8")
    assert {one["state"] for name, one in found.items() if name != "clock"} == {"ok"}, found
    assert code == 0
    assert {"configuration", "file modes", "disk", "port", "database", "database writes", ours} <= set(found)
    assert all(bool(one["advice"]) == (one["state"] != "ok") for one in found.values())


def test_endpoints_that_cannot_be_sent_to(options: list[str], port: int) -> None:
    forbidden, nameless, plain, inside = make(
        options,
        "https://127.0.0.1/hook",
        "https://nobody.invalid/hook",
        f"https://127.0.0.2:{port}/",
        f"https://localhost:{port}/",
    )
    code, found = look(*options)
    assert code == 1
    assert "--allow-networks" in found[forbidden]["advice"]
    assert "its name is not found" in found[nameless]["found"]
    assert found[inside]["found"].startswith("localhost is at ")
    _, found = look(*options, "--allow-networks", "127.0.0.0/8")
    assert "does not answer" in found[plain]["found"]


def test_the_object_store_of_recordings_is_tried(options: list[str]) -> None:
    make(options)
    with serving() as server:
        flags = [*options, "--recordings-bucket", BUCKET, "--recordings-endpoint", server.url]
        flags += ["--recordings-path-style", "yes", "--recordings-access-key", server.access_key]
        _, found = look(*flags, "--recordings-secret-key", server.secret_key)
        assert found["object store"]["state"] == "ok"
        assert [method for method, _ in server.asked] == ["PUT", "GET", "DELETE"]
        assert server.objects() == {}
        code, found = look(*flags, "--recordings-secret-key", "wrong-secret")
        assert (code, found["object store"]["state"]) == (1, "error")
        assert "SignatureDoesNotMatch" in found["object store"]["found"]
        assert "wrong-secret" not in json.dumps(found)
    assert "object store" not in look(*options)[1]


def test_files_ports_and_disk(tmp_path: Path, port: int) -> None:
    options = ["--data", str(tmp_path / "data")]
    code, found = look(*options)
    assert (code, found["data directory"]["state"]) == (0, "warning")
    assert not (tmp_path / "data").exists()
    make(options)
    (tmp_path / "data").chmod(0o755)
    (tmp_path / "data" / "admin.key").write_text("x")
    (tmp_path / "data" / "admin.key").chmod(0o644)
    code, found = look(*options, "--port", str(port), "--min-free-mb", "900000000")
    assert code == 1
    assert "chmod" in found["file modes"]["advice"]
    assert "admin.key" in found["file modes"]["found"]
    assert found["disk"]["state"] == "error"
    assert found["port"]["state"] == "warning"
    lock = ServeLock(load(flags(options), {}))
    lock.take()
    _, found = look(*options, "--port", str(port))
    lock.release()
    assert found["port"]["state"] == "ok"


def test_a_database_of_another_version_is_told_and_left_alone(tmp_path: Path) -> None:
    options = ["--data", str(tmp_path)]
    newest = migrations("sqlite")[-1][0]
    for version, code, said in ((newest - 1, 0, "migrates it at start"), (newest + 1, 1, "restore a backup")):
        make_at = tmp_path / "switchhook.db"
        make_at.unlink(missing_ok=True)
        connection = apsw.Connection(str(make_at))
        connection.execute(f"PRAGMA user_version={version}")
        connection.execute("CREATE TABLE t (x)")
        connection.close()
        make_at.chmod(0o600)
        before = make_at.read_bytes()
        exit_code, found = look(*options)
        assert (exit_code, "database writes" in found) == (code, False)
        assert said in found["database"]["advice"]
        assert make_at.read_bytes() == before


def test_a_database_that_is_away(tmp_path: Path) -> None:
    code, found = look("--data", str(tmp_path), "--database", "postgresql://x:hunter2@127.0.0.1:1/x")
    assert (code, found["database"]["state"]) == (1, "error")
    assert found["database"]["found"] == "it cannot be reached: Connection refused"
    assert "hunter2" not in json.dumps(found)


def test_a_port_that_a_switchhook_of_the_same_postgresql_has_is_no_fault(tmp_path: Path) -> None:
    """Beside one that answers like another program."""
    for answer, state in ((b'{"status":"ok"}', "ok"), (b"hello", "warning")):

        class Answers(http.server.BaseHTTPRequestHandler):
            content = answer

            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(self.content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            place = ("--port", str(server.server_address[1]), "--data", str(tmp_path))
            _, found = look("--database", "postgresql://nobody@127.0.0.1:1/x", *place)
            server.shutdown()
        assert found["port"]["state"] == state, found["port"]


def test_settings_that_no_call_could_use(tmp_path: Path) -> None:
    code, found = look("--data", str(tmp_path), "--sip-trunk", "not an address")
    assert (code, found["configuration"]["state"]) == (1, "error")
    assert "--sip-trunk" in found["configuration"]["found"]


async def test_a_certificate_that_is_not_believed_is_told_from_one_that_is() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    believing = ssl.create_default_context()
    authority.configure_trust(believing)
    policy, clock = AddressPolicy.parse("127.0.0.0/8,::1/128"), SystemClock()
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/hook"
        well = await reach(url, policy, Fixed(), believing, clock)
        ill = await reach(url, policy, Fixed(), ssl.create_default_context(), clock)
    assert (well.state, well.found) == ("ok", "localhost is reached at 127.0.0.1")
    assert ill.state == "error"
    assert ill.found.startswith("TLS with localhost fails: ")


def test_who_transcribes_is_looked_at(options: list[str], port: int, tmp_path: Path) -> None:
    make(options)
    _, found = look(*options)
    assert found["transcripts"]["state"] == "ok"
    assert "not transcribed" in found["transcripts"]["found"]
    remote = ["--transcripts-engine", "openai", "--transcripts-openai-url", f"http://127.0.0.1:{port}"]
    code, found = look(*options, *remote)
    assert (code, found["transcripts endpoint"]["state"]) == (1, "error")  # the network is not opened
    _, found = look(*options, *remote, "--allow-networks", "127.0.0.0/8")
    assert found["transcripts endpoint"]["state"] == "ok"
    chat = ["--summaries-engine", "openai", "--summaries-openai-model", "m"]
    _, found = look(*options, *remote, *chat, "--summaries-openai-url", "http://127.0.0.1:9")
    assert found["summaries endpoint"]["state"] == "error"
    for name in FILES:
        (tmp_path / name).write_bytes(b"x")
    _, found = look(*options, "--transcripts-engine", "whisper", "--transcripts-model", str(tmp_path))
    assert str(tmp_path) in found["transcripts"]["found"]


def test_a_model_that_is_damaged_is_found(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(options)
    for name in FILES:
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.setattr(models, "find", lambda _: tmp_path)
    code, found = look(*options, "--transcripts-engine", "whisper")
    assert (code, found["transcripts"]["state"]) == (1, "error")
    assert "pip install 'switchhook[transcripts]'" in found["transcripts"]["advice"]


async def test_an_endpoint_whose_secrets_do_not_open_is_found(tmp_path: Path) -> None:
    """By a server that has another key. One that has none of them does not start."""
    store = SqliteStore(tmp_path / "x.db", Vault([b"n" * 32]))
    await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "Test", 0))
    await store.run(lambda tx: endpoints.add_endpoint(tx, an_endpoint("ep_a")))
    await store.close()
    store = SqliteStore(tmp_path / "x.db", Vault([b"o" * 32]))
    config = load({"data": str(tmp_path)}, {})
    (found,) = [one async for one in _endpoints(config, SystemClock(), store)]
    await store.close()
    assert (found.what, found.state) == ("endpoint ep_a", "error")
    assert "SWITCHHOOK_SECRETS_KEY does not hold" in found.found
    assert "that key" in found.advice

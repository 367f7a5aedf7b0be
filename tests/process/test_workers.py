"""One `serve` of several workers on PostgreSQL: whoever is killed, nothing is lost, and nobody is left behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from bench.serving import Server, Sink
from bench.traffic import Crowd, reconcile, wait_for
from tests.ports import free_port
from tests.postgres import Cluster, name_of
from tests.process.test_shared import SCHEDULE
from tests.waiting import until

pytestmark = pytest.mark.process


def serve(folder: Path, database: str, **more: Any) -> Server:
    return Server(folder / "data", database=database, retry_schedule=SCHEDULE, log_level="info", **more)


def lives(pid: int) -> bool:
    """Whether a process is there; one that ended and waits for its parent is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def figures(server: Server, name: str) -> dict[str, float]:
    """A figure of all workers, by worker."""
    text = urllib.request.urlopen(server.url + "/metrics", timeout=60).read().decode()
    found = re.findall(rf'^switchhook_{name}\{{worker="(\d+)"\}} ([\d.]+)$', text, re.MULTILINE)
    return {worker: float(value) for worker, value in found}


def test_workers_share_the_port_evenly_and_show_one_page_of_figures(tmp_path: Path, database: str) -> None:
    sink = Sink(tmp_path / "sink.log")
    server = serve(tmp_path, database, workers=3)
    try:
        assert [line.split()[0] for line in server.lines] == ["admin", "ready"]
        assert len(server.workers()) == 3
        server.endpoint(sink.url, ["tag.added"])
        accepted = Crowd([server.place], server.key, 120, publishers=6).finish()
        assert reconcile(accepted, wait_for(sink, accepted)).lost == 0
        until(lambda: sum(figures(server, "events_accepted_total").values()) == 120)
        # Each of the six had one connection, and the others one each for a moment: two for every worker.
        assert set(figures(server, "events_accepted_total")) == {"1", "2", "3"}
        assert min(figures(server, "events_accepted_total").values()) >= 20
        until(lambda: sum(figures(server, "deliveries_succeeded_total").values()) == 120)
        workers = server.workers()
        assert server.stop() == 0
        assert not any(lives(pid) for pid in workers)
        assert "does not end" not in (tmp_path / "data" / "serve.log").read_text()  # nobody had to be killed
    finally:
        for process in (server, sink):
            if process.child.poll() is None:
                process.kill()


def test_killing_a_worker_under_load_loses_nothing_and_it_comes_back(
    tmp_path: Path, cluster: Cluster, database: str
) -> None:
    sink = Sink(tmp_path / "sink.log", fail_rate=0.1)
    server = serve(tmp_path, database, workers=2)
    try:
        server.endpoint(sink.url, ["tag.added"])
        before = cluster.execute("SELECT id FROM processes WHERE id > 0", database=name_of(database))
        crowd = Crowd([server.place], server.key, 800)
        crowd.until(300)
        killed, other = server.workers()
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(server.workers()) == 2 and killed not in server.workers())
        assert other in server.workers()
        accepted = crowd.finish()
        count = reconcile(accepted, wait_for(sink, accepted))
        assert (count.accepted, count.lost, count.changed) == (800, 0, 0)
        # The parent saw it end: it is taken over at once, and not when its lease has run out.
        log = (tmp_path / "data" / "serve.log").read_text()
        assert re.search(rf"worker \d \(process {killed}\) was ended by signal 9; the others go on", log), log
        after = cluster.execute("SELECT id FROM processes WHERE id > 0", database=name_of(database))
        assert len(set(before) & set(after)) == 1
        assert server.stop() == 0
    finally:
        for process in (server, sink):
            if process.child.poll() is None:
                process.kill()


def test_workers_end_with_their_parent_and_nothing_is_lost(tmp_path: Path, database: str) -> None:
    sink = Sink(tmp_path / "sink.log")
    server = serve(tmp_path, database, workers=2, port=free_port())
    try:
        port = server.port
        server.endpoint(sink.url, ["tag.added"])
        crowd = Crowd([server.place], server.key, 800)
        crowd.until(300)
        workers = server.workers()
        server.kill()
        until(lambda: not any(lives(pid) for pid in workers))
        server = serve(tmp_path, database, workers=2, port=port)
        accepted = crowd.finish()
        count = reconcile(accepted, wait_for(sink, accepted))
        assert (count.accepted, count.lost, count.changed) == (800, 0, 0)
        server.stop()
    finally:
        for process in (server, sink):
            if process.child.poll() is None:
                process.kill()


def refused(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """A `serve` that does not come up."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "switchhook",
            "serve",
            "--data",
            str(folder / "data"),
            "--port",
            "0",
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=120,
    )


def test_a_worker_that_cannot_start_is_told_once_and_nobody_serves(tmp_path: Path) -> None:
    done = refused(tmp_path, "--workers", "3", "--database", "postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("cannot reach PostgreSQL at 127.0.0.1:1/none") == 1


def test_several_workers_on_an_embedded_store_are_refused(tmp_path: Path) -> None:
    done = refused(tmp_path, "--workers", "2")
    assert done.returncode == 2
    assert "--database postgresql://" in done.stderr


@pytest.mark.parametrize("killed", ["api", "dispatch"])
def test_roles_are_split_and_killing_either_side_loses_nothing(
    tmp_path: Path, database: str, killed: str
) -> None:
    sink = Sink(tmp_path / "sink.log", fail_rate=0.1)
    servers = {role: serve(tmp_path, database, role=role, port=free_port()) for role in ("api", "dispatch")}
    try:
        port = servers["api"].port
        servers["api"].endpoint(sink.url, ["tag.added"])
        crowd = Crowd([servers["api"].place], servers["api"].key, 800)
        crowd.until(300)
        servers[killed].kill()
        if killed == "api":
            servers["api"] = serve(tmp_path, database, role="api", port=port)
            accepted = crowd.finish()
        else:
            accepted = crowd.finish()  # nobody delivers: it waits
            servers["dispatch"] = serve(tmp_path, database, role="dispatch")
        count = reconcile(accepted, wait_for(sink, accepted))
        assert (count.accepted, count.lost, count.changed) == (800, 0, 0)
        for server in servers.values():
            assert server.stop() == 0
    finally:
        for process in (*servers.values(), sink):
            if process.child.poll() is None:
                process.kill()


def test_a_dispatch_process_answers_its_operators_only(tmp_path: Path, database: str) -> None:
    server = serve(tmp_path, database, role="dispatch")
    try:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert urllib.request.urlopen(server.url + path, timeout=60).status == 200
        with pytest.raises(urllib.error.HTTPError) as caught:
            server.call("POST", "/v2/api/events", {"topic": "tag.added", "data": {}})
        assert caught.value.code == 503
        assert b'"API_NOT_SERVED"' in caught.value.read()
    finally:
        assert server.stop() == 0


@pytest.mark.sip
def test_the_line_is_open_in_one_server_and_another_takes_over_when_it_is_gone(
    tmp_path: Path, database: str
) -> None:
    line = {"sip_listen": f"127.0.0.1:{free_port()}"}

    def sip(server: Server) -> str:
        found: str = server.call("GET", "/readyz")["telephony"]["sip"]
        return found

    first = serve(tmp_path / "first", database, workers=2, **line)
    second = None
    try:
        (tmp_path / "second" / "data").mkdir(parents=True)
        shutil.copy(tmp_path / "first" / "data" / "admin.key", tmp_path / "second" / "data")
        second = serve(tmp_path / "second", database, **line)
        assert sip(second) == "standby"
        log = (tmp_path / "second" / "data" / "serve.log").read_text()
        assert re.search(r"the SIP line is open in \S+ process \d+; this process stands by", log)
        assert (
            "stands by" not in (tmp_path / "first" / "data" / "serve.log").read_text()
        )  # one worker has the role
        first.kill()
        other = second
        until(lambda: sip(other) == "up")
        assert second.stop() == 0
    finally:
        for process in (first, second):
            if process is not None and process.child.poll() is None:
                process.kill()

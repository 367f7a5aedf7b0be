"""Two real servers on one PostgreSQL: kill -9 of one under load loses nothing, and what it had is sent by the other."""

from pathlib import Path

import pytest

from bench.serving import Server, Sink
from bench.traffic import Crowd, reconcile, wait_for
from tests.postgres import Cluster, name_of
from tests.waiting import until

pytestmark = pytest.mark.process

SCHEDULE = "0,1,1,1,1,1,1,1,1,1,1,1"


def serve(folder: Path, database: str) -> Server:
    return Server(folder / "data", database=database, retry_schedule=SCHEDULE)


def until_alone(cluster: Cluster, database: str) -> None:
    """Until the killed process is gone from the database: only 0 and one other are left."""
    name = name_of(database)
    until(
        lambda: cluster.execute("SELECT count(*) FROM processes", database=name) == [(2,)],
        lambda: cluster.execute("SELECT * FROM leases", database=name),
    )


def test_killing_one_of_two_servers_under_load_loses_nothing(
    tmp_path: Path, cluster: Cluster, database: str
) -> None:
    sink = Sink(tmp_path / "sink.log", fail_rate=0.1)  # so that rows of the schedule are claimed as well
    first = serve(tmp_path, database)
    second = serve(tmp_path, database)
    try:
        first.endpoint(sink.url, ["tag.added"])  # the other one delivers to it too
        crowd = Crowd([first.place, second.place], first.key, 1200)
        crowd.until(400)
        first.kill()
        accepted = crowd.finish()
        assert len(accepted) == 1200
        until_alone(cluster, database)
        count = reconcile(accepted, wait_for(sink, accepted))
        assert (count.lost, count.changed) == (0, 0)
        second.stop()
    finally:
        for process in (first, second, sink):
            if process.child.poll() is None:
                process.kill()


def test_a_server_that_stops_leaves_what_waits_to_the_other_at_once(
    tmp_path: Path, cluster: Cluster, database: str
) -> None:
    sink = Sink(tmp_path / "sink.log", status=500)
    first = serve(tmp_path, database)
    second = serve(tmp_path, database)
    try:
        first.endpoint(sink.url, ["tag.added"])
        crowd = Crowd([first.place], first.key, 50, publishers=2)
        accepted = crowd.finish()
        assert first.stop() == 0
        until_alone(cluster, database)
        seen = len(sink.received())
        until(lambda: len(sink.received()) >= seen + len(accepted))  # its retries go on from the other server
        second.stop()
    finally:
        for process in (first, second, sink):
            if process.child.poll() is None:
                process.kill()

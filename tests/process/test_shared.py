"""Two real servers on one PostgreSQL: kill -9 of one under load loses nothing, and what it had is sent by the other."""

import itertools
import time
from pathlib import Path

import pytest

from bench.kill import Publisher, _wait_for
from bench.serving import Server, Sink
from tests.postgres import Cluster, name_of

pytestmark = pytest.mark.process

SCHEDULE = "0,1,1,1,1,1,1,1,1,1,1,1"


class Roaming(Publisher):
    """A publisher that goes to the other server when a connection breaks."""

    def __init__(self, number: int, ports: list[int], key: str, share: int) -> None:
        self._ports = itertools.cycle(ports)
        super().__init__(number, ports[0], key, share)

    @property
    def port(self) -> int:
        return next(self._ports)

    @port.setter
    def port(self, value: int) -> None:
        """The first one is that of the cycle."""


def serve(folder: Path, database: str) -> Server:
    return Server(folder / "data", database=database, retry_schedule=SCHEDULE)


def number(server: Server) -> int:
    return int(server.url.rsplit(":", 1)[1])


def counted(sink: Sink, accepted: set[str]) -> tuple[set[str], set[str], int]:
    """Ids that are lost, ids that came with other bytes, and how many arrivals there were too many."""
    digests: dict[str, set[str]] = {}
    rows = _wait_for(sink, accepted)
    for id_, _, digest in rows:
        digests.setdefault(id_, set()).add(digest)
    return (
        accepted - digests.keys(),
        {id_ for id_, found in digests.items() if len(found) > 1},
        len(rows) - len(digests),
    )


def until_alone(cluster: Cluster, database: str) -> None:
    """Until the killed process is gone from the database: only 0 and one other are left."""
    name = name_of(database)
    deadline = time.monotonic() + 60
    while cluster.execute("SELECT count(*) FROM processes", database=name) != [(2,)]:
        assert time.monotonic() < deadline, cluster.execute("SELECT * FROM leases", database=name)
        time.sleep(0.1)


def test_killing_one_of_two_servers_under_load_loses_nothing(
    tmp_path: Path, cluster: Cluster, database: str
) -> None:
    sink = Sink(tmp_path / "sink.log", fail_rate=0.1)  # so that rows of the schedule are claimed as well
    first = serve(tmp_path, database)
    second = serve(tmp_path, database)
    try:
        first.endpoint(sink.url, ["tag.added"])  # the other one delivers to it too
        ports = [number(first), number(second)]
        crowd = [Roaming(n, ports[n % 2 :] + ports[: n % 2], first.key, 150) for n in range(8)]
        for publisher in crowd:
            publisher.start()
        while sum(len(p.accepted) for p in crowd) < 400:
            time.sleep(0.001)
        first.kill()
        for publisher in crowd:
            publisher.join(120)
            publisher.stopping = True
        accepted = {id_ for publisher in crowd for id_ in publisher.accepted.values()}
        assert len(accepted) == 8 * 150
        until_alone(cluster, database)
        lost, changed, _ = counted(sink, accepted)
        assert not lost
        assert not changed
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
        crowd = [Publisher(n, number(first), first.key, 25) for n in range(2)]
        for publisher in crowd:
            publisher.start()
        for publisher in crowd:
            publisher.join(60)
        accepted = {id_ for publisher in crowd for id_ in publisher.accepted.values()}
        assert first.stop() == 0
        until_alone(cluster, database)
        seen = len(sink.received())
        deadline = time.monotonic() + 60
        while len(sink.received()) < seen + len(accepted):  # its retries go on from the other server
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second.stop()
    finally:
        for process in (first, second, sink):
            if process.child.poll() is None:
                process.kill()

"""A server that somebody listens to stops as soon as one that nobody does."""

import http.client
from pathlib import Path

import pytest

from bench.serving import Server

pytestmark = pytest.mark.process

STOPS_WITHIN = 60.0  # seconds; the streams would go on for ever


@pytest.mark.parametrize("listeners", [1, 8])
def test_sigterm_ends_open_streams_and_the_server(tmp_path: Path, listeners: int) -> None:
    server = Server(tmp_path / "data")
    streams = []
    for _ in range(listeners):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=STOPS_WITHIN)
        connection.request("GET", "/v2/api/events/stream", headers={"authorization": server.key})
        answer = connection.getresponse()
        assert answer.readline() == b"retry: 2000\n"
        streams.append((connection, answer))
    assert server.stop(STOPS_WITHIN) == 0
    for connection, answer in streams:
        answer.read()  # to its end: it was ended, not cut off
        connection.close()

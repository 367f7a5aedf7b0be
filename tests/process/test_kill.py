"""kill -9 of a real server, at random moments of real traffic: nothing accepted is lost, and it stays the same message.

The long form is `bench/kill.py`; this one is short enough for every run.
"""

from pathlib import Path

import pytest

from bench.kill import run
from tests.ports import free_port

pytestmark = pytest.mark.process


def test_killed_again_and_again_the_server_loses_nothing(tmp_path: Path) -> None:
    report = run(tmp_path, kills=4, events=600, seed=7, port=free_port())
    assert report.accepted >= 600, report
    assert report.lost == 0, report
    assert report.changed == 0, report  # same id, same bytes, on every arrival
    assert report.unknown == 0, report
    assert report.duplicated <= report.kills * report.in_flight_limit, report
    assert report.kills == 4

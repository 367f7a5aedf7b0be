"""The quick part of the fault matrix, with real processes: nothing accepted is lost and it stays the same message.

All of it, and longer: `python -m bench.faults`.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.faults import crowds, kills
from bench.faults.world import SQLITE, Tally, World, world
from tests.ports import free_port

pytestmark = pytest.mark.process

QUICK: list[Callable[[World], Tally]] = [
    kills.before_commit,
    kills.before_settle,
    kills.during_send,
    kills.during_recover,
    crowds.stop_under_load,
]


@pytest.mark.parametrize("fault", QUICK, ids=lambda fault: fault.__name__)
def test_whatever_goes_wrong_nothing_is_lost(
    fault: Callable[[World], Tally], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowds, "STOP_SECONDS", 60)  # how fast it stops is for a quiet machine
    random.seed(fault.__name__)
    with world(tmp_path, SQLITE) as here:
        here.times, here.ports = 2, free_port
        tally = fault(here)
    assert tally.ok, tally

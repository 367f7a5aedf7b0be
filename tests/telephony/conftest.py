"""Fixtures for calls over the real line."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from switchhook.telephony.sip import RingPlan
from switchhook.telephony.sip.plan import Taping, TransferPlan
from tests.telephony.sip_world import Programs, Server, need_sipp

Open = Callable[..., Server]


@pytest.fixture
def sipp() -> str:
    """The path of sipp, or a loud word about how to get it."""
    return need_sipp()


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Telephones, callers and trunks, ended when the test is."""
    directory = tmp_path / "programs"
    directory.mkdir()
    started = Programs(directory)
    yield started
    started.end()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Open]:
    """Makes servers; their lines are stopped when the test is over."""
    made: list[Server] = []

    def make(
        plan: RingPlan,
        *,
        transfer: TransferPlan | None = None,
        taping: Taping = Taping(),  # noqa: B008
        **config: object,
    ) -> Server:
        made.append(Server(tmp_path / f"data{len(made)}", plan, transfer=transfer, taping=taping, **config))
        return made[-1]

    yield make
    for one in made:
        await one.line.stop()

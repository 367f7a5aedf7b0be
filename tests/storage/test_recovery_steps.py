"""A recovery, step by step: it takes what failed and what was never attempted, each once, and no step is a long one."""

import random

import pytest

from switchhook.storage import outbox, replay
from switchhook.storage.outbox import Waiting
from switchhook.storage.store import Lane, Store
from tests.storage.rows import NOW, WORKSPACE, an_event, an_outcome, schedule, subscribe

LATER = NOW + 3_600_000
KINDS = ("failed", "retrying", "untried", "late", "succeeded")


async def filled(store: Store, kinds: list[str]) -> list[str]:
    """Events of which each delivery to `ep_a` is of its kind: `late` is untried, and due in an hour."""
    await subscribe(store, "ep_a")
    events = [an_event(f"msg_{n:04}") for n in range(1, len(kinds) + 1)]
    await store.run(lambda tx: outbox.accept_all(tx, events))
    settled = [
        an_outcome(event.id, "ep_a", state=kind, next_at=LATER if kind == "retrying" else None)
        for event, kind in zip(events, kinds, strict=True)
        if kind in ("failed", "retrying", "succeeded")
    ]
    waiting = [
        Waiting(WORKSPACE, "ep_a", event.id, 0, LATER if kind == "late" else NOW)
        for event, kind in zip(events, kinds, strict=True)
        if kind in ("untried", "late")
    ]
    await store.run(lambda tx: outbox.settle(tx, settled, waiting, None), lane=Lane.OUTCOMES)
    return [event.id for event in events]


async def begun(store: Store) -> replay.Recovery:
    return await store.run(
        lambda tx: replay.begin(tx, workspace=WORKSPACE, id="job_1", endpoint="ep_a", since=0, now=NOW)
    )


async def step(store: Store, limit: int) -> replay.Step:
    made = await store.run(lambda tx: replay.advance(tx, WORKSPACE, "job_1", NOW, limit))
    assert made is not None
    return made


@pytest.mark.parametrize("limit", [1, 3, 7, 50])
@pytest.mark.parametrize("seed", [1, 2])
async def test_it_takes_what_failed_and_what_was_never_attempted_once_each(
    store: Store, seed: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = random.Random(seed).choices(KINDS, k=60)
    ids = await filled(store, kinds)
    monkeypatch.setattr(replay, "FIRST", limit)
    job = await begun(store)
    assert job.looked_at <= 2 * limit
    while job.finished_at is None:
        made = await step(store, limit)
        assert made.job.looked_at - job.looked_at <= 2 * limit
        assert made.job.cursor > job.cursor or made.job.finished_at is not None
        job = made.job
    wanted = [kind for kind in kinds if kind in ("failed", "untried", "late")]
    assert (job.queued, job.looked_at) == (len(wanted), len(wanted))
    for id_, kind in zip(ids, kinds, strict=True):
        due = {"succeeded": None, "retrying": (1, LATER), "failed": (1, NOW)}.get(kind, (0, NOW))
        assert await schedule(store, "ep_a", id_) == due, kind


async def test_what_waits_already_is_counted_without_a_write(store: Store) -> None:
    await filled(store, ["untried"] * (replay.FIRST + 10))
    assert (await begun(store)).queued == replay.FIRST
    made = await step(store, 4)
    assert (made.job.queued, made.wrote) == (replay.FIRST + 4, False)

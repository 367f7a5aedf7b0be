"""The list of deliveries against a model that keeps everything in one place."""

import random
from dataclasses import dataclass, field

import pytest

from switchhook.storage import history, replay
from switchhook.storage.history import STATUSES
from switchhook.storage.outbox import StoredResponse, Waiting, encode_response, settle
from switchhook.storage.sqlite import SqliteStore
from tests.storage.rows import NOW, OTHER, WORKSPACE, accept, an_outcome, delete, subscribe
from tests.storage.rows import settle as record


@dataclass
class Model:
    """Of each delivery of `ep_a`: how many attempts, how the last one ended, and when it is tried again."""

    deliveries: dict[str, tuple[int, str, int | None]] = field(default_factory=dict)

    def page(self, status: str | None, page: int, size: int) -> tuple[list[str], int]:
        wanted = sorted((e for e, (_, s, _) in self.deliveries.items() if status in (None, s)), reverse=True)
        return wanted[(page - 1) * size : page * size], len(wanted)


async def grow(store: SqliteStore, model: Model, dice: random.Random, count: int) -> None:
    """Accept events and let their deliveries come to something, as the dispatcher does."""
    low_water, open_below = 0, True
    for n in range(count):
        event = f"msg_{n:03}"
        await accept(store, event)
        fate = dice.choice(["succeeded", "failed", "retrying", "parked", "nothing", "late", "again"])
        if n < count // 2 and fate == "nothing":
            fate = "parked"  # half of them are below the low-water mark
        tries = dice.randrange(1, 4)
        for number in range(1, tries):
            outcome = an_outcome(event, "ep_a", number, "retrying", next_at=NOW + n, scheduled=number > 1)
            if fate not in ("parked", "nothing"):
                await record(store, outcome)
        match fate:
            case "succeeded" | "failed":
                await record(store, an_outcome(event, "ep_a", tries, fate, scheduled=tries > 1))
                model.deliveries[event] = (tries, fate, None)
            case "retrying":
                await record(store, an_outcome(event, "ep_a", tries, fate, next_at=NOW + n))
                model.deliveries[event] = (tries, "pending", NOW + n)
            case "late":  # parked first, then delivered
                await store.run(
                    lambda tx, e=event: settle(tx, (), [Waiting(WORKSPACE, "ep_a", e, 0, NOW)], None)  # type: ignore[misc]
                )
                await record(store, an_outcome(event, "ep_a", tries, "succeeded", scheduled=True))
                model.deliveries[event] = (tries, "succeeded", None)
            case "again":  # over, and then sent again on request: the attempts are numbered on
                over, then = (
                    dice.choice(["succeeded", "failed"]),
                    dice.choice(["succeeded", "failed", "waits"]),
                )
                await record(store, an_outcome(event, "ep_a", tries, over, scheduled=tries > 1))
                await store.run(
                    lambda tx, e=event, t=tries: replay.replay(  # type: ignore[misc]
                        tx, workspace=WORKSPACE, endpoint="ep_a", event=e, attempts=t, now=NOW + 9
                    )
                )
                model.deliveries[event] = (tries, "pending", NOW + 9)
                if then != "waits":
                    await record(
                        store, an_outcome(event, "ep_a", tries + 1, then, scheduled=True, base=tries)
                    )
                    model.deliveries[event] = (tries + 1, then, None)
            case "parked":
                await store.run(
                    lambda tx, e=event: settle(tx, (), [Waiting(WORKSPACE, "ep_a", e, 0, NOW + 7)], None)  # type: ignore[misc]
                )
                model.deliveries[event] = (0, "pending", NOW + 7)
            case "nothing":
                model.deliveries[event] = (0, "pending", NOW)
                open_below = False
        if open_below:
            low_water = n + 1
    await record(store, low_water=low_water)


@pytest.mark.parametrize("seed", range(4))
async def test_every_page_of_every_status_is_as_a_plain_list_would_give_it(
    store: SqliteStore, seed: int
) -> None:
    dice, model = random.Random(seed), Model()
    await subscribe(store, "ep_a", "ep_b")
    await subscribe(store, "ep_a", workspace=OTHER)
    await grow(store, model, dice, 40)
    await subscribe(store, "ep_later")
    for status in (None, *STATUSES):
        for size in (1, 7, 100):
            page, seen = 1, []
            while True:
                found, total = await store.read(
                    lambda r, s=status, p=page, n=size: history.list_deliveries(
                        r, WORKSPACE, "ep_a", s, page=p, size=n
                    )  # type: ignore[misc]
                )
                assert ([row.event for row in found], total) == model.page(status, page, size)
                seen += found
                if not found:
                    break
                page += 1
            for row in seen:
                tries, state, next_at = model.deliveries[row.event]
                assert (len(row.attempts), row.status, row.next_at) == (tries, state, next_at)
                assert [attempt.number for attempt in row.attempts] == list(range(1, tries + 1))
                assert row.body == b'{"n":1}'
    for name, workspace in (("ep_later", WORKSPACE), ("ep_a", OTHER)):
        assert await store.read(
            lambda r, n=name, w=workspace: history.list_deliveries(r, w, n, None, page=1, size=9)  # type: ignore[misc]
        ) == ([], 0)


async def test_every_delivery_has_one_status_and_the_totals_add_up(store: SqliteStore) -> None:
    model = Model()
    await subscribe(store, "ep_a")
    await grow(store, model, random.Random(99), 60)

    async def total(status: str | None) -> int:
        _, found = await store.read(
            lambda r: history.list_deliveries(r, WORKSPACE, "ep_a", status, page=1, size=1)
        )
        return found

    assert sum([await total(status) for status in STATUSES]) == await total(None) == 60


async def test_a_delivery_is_known_by_its_event_and_endpoint_only(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    assert await store.read(lambda r: history.find_delivery(r, WORKSPACE, "ep_none", "msg_1")) is None
    assert await store.read(lambda r: history.find_delivery(r, WORKSPACE, "ep", "msg_1")) is None
    assert await store.read(lambda r: history.find_delivery(r, WORKSPACE, "ep_a", "msg_none")) is None
    assert await store.read(lambda r: history.find_delivery(r, OTHER, "ep_a", "msg_1")) is None
    found = await store.read(lambda r: history.find_delivery(r, WORKSPACE, "ep_a", "msg_1"))
    assert found is not None
    assert (found.status, found.next_at, found.attempts) == ("pending", NOW, ())


async def test_what_the_receiver_answered_is_shown_as_it_was(store: SqliteStore) -> None:
    answer = StoredResponse((("server", "x"),), b"\x00no", truncated=False)
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    await record(
        store,
        an_outcome("msg_1", "ep_a", 1, "retrying", next_at=NOW, response=encode_response(answer), status=500),
    )
    await record(
        store,
        an_outcome(
            "msg_1", "ep_a", 2, "failed", scheduled=True, status=None, fault="customer", message_customer="m"
        ),
    )
    found = await store.read(lambda r: history.find_delivery(r, WORKSPACE, "ep_a", "msg_1"))
    assert found is not None
    assert [attempt.answer() for attempt in found.attempts] == [answer, None]
    assert [(a.status, a.fault, a.message_customer) for a in found.attempts] == [
        (500, None, None),
        (None, "customer", "m"),
    ]


async def test_nothing_is_listed_for_an_endpoint_whose_name_begins_like_anothers(store: SqliteStore) -> None:
    await subscribe(store, "ep_aa")
    await accept(store, "msg_1")
    assert await store.read(
        lambda r: history.list_deliveries(r, WORKSPACE, "ep_a", None, page=1, size=9)
    ) == ([], 0)
    await delete(store, "ep_aa")

"""Deliveries to endpoints whose secrets are sealed."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook as ForeignWebhook

from switchhook.delivery import reading
from switchhook.delivery.lane import FRESH_MAX_SLOW
from switchhook.delivery.recovery import Recoveries
from switchhook.storage import replay
from switchhook.storage.store import StorageError, Store
from switchhook.storage.vault import Vault
from tests.delivery.dispatching import SECRET, WORKSPACE, PatientClock, Rig, make

VAULT = Vault([b"k" * 32])

Open = Callable[..., Awaitable[Store]]


async def start(open_store: Open) -> Rig:
    return await make(lambda: open_store(VAULT), PatientClock(), lambda _: 204)


async def stop(rig: Rig) -> None:
    await rig.dispatcher.stop()
    await rig.store.close()


def verified(rig: Rig) -> int:
    """How many requests came; each is signed with the secret."""
    for seen in rig.receiver.seen:
        at = datetime.fromtimestamp(seen.timestamp, UTC)
        assert seen.signature == ForeignWebhook(SECRET).sign(seen.message, at, seen.body.decode())
    return len(rig.receiver.seen)


async def test_a_secret_is_opened_for_a_lane_and_not_for_each_delivery(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, ...]] = []
    really = Vault.open

    def counting(self: Vault, text: str, *place: str) -> str:
        opened.append(place)
        return really(self, text, *place)

    rig = await start(open_store)
    await rig.endpoint("ep_a")
    monkeypatch.setattr(Vault, "open", counting)
    await rig.accept(50)
    await rig.settle()
    assert verified(rig) == 50
    assert opened == []
    await rig.change("ep_a", description="changed")
    await rig.accept(50)
    await rig.settle()
    assert verified(rig) == 100
    assert len(opened) == 4  # its secrets and its headers: once for the change, once for the lane
    await stop(rig)


async def test_while_a_secret_does_not_open_nothing_is_sent_and_nothing_is_lost(open_store: Open) -> None:
    rig = await start(open_store)
    await rig.endpoint("ep_a")
    (row,) = await rig.store.read(lambda reader: reader.fetch("endpoint", WORKSPACE, "ep_a"))
    secrets, headers = row[5], row[12]
    moved = VAULT.seal("[]", WORKSPACE, "ep_b", "secrets")
    await rig.store.run(
        lambda tx: tx.execute("seal_endpoint", WORKSPACE, "ep_a", moved, headers, secrets, headers)
    )
    await rig.crash()
    ids = await rig.accept(3)
    await rig.clock.advance(5)
    assert rig.receiver.seen == []
    await rig.store.run(
        lambda tx: tx.execute("seal_endpoint", WORKSPACE, "ep_a", secrets, headers, moved, headers)
    )
    await rig.clock.advance(5)
    assert verified(rig) == 3
    assert {seen.message for seen in rig.receiver.seen} == set(ids)
    await stop(rig)


async def sealed_again(rig: Rig, name: str) -> Callable[[], Awaitable[None]]:
    """Have the secrets of an endpoint be sealed with a key that is not here; what brings the former row back."""
    (row,) = await rig.store.read(lambda reader: reader.fetch("endpoint", WORKSPACE, name))
    secrets, headers = row[5], row[12]
    other = Vault([b"o" * 32]).seal("[]", WORKSPACE, name, "secrets")
    await rig.store.run(
        lambda tx: tx.execute("seal_endpoint", WORKSPACE, name, other, headers, secrets, headers)
    )

    async def back() -> None:
        await rig.store.run(
            lambda tx: tx.execute("seal_endpoint", WORKSPACE, name, secrets, headers, other, headers)
        )

    return back


async def test_a_locked_endpoint_holds_nothing_in_memory_and_nobody_waits_for_it(
    open_store: Open, caplog: pytest.LogCaptureFixture
) -> None:
    rig = await start(open_store)
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_b")
    await rig.endpoint("ep_ops", topics=("endpoint.disabled",))
    back = await sealed_again(rig, "ep_a")
    await rig.crash()
    begun = rig.clock.now()
    ids = await rig.accept(60)
    await rig.clock.advance(5)
    lane = rig.dispatcher._lanes[WORKSPACE, "ep_a"]
    assert (lane.queued, len(lane.claimed)) == (0, 0)
    assert await rig.low_water() >= 60
    assert rig.dispatcher.snapshot()["endpoints_locked"] == 1
    for n, name in enumerate(("ep_a", "ep_b")):  # the locked one first
        await rig.store.run(
            lambda tx, n=n, name=name: replay.begin(  # type: ignore[misc]
                tx, workspace=WORKSPACE, id=f"job_{n}", endpoint=name, since=begun, now=begun + n
            )
        )
    recoveries = Recoveries(rig.store, rig.clock)
    recoveries.kick()
    await rig.clock.advance(120)
    assert await rig.store.read(replay.unfinished) == []
    told = [seen.body for seen in rig.receiver.seen if seen.key == "ep_ops"]
    assert len(told) == 1
    assert b'"reason":"locked"' in told[0]
    assert b"SWITCHHOOK_SECRETS_KEY" in told[0]
    assert caplog.text.count("nothing is sent to endpoint ep_a") == 1
    assert {seen.message for seen in rig.receiver.seen if seen.key == "ep_b"} == set(ids)
    assert not [seen for seen in rig.receiver.seen if seen.key == "ep_a"]
    await rig.crash()  # another start does not tell it again
    await rig.clock.advance(5)
    assert len([seen for seen in rig.receiver.seen if seen.key == "ep_ops"]) == 1
    await back()
    await rig.clock.advance(120)
    assert {seen.message for seen in rig.receiver.seen if seen.key == "ep_a"} == set(ids)
    assert rig.dispatcher.snapshot()["endpoints_locked"] == 0
    await recoveries.stop()
    await stop(rig)


async def test_an_endpoint_that_cannot_be_read_holds_next_to_nothing_in_memory(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await start(open_store)
    await rig.endpoint("ep_a")

    async def refuse(*_: object) -> None:
        raise StorageError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(reading, "find_endpoint", refuse)
        await rig.crash()
        ids = await rig.accept(60)
        await rig.clock.advance(3)
        assert rig.dispatcher._lanes[WORKSPACE, "ep_a"].queued <= FRESH_MAX_SLOW
    await rig.clock.advance(3)
    assert {seen.message for seen in rig.receiver.seen} == set(ids)
    await stop(rig)


async def test_a_secret_that_does_not_open_any_more_keeps_no_outcome_of_others_from_being_recorded(
    open_store: Open,
) -> None:
    """Another process has exchanged the key, or the row was damaged, after its lane was made."""
    rig = await start(open_store)
    await rig.endpoint("ep_a", topics=("tag.added",))
    await rig.endpoint("ep_b", topics=("tag.added",))
    rig.receiver.script = lambda seen: 500 if seen.key == "ep_a" else 204
    await rig.accept()
    await rig.settle()
    (row,) = await rig.store.read(lambda reader: reader.fetch("endpoint", WORKSPACE, "ep_a"))
    secrets, headers = row[5], row[12]
    now = rig.clock.now()  # it has been failing for long: that it recovers is told
    await rig.store.run(lambda tx: tx.execute("save_health", WORKSPACE, "ep_a", now - 1, now, now))
    other = Vault([b"o" * 32]).seal("[]", WORKSPACE, "ep_a", "secrets")
    await rig.store.run(
        lambda tx: tx.execute("seal_endpoint", WORKSPACE, "ep_a", other, headers, secrets, headers)
    )
    rig.receiver.script = lambda _: 204
    (id_,) = await rig.accept()
    await rig.clock.advance(3)
    assert rig.dispatcher.alive
    assert [a.state for a in (await rig.delivery("ep_b", id_)).attempts] == ["succeeded"]
    await stop(rig)

"""Short ways to write rows for the tests of the store."""

from collections.abc import Awaitable, Callable
from typing import Any

from switchhook.storage import endpoints, outbox
from switchhook.storage.endpoints import Endpoint, SigningSecret
from switchhook.storage.outbox import Accepted, NewEvent, Settlement
from switchhook.storage.store import Lane, Reader, Store, Transaction

WORKSPACE = "wsp_one"
OTHER = "wsp_two"
TOPIC = "tag.added"
NOW = 1_742_049_000_000

Work = Callable[[Transaction], Awaitable[Any]]


def write(key: str, value: str = "x") -> Work:
    """Work that writes one row."""

    async def work(tx: Transaction) -> str:
        await tx.execute("set_meta", key, value)
        return key

    return work


def look(key: str) -> Callable[[Reader], Awaitable[str | None]]:
    """Work that reads what `write` wrote."""

    async def work(reader: Reader) -> str | None:
        rows = await reader.fetch("get_meta", key)
        return rows[0][0] if rows else None

    return work


async def learned(store: Store) -> None:
    """The workspace has nothing to learn of any event, so that retention need not wait for that."""
    await store.run(lambda tx: tx.execute("mirror_moved", 1 << 40))


async def there(store: Store, *keys: str) -> list[bool]:
    """Which of the rows exist."""
    return [await store.read(look(key)) is not None for key in keys]


def an_endpoint(
    id: str, workspace: str = WORKSPACE, topics: tuple[str, ...] = (TOPIC,), **values: Any
) -> Endpoint:
    """An endpoint that wants `tag.added`."""
    given: dict[str, Any] = {
        "workspace": workspace,
        "id": id,
        "url": "https://93.184.216.34/hook",
        "topics": topics,
        "description": None,
        "enabled": True,
        "secrets": (SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),),
        "disabled_why": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Endpoint(**(given | values))


async def subscribe(store: Store, *ids: str, workspace: str = WORKSPACE) -> None:
    """Store endpoints."""
    for id_ in ids:
        row = an_endpoint(id_, workspace)
        await store.run(lambda tx, row=row: endpoints.add_endpoint(tx, row))  # type: ignore[misc]


async def delete(store: Store, id: str, workspace: str = WORKSPACE) -> bool:
    """Delete an endpoint as the API does."""
    return await store.run(lambda tx: endpoints.delete_endpoint(tx, workspace, id, NOW))


def an_event(id: str, key: str | None = None, workspace: str = WORKSPACE, topic: str = TOPIC) -> NewEvent:
    """An event to be accepted."""
    return NewEvent(workspace, id, topic, b'{"n":1}', NOW, key)


async def accept(
    store: Store, id: str, key: str | None = None, workspace: str = WORKSPACE, topic: str = TOPIC
) -> Accepted:
    """Accept an event."""
    return await store.run(lambda tx: outbox.accept(tx, an_event(id, key, workspace, topic)))


async def targets(store: Store, id: str, workspace: str = WORKSPACE) -> list[str]:
    """The endpoints an event was accepted for."""
    ((_, _, _, _, _, found, *_),) = await store.read(lambda reader: reader.fetch("event", workspace, id))
    return sorted(found.split())


def an_outcome(
    event: str,
    endpoint: str,
    number: int = 1,
    state: str = "succeeded",
    *,
    next_at: int | None = None,
    scheduled: bool = False,
    **values: Any,
) -> Settlement:
    """The outcome of an attempt."""
    given: dict[str, Any] = {
        "workspace": WORKSPACE,
        "endpoint": endpoint,
        "event": event,
        "number": number,
        "state": state,
        "started_at": NOW,
        "latency_ms": 1.5,
        "kind": "ok",
        "status": 204,
        "fault": None,
        "message_customer": None,
        "message_operator": None,
        "next_at": next_at,
        "response": None,
        "scheduled": scheduled,
    }
    return Settlement(**(given | values))


async def settle(store: Store, *settled: Settlement, low_water: int | None = None) -> None:
    """Record outcomes. What is in the schedule has to be claimed for that, where others might have it."""
    if store.shared:
        for key in {(s.workspace, s.endpoint) for s in settled if s.scheduled}:
            await store.run(
                lambda tx, key=key: outbox.claim_due(tx, key[0], key[1], 1 << 60, 10_000),  # type: ignore[misc]
                lane=Lane.OUTCOMES,
            )
    await store.run(lambda tx: outbox.settle(tx, settled, (), low_water), lane=Lane.OUTCOMES)


async def attempts(store: Store, endpoint: str, event: str) -> list[int]:
    """The numbers of the attempts that were recorded."""
    rows = await store.read(lambda reader: reader.fetch("attempts_of", WORKSPACE, endpoint, event))
    return [row[0] for row in rows]


async def schedule(store: Store, endpoint: str, event: str) -> tuple[int, int] | None:
    """(attempts, next_at) of a delivery's row in the schedule."""
    rows = await store.read(lambda reader: reader.fetch("schedule_of", WORKSPACE, endpoint, event))
    return (rows[0][0], rows[0][1]) if rows else None

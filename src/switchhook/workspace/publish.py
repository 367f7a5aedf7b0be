"""Events made durable: what a phone system reports ready-made over HTTP, and what the workspace tells of itself.

The other sources report facts to the switchboard, which makes events of them; here the event itself is the report.
"""

from collections.abc import Sequence

from switchhook.events.envelope import Publish, render
from switchhook.events.first_version import own_number
from switchhook.events.ids import new_id
from switchhook.storage import outbox
from switchhook.storage.outbox import Accepted, NewEvent
from switchhook.storage.store import Transaction


def new_event(workspace: str, asked: Publish, now: int) -> NewEvent:
    """The event that `asked` becomes when it is accepted at `now` (wall ms)."""
    body = render(asked.topic, asked.data, now)
    about = own_number(asked.topic, asked.typed)
    return NewEvent(workspace, new_id("msg", now), asked.topic, body, now, asked.key, about)


async def publish(tx: Transaction, events: Sequence[NewEvent]) -> list[Accepted]:
    """Accept events in order, all in this transaction; a fact that is known keeps its first id."""
    return await outbox.accept_all(tx, events)


async def tell(tx: Transaction, event: NewEvent) -> None:
    """Accept an event of what the workspace has stored already; the mirror passes it by."""
    accepted = await outbox.accept(tx, event)
    if not accepted.duplicate:
        await tx.execute("add_own_event", event.workspace, event.id)


async def show(tx: Transaction, event: NewEvent, endpoint: str) -> None:
    """Accept an event that shows one endpoint what it will get. It tells of nothing that was, and nobody learns it."""
    await outbox.accept_for(tx, event, endpoint)
    await tx.execute("add_own_event", event.workspace, event.id)

"""A carrier that does what a test says, and a workspace with a number to text from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from switchhook import events
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage import conversations, item_search
from switchhook.storage.conversations import Item, ItemFilter
from switchhook.storage.store import Store
from switchhook.workspace.contacts import Change, create
from switchhook.workspace.directory import configure
from switchhook.workspace.messaging import Texts
from switchhook.workspace.texts import Incoming, Outcome, Outgoing, Taken
from tests.delivery.dispatching import PatientClock

WORKSPACE = "wsp_a"
OURS, SECOND, MARIE, PAUL = "+33112345678", "+33112345679", "+33612345678", "+33698765432"
ANNA = "anna@harbour.example"


@dataclass
class ScriptedCarrier:
    """Says of each text what `script` says, and of what it has been given what `has` says."""

    script: Callable[[Outgoing], Outcome] = lambda text: Taken(f"SM-{text.id}")
    has: Callable[[Outgoing, str | None], Sequence[Taken]] = lambda text, carrier_id: ()
    name: str = "twilio"
    rate: float = 1e6
    given: list[Outgoing] = field(default_factory=list)
    asked: list[tuple[str, int, str | None]] = field(default_factory=list)
    numbers: tuple[str, ...] = (OURS, SECOND, "Harbour")

    def sends_from(self, sender: str) -> bool:
        return sender in self.numbers

    async def submit(self, text: Outgoing) -> Outcome:
        self.given.append(text)
        return self.script(text)

    async def ask(self, text: Outgoing, since: int, carrier_id: str | None) -> Sequence[Taken]:
        self.asked.append((text.id, since, carrier_id))
        return self.has(text, carrier_id)

    async def attend(self, ours: bool) -> None:
        pass

    async def close(self) -> None:
        pass


async def settle_in(store: Store, workspace: str = WORKSPACE) -> None:
    users = (UserConfig(ANNA, "Anna", ()),)
    numbers = (
        NumberConfig(OURS, "Front desk", (ANNA,)),
        NumberConfig(SECOND, "Back office"),
        NumberConfig("+33112345670", "A number without texts"),
    )
    await store.run(lambda tx: configure(tx, workspace, users, numbers, "FR"))
    marie = Change(name="Marie", last_name="Dupont", numbers=[MARIE])
    await store.run(lambda tx: create(tx, workspace, marie, now=1_742_049_000_000, region="FR"))


def texts_of(store: Store, clock: PatientClock, carrier: ScriptedCarrier | None) -> Texts:
    return Texts(store, clock, WORKSPACE, "FR", carrier=carrier, sender_ids=("Harbour", "Nowhere"))


async def write(
    store: Store, texts: Texts, message: str = "Hello", to: str = MARIE, number: str = OURS, **more: Any
) -> Item:
    return await store.run(lambda tx: texts.accept(tx, WORKSPACE, to, message, number=number, **more))


def a_text(carrier_id: str = "SM1", content: str = "Good morning", **more: Any) -> Incoming:
    given = {"carrier": "twilio", "carrier_id": carrier_id, "sender": MARIE, "to": OURS, "content": content}
    return Incoming(**(given | more))


async def item(store: Store, id_: str) -> Item:
    found = await store.read(lambda reader: conversations.find_item(reader, WORKSPACE, id_))
    assert found is not None
    return found


async def items(store: Store) -> list[Item]:
    found, _ = await store.read(
        lambda r: item_search.find_items(r, WORKSPACE, ItemFilter(), "DATE_ASC", limit=1000, offset=0)
    )
    return found


async def told(store: Store, *topics: str) -> list[events.Event]:
    """The events of texts, in the order of their acceptance."""
    rows = await store.read(lambda r: r.fetch("oldest_events", 0, 1 << 60, 1000))
    bodies = []
    for row in rows:
        found = await store.read(lambda r, id_=row[2]: r.fetch("event", WORKSPACE, id_))  # type: ignore[misc]
        bodies.append(events.parse(found[0][4]))
    return [one for one in bodies if one.topic in (topics or ("sms.received", "sms.sent"))]

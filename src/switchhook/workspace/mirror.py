"""What others publish over HTTP, learned by the workspace: calls and texts as items, tags on them, contacts as people.

    accepted ──▶ delivered …                      (nothing of this waits for the mirror)
        └─ seq ─▶ a group of events ─▶ one transaction: items, tags, people, and the cursor ─▶ next group

`learn` is one event. It makes no events: what was published has been told already. What the workspace told of its own
changes (`own`) is passed by, as it is stored already and may be different again by now. The groups are small and wait
while many deliveries are open. In a shared store one process at a time mirrors, and the cursor moves with the effects,
so that each event counts once whatever dies. Retention waits for the cursor.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

import msgspec

from switchhook.clock import Clock, parse_iso
from switchhook.events.envelope import parse
from switchhook.events.faults import InvalidEvent, UnknownTopic
from switchhook.events.further import SummaryUpdated
from switchhook.events.ids import CONTACT, check_id, contact_id, new_id, normalise_id
from switchhook.events.payloads import CallCompleted, ContactCreated, ContactUpdated, TagAdded, TagRemoved
from switchhook.storage import conversations, mirroring, people
from switchhook.storage.conversations import Tag
from switchhook.storage.mirroring import Published
from switchhook.storage.people import Contact
from switchhook.storage.store import StorageError, Store, Transaction
from switchhook.workspace.contacts import (
    EMAILS_MAX,
    NUMBERS_MAX,
    Change,
    ContactFault,
    changed,
    clean_emails,
    clean_numbers,
    company_called,
    same,
)
from switchhook.workspace.items import record

log = logging.getLogger(__name__)

GROUP = 10  # events learned in one transaction: deliveries wait for it in a store of one process
PAUSE = 0.02  # seconds between two groups
BUSY_PAUSE = 0.05  # the same while deliveries wait
BUSY = 50  # deliveries that wait in memory or are under way
LOOK = 1.0  # seconds between two looks when there is nothing to learn
CLAIM = 15.0  # seconds that a process mirrors alone


class Mirror:
    """Learns in the background.

    `deliveries` says how many wait in memory or are under way; `region` is whose numbers may be spelled as at home.
    """

    def __init__(
        self, store: Store, clock: Clock, region: str, deliveries: Callable[[], float] = lambda: 0
    ) -> None:
        self._store = store
        self._clock = clock
        self._region = region
        self._open = deliveries
        self._task: asyncio.Task[None] | None = None
        self._learned = 0
        self._left_out = 0
        self._since: int | None = None
        self._mirrors = False

    def start(self) -> None:
        """Begin to look for events now and again."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Stop where it is; the next start goes on from there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def snapshot(self) -> dict[str, float]:
        """Counters and gauges for the metrics page; nothing of a process that does not mirror."""
        if not self._mirrors:
            return {}
        behind = 0 if self._since is None else max(0, self._clock.now() - self._since)
        return {
            "mirror_events_total": self._learned,
            "mirror_left_out_total": self._left_out,
            "mirror_behind_seconds": behind / 1000,
        }

    async def run(self) -> int:
        """Learn of everything that may be learned of now; how many events that was. 0 when another process is at it.

        Raises:
            StorageError: the store cannot be reached; what was learned by then stays.
        """
        done = 0
        while True:
            try:
                count = await self.step()
            except StorageError:
                raise
            except Exception:
                count = await self._singly()  # one that is at fault must not keep the others
            done += count
            if count < GROUP:
                break
            await self._clock.sleep(BUSY_PAUSE if self._open() > BUSY else PAUSE)
        self._since = await self._store.read(mirroring.waiting_since)
        return done

    async def step(self, limit: int = GROUP) -> int:
        """Learn of the next events, up to `limit`; how many there were."""
        position = await self._store.read(mirroring.cursor)
        if not await self._store.read(lambda reader: mirroring.after(reader, position, 1)):
            self._mirrors = self._mirrors or not self._store.shared
            return 0

        async def work(tx: Transaction) -> list[Published] | None:
            if tx.shared and not await mirroring.claim(tx, CLAIM):
                return None
            events = await mirroring.after(tx, await mirroring.cursor(tx), limit)
            for event in events:
                await learn(tx, event, self._region, self._clock.now())
            if events:
                await mirroring.move(tx, events[-1].seq)
            return events

        events = await self._store.run(work)
        self._mirrors = events is not None
        if not events:
            return 0
        self._learned += sum(not event.own for event in events)
        self._since = events[-1].accepted_at
        return len(events)

    async def _singly(self) -> int:
        """Learn of one event after the other, and leave out those that cannot be learned; how many there were."""
        done = 0
        while done < GROUP:
            try:
                count = await self.step(1)
            except StorageError:
                raise
            except Exception:
                event = await self._store.run(_leave_out)
                log.exception("event %s cannot be learned; the workspace goes on without it", event)
                self._left_out += 1
                count = 1
            if not count:
                break
            done += count
        return done

    async def _work(self) -> None:
        while True:
            try:
                await self.run()
            except StorageError as error:
                log.warning("what was published is learned of later: %s", error)
            except Exception:
                log.exception("learning of what was published failed; it is tried again")
            await self._clock.sleep(LOOK)


async def _leave_out(tx: Transaction) -> str:
    """Pass the next event by; its id."""
    (event,) = await mirroring.after(tx, await mirroring.cursor(tx), 1)
    await tx.execute("forget_own_event", event.workspace, event.id)
    await mirroring.move(tx, event.seq)
    return event.id


async def learn(tx: Transaction, event: Published, region: str, now: int) -> None:
    """Store what one published event tells. What was expunged tells nothing; what is known changes nothing."""
    if event.own:
        await tx.execute("forget_own_event", event.workspace, event.id)
        return
    try:
        data = parse(event.body).data
    except (UnknownTopic, InvalidEvent):  # it was expunged, or a version with another catalogue accepted it
        return
    workspace, at = event.workspace, event.accepted_at
    match data:
        case TagAdded():
            tag = Tag(data.tag_key, data.tag_name or data.tag_key, None, at)
            await _tag(tx, event, data.call_id, tag, data.user_email)
        case TagRemoved():
            await conversations.drop_call_tag(tx, workspace, normalise_id(data.call_id), data.tag_key)
        case ContactCreated() | ContactUpdated():
            await _person(tx, event, data, region, now)
        case SummaryUpdated():
            await _summary(tx, workspace, data, at)
        case CallCompleted():
            if await record(tx, workspace, data, at):
                for key in data.tags:
                    await _tag(tx, event, data.id, Tag(key, key, None, at), data.user_email or None)
        case _:
            await record(tx, workspace, data, at)  # type: ignore[arg-type]


async def _tag(tx: Transaction, event: Published, call: str, tag: Tag, user_email: str | None) -> None:
    if await conversations.find_tag(tx, event.workspace, tag.key) is None:
        await conversations.put_tag(tx, event.workspace, tag)
    await conversations.add_call_tag(
        tx, event.workspace, normalise_id(call), tag.key, user_email=user_email, now=event.accepted_at
    )


async def _summary(tx: Transaction, workspace: str, data: SummaryUpdated, at: int) -> None:
    item = await conversations.find_item(tx, workspace, normalise_id(data.call_id))
    if item is None or item.kind != "CALL" or data.version <= item.summary_version:
        return
    try:
        when = parse_iso(data.updated_at)
    except ValueError:
        when = at
    await conversations.save_summary(
        tx,
        msgspec.structs.replace(
            item,
            summary=data.content,
            summary_version=data.version,
            summary_updated_at=when,
            summary_updated_by=data.updated_by,
        ),
    )


async def _person(
    tx: Transaction, event: Published, data: ContactCreated | ContactUpdated, region: str, now: int
) -> None:
    """The person of a contact of another system, as the event says.

    Who was removed here stays removed, and who became part of another person stays that.
    """
    workspace, source = event.workspace, contact_id(data.id)
    known = await mirroring.person_of(tx, workspace, source)
    old = await people.find_contact(tx, workspace, known or source)
    if (old is None and known is not None) or (old is not None and old.id != (known or source)):
        return
    at = event.accepted_at
    id_ = source if check_id(source, CONTACT) else new_id(CONTACT, now)
    base = old or Contact(workspace=workspace, id=id_, created_at=at, updated_at=at)
    company = (data.company or "").strip()
    change = Change(
        name=data.name,
        last_name=data.last_name,
        company=await company_called(tx, workspace, company, now) if company else None,
        numbers=await _free(tx, event, base, data.numbers, region),
        emails=readable(clean_emails, data.emails or ())[:EMAILS_MAX],
    )
    new = changed(base, change, region)
    if old is None:
        await people.add_contact(tx, new)
        await tx.execute("add_mirrored_person", workspace, source, new.id)
    elif not same(old, new):
        shared = [number for number in new.numbers if number in old.numbers]
        await people.save_contact(tx, old, msgspec.structs.replace(new, updated_at=at), shared)


async def _free(
    tx: Transaction, event: Published, person: Contact, numbers: Sequence[str], region: str
) -> list[str]:
    """Those of `numbers` that the person may have: one that belongs to somebody else stays theirs."""
    free = []
    for number in readable(lambda one: clean_numbers(one, region), numbers):
        owner = await people.owner_of(tx, person.workspace, number)
        if number in person.numbers or owner in (None, person.id):
            free.append(number)
        else:
            log.warning(
                "event %s gives %s a number that belongs to %s; it stays theirs", event.id, person.id, owner
            )
    return free[:NUMBERS_MAX]


def readable(clean: Callable[[Sequence[str]], tuple[str, ...]], raw: Sequence[str]) -> list[str]:
    """What `clean` makes of each of `raw`, each once, without those that it refuses. Pure."""
    found: dict[str, None] = {}
    for text in raw:
        with contextlib.suppress(ContactFault):
            found.update(dict.fromkeys(clean([text])))
    return list(found)

"""What the tests of the dispatcher share: a scripted receiver for a network, a real store, a clock by hand."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from switchhook.clock import ManualClock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.dispatcher import Dispatcher
from switchhook.delivery.exchange import Exchange, Failure, Kind, Request
from switchhook.delivery.membership import Shared
from switchhook.delivery.sending import Settings
from switchhook.events.ids import new_id
from switchhook.storage import endpoints, history, keys, outbox
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Lane, Store
from tests.postgres import sever

WORKSPACE = "wsp_test"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMED_OUT = Failure(Kind.RESPONSE_TIMEOUT, "scripted")

LEASE = 1e8  # longer than any test moves its clock: who takes over whom is tests/storage/test_processes.py
Open = Callable[[], Awaitable[Store]]

Answer = int | Failure | None
"""A status, a failure, or None: no answer until the test gives one."""


@dataclass
class Seen:
    """One request as it arrived."""

    key: str
    at: int
    message: str
    timestamp: int
    signature: str
    body: bytes


class PatientClock(ManualClock):
    """Stands still until every work that was given to the store is done: a real database takes its own time."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: Callable[[], int] = lambda: 0

    async def _turns(self, count: int) -> None:
        quiet = 0
        while quiet < count:
            await asyncio.sleep(0)
            quiet = 0 if self.pending() else quiet + 1


class Receiver:
    """Stands where the HTTP client stands. `script` says what each request is answered."""

    def __init__(self, clock: PatientClock, script: Callable[[Seen], Answer]) -> None:
        self.clock = clock
        self.script = script
        self.seen: list[Seen] = []
        self.headers: list[tuple[tuple[bytes, bytes], ...]] = []
        self.held: list[tuple[Request, Callable[[Exchange], None]]] = []
        self.under_way: Counter[str] = Counter()
        self.most_under_way: Counter[str] = Counter()
        self.answer_headers: tuple[tuple[bytes, bytes], ...] = ()

    def begin(self, request: Request, then: Callable[[Exchange], None]) -> None:
        lines = dict(line.split(": ", 1) for line in request.headers.decode().splitlines())
        key = str(request.pool_key)
        seen = Seen(
            key,
            self.clock.now(),
            lines["webhook-id"],
            int(lines.get("webhook-timestamp", "0")),
            lines.get("webhook-signature", ""),
            request.body,
        )
        self.seen.append(seen)
        self.under_way[key] += 1
        self.most_under_way[key] = max(self.most_under_way[key], self.under_way[key])
        answer = self.script(seen)
        if answer is None:
            self.held.append((request, then))
        else:
            asyncio.get_running_loop().call_soon(self.give, request, then, answer)

    def forget(self, pool_key: str) -> None:
        """No connections are kept here."""

    def give(self, request: Request, then: Callable[[Exchange], None], answer: int | Failure) -> None:
        """Answer a request."""
        self.under_way[str(request.pool_key)] -= 1
        failure = answer if isinstance(answer, Failure) else None
        status = answer if isinstance(answer, int) else None
        then(
            Exchange(
                target=request.target,
                latency=0.01,
                timeout=request.timeout,
                status=status,
                failure=failure,
                headers=self.answer_headers,
            )
        )

    def release(self, answer: int | Failure = 204) -> None:
        """Answer everything that was held."""
        held, self.held = self.held, []
        for request, then in held:
            self.give(request, then, answer)


@dataclass
class Rig:
    """A store, a dispatcher and a receiver."""

    open: Open
    clock: PatientClock
    store: Store
    receiver: Receiver
    dispatcher: Dispatcher
    settings: Settings
    accepted: list[str] = field(default_factory=list)

    async def endpoint(
        self,
        name: str,
        *,
        enabled: bool = True,
        url: str = "https://93.184.216.34/hook",
        topics: tuple[str, ...] = ("tag.added",),
        **options: Any,
    ) -> str:
        """Make an endpoint that wants `topics`."""
        row = endpoints.Endpoint(
            workspace=WORKSPACE,
            id=name,
            url=url,
            topics=topics,
            description=None,
            enabled=enabled,
            secrets=(endpoints.SigningSecret(SECRET),),
            disabled_why=None,
            created_at=self.clock.now(),
            updated_at=self.clock.now(),
            **options,
        )
        await self.store.run(lambda tx: endpoints.add_endpoint(tx, row))
        await self.turns()
        return name

    async def change(self, name: str, **values: object) -> None:
        """Change an endpoint as the API does."""
        row = await self.store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, name))
        assert row is not None
        changed = msgspec.structs.replace(row, **values)
        await self.store.run(lambda tx: endpoints.change_endpoint(tx, changed))
        await self.turns()

    async def accept(self, count: int = 1) -> list[str]:
        """Accept events."""
        ids = []
        for _ in range(count):
            id_ = new_id("msg", self.clock.now())
            body = b'{"id":"%s"}' % id_.encode()
            event = outbox.NewEvent(WORKSPACE, id_, "tag.added", body, self.clock.now())
            await self.store.run(
                lambda tx, event=event: outbox.accept(tx, event),  # type: ignore[misc]
                lane=Lane.ACCEPTS,
            )
            ids.append(id_)
        self.accepted += ids
        return ids

    async def turns(self, count: int = 60) -> None:
        """Let the loop work without moving time."""
        await self.clock._turns(count)

    async def settle(self) -> None:
        """Let outcomes be recorded: the settler lingers a few milliseconds."""
        await self.clock.advance(0.05)

    async def delivery(self, endpoint: str, event: str) -> history.DeliveryRow:
        """The delivery as the API would show it."""
        row = await self.store.read(lambda r: history.find_delivery(r, WORKSPACE, endpoint, event))
        assert row is not None
        return row

    async def low_water(self) -> int:
        """The stored low-water mark."""
        if isinstance(self.dispatcher._membership, Shared):
            await self.dispatcher._membership.tick()
        return await self.store.read(outbox.low_water)

    async def crash(self) -> None:
        """Forget everything that is only in memory, and start again on the same database."""
        self.dispatcher._running = False
        self.dispatcher._backlog.stop()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        self.clock.pending = lambda: 0
        await self.turns(5)
        if isinstance(self.store, PostgresStore):
            await sever(self.store)
        else:
            await self.store.close()
        again = await make(self.open, self.clock, self.receiver.script, self.settings, start=False)
        again.receiver.seen = self.receiver.seen
        self.store, self.receiver, self.dispatcher = again.store, again.receiver, again.dispatcher
        await self.dispatcher.start()
        await self.turns()


async def make(
    open_: Open,
    clock: PatientClock,
    script: Callable[[Seen], Answer],
    settings: Settings | None = None,
    *,
    start: bool = True,
) -> Rig:
    """A rig on the store that `open_` gives."""
    settings = msgspec.structs.replace(settings or Settings(jitter=lambda: 0.5), lease=LEASE)
    store = await open_()
    if isinstance(store, PostgresStore | SqliteStore):
        clock.pending = lambda: store.pending
    if not await store.read(keys.workspaces):
        await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "Test", clock.now()))
    receiver = Receiver(clock, script)
    dispatcher = Dispatcher(store, clock, receiver, AddressPolicy(), settings)
    rig = Rig(open_, clock, store, receiver, dispatcher, settings)
    if start:
        await dispatcher.start()
        await rig.turns()
    return rig

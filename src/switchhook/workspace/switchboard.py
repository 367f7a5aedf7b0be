"""Where facts arrive: matched to their call, applied, and committed together with the events they make.

source ──report(fact)──▶ one transaction: read the call, apply, save it, accept the events ──▶ durable ──▶ source
"""

from collections.abc import Awaitable, Callable

import msgspec

from switchhook.clock import Clock
from switchhook.events.catalogue import FURTHER
from switchhook.events.envelope import publish as check
from switchhook.events.ids import new_id
from switchhook.storage import outbox
from switchhook.storage.conversations import tags_of_call
from switchhook.storage.store import Reader, Store, Transaction
from switchhook.workspace.callers import identify
from switchhook.workspace.calls import CallState, Context, apply, outside_number
from switchhook.workspace.directory import Directory, read_directory
from switchhook.workspace.facts import AnyFact, EndCause, Ended, Offered
from switchhook.workspace.items import record
from switchhook.workspace.publish import new_event

Fence = Callable[[Transaction], Awaitable[None]]

_encode = msgspec.json.Encoder().encode
_state = msgspec.json.Decoder(CallState)


class Switchboard:
    """Takes the facts of every source into one workspace."""

    def __init__(
        self, store: Store, clock: Clock, workspace: str, region: str, link: Callable[[str], str]
    ) -> None:
        self._store = store
        self._clock = clock
        self._workspace = workspace
        self._region = region
        self._link = link
        self.directory = Directory((), (), region)

    async def load(self) -> None:
        """Read who has which number; to be called again when that changes."""
        self.directory = await self._store.read(
            lambda reader: read_directory(reader, self._workspace, self._region)
        )

    async def report(self, fact: AnyFact, fence: Fence | None = None) -> None:
        """Take a fact in. Returns when it is durable, together with the events it made.

        A fact that was reported before changes nothing, so a source may repeat itself. `fence` is asked in the same
        transaction whether this source may still speak, and raises when it may not.

        Raises:
            StorageError: it could not be stored; report it again.
        """

        async def work(tx: Transaction) -> None:
            if fence is not None:
                await fence(tx)
            await self._apply(tx, fact)

        await self._store.run(work)

    async def _apply(self, tx: Transaction, fact: AnyFact) -> None:
        rows = await tx.fetch("call_by_source", self._workspace, fact.source, fact.call)
        known = bool(rows)
        if known:
            state = _state.decode(rows[0][1])
        else:
            state = CallState(id=new_id("cll", fact.at), source=fact.source, source_call=fact.call)
        context = await self._context(tx, state, fact)
        had_recording = state.recording is not None
        drafts = apply(state, fact, context)
        saved = _encode(state).decode()
        started = state.started_at or fact.at
        if known:
            await tx.execute("save_call", self._workspace, state.id, started, state.ended_at, saved)
        else:
            await tx.execute(
                "add_call", self._workspace, state.id, fact.source, fact.call, started, state.ended_at, saved
            )
        if state.recording is not None and not had_recording:
            recording = state.recording
            await tx.execute(
                "add_recording",
                self._workspace,
                recording.id,
                state.id,
                recording.path,
                recording.seconds,
                fact.at,
            )
        now = self._clock.now()
        for draft in drafts:
            # Checked as strictly as what strangers publish: a fault of ours must not reach a receiver either.
            event = new_event(self._workspace, check(draft.data, draft.dedupe_key), now)
            if draft.topic in FURTHER:
                await outbox.accept_wanted(tx, [(event, "")])  # only where somebody asked for it
            else:
                await outbox.accept(tx, event)
            if draft.call is not None:
                await outbox.add_call(tx, event, draft.call)
            await record(tx, self._workspace, draft.data, now)

    async def _context(self, reader: Reader, state: CallState, fact: AnyFact) -> Context:
        """What the rules need to know for `fact`."""
        caller, tags = None, []
        if isinstance(fact, Offered | Ended):  # the two whose events name who is at the other end
            number = outside_number(state, fact, self.directory)
            caller = await identify(reader, self._workspace, number) if number else None
            tags = await tags_of_call(reader, self._workspace, state.id)
        return Context(
            self.directory,
            self._link,
            lambda: new_id("rec", self._clock.now()),
            caller,
            tuple(tag.key for tag in tags),
        )

    async def open_calls(self, source: str) -> frozenset[str]:
        """The calls of `source` that have not ended, by the source's own ids."""
        rows = await self._store.read(lambda reader: reader.fetch("open_calls", self._workspace))
        return frozenset(call for _, of, call, _ in rows if of == source)

    async def close_orphans(self, source: str, alive: frozenset[str], fence: Fence | None = None) -> int:
        """End calls of `source` that it no longer knows (`alive` holds those it does); how many there were.

        A source that lost its memory can never report their end, and every call that rang is to be completed. `fence`
        as in `report`.
        """
        lost = await self.open_calls(source) - alive
        for call in sorted(lost):
            await self.report(
                Ended(source=source, call=call, id="orphaned", at=self._clock.now(), cause=EndCause.FAILED),
                fence,
            )
        return len(lost)

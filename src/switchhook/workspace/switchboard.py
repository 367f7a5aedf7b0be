"""Where facts arrive: matched to their call, applied, and committed together with the events they make.

source ──report(fact)──▶ one transaction: read the call, apply, save it, accept the events ──▶ durable ──▶ source
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from switchhook.clock import Clock
from switchhook.events.catalogue import FURTHER
from switchhook.events.envelope import publish as check
from switchhook.events.ids import new_id
from switchhook.storage import outbox
from switchhook.storage import transcripts as queue
from switchhook.storage.conversations import find_item, save_recording, tags_of_call
from switchhook.storage.recordings import doom_of
from switchhook.storage.store import Reader, Store, Transaction
from switchhook.workspace import transcripts
from switchhook.workspace.call_state import CallState
from switchhook.workspace.callers import identify
from switchhook.workspace.calls import Limits, Standing, apply, close, outside_number, overdue
from switchhook.workspace.completed import Context
from switchhook.workspace.directory import Directory, read_directory
from switchhook.workspace.facts import (
    AnyFact,
    EndCause,
    Ended,
    NotTranscribed,
    Offered,
    Settled,
    Transcribed,
)
from switchhook.workspace.items import record
from switchhook.workspace.publish import new_event, tell
from switchhook.workspace.results import last_transfer
from switchhook.workspace.traces import trace_call, trace_fact

Fence = Callable[[Transaction], Awaitable[None]]
Ask = Callable[[str], Awaitable[Standing]]  # the source's own id of a call → what it says of it

_encode = msgspec.json.Encoder().encode
_state = msgspec.json.Decoder(CallState)


class Switchboard:
    """Takes the facts of every source into one workspace."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        workspace: str,
        region: str,
        link: Callable[[str], str],
        *,
        telephones: Mapping[str, str] | None = None,
        transcripts: float | None = None,
    ) -> None:
        """`telephones` are those of other phone systems, as in `Directory`. `transcripts`: what is recorded is
        queued to be transcribed, and the end of a call waits so many seconds for that; None when it is not.
        """
        self._store = store
        self._clock = clock
        self._workspace = workspace
        self._region = region
        self._link = link
        self._telephones = telephones or {}
        self._transcripts = transcripts
        self.directory = Directory((), (), region)

    @property
    def workspace(self) -> str:
        """The id of the workspace."""
        return self._workspace

    async def load(self) -> None:
        """Read who has which number; to be called again when that changes."""
        self.directory = await self._store.read(
            lambda reader: read_directory(reader, self._workspace, self._region, self._telephones)
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
            ordered = fact.ordered if isinstance(fact, Offered) else None
            state = CallState(id=ordered or new_id("cll", fact.at), source=fact.source, source_call=fact.call)
        if tx.traces is not None and fact.id not in state.seen:
            trace_fact(tx.traces, self._workspace, state.id, fact, self._clock.now())
        if isinstance(fact, Transcribed) and fact.id not in state.seen:
            await transcripts.put_tags(tx, self._workspace, state.id, fact.tags, self._clock.now())
        context = await self._context(tx, state, fact)
        had_recording, was_completed, awaited = state.recording is not None, state.completed, state.awaits
        drafts = apply(state, fact, context)
        saved = _encode(state).decode()
        started = state.started_at or fact.at
        # The column keeps a call among the open ones until nothing more is to come of it.
        over = None if state.open else state.ended_at or fact.at
        if known:
            await tx.execute("save_call", self._workspace, state.id, started, over, saved)
        else:
            await tx.execute(
                "add_call", self._workspace, state.id, fact.source, fact.call, started, over, saved
            )
        if state.recording is not None and not had_recording:
            recording, wanted = state.recording, True
            await tx.execute(
                "add_recording",
                self._workspace,
                recording.id,
                state.id,
                recording.path,
                recording.seconds,
                fact.at,
            )
            if was_completed:
                wanted = await self._add_late(tx, state.id, recording.id)
            # A transcript says who speaks, which nobody can of one that is mixed.
            if self._transcripts is not None and not recording.mixed and wanted:
                await transcripts.queue(tx, self._workspace, state, self._clock.now())
        if state.awaits and state.ended_at is not None:
            until = state.heard_at + round((self._transcripts or 0) * 1000)
            await queue.await_until(tx, self._workspace, state.id, until)
        elif awaited or (state.completed and not was_completed):
            await queue.await_no_longer(tx, self._workspace, state.id)
        now = self._clock.now()
        if tx.traces is not None and state.completed and not was_completed:
            trace_call(tx.traces, self._workspace, state)
        if isinstance(fact, Transcribed) and was_completed and drafts:
            await transcripts.complete_item(tx, self._workspace, state.id, drafts, now)
        for draft in drafts:
            # Checked as strictly as what strangers publish: a fault of ours must not reach a receiver either.
            event = new_event(self._workspace, check(draft.data, draft.dedupe_key), now)
            if draft.topic in FURTHER:
                await outbox.accept_wanted(tx, [(event, "")])  # only where somebody asked for it
            else:
                await tell(tx, event)
            if draft.more is not None:
                await outbox.add_field(tx, event, *draft.more)
            await record(tx, self._workspace, draft.data, now)

    async def _add_late(self, tx: Transaction, call: str, recording: str) -> bool:
        """Add a recording to the item of a call that was told already; False when its words were removed since."""
        item = await find_item(tx, self._workspace, call)
        if item is not None and not item.details:  # of a call there are always some, until it is expunged
            await doom_of(tx, self._workspace, call, self._clock.now())
            return False
        await save_recording(tx, self._workspace, call, self._link(recording))
        return True

    async def _context(self, reader: Reader, state: CallState, fact: AnyFact) -> Context:
        """What the rules need to know for `fact`."""
        caller, tags, original = None, [], None
        if isinstance(
            fact, Offered | Ended | Settled | Transcribed | NotTranscribed
        ):  # those whose events name who is at the other end
            number = outside_number(state, fact, self.directory)
            caller = await identify(reader, self._workspace, number) if number else None
            tags = await tags_of_call(reader, self._workspace, state.id)
            transfer = last_transfer(state)
            if transfer is not None and transfer.original is not None:
                rows = await reader.fetch("call_by_source", self._workspace, state.source, transfer.original)
                original = rows[0][0] if rows else None
        return Context(
            self.directory,
            self._link,
            lambda: new_id("rec", self._clock.now()),
            caller,
            tuple(tag.key for tag in tags),
            original,
            self._clock.now(),
            bool(self._transcripts),
        )

    async def find(self, source: str, call: str) -> CallState | None:
        """What is known of a call, by the source's own id of it."""
        rows = await self._store.read(
            lambda reader: reader.fetch("call_by_source", self._workspace, source, call)
        )
        return _state.decode(rows[0][1]) if rows else None

    async def open_states(self, source: str) -> list[CallState]:
        """What is known of the calls of `source` of which something more is to come."""
        return await self._open(source)

    async def open_calls(self, source: str) -> frozenset[str]:
        """The calls of `source` that have not ended, by the source's own ids."""
        return frozenset(state.source_call for state in await self._open(source) if state.ended_at is None)

    async def _open(self, source: str) -> list[CallState]:
        rows = await self._store.read(lambda reader: reader.fetch("open_calls", self._workspace))
        return [_state.decode(state) for _, of, _, state in rows if of == source]

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

    async def sweep(self, source: str, ask: Ask, limits: Limits, fence: Fence | None = None) -> int:
        """Complete the calls of `source` whose recording or end does not come; how many facts that took.

        `ask` is asked about every call that was silent for long. To be called now and then by whoever runs the source,
        also after a restart: all it goes by is in the database. `fence` as in `report`.
        """
        told = 0
        for state in await self._open(source):
            now = self._clock.now()
            fact: AnyFact | None = None
            match overdue(state, now, limits):
                case "settle":
                    fact = Settled(source=source, call=state.source_call, id="settled by time", at=now)
                case "ask":
                    fact = close(state, await ask(state.source_call), now, limits)
            if fact is not None:
                await self.report(fact, fence)
                told += 1
        return told

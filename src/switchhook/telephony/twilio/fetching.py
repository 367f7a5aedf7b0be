"""Recordings that are ready at Twilio, written down until they are here; and whose voice is on which side of them."""

from enum import StrEnum

import msgspec

from switchhook.clock import Clock
from switchhook.storage import fetches
from switchhook.storage.fetches import Fetch
from switchhook.storage.store import Store
from switchhook.telephony.twilio.reports import SOURCE
from switchhook.workspace.switchboard import Switchboard

KIND = "twilio recording"
AT_ONCE = 8  # looked at together


class Side(StrEnum):
    """Whose voice the first channel has: that of the leg that the call began with."""

    OUTSIDE = "outside"
    USER = "user"


class FetchRecording(msgspec.Struct, frozen=True):
    """A recording that is ready. `message`: it was left for us. `began_at` is wall ms, 0 when it is not known."""

    sid: str
    call: str
    first: Side = Side.OUTSIDE
    channels: int = 2
    message: bool = False
    began_at: int = 0


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FetchRecording).decode


def recorded(sid: str) -> str:
    """The id of the fact that a recording is here."""
    return f"recorded {sid}"


class Shelf:
    """The recordings of one workspace that are to be fetched."""

    def __init__(self, store: Store, switchboard: Switchboard, workspace: str, clock: Clock) -> None:
        self._store = store
        self._switchboard = switchboard
        self._workspace = workspace
        self._clock = clock

    async def keep(self, recording: FetchRecording) -> None:
        """Have it fetched, unless it is here. Returns when that is durable.

        Raises:
            StorageError: it could not be stored.
        """
        state = await self._switchboard.find(SOURCE, recording.call)
        if state is None or recorded(recording.sid) in state.seen:
            return
        what, now = _encode(recording).decode(), self._clock.now()
        await self._store.run(lambda tx: fetches.add(tx, self._workspace, recording.sid, KIND, what, now=now))

    async def due(self) -> list[tuple[Fetch, FetchRecording]]:
        """Those that are to be fetched now."""
        now = self._clock.now()
        found = await self._store.read(
            lambda reader: fetches.due(reader, self._workspace, KIND, now, limit=AT_ONCE)
        )
        return [(fetch, _decode(fetch.what)) for fetch in found]

    async def put_off(self, fetch: Fetch, seconds: float) -> None:
        """Try again later."""
        at = self._clock.now() + round(seconds * 1000)
        await self._store.run(lambda tx: fetches.put_off(tx, self._workspace, fetch, at))

    async def forget(self, fetch: Fetch) -> None:
        """It is here, or will not be."""
        await self._store.run(lambda tx: fetches.forget(tx, self._workspace, fetch.id))

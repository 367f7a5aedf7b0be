"""Recording that is begun by us: a channel listens in on each side of a talk, and what it hears is recorded.

    ▶ POST /ari/channels/ID/snoop?spy=in&app=…          a channel of its own, in our application
    ▶ POST /ari/channels/switchhook-ID/record?name=…    once it is there

The channels of the talk are left alone, and the dialplan with them. The one that listens in ends with the one that it
listens to.
"""

import logging
from collections.abc import Iterable
from urllib.parse import quote, urlencode

from switchhook.clock import Clock
from switchhook.telephony.asterisk.ari_rest import Rest
from switchhook.telephony.asterisk.session import Access
from switchhook.telephony.watching import ConnectionLost, Refused

log = logging.getLogger(__name__)

OURS = "switchhook-"  # how the names of our recordings begin
_PAUSES = (0.05, 0.2, 0.5, 1.0)  # seconds until the channel that listens in is looked for again
_CONFLICT = 409


class Recorder:
    """Records at one Asterisk."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._rest = Rest(access, clock)
        self._begun: set[str] = set()

    async def begin(self, channels: Iterable[str]) -> None:
        """Record these channels, all that talk, but those that are recorded already. What goes wrong is in the log."""
        channels = list(channels)
        self._begun &= set(channels)  # who is back from being on hold is refused by Asterisk
        for id_ in channels:
            if id_ not in self._begun:
                self._begun.add(id_)
                try:
                    await self._record(id_)
                except Refused as error:
                    log.error("a call cannot be recorded: %s (the user needs read_only = no)", error)
                except ConnectionLost as error:
                    log.error("a call cannot be recorded: %s", error)

    async def close(self) -> None:
        """Close what is open. Recordings go on."""
        await self._rest.close()

    async def _record(self, id_: str) -> None:
        ours = f"{OURS}{id_}"
        query = urlencode({"spy": "in", "app": self._access.app, "snoopId": ours})
        status = await self._rest.post(f"/channels/{quote(id_, safe='')}/snoop?{query}")
        if status >= 400:  # it is gone already, or an earlier process has begun it
            log.info("channel %s is not listened in on: Asterisk answered %d", id_, status)
            return
        query = urlencode({"name": ours.replace("/", "_"), "format": "wav", "ifExists": "overwrite"})
        for pause in (*_PAUSES, None):
            status = await self._rest.post(f"/channels/{quote(ours, safe='')}/record?{query}")
            if status != _CONFLICT or pause is None:
                break
            await self._clock.sleep(pause)
        if status >= 400:
            log.error("channel %s cannot be recorded: Asterisk answered %d", id_, status)

"""The REST interface of Asterisk (ARI): a WebSocket on which events come as JSON, and requests beside it.

    ▶ GET /ari/events?app=switchhook&subscribeAll=true     becomes a WebSocket; all events come from then on
    ▶ GET /ari/bridges · GET /ari/channels                 what is up; events that come meanwhile are read after that
    ◀ {"type": "ChannelCreated", …}                        as they come
    ▶ ping                                                 when nothing was heard for a while

The application is there to listen: no channel is sent into it, so the dialplan stays as it is. Nothing that is sent
here changes anything in Asterisk.
"""

import logging
import ssl
from collections import deque
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from switchhook.clock import Clock, Deadline
from switchhook.telephony.asterisk import ari_events
from switchhook.telephony.asterisk.ari_events import everything, read
from switchhook.telephony.asterisk.ari_links import Links
from switchhook.telephony.asterisk.ari_rest import Rest, authorization, base, refused
from switchhook.telephony.asterisk.happenings import Everything, Happening
from switchhook.telephony.asterisk.session import Access, Looked
from switchhook.telephony.watching import ConnectionLost, Refused

log = logging.getLogger(__name__)

LONGEST = 256 * 1024  # bytes of one event
WAITING = 20_000  # events that may wait to be read: Asterisk hangs up on whoever does not read for 100 ms
WAIT = 10.0  # seconds for the connection, and for its end
QUIET = 30.0  # seconds without a word until we ask whether anybody is there, and again until it is given up

# The library writes headers into its log, and one of them is the secret.
_silent = logging.getLogger("switchhook.telephony.asterisk.websocket")
_silent.setLevel(logging.CRITICAL)


class _Straight(connect):
    """A connection to where it was told to go, and nowhere else: the secret goes along."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class AriSession:
    """One connection to ARI."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._rest = Rest(access, clock)
        self._links = Links()
        self._socket: ClientConnection | None = None
        self._ready: deque[list[Happening]] = deque()

    async def open(self) -> None:
        """Connect, be let in, and ask for all that is up.

        Raises:
            ConnectionLost: it cannot be reached, or does not speak this protocol.
            Refused: it does not let us in.
        """
        access = self._access
        url = f"{base(access, 'ws')}/events?app={quote(access.app, safe='')}&subscribeAll=true"
        where = f"{access.host}:{access.port}"
        try:
            async with Deadline(self._clock, WAIT):
                self._socket = await _Straight(
                    url,
                    subprotocols=[Subprotocol("ari")],
                    compression=None,
                    additional_headers={"Authorization": authorization(access)},
                    user_agent_header="Switchhook",
                    proxy=None,
                    open_timeout=None,
                    ping_interval=None,
                    close_timeout=None,
                    max_size=LONGEST,
                    max_queue=WAITING,
                    logger=_silent,
                    ssl=ssl.create_default_context() if access.tls else None,
                )
        except InvalidStatus as error:
            raise refused(access, error.response.status_code) from None
        except (OSError, TimeoutError, EOFError) as error:
            raise ConnectionLost(f"cannot reach {where}: {str(error) or type(error).__name__}") from None
        except (InvalidHandshake, InvalidMessage, ConnectionClosed) as error:
            raise ConnectionLost(f"{where} speaks no WebSocket: {error}") from None
        await self.ask()

    async def ask(self) -> None:
        """Ask for all that is up; `next` gives the answer, and then what came meanwhile.

        Raises:
            ConnectionLost, Refused: see there.
        """
        bridges = await self._rest.get("/bridges")
        channels = await self._rest.get("/channels")
        found = everything(channels, bridges, self._clock.now())
        self._ready.append([found, *self._links.compare(found, channels)])

    async def next(self) -> list[Happening]:
        """What comes next; nothing when that is of no interest to us, or nothing was heard for a while.

        Raises:
            ConnectionLost: the connection is gone.
            Refused: somebody else listens in our place.
        """
        if self._ready:
            return self._ready.popleft()
        text = await self._next_or_ping()
        if text is None:
            return []
        try:
            message = msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            log.warning("Asterisk sent an event that is no JSON; it is left out")
            return []
        if not isinstance(message, dict):
            return []
        if message.get("type") == "ApplicationReplaced":
            raise Refused(
                f"somebody else listens as the application {self._access.app!r}; give each its own app in [asterisk]"
            )
        now = self._clock.now()
        return read(message, now) + self._links.take(message, now)

    async def look(self) -> Looked:
        """Connect, under a name of its own so that who listens is not replaced, and see what there is to see.

        Raises:
            ConnectionLost, Refused: see there.
        """
        self._access = msgspec.structs.replace(self._access, app=f"{self._access.app}-doctor")
        await self.open()
        channels = next(one.channels for one in self._ready.popleft() if isinstance(one, Everything))
        now = self._clock.now()
        _, date = await self._rest.get_dated("/channels")
        about, endpoints = await self._if_there("/asterisk/info"), await self._if_there("/endpoints")
        known = ari_events.endpoints(endpoints) if endpoints is not None else None
        return Looked(ari_events.version(about), _apart(date, now), channels, known)

    async def _if_there(self, path: str) -> Any:
        """The answer to a question whose module need not be loaded; None when it is not."""
        try:
            return await self._rest.get(path)
        except Refused:
            return None

    async def close(self) -> None:
        """Hang up."""
        socket, self._socket = self._socket, None
        if socket is not None:
            try:
                async with Deadline(self._clock, WAIT):
                    await socket.close()
            except TimeoutError:
                socket.transport.abort()
        await self._rest.close()

    async def _next_or_ping(self) -> str | bytes | None:
        socket = self._socket
        if socket is None:
            raise ConnectionLost("the connection is closed")
        try:
            try:
                async with Deadline(self._clock, QUIET):
                    return await socket.recv()
            except TimeoutError:
                pong = await socket.ping()
            async with Deadline(self._clock, QUIET):
                await pong
            return None
        except TimeoutError:
            raise ConnectionLost("Asterisk is silent") from None
        except (ConnectionClosed, OSError) as error:
            raise ConnectionLost(f"Asterisk closed the connection: {error}") from None


def _apart(date: str, now: int) -> float | None:
    """How far ahead that clock is, to a second."""
    try:
        return round(parsedate_to_datetime(date).timestamp() - now / 1000)
    except ValueError:
        return None

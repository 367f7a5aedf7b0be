"""The composition root: the only place that knows everybody.

    store ── dispatcher ── sender
      │          ▲ commits
      ├── api (uvicorn)
      └── switchboard ◀── SIP line

Started from the bottom up and stopped from the top down, so that nobody speaks to somebody who has gone.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from switchhook import __version__
from switchhook.api.app import Api, build
from switchhook.api.services import Limits, Services
from switchhook.clock import Clock
from switchhook.config import Config, ConfigError, is_shared
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.dispatcher import Dispatcher
from switchhook.delivery.http import Client, SystemResolver
from switchhook.delivery.recovery import Recoveries
from switchhook.delivery.sending import Settings
from switchhook.installation import (
    ADMIN_KEY_FILE,
    InstallationError,
    ServeLock,
    first_admin_key,
    first_workspace,
    open_store,
    recording_key,
)
from switchhook.media.links import sign_path
from switchhook.media.tones import read_wav
from switchhook.storage import answers, endpoints
from switchhook.storage.store import Store
from switchhook.telephony.sip import routing
from switchhook.telephony.sip.address import parse_uri
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.plan import RingPlan
from switchhook.telephony.sip.supervisor import LineError, SipLine
from switchhook.workspace import directory
from switchhook.workspace.facts import Offered
from switchhook.workspace.switchboard import Switchboard

log = logging.getLogger(__name__)

SIP = "sip"  # what the line calls itself in its facts
STOP_GRACE = 1.0  # seconds that attempts under way get when we stop
HEAD_MAX = 65_536  # bytes of a request's head beyond what came with its first packet
HOUSEKEEPING = 60.0  # seconds between two rounds of tidying up
HOUSEKEEPING_ROWS = 2_000


class _Protocol(HttpToolsProtocol):
    """uvicorn's, with a bound on the head of a request: the parser beneath has none, and it asks nobody for a key."""

    _in_head = False
    _head = 0

    def on_message_begin(self) -> None:
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        before = self._in_head
        super().data_received(data)
        if before and self._in_head:
            self._head += len(data)
            if self._head > HEAD_MAX:
                self._in_head = False
                self.send_400_response("The head of the request is too large.")


class _Http(uvicorn.Server):
    """uvicorn without its own signal handling, telling when it listens."""

    def __init__(self, application: Api) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                loop="none",
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=3,
                backlog=2048,
            )
        )
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


async def serve(config: Config, clock: Clock, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `say` is given the lines for standard output.

    Raises:
        ConfigError: a telephone, the trunk or the greeting cannot be used.
        InstallationError: the port, the SIP line or the data directory cannot be used.
        StorageError: the database cannot be used.
    """
    _check_telephony(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async with contextlib.AsyncExitStack() as stack:
        if not is_shared(config):
            lock = ServeLock(config)
            lock.take()
            stack.callback(lock.release)
        listener = stack.enter_context(_listen(config))  # a taken port leaves no database behind
        address = _address(listener)
        public_url = config.public_url or address
        store = await open_store(config)
        stack.push_async_callback(store.close)
        workspace = await first_workspace(store, clock)
        admin_key = await first_admin_key(store, clock, workspace.id, config.data)
        await store.run(
            # Who runs the line says who is on it; other processes on a shared database do not.
            lambda tx: directory.configure(
                tx,
                workspace.id,
                config.users,
                config.numbers,
                config.region,
                alone=bool(config.sip_listen),
            )
        )
        policy = AddressPolicy(config.allow_networks)
        dispatcher = await _dispatcher(config, store, clock, policy, stack)
        recoveries = Recoveries(store, clock)
        stack.push_async_callback(recoveries.stop)
        recoveries.kick()

        link_key = await recording_key(store)

        def link(recording: str) -> str:
            expires = clock.now() // 1000 + int(config.recording_link_days * 86_400)
            return public_url + sign_path(link_key, recording, expires)

        switchboard = Switchboard(store, clock, workspace.id, config.region, link)
        await switchboard.load()
        left = await switchboard.open_calls(SIP)
        line = await _sip_line(config, switchboard, clock, stack)
        # What an earlier run left and the line knows nothing of any more (its journal is gone, or it is off now).
        await switchboard.close_orphans(SIP, await switchboard.open_calls(SIP) - left)
        limits = Limits() if config.rate_limits else Limits(read_per_second=None, write_per_second=None)
        api = build(
            Services(
                store=store,
                clock=clock,
                policy=policy,
                dispatcher=dispatcher,
                region=config.region,
                data_dir=config.data,
                public_url=public_url,
                recording_key=link_key,
                telephony=lambda: {"sip": line.state.value} if line else {},
                limits=limits,
            )
        )
        http = _Http(api)
        serving = asyncio.create_task(http.serve(sockets=[listener]))
        tidying = asyncio.create_task(_tidy(store, clock, recoveries))
        await http.listening.wait()
        if admin_key is not None:
            say(f"admin key {admin_key} (shown this once; also in {config.data / ADMIN_KEY_FILE})")
        say(f"ready {address}")
        log.info("Switchhook %s serves %s from %s", __version__, public_url, config.data)

        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, serving], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        log.info("stopping")
        http.should_exit = True
        tidying.cancel()
        # Side by side: each may take seconds, and all of it together ten.
        await asyncio.gather(serving, line.stop() if line else _nothing())


def _check_telephony(config: Config) -> None:
    """Refuse what no call could use, before any of it is stored: what is stored outlives the file it came from.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    try:
        name = "users"
        for address in [address for user in config.users for address in user.sip]:
            parse_uri(address)
        name = "sip_trunk"
        if config.sip_trunk:
            parse_uri(f"sip:{config.sip_trunk}")
        name = "sip_greeting"
        if config.sip_greeting:
            read_wav(Path(config.sip_greeting))
    except (ValueError, OSError) as error:
        raise ConfigError(f"{config.sources[name]}: {error}") from None


async def _dispatcher(
    config: Config, store: Store, clock: Clock, policy: AddressPolicy, stack: contextlib.AsyncExitStack
) -> Dispatcher:
    """The dispatcher, at work; `stack` stops it."""
    sender = Client(clock, policy, SystemResolver(clock))
    stack.push_async_callback(sender.aclose)
    settings = Settings(schedule=config.retry_schedule, timeout=config.delivery_timeout)
    dispatcher = Dispatcher(store, clock, sender, policy, settings)
    await dispatcher.start()
    stack.push_async_callback(dispatcher.stop, STOP_GRACE)
    return dispatcher


async def _nothing() -> None:
    """What is there to stop when there is no line."""


async def _sip_line(
    config: Config, switchboard: Switchboard, clock: Clock, stack: contextlib.AsyncExitStack
) -> SipLine | None:
    """The SIP line of the configuration, open; None when it is off. `stack` stops it."""
    if not config.sip_listen:
        return None
    known = switchboard.directory
    settings = SipConfig(
        listen=config.sip_listen,
        allow=tuple(str(network) for network in config.sip_allow),
        rtp_ports="-".join(map(str, config.sip_rtp_ports)),
        users=tuple(address for user in known.users for address in user.sip),
        numbers=tuple(number.number for number in known.numbers),
        record=config.sip_record,
        trust_identity=config.sip_trust_identity,
        number_header=config.sip_number_header,
        username=config.sip_username,
        password=config.sip_password,
        max_calls=config.sip_max_calls,
        max_seconds=config.sip_max_seconds,
    )
    ways = routing.Routing(
        trunk=config.sip_trunk,
        greeting=config.sip_greeting or None,
        voicemail_seconds=config.sip_voicemail_seconds,
    )

    async def route(offered: Offered) -> RingPlan:
        return routing.plan(offered, switchboard.directory, ways)

    line = SipLine(settings, switchboard.report, route, clock, config.data)
    try:
        await line.start()
    except (LineError, ValueError) as error:
        raise InstallationError(f"the SIP line cannot be opened: {error}") from None
    stack.push_async_callback(line.stop)
    return line


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except (OSError, socket.gaierror) as error:
        listener.close()
        raise InstallationError(
            f"cannot serve on {config.host}:{config.port}: {error.strerror}; name another one with --port"
        ) from None
    listener.setblocking(False)
    return listener


def _address(listener: socket.socket) -> str:
    """The URL under which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _tidy(store: Store, clock: Clock, recoveries: Recoveries) -> None:
    """Remove what nobody can ask for any more, a little at a time; go on with recoveries that a lost process left."""
    while True:
        await clock.sleep(HOUSEKEEPING)
        recoveries.kick()
        try:
            await store.run(lambda tx: answers.forget_old_answers(tx, clock.now()))
            while await store.run(lambda tx: endpoints.forget_deleted(tx, HOUSEKEEPING_ROWS)):
                await clock.sleep(0.05)
        except Exception:
            log.exception("tidying up failed; it is tried again")

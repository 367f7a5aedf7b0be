"""The composition root: the only place that knows everybody.

    store ── dispatcher ── sender
      │          ▲ commits
      ├── api (uvicorn)
      └── switchboard ◀── SIP line

Started from the bottom up and stopped from the top down, so that nobody speaks to somebody who has gone.
"""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Callable
from pathlib import Path

from switchhook import __version__
from switchhook.api.app import build
from switchhook.api.services import Limits, Services, Written
from switchhook.api.traced import Traced
from switchhook.clock import Clock
from switchhook.delivery import operational
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.dispatcher import Dispatcher
from switchhook.delivery.handover import Handover
from switchhook.delivery.recovery import Recoveries
from switchhook.delivery.retention import Retention
from switchhook.delivery.sending import Settings
from switchhook.delivery.traces import AttemptTraces
from switchhook.media.links import sign_path
from switchhook.serving.archive import Archive
from switchhook.serving.archiving import archive
from switchhook.serving.asterisk import asterisk_line, telephones
from switchhook.serving.following import follow
from switchhook.serving.freeswitch import freeswitch_line
from switchhook.serving.installation import (
    ServeLock,
    first_admin_key,
    first_workspace,
    open_store,
    recording_key,
)
from switchhook.serving.line import Line, check_telephony, sip_line
from switchhook.serving.listening import address_of, finish, first, listen, served, together
from switchhook.serving.ordering import Ordering
from switchhook.serving.outside import client
from switchhook.serving.rounds import Rounds, publish, tidy
from switchhook.serving.seat import Seat
from switchhook.serving.server import HttpServer
from switchhook.serving.standing import Standing
from switchhook.serving.texts import Texting, texting
from switchhook.serving.traces import tracing
from switchhook.serving.transcript_settings import engine_of
from switchhook.serving.transcripts import Transcripts, transcribing
from switchhook.serving.twilio import calling
from switchhook.settings.config import (
    ADMIN_KEY_FILE,
    API,
    DISPATCH,
    Config,
    database_path,
    is_shared,
)
from switchhook.settings.members import NUMBER
from switchhook.settings.shown import shown
from switchhook.settings.transcripts import OFF
from switchhook.storage.sealing import seal_all
from switchhook.storage.store import SharedStore, Store
from switchhook.workspace import directory
from switchhook.workspace.mirror import Mirror
from switchhook.workspace.switchboard import Switchboard

log = logging.getLogger(__name__)

STOP_GRACE = 1.0  # seconds that attempts under way get when we stop
COLLECT_AFTER = 20_000  # new objects


async def serve(config: Config, clock: Clock, say: Callable[[str], None], seat: Seat | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `say` is given the lines for standard output.

    With a `seat` this process is one of several workers: connections, and the sign to stop, come from its parent.

    Raises:
        ConfigError: a telephone, the trunk or the greeting cannot be used.
        InstallationError: the port, the SIP line or the data directory cannot be used.
        StorageError: the database cannot be used.
    """
    check_telephony(config)
    stop = _asked_to_stop()
    async with contextlib.AsyncExitStack() as stack:
        if not is_shared(config):
            _lock(config, stack)
        # A taken port leaves no database behind.
        listeners = [] if seat else [stack.enter_context(listen(config))]
        address = seat.address if seat else address_of(listeners[0])
        public_url = config.public_url or address
        store = await _store(config, stack)
        traces = tracing(config, store, clock, stack)
        if seat and isinstance(store, SharedStore):
            store.on_joined(seat.joined)
        workspace = await first_workspace(store, clock)
        admin_key = await first_admin_key(store, clock, workspace.id, config.data)
        await store.run(
            lambda tx: directory.configure(tx, workspace.id, config.users, config.numbers, config.region)
        )
        policy = AddressPolicy(config.allow_networks)
        dispatcher = await _dispatcher(config, store, clock, policy, stack)
        recoveries, texts, figures = _chores(
            config, store, clock, dispatcher, stack, policy=policy, workspace=workspace.id
        )
        recordings = _archive(config, store, clock, stack)

        link_key = await recording_key(store)

        def link(recording: str) -> str:
            expires = clock.now() // 1000 + int(config.recording_link_days * 86_400)
            return public_url + sign_path(link_key, recording, expires)

        switchboard = Switchboard(
            store,
            clock,
            workspace.id,
            config.region,
            link,
            telephones=telephones(config),
            transcripts=None if engine_of(config) == OFF else config.transcripts_wait,
        )
        voice, twilio_line = calling(config, store, switchboard, clock, policy=policy, workspace=workspace.id)
        lines = [
            sip_line(config, store, switchboard, clock, workspace.id),
            asterisk_line(config, store, switchboard, clock),
            twilio_line,
            freeswitch_line(config, store, switchboard, clock, policy=policy, workspace=workspace.id),
        ]
        transcripts = await _open(lines, transcribing(config, store, clock, switchboard), stack)
        orders = Ordering(store, clock, switchboard, lines[0], trunk=bool(config.sip_trunk))
        standing = Standing(clock, *lines, texts)
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
                objects=recordings.objects,
                serves_api=API in config.role,
                worker=str(seat.number) if seat else "",
                others=seat.others if seat else dict,
                chores=lambda: {**figures(), **recordings.snapshot(), **transcripts.snapshot(), **traces()},
                telephony=standing.told,
                telephony_since=standing.since,
                texts=texts.texts,
                orders=_started(orders, stack),
                twilio=texts.twilio,
                twilio_voice=voice,
                disks=_disks(config),
                settings=shown(config),
                written=_written(config, workspace.id),
                limits=_limits(config),
            )
        )
        traced = api if store.traces is None else Traced(api, store.traces)
        http = HttpServer(
            traced, clock, public_url, config.max_connections, config.max_connections_per_client
        )
        serving = await stack.enter_async_context(served(http, listeners, config))
        stack.callback(api.close)
        rounds = _rounds(
            store, clock, stack, recoveries=recoveries, switchboard=switchboard, standing=standing
        )
        if seat:
            seat.begin(http.take, dispatcher.bury, stop.set)
            stack.callback(seat.leave)
            rounds.begin("telling the other workers", lambda: publish(api, seat, clock))
        _collect_seldom()
        _greet(config, say, admin_key, address, public_url)
        await first(stop.wait(), serving)
        log.info("stopping")
        api.close()
        rounds.stop()
        # Side by side: each may take seconds, and all of it together ten.
        await together(finish(http, serving), *(line.stop() for line in lines))
        serving.result()


def _rounds(
    store: Store,
    clock: Clock,
    stack: contextlib.AsyncExitStack,
    *,
    recoveries: Recoveries,
    switchboard: Switchboard,
    standing: Standing,
) -> Rounds:
    """What is done again and again; `stack` ends it."""
    rounds = Rounds(clock)
    stack.callback(rounds.stop)
    rounds.begin("tidying up", lambda: tidy(store, clock, recoveries))
    rounds.begin("reading who has which number", lambda: follow(switchboard, clock))
    rounds.begin("looking at the lines", standing.watch)
    return rounds


async def _store(config: Config, stack: contextlib.AsyncExitStack) -> Store:
    """The store of `config`; `stack` closes it."""
    store = await open_store(config)
    stack.push_async_callback(store.close)
    await seal_all(store)
    store.on_committed(operational.log_happened)
    return store


def _greet(
    config: Config, say: Callable[[str], None], admin_key: str | None, address: str, public_url: str
) -> None:
    if admin_key is not None:
        say(f"admin key {admin_key} (shown this once; also in {config.data / ADMIN_KEY_FILE})")
    say(f"ready {address}")
    log.info("Switchhook %s serves %s from %s", __version__, public_url, config.data)


def _lock(config: Config, stack: contextlib.AsyncExitStack) -> None:
    """Be the one that serves from the file of `config`; `stack` lets it go."""
    lock = ServeLock(config)
    lock.take()
    stack.callback(lock.release)


async def _open(lines: list[Line], made: Transcripts, stack: contextlib.AsyncExitStack) -> Transcripts:
    """Open the lines, one after the other, and begin to transcribe what they record; `stack` closes all."""
    for line in lines:
        stack.push_async_callback(line.stop)
        await line.start()
    stack.push_async_callback(made.stop)
    await made.start()
    return made


def _started(ordering: Ordering, stack: contextlib.AsyncExitStack) -> Ordering:
    """What takes orders for the SIP line, at work; `stack` stops it."""
    stack.push_async_callback(ordering.stop)
    ordering.start()
    return ordering


def _written(config: Config, workspace: str) -> Written:
    """What the settings say of users and numbers."""
    numbers = {directory.spell(one.number, one.type or NUMBER, config.region): one for one in config.numbers}
    return Written(workspace, frozenset(one.email for one in config.users), numbers)


def _limits(config: Config) -> Limits:
    free = config.min_free_mb * 1_000_000
    if config.rate_limits:
        return Limits(free_bytes=free)
    return Limits(read_per_second=None, write_per_second=None, free_bytes=free)


def _disks(config: Config) -> dict[str, Path]:
    """The directories that grow."""
    if is_shared(config):
        return {"recordings": config.data}
    database = database_path(config).resolve().parent
    return (
        {"database": database}
        if database == config.data.resolve()
        else {"database": database, "recordings": config.data}
    )


def _asked_to_stop() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _dispatcher(
    config: Config, store: Store, clock: Clock, policy: AddressPolicy, stack: contextlib.AsyncExitStack
) -> Dispatcher | Handover:
    """The dispatcher, at work, or what stands for it in a process that delivers nothing; `stack` stops it."""
    if DISPATCH not in config.role and isinstance(store, SharedStore):
        handover = Handover(store, clock)
        stack.push_async_callback(handover.stop)
        await handover.start()
        return handover
    sender = client(config, clock, policy)
    stack.push_async_callback(sender.aclose)
    settings = Settings(
        schedule=config.retry_schedule,
        timeout=config.delivery_timeout,
        traces=None if store.traces is None else AttemptTraces(store.traces),
    )
    dispatcher = Dispatcher(store, clock, sender, policy, settings)
    stack.push_async_callback(dispatcher.stop, STOP_GRACE)  # also what could not start leaves the others
    await dispatcher.start()
    return dispatcher


def _chores(
    config: Config,
    store: Store,
    clock: Clock,
    dispatcher: Dispatcher | Handover,
    stack: contextlib.AsyncExitStack,
    *,
    policy: AddressPolicy,
    workspace: str,
) -> tuple[Recoveries, Texting, Callable[[], dict[str, float]]]:
    """What is done in the background, at work, and the figures of it; `stack` stops it."""
    recoveries = Recoveries(store, clock)
    stack.push_async_callback(recoveries.stop)
    recoveries.kick()
    retention = Retention(store, clock, config.retention)
    stack.push_async_callback(retention.stop)
    retention.start()

    def deliveries() -> float:
        told = dispatcher.snapshot()
        return told.get("deliveries_queued", 0) + told.get("deliveries_in_flight", 0)

    mirror = Mirror(store, clock, config.region, deliveries)
    stack.push_async_callback(mirror.stop)
    mirror.start()
    texts = texting(config, store, clock, policy, workspace)
    stack.push_async_callback(texts.stop)
    texts.start()
    return recoveries, texts, lambda: {**retention.snapshot(), **mirror.snapshot(), **texts.snapshot()}


def _archive(config: Config, store: Store, clock: Clock, stack: contextlib.AsyncExitStack) -> Archive:
    """What looks after recordings, at work; `stack` stops it."""
    made = archive(config, store, clock)
    stack.push_async_callback(made.stop)
    made.start()
    return made


def _collect_seldom() -> None:
    """Have the collector of cycles run less often, and not look again at what is there for good.

    Events that wait in memory are no cycles; by default every seven hundred new objects have it look through them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)

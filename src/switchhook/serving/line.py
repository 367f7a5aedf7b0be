"""A line of telephones: open in one process of a store, whatever number of them is told to run it.

    take ──▶ ours: who is on it is configured · it opens · calls that nobody knows any more are ended
      ▲  └─▶ another's: stand by, ask again every two seconds
      └───── lost, because this process was taken over: it closes, its calls end

In a shared store a row says which process has the line, for as long as that process is in force. Whatever the line
reports is refused in the same transaction when the row names another one: who was cut off and taken over can neither
report nor end a call, and a process that lives keeps its calls.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec

from switchhook.clock import Clock
from switchhook.media.speech import SpeechError, find_speaker, speak
from switchhook.media.tones import read_wav
from switchhook.serving.installation import InstallationError
from switchhook.serving.line_settings import line_settings
from switchhook.serving.transcript_settings import check_transcripts
from switchhook.settings import parsers
from switchhook.settings.config import TELEPHONY, Config, ConfigError
from switchhook.settings.line import check_line, files_of, menus_of, texts_of
from switchhook.settings.recordings import check_recordings
from switchhook.settings.texts import check_texts
from switchhook.settings.traces import check_traces
from switchhook.settings.twilio import check_voice
from switchhook.storage import processes
from switchhook.storage.store import SharedStore, StorageError, Store, Transaction
from switchhook.telephony.sip import routing
from switchhook.telephony.sip.address import parse_uri
from switchhook.telephony.sip.edge.transport import server_context
from switchhook.telephony.sip.plan import RingPlan, Taping, TransferPlan
from switchhook.telephony.sip.supervisor import LineError, SipLine
from switchhook.workspace import directory
from switchhook.workspace.calls import Limits
from switchhook.workspace.e164 import normalise
from switchhook.workspace.facts import AnyFact, Offered, TransferAsked
from switchhook.workspace.switchboard import Ask, Fence, Switchboard

log = logging.getLogger(__name__)

SIP = "sip"  # what the line calls itself in its facts
LOOK_SECONDS = 2.0  # between two looks at who has the line
STANDBY = "standby"


class Telephones(Protocol):
    """What is opened and closed: a `SipLine`."""

    @property
    def state(self) -> str:
        """How it is."""

    async def start(self) -> None:
        """Open it."""

    async def stop(self) -> None:
        """End all calls and close it."""


OnFact = Callable[[AnyFact], Awaitable[None]]


class Line:
    """Has the line, or stands by for it.

    `open_line` makes a line that reports to what it is given; None when the line is off. A process that does not run
    telephones (`runs` is false) leaves the line and its calls alone. `name` is what the line calls itself in its facts,
    `title` what it is called in messages. A line that `keeps` its calls finds out by itself which of an earlier run are
    over; those of one that is off are ended all the same.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        switchboard: Switchboard,
        configure: Callable[[], Awaitable[None]],
        open_line: Callable[[OnFact], Telephones] | None,
        *,
        runs: bool = True,
        name: str = SIP,
        title: str = "the SIP line",
        keeps: bool = False,
    ) -> None:
        self._runs = runs
        self._name = name
        self._title = title
        self._keeps = keeps
        self._store = store
        self._clock = clock
        self._switchboard = switchboard
        self._configure = configure
        self._open_line = open_line
        self._line: Telephones | None = None
        self._held_as = 0
        self._left: frozenset[str] = (
            frozenset()
        )  # calls of an earlier run, which the line may know nothing of
        self._task: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()
        self._looking = asyncio.Lock()

    def status(self) -> dict[str, str]:
        """What the line says of itself; nothing when it is off."""
        if self._open_line is None or not self._runs:
            return {}
        said = {self._name: str(self._line.state) if self._line is not None else STANDBY}
        if isinstance(self._line, SipLine) and (last := self._line.last) is not None:
            front = last.health
            said |= {"sip_telephones": str(front.registered), "sip_banned": str(front.banned)}
            said |= {"sip_trunk": front.trunk} if front.trunk else {}
        return said

    async def start(self) -> None:
        """Take the line and open it, or stand by. With the line off, only what an earlier one left is ended.

        Raises:
            InstallationError: it is ours, and cannot be opened.
            StorageError: the store cannot be used.
        """
        if not self._runs:
            return
        if isinstance(self._store, SharedStore):
            self._store.on_joined(lambda _: self._joined.set())
        other = await self._take()
        if other is None:
            await self._open()
        elif self._open_line is not None:
            log.warning("%s is open in %s; this process stands by for it", self._title, other)
        if self._open_line is None:
            await self._let_go()
        elif isinstance(self._store, SharedStore):
            self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Close the line, and let another process have it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._close()
        try:
            await self._let_go()
        except StorageError as error:
            log.warning("%s is free for others only when this process is gone: %s", self._title, error)

    @property
    def telephones(self) -> Telephones | None:
        """What is open here; None in a process that stands by, and when the line is off."""
        return self._line

    async def need(self, tx: Transaction) -> None:
        """See that the line is this process's, also when `tx` is committed.

        Raises:
            LineLost: it is not.
        """
        await self._fence(tx)

    async def report(self, fact: AnyFact, also: Fence | None = None) -> None:
        """Take in what happened on the line, together with what else is to be one with it; see `Switchboard.report`."""

        async def fence(tx: Transaction) -> None:
            await self._fence(tx)
            if also is not None:
                await also(tx)

        await self._switchboard.report(fact, fence)

    async def sweep(self, ask: Ask, limits: Limits) -> int:
        """Complete the calls of the line whose end does not come; see `Switchboard.sweep`."""
        return await self._switchboard.sweep(self._name, ask, limits, self._fence)

    async def open_calls(self) -> frozenset[str]:
        """The calls of the line that have not ended; see `Switchboard.open_calls`."""
        return await self._switchboard.open_calls(self._name)

    async def look(self) -> None:
        """See whether the line is still ours, or now.

        Raises:
            InstallationError: it is ours now, and cannot be opened; another may have it.
            StorageError: the store cannot be used.
        """
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        if (
            self._line is not None
            and isinstance(self._store, SharedStore)
            and self._held_as == self._store.process
        ):
            await self._close_orphans()
            return
        other = await self._take()
        if other is None and self._line is None:
            log.warning("%s was free; it is opened here", self._title)
            try:
                await self._open()
            except InstallationError:
                await self._let_go()
                raise
        elif other is not None and self._line is not None:
            log.error("%s is open in %s now; it is closed here", self._title, other)
            await self._close()

    async def _watch(self) -> None:
        while True:
            pause = asyncio.ensure_future(self._clock.sleep(LOOK_SECONDS))
            joined = asyncio.ensure_future(self._joined.wait())
            try:
                await asyncio.wait([pause, joined], return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                joined.cancel()
            self._joined.clear()
            try:
                await self.look()
            except (InstallationError, StorageError) as error:
                log.error("%s has to wait: %s", self._title, error)
            except Exception:
                log.exception("looking after %s failed; it is tried again", self._title)

    async def _take(self) -> str | None:
        """None when the line is ours, else who has it."""
        store = self._store
        if not isinstance(store, SharedStore):
            return None
        process = store.process
        other = await store.run(lambda tx: processes.take_line(tx, self._name))
        if other is None:
            self._held_as = process
        return other

    async def _let_go(self) -> None:
        held, self._held_as = self._held_as, 0
        if held:
            await self._store.run(lambda tx: processes.leave_line(tx, self._name))

    async def _open(self) -> None:
        switchboard = self._switchboard
        if self._open_line is not None:
            await self._configure()
        await switchboard.load()
        self._left = frozenset()
        if not (self._keeps and self._open_line is not None):
            self._left = await switchboard.open_calls(self._name)
        if self._open_line is not None:
            line = self._open_line(self.report)
            try:
                await line.start()
            except (LineError, ValueError) as error:
                raise InstallationError(f"{self._title} cannot be opened: {error}") from None
            self._line = line
        await self._close_orphans()

    async def _close_orphans(self) -> None:
        """End what an earlier run left and the line knows nothing of (its journal is gone, or it is off now)."""
        switchboard = self._switchboard
        if self._left:
            alive = await switchboard.open_calls(self._name) - self._left
            await switchboard.close_orphans(self._name, alive, self._fence)
            self._left = frozenset()

    async def _close(self) -> None:
        line, self._line, self._left = self._line, None, frozenset()
        if line is not None:
            await line.stop()

    async def _fence(self, tx: Transaction) -> None:
        if tx.shared:
            await processes.need_line(tx, self._name)


def check_telephony(config: Config) -> None:
    """Refuse what no call could use, before any of it is stored: what is stored outlives the file it came from.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    check_texts(config)
    check_transcripts(config)
    check_voice(config)
    check_recordings(config)
    check_traces(config)
    try:
        name = "users"
        for address in [address for user in config.users for address in user.sip]:
            parse_uri(address)
        name = "sip_trunk"
        if config.sip_trunk:
            parse_uri(f"sip:{config.sip_trunk}")
        if config.sip_trunk_register and not config.sip_trunk:
            name = "sip_trunk_register"
            raise ValueError("there is no sip_trunk to register at")
        name = "sip_listen_tls"
        if config.sip_listen_tls and not config.sip_tls_cert:
            raise ValueError("wants sip_tls_cert, the file of its certificate")
        name = "sip_tls_cert"
        if config.sip_tls_cert:
            server_context(config.sip_tls_cert, config.sip_tls_key)
        name = "sip_greeting"
        if config.sip_greeting:
            read_wav(Path(config.sip_greeting))
        name = "sip_speak"
        if config.sip_speak:
            find_speaker(config.sip_speak)
        name = "agents"
        for agent in config.agents:
            parse_uri(agent.uri)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{config.sources[name]}: {parsers.why(error)}") from None
    check_line(config, lambda number: normalise(number, config.region))
    for file, where in files_of(config).items():
        try:
            read_wav(Path(file))
        except (ValueError, OSError) as error:
            raise ConfigError(f"{where}: {parsers.why(error)}") from None


def _say_all(config: Config) -> None:
    """Have every text said that is not yet.

    Raises:
        InstallationError: with where it stands, and why it cannot be said.
    """
    folder = config.data.resolve() / "sip" / "spoken"
    for text, where in texts_of(config).items():
        try:
            speak(folder, config.sip_speak, text)
        except (SpeechError, OSError) as error:
            raise InstallationError(f"{where}: {error}") from None


def ways(config: Config) -> routing.Routing:
    """What the settings say of the ways of calls."""
    return routing.Routing(
        trunk=config.sip_trunk,
        host=config.sip_listen.rpartition(":")[0],
        greeting=config.sip_greeting or None,
        voicemail_seconds=config.sip_voicemail_seconds,
        block=config.sip_block,
        consent=config.sip_consent,
        rules={normalise(number.number, config.region): number for number in config.numbers},
        menus={name: menu for name, (menu, _) in menus_of(config).items()},
        agents={agent.name: agent for agent in config.agents},
        extensions={user.extension: user.email for user in config.users if user.extension},
        speak=config.sip_speak,
        spoken=config.data.resolve() / "sip" / "spoken",
    )


def sip_line(config: Config, store: Store, switchboard: Switchboard, clock: Clock, workspace: str) -> Line:
    """The SIP line of the configuration, not started."""

    async def configure() -> None:
        # Who has the line says who is on it; nobody else does.
        await store.run(
            lambda tx: directory.configure(
                tx, workspace, config.users, config.numbers, config.region, alone=True
            )
        )
        await asyncio.to_thread(_say_all, config)

    def open_line(on_fact: OnFact) -> SipLine:
        settings = line_settings(config, switchboard.directory)
        rules = ways(config)

        async def report(fact: AnyFact) -> None:
            if isinstance(fact, Offered) and routing.blocked(fact, switchboard.directory, rules):
                fact = msgspec.structs.replace(fact, blocked=True)
            await on_fact(fact)

        async def route(offered: Offered) -> RingPlan:
            known = await switchboard.find(offered.source, offered.call) if config.agents else None
            return routing.plan(offered, switchboard.directory, rules, known.id if known else "")

        def tapes(offered: Offered) -> Taping:
            return routing.taping(offered, switchboard.directory, rules)

        async def transfer(asked: TransferAsked) -> TransferPlan:
            known = await switchboard.find(asked.source, asked.call) if config.agents else None
            return routing.passing(asked, switchboard.directory, rules, known.id if known else "")

        return SipLine(settings, report, route, clock, config.data, transfer=transfer, tapes=tapes)

    maker = open_line if config.sip_listen else None
    return Line(store, clock, switchboard, configure, maker, runs=TELEPHONY in config.role)

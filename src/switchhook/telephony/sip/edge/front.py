"""The stack with the front before it: what the worker runs as its `Backend`.

outside ──▶ Transports ──▶ Proxy ──▶ the stack's own socket, which hears nobody but us
                             │
          Doorman, Registrar, Watch: who may, who is where, who is banned; TrunkAccount: we at the trunk
"""

import logging
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

import msgspec

from switchhook.clock import Clock, SystemClock, Timer
from switchhook.telephony.sip.address import parse_uri
from switchhook.telephony.sip.backend import EMPTY, AnyPlan, BackendError, Health, Listener
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.edge.account import REGISTERED, REGISTERING, TrunkAccount
from switchhook.telephony.sip.edge.digest import Guard
from switchhook.telephony.sip.edge.doorman import REALM, Doorman
from switchhook.telephony.sip.edge.ends import Ends
from switchhook.telephony.sip.edge.flows import UDP, Flow
from switchhook.telephony.sip.edge.outside import LEG, USER, flow_of, spread
from switchhook.telephony.sip.edge.proxy import Proxy
from switchhook.telephony.sip.edge.registrar import Binding, Registrar, load, save
from switchhook.telephony.sip.edge.relay import Ports, Relay
from switchhook.telephony.sip.edge.transport import Transports, server_context
from switchhook.telephony.sip.edge.watch import Watch
from switchhook.telephony.sip.gate import attach
from switchhook.telephony.sip.stack import BaresipBackend

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0
TICK_SECONDS = 0.5
PING_SECONDS = 25.0  # less than any NAT forgets a way in
RESOLVE_SECONDS = 60.0
INNER_PORTS = (32_768, 60_999)
"""UDP ports of which the stack takes its own for sound; nobody outside is told of them."""


class FrontedBackend(BaresipBackend):
    """See `backend.Backend`: baresip, and before it sockets that face the network."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock or SystemClock()
        self._tokens: dict[int, str] = {}
        self._handles: dict[str, int] = {}
        self._timers: dict[str, Timer] = {}
        self._ends = Ends(self._clock)
        self._saved = 0
        self._file: Path | None = None
        self._watch = Watch()
        self._trunk_said = ""

    async def open(self, config: SipConfig, listener: Listener) -> None:
        """See `backend.Backend.open`."""
        self._config = config
        self._file = Path(config.bindings) if config.bindings else None
        key = secrets.token_bytes(32)
        host, port = config.address()
        self._registrar = Registrar(iter(lambda: secrets.token_hex(6), ""), self._load())
        self._registrar.keep(config.known)
        guard = Guard(key, REALM, config.known)
        self._doorman = Doorman(config, guard, self._registrar, self._watch, self._clock)
        self._proxy = Proxy(config, self._doorman, self, self._clock, key)
        self._transports = Transports(
            self._clock,
            outside=self._heard,
            inside=self._proxy.from_inside,
            unsent=self._proxy.unsent,
            lost=self._lost,
            hears=self._doorman.hears,
        )
        # The password is for the trunk alone, and the ports for sound are ours.
        stack = msgspec.structs.replace(config, password="", rtp_ports=f"{INNER_PORTS[0]}-{INNER_PORTS[1]}")
        first, _, last = config.rtp_ports.partition("-")
        self._ports = Ports(host, int(first), int(last)), Ports(host, *INNER_PORTS)
        self._proxy.rewriting.relay = self._relay
        try:
            self._proxy.rewriting.inside = await self._transports.open_inside(host)
            self._proxy.rewriting.stack = await self._start(
                stack, listener, (host, 0), (IPv4Network(host),), exposed=(LEG, USER)
            )
            if config.trunk:
                await self._call_trunk_by(config, self._proxy.rewriting.inside)
            self._transports.stack_is(self._proxy.rewriting.stack)
            tls = server_context(config.tls_cert, config.tls_key) if config.listen_tls else None
            self._udp = await self._transports.open_udp((host, port))
            if config.listen_tcp:
                await self._transports.open_stream(config.address("listen_tcp"), None)
            if config.listen_tls:
                await self._transports.open_stream(config.address("listen_tls"), tls)
        except OSError as error:
            raise BackendError(
                f"cannot open the SIP line on {host}:{port}: {getattr(error, 'strerror', None) or error}"
            ) from error
        await self._find_trunk()
        if config.trunk_register:
            self._proxy.account = self._account_at_trunk(config)
            self._every(TICK_SECONDS, "tick", self._tick)
        self._every(SWEEP_SECONDS, "sweep", self._sweep)
        self._every(PING_SECONDS, "ping", self._ping)

    async def shut(self) -> None:
        """See `backend.Backend.shut`."""
        for timer in self._timers.values():
            timer.cancel()
        self._ends.close()
        await super().shut()
        await self._transports.close()

    # ------------------------------------------------------------ what the line wants

    async def dial(self, uri: str, identity: str | None, headers: Mapping[str, str] = EMPTY) -> int:
        """See `backend.Backend.dial`."""
        token = secrets.token_hex(8)
        try:
            called = parse_uri(uri).user or "telephone"
        except ValueError as error:
            raise BackendError(f"cannot dial {uri!r}: {error}") from error
        host, port = self._proxy.rewriting.inside
        self._proxy.expect(token, uri)
        try:
            place = f"{host}:{port}"
            if self._is_trunk(uri):  # asked for by its own name, since a password is proven for that
                place = "{0.host}:{0.port}".format(flow_of(uri))
            handle = await super().dial(f"sip:{called}@{place}", identity, {**headers, LEG: token})
        except BackendError:
            self._proxy.closed(token)
            raise
        self._tokens[handle], self._handles[token] = token, handle
        return handle

    def _is_trunk(self, uri: str) -> bool:
        trunk = self._config.trunk
        if not trunk:
            return False
        there, asked = flow_of(f"sip:{trunk}"), flow_of(uri)
        return (there.host, there.port) == (asked.host, asked.port)

    async def drop(self, handle: int, status: int = 486) -> None:
        """See `backend.Backend.drop`."""
        token = self._tokens.get(handle, "")
        self._proxy.refuse(token, status)
        if self._proxy.up(token):
            self._ends.ask((token, "ours"), partial(self._hang_up, handle))
        else:
            await super().drop(handle)

    def _hang_up(self, handle: int) -> bool:
        self._spawn(super().drop(handle))
        return handle in self._calls

    def ring(self, handle: int) -> None:
        """See `backend.Backend.ring`."""
        self._proxy.ring(self._tokens.get(handle, ""))

    def spread(self, plan: AnyPlan) -> AnyPlan:
        """See `backend.Backend.spread`."""
        found: AnyPlan = spread(plan, self._registrar, self._clock.now())
        return found

    def health(self) -> Health:
        """See `backend.Backend.health`."""
        registered = len(self._registrar.all(self._clock.now()))
        account = self._proxy.account
        trunk = account.state if account is not None else ""
        return Health(registered, self._watch.count(self._clock.monotonic()), trunk)

    # ------------------------------------------------------------ what the stack says

    def _arrived(self, handle: int, headers: Mapping[str, str]) -> None:
        token = headers.get(LEG, "")
        self._tokens[handle], self._handles[token] = token, handle
        self._proxy.taken(token)

    def _gone(self, handle: int) -> None:
        token = self._tokens.pop(handle, "")
        self._handles.pop(token, None)
        self._proxy.closed(token)
        self._ends.over((token, "ours"))
        self._ends.over((token, "theirs"))

    # ------------------------------------------------------------ what the proxy wants

    def send(self, flow: Flow, data: bytes) -> None:
        """See `proxy.Wire`."""
        self._transports.send(flow, data)

    def send_inside(self, data: bytes, ending: str = "") -> None:
        """See `proxy.Wire`."""

        def send() -> bool:
            self._transports.send_inside(data)
            return ending in self._handles

        if ending:
            self._ends.ask((ending, "theirs"), send)
        else:
            send()

    def digit(self, token: str, digit: str) -> None:
        """See `proxy.Wire`."""
        handle = self._handles.get(token)
        if handle is not None and self._listener is not None:
            self._listener.on_dtmf(handle, digit)

    def _relay(self, signals: str) -> Relay | None:
        try:
            return Relay(*self._ports, self._clock, signals)
        except OSError as error:
            log.error("SIP: a call has no sound: %s", error)
            return None

    # ------------------------------------------------------------ now and then

    def _heard(self, data: bytes, flow: Flow) -> None:
        try:
            self._proxy.from_outside(data, flow)
        except Exception:
            # A fault of ours: nobody outside shall be able to end the line by it, and it must be found.
            log.exception("a SIP message of %d bytes from %s was not dealt with", len(data), flow.host)
        self._save()

    def _lost(self, flow: Flow) -> None:
        self._registrar.lost(flow)
        account = self._proxy.account
        if account is not None and account.flow.kind == flow.kind and flow.host in self._doorman.trunk:
            account.lost(self._clock.monotonic())

    def _account_at_trunk(self, config: SipConfig) -> TrunkAccount:
        kind = flow_of(f"sip:{config.trunk}").kind
        where = self._proxy.rewriting.contacts[kind]
        transport = "" if kind == UDP else f";transport={kind}"
        contact = f"<sip:{config.username}@{where}{transport}>"
        via = f"SIP/2.0/{kind.upper()} {where}"
        return TrunkAccount(config.trunk, config.username, config.password, contact, via)

    def _tick(self) -> None:
        self._proxy.tick()
        account = self._proxy.account
        if account is not None and account.state != self._trunk_said:
            self._trunk_said = account.state
            well = account.state in {REGISTERED, REGISTERING}
            log.log(logging.INFO if well else logging.WARNING, "SIP: the trunk: %s", account.state)

    def _sweep(self) -> None:
        self._proxy.sweep()
        self._transports.sweep()

    def _ping(self) -> None:
        for one in self._registrar.all(self._clock.now()):
            self._transports.ping(one.flow)

    def _every(self, seconds: float, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            work()
            self._every(seconds, name, work)

        self._timers[name] = self._clock.call_later(seconds, run)

    async def _find_trunk(self) -> None:
        """Learn the trunk's addresses, now and again every minute."""
        config = self._config
        if config.trunk:
            found = await self._transports.resolve(parse_uri(f"sip:{config.trunk}").host)
            if found:
                self._doorman.trunk_is(frozenset(found))
            else:
                log.warning("SIP: the trunk %s has no address", config.trunk)

            def again() -> None:
                self._transports.spawn(self._find_trunk())

            self._timers["trunk"] = self._clock.call_later(RESOLVE_SECONDS, again)
        if not config.known:  # then strangers have no business here, and the kernel can keep them away
            trunk = [IPv4Network(address) for address in self._doorman.trunk]
            with suppress(OSError):  # the doorman looks at everybody's address all the same
                attach(self._udp, [*config.networks(), *trunk])

    # ------------------------------------------------------------ over a restart

    def _load(self) -> list[Binding]:
        if self._file is None:
            return []
        try:
            return load(self._file.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            log.warning("SIP: the registrations of before cannot be read: %s", error)
            return []

    def _save(self) -> None:
        if self._file is None or self._registrar.changes == self._saved:
            return
        self._saved = self._registrar.changes
        bindings = self._registrar.all(self._clock.now())
        part = self._file.with_suffix(".part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(save(bindings))
            os.replace(part, self._file)
        except OSError as error:
            log.warning("SIP: the registrations cannot be kept: %s", error)

"""The SIP stack: baresip behind our `Backend`. The only module of the line that imports it.

What is known of version 0.5.2a3 and relied upon here:

* One runtime for each process; when its thread dies it cannot be restarted. Hence the worker process.
* It sends 180 by itself; it absorbs retransmitted INVITEs; a refusal of ours is always 486.
* Events arrive on the loop, also before the `dial` that caused them has returned: they are kept until then.
* About 100 ms after an answer it may renegotiate, and the first read or write afterwards fails once.
* A leg's final text begins with the SIP status if there was one. Nothing else is read from such texts.
* It answers a REFER with 202 and says 100 by itself. That a transfer failed it says as we tell it; that one came about
  it says only when a call that it dialled for it is answered. So we dial such a call ourselves: to this very stack.
"""

import asyncio
import logging
import re
import secrets
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import baresip
from baresip import Account, BaresipError, Config, Event, Runtime, UserAgent

from switchhook.telephony.sip.address import DIVERTED, parse_header, parse_uri, read_refer_to
from switchhook.telephony.sip.backend import EMPTY, AnyPlan, BackendError, Health, Invite, Listener, Referral
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.gate import guard, ports
from switchhook.telephony.sip.sound import SETTINGS, SRTP, stack_codecs
from switchhook.workspace.collecting import CALL_HEADER

log = logging.getLogger(__name__)

_SAFE = re.compile(r"[^\x00-\x1f\x7f]*").fullmatch  # a value that stays in its header
_READ = 16_000  # bytes: a second; after a standstill all at once, else its end would count as late
_AGREE_SECONDS = 2.0  # how long the call to ourselves may take
_TX_LIMIT = 3200  # bytes waiting to be sent beyond which the line would lag behind


class BaresipBackend:
    """See `backend.Backend`."""

    # The packet filter guards the one UDP socket, so that nothing else may listen.
    _speaks = "sip_transports udp\n"

    def __init__(self) -> None:
        self._runtime = Runtime(watchdog_interval=10.0)
        self._agent: UserAgent | None = None
        self._trunk_agent: UserAgent | None = None
        self._listener: Listener | None = None
        self._host, self._port = "", 0
        self._calls: dict[int, baresip.Call] = {}
        self._dialling = 0
        self._early: dict[int, list[Any]] = {}
        self._fingers: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._words: set[str] = set()  # whom we call when we call ourselves
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, config: SipConfig, listener: Listener) -> None:
        """See `backend.Backend.open`."""
        await self._start(config, listener, config.address(), config.networks(), (CALL_HEADER,))

    async def _start(
        self,
        config: SipConfig,
        listener: Listener,
        address: tuple[str, int],
        networks: Sequence[IPv4Network],
        exposed: tuple[str, ...] = (),
    ) -> tuple[str, int]:
        """Open the stack at `address` (port 0: any) for `networks`; returns where it is.

        Raises:
            BackendError: it cannot be opened.
        """
        host, port = address
        self._host, self._listener = host, listener
        wanted = ("To", "From", "Contact", "P-Asserted-Identity", *DIVERTED, config.number_header, *exposed)
        settings = Config(
            net_interface=host,
            max_concurrent_calls=None,  # we count calls ourselves, and legs are not calls
            expose_headers=tuple(dict.fromkeys(wanted)),
            native_log_level="error",
            extra_config_text=(
                f"sip_listen {host}:{port}\n{self._speaks}rtp_ports {config.rtp_ports}\n{SETTINGS}"
            ),
        )
        account = self._account(config)
        try:
            self._runtime.on_dead = listener.on_dead
            before = ports(host)
            await self._runtime.start(settings)
            port = port or next(iter(ports(host) - before), 0)
            self._port = port
            guard((host, port), networks)
            self._runtime.subscribe(self._on_event)
            self._agent = await UserAgent.create(self._runtime, account, transfer_policy="manual")
        except (BaresipError, OSError) as error:
            raise BackendError(
                f"cannot open the SIP line on {host}:{port}: {getattr(error, 'strerror', None) or error}"
            ) from error
        return host, port

    def _is_trunk(self, uri: str) -> bool:
        """Whether it is for the agent who calls the trunk to call that address."""
        return False

    async def _call_trunk_by(self, config: SipConfig, front: tuple[str, int]) -> None:
        """Have one more agent, who alone knows the password for the trunk, and whose calls go to `front`.

        Raises:
            BackendError: the stack did not take it.
        """
        way = f'outbound="sip:{front[0]}:{front[1]};lr"'
        account = Account(
            config.username,
            self._host,
            config.password,
            reg_interval=0,
            audio_codecs=stack_codecs(config.codecs),
            extra_params=(way, *SRTP[config.srtp]),
        )
        try:
            self._trunk_agent = await UserAgent.create(self._runtime, account, transfer_policy="manual")
        except BaresipError as error:
            raise BackendError(f"cannot call the trunk: {error}") from error

    def _account(self, config: SipConfig) -> Account:
        return Account(
            config.username,
            self._host,
            config.password,
            reg_interval=0,
            audio_codecs=stack_codecs(config.codecs),
            extra_params=("catchall=yes", *SRTP[config.srtp]),  # any number may be called
        )

    async def dial(self, uri: str, identity: str | None, headers: Mapping[str, str] = EMPTY) -> int:
        """See `backend.Backend.dial`."""
        assert self._agent is not None
        # What the other side says of itself goes into a header of ours only if it cannot be anything but a number.
        shown = identity is not None and re.fullmatch(r"[A-Za-z0-9+*#._-]{1,64}", identity) is not None
        sent = {name: value for name, value in headers.items() if _SAFE(value)}
        if shown:
            sent["P-Asserted-Identity"] = f"<sip:{identity}@{self._host}>"
        self._dialling += 1
        try:
            parse_uri(uri)
            agent = self._trunk_agent if self._trunk_agent and self._is_trunk(uri) else self._agent
            call = await agent.dial(uri, headers=sent)
        except (BaresipError, ValueError) as error:
            raise BackendError(f"cannot dial {uri!r}: {error}") from error
        finally:
            self._dialling -= 1
        self._calls[call.handle] = call
        self._listen(call)
        if not self._dialling:  # what is left belongs to calls that could not be dialled
            self._early = {h: events for h, events in self._early.items() if h in self._calls}
        if call.handle in self._early:
            # Handed on after the caller of this has learnt the handle; until then, later ones queue up behind.
            asyncio.get_running_loop().call_soon(self._hand_on, call.handle)
        handle: int = call.handle
        return handle

    async def answer(self, handle: int) -> None:
        """See `backend.Backend.answer`."""
        call = self._calls.get(handle)
        if call is not None:
            try:
                await call.answer()
            except BaresipError as error:  # it was cancelled at this moment; `on_closed` says so
                log.info("sip answer came too late: %s", error)

    async def drop(self, handle: int, status: int = 486) -> None:
        """See `backend.Backend.drop`."""
        call = self._calls.get(handle)
        if call is not None:
            try:
                await call.hangup()
            except BaresipError as error:
                log.info("sip hang-up came too late: %s", error)

    def ring(self, handle: int) -> None:
        """See `backend.Backend.ring`. The stack has said so already."""

    def spread(self, plan: AnyPlan) -> AnyPlan:
        """See `backend.Backend.spread`. Nobody registers here."""
        return plan

    def health(self) -> Health:
        """See `backend.Backend.health`."""
        return Health()

    def _arrived(self, handle: int, headers: Mapping[str, str]) -> None:
        """A call has come in, of which the listener is told next."""

    def _gone(self, handle: int) -> None:
        """A leg has ended, of which the listener is told next."""

    async def press(self, handle: int, digit: str) -> None:
        """See `backend.Backend.press`."""
        call = self._calls.get(handle)
        if call is None:
            return
        async with self._fingers[handle]:
            try:
                await call.send_dtmf(digit)
            except (BaresipError, ValueError) as error:
                log.info("sip key %r was not pressed: %s", digit, error)

    async def agree(self, handle: int) -> None:
        """See `backend.Backend.agree`."""
        call = self._calls.get(handle)
        if call is None or call.transfer_request is None:
            return
        word = secrets.token_hex(16)
        self._words.add(word)
        call._transfer_request = replace(call.transfer_request, raw=f"sip:{word}@{self._host}:{self._port}")
        try:
            ourselves = await call.accept_transfer()
            await ourselves.wait_established(_AGREE_SECONDS)
            await ourselves.hangup()
        except (BaresipError, TimeoutError) as error:
            log.info("a telephone was not told of its transfer: %s", error)
        finally:
            self._words.discard(word)

    async def refuse(self, handle: int, status: int) -> None:
        """See `backend.Backend.refuse`."""
        call = self._calls.get(handle)
        if call is not None:
            try:
                await call.reject_transfer(status)
            except BaresipError as error:
                log.info("a telephone was not told that its transfer failed: %s", error)

    # ------------------------------------------------------------ what a telephone does

    async def hold(self, handle: int, held: bool) -> None:
        """Put the other side on hold, or take it off. Of telephones, not of the line.

        Raises:
            BackendError: it cannot be done now; a moment later it may.
        """
        try:
            await (self._calls[handle].hold() if held else self._calls[handle].resume())
        except (BaresipError, KeyError) as error:
            raise BackendError(f"cannot hold: {error}") from error

    async def refer(self, handle: int, target: str | int, seconds: float = 60.0) -> None:
        """Ask the other side to call an address instead of us, or to be connected with the other side of another leg.

        Returns when it was done and our legs have ended. Of telephones, not of the line.

        Raises:
            BackendError: it was refused or has failed; our legs go on.
        """
        try:
            if isinstance(target, int):
                await self._calls[handle].attended_transfer(self._calls[target], timeout=seconds)
            else:
                await self._calls[handle].transfer(target, timeout=seconds)
        except (BaresipError, KeyError) as error:
            raise BackendError(f"not transferred: {error}") from error

    # ------------------------------------------------------------ sound

    def read(self, handle: int) -> bytes:
        """See `backend.Backend.read`."""
        call = self._calls.get(handle)
        if call is None:
            return b""
        try:
            heard: bytes = call.audio.read(_READ)
        except BaresipError:  # not yet, no more, or renegotiated: the next read binds anew
            return b""
        return heard

    def write(self, handle: int, pcm: bytes) -> None:
        """See `backend.Backend.write`."""
        call = self._calls.get(handle)
        if call is None or not pcm:
            return
        try:
            if call.audio.stats().tx_buffered > _TX_LIMIT:
                call.audio.flush_tx()  # the two ends' clocks drift: rather lose 200 ms once than lag for ever
            call.audio.write(pcm)
        except BaresipError:
            return

    async def shut(self) -> None:
        """See `backend.Backend.shut`."""
        self._listener = None
        try:
            await self._runtime.close()
        except BaresipError as error:
            log.warning("the SIP stack did not close: %s", error)

    # ------------------------------------------------------------ events

    def _on_event(self, event: Any) -> None:
        listener = self._listener
        if listener is None or not event.call:
            return
        handle = event.call
        if event.event is Event.CALL_INCOMING:
            self._early.pop(handle, None)  # it was said to be there before; while we dialled, that was kept
            call = baresip.Call._from_incoming(self._runtime, event)
            called = parse_header(event.headers.get("To"))
            if called is not None and called.user in self._words:
                self._spawn(call.answer())
                return
            self._calls[handle] = call
            self._listen(call)
            self._arrived(handle, event.headers)
            listener.on_invite(Invite(handle, event.call_id or f"handle-{handle:x}", dict(event.headers)))
        elif handle in self._early or (handle not in self._calls and self._dialling):
            self._early.setdefault(handle, []).append(event)
        elif handle not in self._calls:
            return
        elif event.event in {Event.CALL_RINGING, Event.CALL_PROGRESS}:
            listener.on_ringing(handle)
        elif event.event is Event.CALL_ESTABLISHED:
            listener.on_established(handle)
        elif event.event in {Event.CALL_HOLD, Event.CALL_RESUME}:
            listener.on_hold(handle, event.event is Event.CALL_HOLD)
        elif event.event is Event.CALL_TRANSFER:
            listener.on_referred(handle, self._referral(event.text or ""))
        elif event.event is Event.CALL_CLOSED:
            call = self._calls.pop(handle)
            self._fingers.pop(handle, None)
            self._gone(handle)
            # It unsubscribes itself when it sees this event; one born too late to see it would listen for ever.
            asyncio.get_running_loop().call_soon(_forget, self._runtime, call)
            listener.on_closed(handle, status_of(event.text))

    def _listen(self, call: baresip.Call) -> None:
        handle: int = call.handle

        def heard(key: Any) -> None:
            if self._listener is not None and handle in self._calls:
                self._listener.on_dtmf(handle, key.digit)

        call.on_dtmf(heard)

    def _referral(self, refer_to: str) -> Referral:
        target, replaced = read_refer_to(refer_to)
        if replaced is None:
            return Referral(target)
        named = (handle for handle, call in self._calls.items() if call.call_id == replaced)
        return Referral(target, replaces=True, instead=next(named, None))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("sip call to ourselves: %s", error)

    def _hand_on(self, handle: int) -> None:
        for event in self._early.pop(handle, []):
            self._on_event(event)


def _forget(runtime: Runtime, call: baresip.Call) -> None:
    if call._on_stack_event in runtime._listeners:
        runtime.unsubscribe(call._on_stack_event)


def status_of(text: str | None) -> int | None:
    """The SIP status with which a closing text begins (`486 Busy Here`), None when it begins otherwise."""
    head, _, _ = (text or "").partition(" ")
    return (
        int(head) if len(head) == 3 and head.isascii() and head.isdigit() and "300" <= head < "700" else None
    )

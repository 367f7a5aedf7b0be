"""A telephone that registers: baresip as the scripted telephone of `phone` has it. No part of the line."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from baresip import Account, BaresipError

from switchhook.telephony.sip.backend import BackendError, Listener
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.sound import SRTP, stack_codecs
from switchhook.telephony.sip.stack import BaresipBackend

_SECONDS = 20.0


@dataclass(frozen=True)
class Registration:
    """Where a telephone registers, `HOST:PORT`, how it gets there and by which password."""

    registrar: str
    password: str
    transport: Literal["udp", "tcp", "tls"] = "udp"
    authorities: str = ""  # a file of certificates, for TLS; none: whoever answers is believed
    seconds: int = 60


class RegisteringBackend(BaresipBackend):
    """See `backend.Backend`; it is open once it has registered."""

    def __init__(self, registration: Registration) -> None:
        super().__init__()
        self._registration = registration
        transports = dict.fromkeys(("udp", registration.transport))
        verify = "sip_verify_server no\n"
        if registration.authorities:
            verify = f"sip_cafile {registration.authorities}\nsip_verify_server yes\n"
        self._speaks = f"sip_transports {','.join(transports)}\n{verify}"

    def _account(self, config: SipConfig) -> Account:
        there = self._registration
        return Account(
            config.username,
            there.registrar,
            there.password,
            reg_interval=there.seconds,
            transport=there.transport,
            audio_codecs=stack_codecs(config.codecs),
            extra_params=SRTP[config.srtp],
        )

    async def open(self, config: SipConfig, listener: Listener) -> None:
        """See `backend.Backend.open`."""
        await super().open(config, listener)
        assert self._agent is not None
        try:
            await asyncio.wait_for(self._agent.register(), _SECONDS)
        except (BaresipError, TimeoutError) as error:
            raise BackendError(f"not registered: {error}") from error

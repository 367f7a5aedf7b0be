"""The texts of the configuration: their carrier, who sends them, and where the carrier posts to."""

from collections.abc import Callable

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http.limits import Limits
from switchhook.serving.outside import client
from switchhook.settings.config import TELEPHONY, Config
from switchhook.settings.smpp import SmppConfig
from switchhook.settings.texts import SMPP, TWILIO
from switchhook.storage.store import Store
from switchhook.telephony.smpp.carrier import Settings, Smpp
from switchhook.telephony.smpp.letters import Wire
from switchhook.telephony.smpp.session import Access
from switchhook.telephony.twilio.door import Door
from switchhook.telephony.twilio.files import MOST, Filer
from switchhook.telephony.twilio.inbound import STATUS_PATH, TwilioHooks
from switchhook.telephony.twilio.messages import BODY_KEPT, Account, Twilio
from switchhook.telephony.twilio.rest import Rest
from switchhook.workspace.e164 import normalise
from switchhook.workspace.messaging import Texts
from switchhook.workspace.text_sender import Sender

FILE_LIMITS = Limits(response_bytes=MOST + 256 * 1024, body_kept=BODY_KEPT)


class Texting:
    """What is there for texts. A process that does not run telephones takes texts and sends none."""

    def __init__(
        self,
        texts: Texts,
        twilio: TwilioHooks | None = None,
        sender: Sender | None = None,
        state: Callable[[], str] | None = None,
        filer: Filer | None = None,
    ) -> None:
        self._filer = filer
        self.texts = texts
        self.twilio = twilio
        self._sender = sender
        self._state = state

    def status(self) -> dict[str, str]:
        """How the connection to the carrier stands, where there is one to be kept; for `/readyz`."""
        return {} if self._state is None or self._sender is None else {"texts": self._state()}

    def start(self) -> None:
        """Begin to send."""
        if self._sender is not None:
            self._sender.start()
        if self._filer is not None:
            self._filer.start()

    async def stop(self) -> None:
        """Stop sending."""
        if self._sender is not None:
            await self._sender.stop()
        if self._filer is not None:
            await self._filer.stop()

    def snapshot(self) -> dict[str, float]:
        """Figures for the metrics page."""
        return {} if self._sender is None else self._sender.snapshot()


def text_account(config: Config) -> Account:
    """The account of Twilio that texts go through."""
    return Account(
        sid=config.texts_twilio_account_sid,
        token=config.texts_twilio_auth_token,
        url=config.texts_twilio_url,
        numbers=tuple(normalise(number, config.region) for number in config.texts_twilio_numbers),
        service=config.texts_twilio_messaging_service_sid,
        rate=config.texts_rate,
    )


def texting(config: Config, store: Store, clock: Clock, policy: AddressPolicy, workspace: str) -> Texting:
    """The texts of the configuration, not started."""
    if config.texts_carrier == SMPP and config.texts_smpp is not None:
        return _smpp(config, config.texts_smpp, store, clock, workspace)
    if config.texts_carrier != TWILIO:
        filer = _filer(config, store, clock, workspace, None)
        return Texting(Texts(store, clock, workspace, config.region), filer=filer)
    account = text_account(config)
    asks = client(config, clock, policy, Limits(body_kept=BODY_KEPT))
    carrier = Twilio(account, asks, policy, config.public_url + STATUS_PATH)
    texts = Texts(store, clock, workspace, config.region, carrier=carrier, sender_ids=config.texts_sender_ids)
    hooks = TwilioHooks(texts, Door(account.sid, account.token, config.public_url, clock))
    sender = Sender(store, clock, texts, carrier) if TELEPHONY in config.role else None
    files = client(config, clock, policy, FILE_LIMITS)
    filer = _filer(config, store, clock, workspace, Rest(account, files, policy))
    return Texting(texts, hooks, sender, filer=filer)


def _filer(config: Config, store: Store, clock: Clock, workspace: str, rest: Rest | None) -> Filer | None:
    return Filer(store, clock, workspace, config.data, rest) if TELEPHONY in config.role else None


def _smpp(config: Config, settings: SmppConfig, store: Store, clock: Clock, workspace: str) -> Texting:
    carrier = Smpp(smpp_settings(config, settings), store, clock)
    texts = Texts(store, clock, workspace, config.region, carrier=carrier, sender_ids=config.texts_sender_ids)
    carrier.serve(texts)
    sender = Sender(store, clock, texts, carrier) if TELEPHONY in config.role else None
    filer = _filer(config, store, clock, workspace, None)
    return Texting(texts, sender=sender, state=lambda: carrier.state, filer=filer)


def smpp_settings(config: Config, settings: SmppConfig) -> Settings:
    """How texts go to the carrier of the configuration."""
    return Settings(
        Access(
            settings.host,
            settings.port,
            settings.system_id,
            config.texts_password or settings.password,
            settings.system_type,
            settings.address_range,
            settings.tls,
        ),
        Wire(settings.alphabet, settings.long),
        rate=config.texts_rate,
        numbers=tuple(normalise(number, config.region) for number in settings.numbers),
        separate=settings.bind == "separate",
        query=settings.query,
        decimal_receipts=settings.decimal_receipts,
    )

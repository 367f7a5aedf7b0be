"""The calls of Twilio of the configuration: where it posts to, and who looks after what it owes."""

from collections.abc import Mapping

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy
from switchhook.serving.line import Line, OnFact
from switchhook.serving.outside import client, outside_line
from switchhook.settings.config import Config
from switchhook.settings.line import menus_of
from switchhook.storage.store import Store
from switchhook.telephony.twilio.door import Door
from switchhook.telephony.twilio.fetching import Shelf
from switchhook.telephony.twilio.keeper import LIMITS, Keeper
from switchhook.telephony.twilio.messages import Account
from switchhook.telephony.twilio.reports import SOURCE
from switchhook.telephony.twilio.rest import FILE_LIMITS, Rest
from switchhook.telephony.twilio.routing import VoiceSettings
from switchhook.telephony.twilio.voice import VoiceHooks
from switchhook.workspace.calls import Limits
from switchhook.workspace.e164 import normalise
from switchhook.workspace.switchboard import Switchboard


def telephones(config: Config) -> Mapping[str, str]:
    """Telephones at Twilio: e-mail addresses of their users by their addresses."""
    found = config.twilio.telephones if config.twilio is not None else {}
    return {address: email for email, addresses in found.items() for address in addresses}


def account(config: Config) -> Account:
    """The account that calls go through."""
    settings = config.twilio
    assert settings is not None
    return Account(
        sid=settings.account_sid or config.texts_twilio_account_sid,
        token=settings.auth_token or config.twilio_auth_token or config.texts_twilio_auth_token,
        url=settings.url or config.texts_twilio_url,
    )


def rest(config: Config, known: Account, clock: Clock, policy: AddressPolicy) -> Rest:
    """The API of an account, to be asked."""
    return Rest(known, client(config, clock, policy, FILE_LIMITS), policy)


def calling(
    config: Config,
    store: Store,
    switchboard: Switchboard,
    clock: Clock,
    *,
    policy: AddressPolicy,
    workspace: str,
) -> tuple[VoiceHooks | None, Line]:
    """Where Twilio posts calls to, and the line that looks after them, not started."""
    settings = config.twilio
    shelf = Shelf(store, switchboard, workspace, clock)

    def open_line(_: OnFact) -> Keeper:
        assert settings is not None
        return Keeper(
            rest(config, account(config), clock, policy),
            shelf,
            switchboard,
            line,
            clock,
            folder=config.data,
            records=settings.record,
            deletes=settings.delete_recordings,
            limits=Limits(settle=settings.settle_seconds, quiet=LIMITS.quiet, lost=settings.lost_seconds),
        )

    opened = open_line if settings is not None else None
    line = outside_line(config, store, switchboard, clock, opened, name=SOURCE, title="the line to Twilio")
    if settings is None:
        return None, line
    known = account(config)
    hooks = VoiceHooks(
        switchboard,
        Door(known.sid, settings.signing_key or known.token, config.public_url, clock),
        VoiceSettings(
            telephones=settings.telephones,
            rules={normalise(one.number, config.region): one for one in config.numbers},
            block=settings.block,
            menus={name: menu for name, (menu, _) in menus_of(config).items()},
            agents={agent.name: agent for agent in config.agents},
            extensions={user.extension: user.email for user in config.users if user.extension},
            record=settings.record,
            greeting=settings.greeting,
            language=settings.language,
            voicemail_seconds=settings.voicemail_seconds,
        ),
        clock,
        shelf.keep,
    )
    return hooks, line

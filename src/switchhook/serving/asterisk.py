"""Phone systems that are watched, each on a line of its own: one process of a store has it, others stand by."""

from collections.abc import Mapping

from switchhook.clock import Clock
from switchhook.serving import freeswitch as switched
from switchhook.serving import twilio as calling
from switchhook.serving.line import Line, OnFact
from switchhook.serving.outside import outside_line
from switchhook.settings.asterisk import AsteriskConfig, address
from switchhook.settings.config import Config
from switchhook.storage.store import Store
from switchhook.telephony.asterisk.ami import AmiSession
from switchhook.telephony.asterisk.ari import AriSession
from switchhook.telephony.asterisk.connector import SOURCE, Connector
from switchhook.telephony.asterisk.names import ADDRESS, Plan
from switchhook.telephony.asterisk.recorder import Recorder
from switchhook.telephony.asterisk.recordings import Recordings
from switchhook.telephony.asterisk.session import Access
from switchhook.workspace.calls import Limits
from switchhook.workspace.switchboard import Switchboard


def telephones(config: Config) -> Mapping[str, str]:
    """Telephones of the phone systems that are watched: e-mail addresses of their users by their addresses."""
    extensions = config.asterisk.extensions if config.asterisk is not None else {}
    found = {ADDRESS.format(name): email for name, email in extensions.items()}
    return {**found, **switched.telephones(config), **calling.telephones(config)}


def asterisk_line(config: Config, store: Store, switchboard: Switchboard, clock: Clock) -> Line:
    """The line to the Asterisk of the configuration, not started."""
    settings = config.asterisk

    def open_line(_: OnFact) -> Connector:
        assert settings is not None
        access = asterisk_access(settings, config.asterisk_secret)
        plan = asterisk_plan(settings)
        session = AriSession if settings.mode == "ari" else AmiSession
        limits = Limits(settle=settings.settle_seconds, lost=settings.lost_seconds)
        recordings = None
        if settings.mode == "ari":
            recordings = Recordings(access, clock, config.data, SOURCE, settle=limits.settle)
        recorder = Recorder(access, clock) if settings.record else None
        return Connector(
            lambda: session(access, clock),
            plan,
            clock,
            line,
            recordings=recordings,
            recorder=recorder,
            limits=limits,
        )

    opened = open_line if settings is not None else None
    line = outside_line(config, store, switchboard, clock, opened, name=SOURCE, title="the line to Asterisk")
    return line


def asterisk_plan(settings: AsteriskConfig) -> Plan:
    """Who is who on the Asterisk of the settings."""
    return Plan(settings.trunks, settings.inbound_contexts, settings.ai, settings.extensions)


def asterisk_access(settings: AsteriskConfig, secret: str) -> Access:
    """Where the Asterisk of the settings is, and who we are to it."""
    host, port = address(settings)
    return Access(
        host,
        port,
        settings.user,
        secret or settings.secret,
        settings.tls,
        settings.challenge,
        settings.app,
        settings.prefix,
    )

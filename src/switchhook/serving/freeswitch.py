"""A FreeSWITCH that is watched, on a line of its own: one process of a store has it, others stand by."""

from collections.abc import Mapping
from pathlib import Path

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy
from switchhook.serving.line import Line, OnFact
from switchhook.serving.outside import client, outside_line
from switchhook.settings.config import Config
from switchhook.settings.freeswitch import FreeswitchConfig
from switchhook.storage.store import Store
from switchhook.telephony.freeswitch.connector import SOURCE, Connector
from switchhook.telephony.freeswitch.esl import EslSession
from switchhook.telephony.freeswitch.names import ADDRESS, Plan
from switchhook.telephony.freeswitch.recordings import LIMITS, Place, Recordings
from switchhook.telephony.freeswitch.session import Access
from switchhook.workspace.switchboard import Switchboard


def telephones(config: Config) -> Mapping[str, str]:
    """Telephones of FreeSWITCH: e-mail addresses of their users by their addresses."""
    extensions = config.freeswitch.extensions if config.freeswitch is not None else {}
    return {ADDRESS.format(name): email for name, email in extensions.items()}


def freeswitch_line(
    config: Config,
    store: Store,
    switchboard: Switchboard,
    clock: Clock,
    *,
    policy: AddressPolicy,
    workspace: str,
) -> Line:
    """The line to the FreeSWITCH of the configuration, not started."""
    settings = config.freeswitch

    def open_line(_: OnFact) -> Connector:
        assert settings is not None
        access = esl_access(config)
        plan = freeswitch_plan(settings)
        recordings = None
        if settings.recordings:
            recordings = Recordings(
                place(settings),
                store,
                workspace,
                clock,
                config.data,
                source=SOURCE,
                client=client(config, clock, policy, LIMITS) if settings.recordings_url else None,
                policy=policy,
            )
        return Connector(lambda: EslSession(access, clock), plan, clock, line, recordings)

    opened = open_line if settings is not None else None
    line = outside_line(
        config, store, switchboard, clock, opened, name=SOURCE, title="the line to FreeSWITCH"
    )
    return line


def esl_access(config: Config) -> Access:
    """Where the FreeSWITCH of the configuration is; there must be one."""
    settings = config.freeswitch
    assert settings is not None
    return Access(
        settings.host, settings.port, config.freeswitch_password or settings.password, settings.user
    )


def freeswitch_plan(settings: FreeswitchConfig) -> Plan:
    """Who is who on a FreeSWITCH."""
    return Plan(settings.trunks, settings.inbound_contexts, settings.ai, settings.extensions)


def place(settings: FreeswitchConfig) -> Place:
    """Where the recordings of a FreeSWITCH are for us."""
    mount = Path(settings.recordings_mount) if settings.recordings_mount else None
    return Place(settings.recordings, mount, settings.recordings_url)

"""What `switchhook doctor` looks at when a FreeSWITCH is watched: the way to it, its clock, who is who, recordings."""

import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import msgspec

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import SystemResolver
from switchhook.delivery.http.dial import default_ssl_context
from switchhook.findings.installation import Finding, reach
from switchhook.serving.freeswitch import esl_access, freeswitch_plan
from switchhook.settings.config import Config
from switchhook.settings.freeswitch import FreeswitchConfig
from switchhook.telephony.freeswitch.esl import EslSession
from switchhook.telephony.freeswitch.events import SUBCLASSES
from switchhook.telephony.freeswitch.happenings import Channel, Everything
from switchhook.telephony.freeswitch.names import Kind, resource
from switchhook.telephony.watching import ConnectionLost, Refused

OLDEST = (1, 8)
APART = 2.0  # seconds that its clock may differ from ours
EXAMPLE = "ClueCon"  # the password that FreeSWITCH comes with
_VERSION = re.compile(r"Version (\d+)\.(\d+)[^ ~]*")


class Looked(msgspec.Struct, frozen=True):
    """What was seen. `version` is as FreeSWITCH writes it, `apart` how many seconds its clock is ahead of ours.

    `unheard` are events of modules that we may not hear.
    """

    version: str
    apart: float | None
    channels: Sequence[Channel] = ()
    unheard: Sequence[str] = ()


async def examine_freeswitch(config: Config, clock: Clock) -> AsyncIterator[Finding]:
    """Look at the FreeSWITCH of the configuration; nothing when there is none. Nothing in it is changed."""
    settings = config.freeswitch
    if settings is None:
        return
    session = EslSession(esl_access(config), clock)
    try:
        await session.open()
        looked = await _look(session, clock)
    except Refused as error:
        yield Finding("FreeSWITCH", "error", str(error), "see docs/freeswitch.md")
    except ConnectionLost as error:
        advice = "look whether it runs, at listen-ip and listen-port there, and the firewalls between"
        yield Finding("FreeSWITCH", "error", str(error), advice)
    else:
        for finding in judged(looked, settings):
            yield finding
    finally:
        await session.close()
    if esl_access(config).password == EXAMPLE:
        advice = "give event_socket.conf.xml one of its own: who knows it rules FreeSWITCH"
        yield Finding("password of FreeSWITCH", "warning", "it is the one that FreeSWITCH comes with", advice)
    if settings.recordings_mount:
        yield mounted(Path(settings.recordings_mount))
    if settings.recordings_url:
        policy = AddressPolicy(config.allow_networks)
        found = await reach(
            settings.recordings_url,
            policy,
            SystemResolver(clock),
            default_ssl_context(),
            clock,
            through_proxy=bool(config.egress_proxy),
        )
        yield msgspec.structs.replace(found, what="recordings of FreeSWITCH")


async def _look(session: EslSession, clock: Clock) -> Looked:
    version = await session.api("version")
    epoch = await session.api("strepoch")
    apart = int(epoch) - clock.now() / 1000 if epoch.isascii() and epoch.isdigit() else None
    listed = next(one for one in await session.catch_up() if isinstance(one, Everything))
    return Looked("" if version.startswith("-") else version, apart, listed.channels, session.unheard)


def judged(looked: Looked, settings: FreeswitchConfig) -> Iterator[Finding]:
    """What is to be said of what was seen. Pure."""
    where = f"{settings.host}:{settings.port}"
    found = _VERSION.search(looked.version)
    if found is not None and (int(found[1]), int(found[2])) < OLDEST:
        advice = f"it has to be {OLDEST[0]}.{OLDEST[1]} or later"
        yield Finding("FreeSWITCH", "error", f"{where} is version {found[0].split()[1]}", advice)
    else:
        version = found[0].split()[1] if found is not None else "not told"
        yield Finding("FreeSWITCH", "ok", f"{where} is reached and tells its events, version {version}")
    if looked.apart is not None and abs(looked.apart) > APART:
        yield Finding(
            "clock of FreeSWITCH",
            "warning",
            f"it is {abs(looked.apart):.0f} s {'ahead' if looked.apart > 0 else 'behind'}",
            "keep both clocks right with NTP: the times of calls are those of FreeSWITCH",
        )
    if looked.unheard:
        yield Finding(
            "events of FreeSWITCH",
            "warning",
            f"it does not tell us of {', '.join(looked.unheard)}",
            f"end esl-allowed-events of the user with CUSTOM {' '.join(SUBCLASSES)}: all does not allow them",
        )
    yield from _channels(looked.channels, settings)


def _channels(channels: Sequence[Channel], settings: FreeswitchConfig) -> Iterator[Finding]:
    """Of the calls that are up: where they came in, and telephones that are nobody's."""
    plan = freeswitch_plan(settings)
    trunks = [one for one in channels if plan.kind(one) is Kind.TRUNK and not one.outbound and one.context]
    seen = sorted({f"{one.gateway or one.profile or one.name} in {one.context}" for one in trunks})
    if trunks and not any(plan.comes_in(one.context) for one in trunks):
        yield Finding(
            "calls of FreeSWITCH",
            "warning",
            f"calls are up from {', '.join(seen)}, none in a context of inbound_contexts",
            "if one of them came in, add its context to inbound_contexts in [freeswitch]",
        )
    elif trunks:
        yield Finding("calls of FreeSWITCH", "ok", f"calls are up from {', '.join(seen)}")
    else:
        yield Finding("calls of FreeSWITCH", "ok", "no call of a trunk is up")
    users = [one for one in channels if plan.kind(one) is Kind.USER]
    nobodys = sorted(
        {one.name for one in users if (one.user or resource(one.name)) not in settings.extensions}
    )
    if nobodys:
        yield Finding(
            "telephones of FreeSWITCH",
            "warning",
            f"calls are up at {', '.join(nobodys)}, which are nobody's",
            "name their users under [freeswitch.extensions], or add them to trunks if they lead outside",
        )


def mounted(folder: Path) -> Finding:
    """Whether recordings can be read where they are said to be mounted."""
    what = "recordings of FreeSWITCH"
    if not folder.is_dir():
        return Finding(what, "error", f"{folder} is not there", "mount it, or change recordings_mount")
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding(what, "error", f"{folder} cannot be read", "let the user that serves read it")
    return Finding(what, "ok", f"{folder} can be read")

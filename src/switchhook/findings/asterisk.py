"""What `switchhook doctor` looks at when an Asterisk is watched: the way to it, its clock, and who is who on it."""

from collections.abc import AsyncIterator, Iterator
from fnmatch import fnmatchcase

from switchhook.clock import Clock
from switchhook.findings.installation import Finding
from switchhook.serving.asterisk import asterisk_access, asterisk_plan
from switchhook.settings.asterisk import AsteriskConfig, address
from switchhook.settings.config import Config
from switchhook.telephony.asterisk.ami import AmiSession
from switchhook.telephony.asterisk.ari import AriSession
from switchhook.telephony.asterisk.names import Kind, Plan, endpoint, resource
from switchhook.telephony.asterisk.session import Looked
from switchhook.telephony.watching import ConnectionLost, Refused

OLDEST = 13
APART = 2.0  # seconds that its clock may differ from ours


async def examine_asterisk(config: Config, clock: Clock) -> AsyncIterator[Finding]:
    """Look at the Asterisk of the configuration; nothing when there is none. Nothing in it is changed."""
    settings = config.asterisk
    if settings is None:
        return
    access = asterisk_access(settings, config.asterisk_secret)
    session = AriSession(access, clock) if settings.mode == "ari" else AmiSession(access, clock)
    host, port = address(settings)
    where = f"{host}:{port} over {settings.mode.upper()}"
    try:
        looked = await session.look()
    except Refused as error:
        yield Finding("Asterisk", "error", str(error), "see docs/asterisk.md")
        return
    except ConnectionLost as error:
        advice = (
            "look whether it runs, at bindaddr and port there, tls on both sides, and the firewalls between"
        )
        yield Finding("Asterisk", "error", str(error), advice)
        return
    finally:
        await session.close()
    for finding in judged(looked, settings, where):
        yield finding


def judged(looked: Looked, settings: AsteriskConfig, where: str) -> Iterator[Finding]:
    """What is to be said of what was seen. Pure."""
    major = looked.version.partition(".")[0]
    if major.isdigit() and int(major) < OLDEST:
        advice = f"it has to be {OLDEST} or later"
        yield Finding("Asterisk", "error", f"{where} is version {looked.version}", advice)
    else:
        yield Finding("Asterisk", "ok", f"{where} is reached, version {looked.version or 'not told'}")
    if looked.apart is not None and abs(looked.apart) > APART:
        yield Finding(
            "clock of Asterisk",
            "warning",
            f"it is {abs(looked.apart):g} s {'ahead' if looked.apart > 0 else 'behind'}",
            "keep both clocks right with NTP: the times of calls are those of Asterisk",
        )
    plan = asterisk_plan(settings)
    if looked.endpoints is not None:
        yield from _endpoints(looked.endpoints, settings)
    yield from _contexts(looked, settings, plan)


def _endpoints(known: tuple[str, ...], settings: AsteriskConfig) -> Iterator[Finding]:
    there = ", ".join(known) or "none"
    absent = [one for one in settings.trunks if not any(_is(name, one) for name in known)]
    if absent:
        yield Finding(
            "trunks of Asterisk",
            "error" if len(absent) == len(settings.trunks) else "warning",
            f"no endpoint is {', '.join(absent)}; there are {there}",
            "write trunks in [asterisk] as the endpoints are called there",
        )
    else:
        trunks = [name for name in known if any(_is(name, one) for one in settings.trunks)]
        yield Finding("trunks of Asterisk", "ok", ", ".join(trunks))
    names = {name.partition("/")[2] for name in known}
    strangers = sorted(set(settings.extensions) - names)
    if strangers:
        yield Finding(
            "telephones of Asterisk",
            "warning",
            f"no endpoint is {', '.join(strangers)}; there are {there}",
            "write extensions in [asterisk] as the endpoints are called there, without technology",
        )


def _contexts(looked: Looked, settings: AsteriskConfig, plan: Plan) -> Iterator[Finding]:
    """Of the calls that are up: where they came in, and telephones that are nobody's."""
    trunks = [one for one in looked.channels if plan.kind(one.name) is Kind.TRUNK and one.context]
    seen = sorted({f"{endpoint(one.name)} in {one.context}" for one in trunks})
    if trunks and not any(plan.comes_in(one.context) for one in trunks):
        yield Finding(
            "calls of Asterisk",
            "warning",
            f"calls are up at {', '.join(seen)}, none in a context of inbound_contexts",
            "if one of them came in, add its context to inbound_contexts in [asterisk]",
        )
    elif trunks:
        yield Finding("calls of Asterisk", "ok", f"calls are up at {', '.join(seen)}")
    else:
        yield Finding("calls of Asterisk", "ok", "no call is up at a trunk")
    users = [one.name for one in looked.channels if plan.kind(one.name) is Kind.USER]
    nobodys = sorted({endpoint(name) for name in users if resource(name) not in settings.extensions})
    if nobodys:
        yield Finding(
            "telephones of Asterisk",
            "warning",
            f"calls are up at {', '.join(nobodys)}, which are nobody's",
            "name their users under [asterisk.extensions], or add them to trunks if they lead outside",
        )


def _is(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name.partition("/")[2], pattern)

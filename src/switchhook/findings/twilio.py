"""What `switchhook doctor` looks at when Twilio carries calls or texts: the account, its numbers, our own address."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from switchhook.clock import Clock, Deadline
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import SystemResolver
from switchhook.delivery.http.resolver import Resolver
from switchhook.findings.installation import SECONDS, Finding
from switchhook.serving.texts import text_account
from switchhook.serving.twilio import account, rest
from switchhook.settings.config import Config
from switchhook.settings.members import NUMBER
from switchhook.settings.texts import TWILIO
from switchhook.telephony.twilio.inbound import MESSAGES_PATH
from switchhook.telephony.twilio.messages import Account
from switchhook.telephony.twilio.rest import Absent, Rest, Unavailable
from switchhook.telephony.twilio.voice import CALLS_PATH, STATUS_PATH
from switchhook.workspace.e164 import normalise


async def examine_twilio(
    config: Config, clock: Clock, resolver: Resolver | None = None
) -> AsyncIterator[Finding]:
    """Look at Twilio's side; nothing when it carries neither calls nor texts."""
    texts = config.texts_carrier == TWILIO
    if config.twilio is None and not texts:
        return
    yield await _own_address(config.public_url, clock, resolver or SystemResolver(clock))
    wanted: dict[Account, dict[str, tuple[str, str]]] = {}
    if config.twilio is not None:
        wanted[account(config)] = {
            "voice_url": ("A call comes in", CALLS_PATH),
            "status_callback": ("Call status changes", STATUS_PATH),
        }
    if texts:
        one = text_account(config)
        same = next((known for known in wanted if known.sid == one.sid), one)
        wanted.setdefault(same, {})["sms_url"] = ("A message comes in", MESSAGES_PATH)
    for known, places in wanted.items():
        asked = rest(config, known, clock, AddressPolicy(config.allow_networks))
        try:
            async for finding in _account(config, known, asked, places):
                yield finding
        finally:
            await asked.aclose()


async def _own_address(public_url: str, clock: Clock, resolver: Resolver) -> Finding:
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    try:
        if not host:
            raise OSError("it is not set")
        async with Deadline(clock, SECONDS):
            found = await resolver.resolve(host)
    except (OSError, TimeoutError) as error:
        return Finding(
            "public_url",
            "error",
            f"{host!r} is not found: {error or 'no answer in time'}",
            "set public_url to the name that Twilio reaches this server at, and put that name into the DNS",
        )
    if parts.scheme != "https":
        return Finding(
            "public_url",
            "warning",
            f"Twilio would reach {host} without TLS",
            "put a proxy with a certificate in front, and write https:// in public_url",
        )
    return Finding("public_url", "ok", f"{host} is {', '.join(map(str, found))}")


async def _account(
    config: Config, known: Account, asked: Rest, places: Mapping[str, tuple[str, str]]
) -> AsyncIterator[Finding]:
    what = f"Twilio account {known.sid}"
    try:
        status = str((await asked.account()).get("status"))
    except (Absent, Unavailable) as error:
        refused = isinstance(error, Absent) or error.refused
        yield Finding(
            what,
            "error" if refused else "warning",
            str(error),
            "see account_sid, auth_token and url in [twilio] or [texts.twilio]"
            if refused
            else "look at the way out of this machine, and at Twilio's status page",
        )
        return
    yield (
        Finding(what, "ok", "it takes the token")
        if status == "active"
        else Finding(what, "error", f"it is {status}", "look at the account in Twilio's console")
    )
    for number in [one for one in config.numbers if (one.type or NUMBER) == NUMBER]:
        spelled = normalise(number.number, config.region)
        try:
            resource = await asked.number(spelled)
        except (Absent, Unavailable) as error:
            yield Finding(f"{spelled} at Twilio", "warning", str(error), "run `switchhook doctor` again")
            return
        yield _number(config, f"{spelled} at Twilio", resource, places)


def _number(
    config: Config, what: str, resource: Mapping[str, Any] | None, places: Mapping[str, tuple[str, str]]
) -> Finding:
    if resource is None:
        if config.sip_listen or config.asterisk is not None:
            return Finding(what, "ok", "it is not there; another line may have it")
        return Finding(what, "warning", "the account has no such number", "see numbers, and the account")
    wrong, fixes = [], []
    for field, (title, path) in places.items():
        url, method = config.public_url + path, str(resource.get(field.replace("url", "method")) or "POST")
        if field == "status_callback":
            method = str(resource.get("status_callback_method") or "POST")
        is_ = str(resource.get(field) or "")
        if is_ != url or method != "POST":
            wrong.append(f"{title!r} is {f'{method} {is_}' if is_ else 'not set'}")
            fixes.append(f"{title!r} to POST {url}")
    if resource.get("voice_application_sid") and "voice_url" in places:
        wrong.append("a TwiML app has its calls")
    if wrong:
        return Finding(
            what, "error", "; ".join(wrong), f"set {', '.join(fixes)}" if fixes else "take the app out there"
        )
    return Finding(what, "ok", "it posts to this server")

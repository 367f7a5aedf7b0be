"""How a call of the stack finds its way out: to a registered telephone, the trunk, or an address. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from switchhook.settings.members import REGISTERED
from switchhook.telephony.sip.address import Address, is_from, parse_uri
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.edge.flows import TCP, TLS, UDP, Flow
from switchhook.telephony.sip.edge.message import parameter
from switchhook.telephony.sip.edge.registrar import Binding, Registrar
from switchhook.telephony.sip.plan import Fetch, Passing, Ring

LEG, USER = "X-Switchhook-Leg", "X-Switchhook-User"
"""Headers between the front and the stack: the call's token, and the user who has proven to be one."""

_LINE = "line"  # parameter of an address of record: which of its telephones


@dataclass(frozen=True)
class Way:
    """Where an INVITE goes: `uri` is what it asks for there. `user` is the telephone of ours that it rings, if any."""

    flow: Flow
    uri: str
    trunk: bool = False
    user: str = ""


@dataclass(frozen=True)
class Unreachable:
    """It goes nowhere, and this is the status that says so."""

    status: int


def registered(user: str) -> str:
    """The address of record of a user who registers, as it is written in the directory."""
    return f"sip:{user}@{REGISTERED}"


def each(binding: Binding) -> str:
    """The address of one telephone of such a user."""
    return f"{registered(binding.user)};{_LINE}={binding.key}"


def find_way(target: str, config: SipConfig, registrar: Registrar, now: int) -> Way | Unreachable:
    """The way to a SIP URI; `now` is wall milliseconds."""
    try:
        place = parse_uri(target)
    except ValueError:
        return Unreachable(404)
    if place.host == REGISTERED:
        key = parameter(target, _LINE)
        found = (
            registrar.find(place.user, key, now) if key else next(iter(registrar.of(place.user, now)), None)
        )
        return Way(found.flow, found.contact, user=target) if found is not None else Unreachable(480)
    if not place.host:
        return Unreachable(404)
    flow = flow_of(target)
    users = [text for text in config.users if _same(parse_uri(text), place)]
    trunk = bool(config.trunk) and flow == flow_of(f"sip:{config.trunk}")
    return Way(flow, target, trunk, "" if trunk else next(iter(users), ""))


def flow_of(uri: str) -> Flow:
    """Where a URI leads by itself (RFC 3263 without the DNS's word on transports).

    Raises:
        ValueError: it is no SIP URI.
    """
    place = parse_uri(uri)
    said = (parameter(uri, "transport") or "").lower()
    kind = TLS if uri.lower().startswith("sips:") or said == TLS else TCP if said == TCP else UDP
    written = re.search(
        r":[0-9]+(?:;|\?|$)", uri.rpartition("@")[2].removeprefix("sip:").removeprefix("sips:")
    )
    return Flow(kind, place.host, place.port if written or kind != TLS else 5061)


def telephone(users: Mapping[str, Address], sender: Address | None, contact: Address | None) -> str:
    """The telephone of `users` that a request with this From and Contact says it is from; empty when none."""
    if sender is None:
        return ""
    found = (
        text for text, place in users.items() if place.host != REGISTERED and is_from(place, sender, contact)
    )
    return next(found, "")


def is_registered(address: str) -> bool:
    """Whether it is the address of record of a user who registers."""
    return parse_uri(address).host == REGISTERED


def spread(plan: Any, registrar: Registrar, now: int) -> Any:
    """The plan with every telephone that has registered in place of its user's address of record.

    Who has registered nowhere is not rung.
    """
    if isinstance(plan, Ring | Fetch | Passing):
        targets: list[str] = []
        for target in plan.targets:
            if is_registered(target) and parameter(target, _LINE) is None:
                targets += [each(one) for one in registrar.of(parse_uri(target).user, now)]
            else:
                targets.append(target)
        plan = msgspec.structs.replace(plan, targets=tuple(targets))
    if isinstance(plan, msgspec.Struct):
        parts = {name: getattr(plan, name) for name in plan.__struct_fields__}
        changed = {name: spread(part, registrar, now) for name, part in parts.items()}
        return msgspec.structs.replace(plan, **changed)
    if isinstance(plan, dict):
        return {name: spread(part, registrar, now) for name, part in plan.items()}
    return plan


def contacts(config: SipConfig) -> dict[str, str]:
    """Where we are for those outside, by the kind of flow."""
    return {
        UDP: config.listen,
        TCP: config.listen_tcp or config.listen,
        TLS: config.listen_tls or f"{config.address()[0]}:5061",
    }


def _same(one: Address, other: Address) -> bool:
    return (one.user, one.host, one.port) == (other.user, other.host, other.port)

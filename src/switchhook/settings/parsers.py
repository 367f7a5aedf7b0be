"""How the values of settings are read: text, TOML or JSON in, a checked value out, or what is allowed."""

import ipaddress
import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from switchhook.delivery.http import Proxy
from switchhook.delivery.schedule import parse_schedule
from switchhook.settings.sources import ConfigError, nearest
from switchhook.storage.vault import Vault

S = TypeVar("S", bound=msgspec.Struct)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def text(value: Any) -> str:
    """Any text, also none."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def word(value: Any) -> str:
    """Text that says something."""
    if not text(value).strip():
        raise ValueError("must not be empty")
    return str(value)


def words(value: Any) -> tuple[str, ...]:
    """A few words."""
    return tuple(word(item).strip() for item in _items(value))


def keys(value: Any) -> str:
    """Two or three keys of a telephone, or none."""
    spelled = text(value)
    if spelled and not (2 <= len(spelled) <= 3 and set(spelled) <= set("0123456789*#")):
        raise ValueError(f"must be two or three keys of a telephone, like *1, not {spelled[:20]!r}")
    return spelled


def folder(value: Any) -> Path:
    """A directory, or a path where one can be made."""
    if isinstance(value, Path):
        return value
    if not text(value).strip():
        raise ValueError("must name a directory; write . for the one you are in")
    return Path(value)


def number(low: float, high: float) -> Callable[[Any], float]:
    """A number within bounds."""

    def parse(value: Any) -> float:
        if isinstance(value, bool):
            raise ValueError(f"must be a number from {low:g} to {high:g}")
        try:
            found = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"must be a number from {low:g} to {high:g}") from None
        if not low <= found <= high:
            raise ValueError(f"must be from {low:g} to {high:g}")
        return found

    return parse


def whole(low: int, high: int) -> Callable[[Any], int]:
    """A whole number within bounds."""

    def parse(value: Any) -> int:
        try:
            if isinstance(value, bool | float):
                raise ValueError
            found = int(value)
        except (TypeError, ValueError):
            raise ValueError(f"must be a whole number from {low} to {high}") from None
        if not low <= found <= high:
            raise ValueError(f"must be from {low} to {high}")
        return found

    return parse


def switch(value: Any) -> bool:
    """On or off, as TOML or as people write it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "yes", "on", "1"):
        return True
    if isinstance(value, str) and value.lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError("must be true or false")


def one_of(*names: str) -> Callable[[Any], str]:
    """One of a few words."""

    def parse(value: Any) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return str(value)

    return parse


def some_of(*names: str) -> Callable[[Any], tuple[str, ...]]:
    """One or more of a few words, or `all` of them; in the order of `names`."""

    def parse(value: Any) -> tuple[str, ...]:
        given = {str(item) for item in _items(value)}
        if not given or not given <= {*names, "all"}:
            raise ValueError(f"must be {', '.join(names)}, several of them with commas between, or all")
        return names if "all" in given else tuple(name for name in names if name in given)

    return parse


def networks(value: Any) -> tuple[Network, ...]:
    """Networks as CIDR; a single address is a network of one."""
    found = []
    for item in _items(value):
        try:
            found.append(ipaddress.ip_network(str(item), strict=False))
        except ValueError:
            raise ValueError(f"{item!r} is not a network; write it like 10.0.0.0/8 or fd00::/8") from None
    return tuple(found)


class Duration(float):
    """Seconds that are written as people write them; infinite is `forever`."""

    def __str__(self) -> str:
        if self == math.inf:
            return "forever"
        unit = next(unit for unit, seconds in _UNITS.items() if self % seconds == 0)
        return f"{int(self // _UNITS[unit])}{unit}"


_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhdw])").fullmatch


def duration(value: Any) -> Duration:
    """A time with its unit, or `forever`."""
    if value == "forever":
        return Duration(math.inf)
    found = _DURATION(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a whole number with s, m, h, d or w, like 90d, or forever")
    return Duration(int(found.group(1)) * _UNITS[found.group(2)])


def schedule(value: Any) -> tuple[float, ...]:
    """A retry schedule; see `switchhook.delivery.schedule`."""
    return parse_schedule(value if isinstance(value, str) else ",".join(map(str, _items(value))))


def ports(value: Any) -> tuple[int, int]:
    """A range of unprivileged ports."""
    first, _, last = str(value).partition("-")
    try:
        low, high = int(first), int(last)
    except ValueError:
        raise ValueError("must be a range of ports like 10000-10999") from None
    if not (1024 <= low < high <= 65_535 and high - low >= 10):
        raise ValueError("must be a range of at least 10 ports from 1024 to 65535, like 10000-10999")
    return low, high


def listen(value: Any) -> str:
    """An address and port to listen on; empty for nowhere."""
    where = text(value)
    if where in ("", "off"):
        return ""
    host, _, port = where.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
        whole(1, 65_535)(port)
    except ValueError:
        raise ValueError("must be an address and port like 127.0.0.1:5060, or off") from None
    return where


def url(value: Any) -> str:
    """The beginning of URLs, without a slash at the end; empty when there is none."""
    start = text(value).rstrip("/")
    if start and not (start.startswith(("http://", "https://")) and start.partition("://")[2]):
        raise ValueError("must be like https://phone.example.com")
    return start


def proxy(value: Any) -> str:
    """A proxy; see `switchhook.delivery.http.proxy`. Empty for none."""
    where = text(value)
    if where:
        Proxy.parse(where)
    return where


def secrets_key(value: Any) -> str:
    """Keys that seal secrets; see `switchhook.storage.vault`. Empty for none."""
    keys = text(value)
    Vault.parse(keys)
    return keys


def region(value: Any) -> str:
    """A country by its two letters."""
    from phonenumbers import SUPPORTED_REGIONS  # only here: its tables take a while to load

    code = text(value).strip().upper()
    if code not in SUPPORTED_REGIONS:
        raise ValueError("must be the two letters of a country, like FR")
    return code


def structs(kind: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """A list of `kind`: tables in the file, JSON elsewhere."""

    def parse(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError("must be a JSON list of objects") from None
        try:
            return msgspec.convert(value, tuple[kind, ...])  # type: ignore[valid-type]
        except msgspec.ValidationError as error:
            names = ", ".join(f.name for f in msgspec.structs.fields(kind))
            raise ValueError(f"{error} (each entry takes: {names})") from None

    return parse


def table(value: Any, kind: type[Any], name: str) -> dict[str, Any] | None:
    """The settings of one `kind`, all of which it knows: a table in the file, a JSON object elsewhere; empty for none.

    `name` is what the table is called.
    """
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("must be a JSON object") from None
    if not isinstance(value, dict):
        raise ValueError("must be a table in the file, or a JSON object")
    known = [field.name for field in msgspec.structs.fields(kind)]
    for given in value:
        if given not in known:
            raise ValueError(f"unknown setting {given!r} of {name}{nearest(str(given), known)}")
    return value


def struct(kind: type[S], found: dict[str, Any]) -> S:
    """A `kind` of what `table` has found."""
    missing = [
        field.name for field in msgspec.structs.fields(kind) if field.required and field.name not in found
    ]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must be given")
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def why(error: Exception) -> str:
    """What is told of a setting that cannot be used, most often because of the file that it names."""
    return f"cannot read {error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)


def known_emails(where: str, extensions: Mapping[str, str], emails: Collection[str]) -> None:
    """Refuse telephones of users that nobody knows; `extensions` are e-mail addresses by telephones.

    Raises:
        ConfigError: with the telephone, and the nearest user.
    """
    for extension, email in extensions.items():
        if email not in emails:
            raise ConfigError(
                f"{where}: extension {extension} is of the unknown user {email!r}{nearest(email, list(emails))}"
            )


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    if isinstance(value, list | tuple):
        return list(value)
    raise ValueError("must be a list, or text with commas between")

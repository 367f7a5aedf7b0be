"""The settings of traces: where spans are sent, and which."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from switchhook.delivery import custom_headers
from switchhook.delivery.address import AddressPolicy, UrlRefused, parse_target
from switchhook.settings import parsers
from switchhook.settings.sources import ConfigError, Option
from switchhook.tracing.otlp import PATH

if TYPE_CHECKING:
    from switchhook.settings.config import Config

ANYWHERE = AddressPolicy((ip_network("0.0.0.0/0"), ip_network("::/0")))
"""A collector is the operator's own choice, and mostly next door."""

_PAIRS = "must be like name=value,name=value, with what is no letter or digit as %2C"


@dataclass(frozen=True)
class TraceSettings:
    """What `Config` holds of them."""

    traces_endpoint: str = field(repr=False)  # may hold a token
    traces_headers: Mapping[str, str] = field(repr=False)
    traces_share: float
    traces_service: str
    traces_attributes: Mapping[str, str]


def _endpoint(value: Any) -> str:
    """Where spans are posted to. One without a path has the path that OTLP names."""
    where = parsers.url(value)
    if not where:
        return ""
    if urlsplit(where).path in ("", "/"):
        where += PATH
    try:
        parse_target(where, ANYWHERE)
    except UrlRefused:
        # Not its own words: they may repeat what is a token.
        raise ValueError(f"must be like http://127.0.0.1:4318{PATH}, without a user, password or #") from None
    return where


def _pairs(value: Any) -> dict[str, str]:
    """Pairs as OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES have them, or a table of the file."""
    if isinstance(value, Mapping):
        if not all(isinstance(one, str) for pair in value.items() for one in pair):
            raise ValueError(_PAIRS)
        return dict(value)
    found = {}
    for item in filter(None, (part.strip() for part in parsers.text(value).split(","))):
        name, given, inner = item.partition("=")
        if not given or not name.strip():
            raise ValueError(_PAIRS)
        found[unquote(name.strip())] = unquote(inner.strip())
    return found


def _headers(value: Any) -> dict[str, str]:
    found = _pairs(value)
    custom_headers.check(found)
    return found


# fmt: off - a table: one line each
TRACE_OPTIONS: tuple[Option, ...] = (
    Option(
        "traces_endpoint",
        _endpoint,
        "",
        "OTLP/HTTP collector that traces are sent to; none without it.",
        "URL",
    ),
    Option(
        "traces_headers",
        _headers,
        {},
        "Headers that the collector wants, with its token say.",
        "NAME=VALUE,…",
    ),
    Option("traces_share", parsers.number(0, 1), 1.0, "Share of the traces that are recorded.", "SHARE"),
    Option("traces_service", parsers.word, "switchhook", "Name of this service in traces.", "NAME"),
    Option("traces_attributes", _pairs, {}, "What else is said of this service in traces.", "NAME=VALUE,…"),
)
# fmt: on


def check_traces(config: "Config") -> None:
    """Refuse settings of traces that do nothing.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    given = [option.name for option in TRACE_OPTIONS if option.name in config.sources]
    if given and not config.traces_endpoint:
        raise ConfigError(
            f"{config.sources[given[0]]}: there are no traces; name a collector with endpoint in [traces]"
        )

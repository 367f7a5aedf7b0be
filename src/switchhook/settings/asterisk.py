"""Settings of the phone systems that are watched: a table each, `[asterisk]`."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from switchhook.settings import parsers
from switchhook.settings.sources import ConfigError, Option, nearest

if TYPE_CHECKING:
    from switchhook.settings.config import Config

PORTS = {"ami": 5038, "ari": 8088}
ARI_TLS_PORT = 8089
_APP = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
ONLY = {
    "challenge": "ami",
    "app": "ari",
    "prefix": "ari",
    "record": "ari",
    "settle_seconds": "ari",
}  # settings of one of the modes


class AsteriskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an Asterisk is, how it is watched, and who is who on it. `port` 0 is the usual one.

    `trunks`, `inbound_contexts` and `ai` are patterns (`*`, `?`); `extensions` are e-mail addresses of users by the
    names of their telephones. `challenge` is of AMI; `app`, the name that is listened under, and `prefix`, that of
    Asterisk's own web server, are of ARI, and so is `record`, whether talks are recorded there by us. After
    `settle_seconds` a call waits no longer for its recording; after `lost_seconds` one ends of which nothing is heard.
    """

    host: str
    user: str
    trunks: tuple[str, ...]
    mode: Literal["ami", "ari"] = "ami"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    tls: bool = False
    challenge: bool = True
    app: str = "switchhook"
    prefix: str = ""
    record: bool = False
    settle_seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 30.0
    lost_seconds: Annotated[float, msgspec.Meta(ge=60, le=604_800)] = 21_600.0
    secret: str = ""
    inbound_contexts: tuple[str, ...] = ()
    ai: tuple[str, ...] = ()
    extensions: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"AsteriskConfig(mode={self.mode!r}, host={self.host!r}, user={self.user!r})"


def asterisk(value: Any) -> AsteriskConfig | None:
    """The settings of an Asterisk: a table in the file, a JSON object elsewhere; empty for none."""
    given = parsers.table(value, AsteriskConfig, "asterisk")
    if given is None:
        return None
    mode = given.get("mode", "ami")
    if mode not in PORTS:
        raise ValueError(f"there is no mode {mode!r}{nearest(str(mode), list(PORTS))}")
    found = parsers.struct(AsteriskConfig, given)
    for name, of in ONLY.items():
        if name in given and mode != of:
            raise ValueError(f"{name} is a setting of mode {of}, and the mode is {mode}")
    if not _APP(found.app):
        raise ValueError("app must be 1 to 64 letters, digits, dots, hyphens or underscores")
    if not found.host or not found.user:
        raise ValueError("host and user must not be empty")
    if not found.trunks:
        raise ValueError('trunks must name at least one endpoint that calls come in by, like ["PJSIP/trunk"]')
    return found


def address(found: AsteriskConfig) -> tuple[str, int]:
    """The host and port to connect to."""
    usual = ARI_TLS_PORT if found.mode == "ari" and found.tls else PORTS[found.mode]
    return found.host, found.port or usual


ASTERISK_OPTIONS = (
    Option(
        "asterisk",
        asterisk,
        None,
        "An Asterisk to watch (a table in the file, JSON elsewhere).",
        "JSON",
    ),
    Option("asterisk_secret", parsers.text, "", "The secret that Asterisk knows us by.", "SECRET"),
)


def check_asterisk(config: "Config", emails: set[str]) -> None:
    """Refuse settings of an Asterisk that do not go together.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    found = config.asterisk
    if found is None:
        return
    where = config.sources["asterisk"]
    if not (found.secret or config.asterisk_secret):
        raise ConfigError(
            f"{where}: there is no secret; give it in SWITCHHOOK_ASTERISK_SECRET, or beside user"
        )
    parsers.known_emails(where, found.extensions, emails)

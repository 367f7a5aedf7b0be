"""Settings of the phone systems that are watched: a table each, `[asterisk]`."""

import json
from typing import Annotated, Any, Literal

import msgspec

from switchhook.sources import nearest

PORTS = {"ami": 5038}


class AsteriskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an Asterisk is, how it is watched, and who is who on it. `port` 0 is the usual one.

    `trunks`, `inbound_contexts` and `ai` are patterns (`*`, `?`); `extensions` are e-mail addresses of users by the
    names of their telephones.
    """

    host: str
    user: str
    trunks: tuple[str, ...]
    mode: Literal["ami"] = "ami"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    tls: bool = False
    challenge: bool = True
    secret: str = ""
    inbound_contexts: tuple[str, ...] = ()
    ai: tuple[str, ...] = ()
    extensions: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"AsteriskConfig(mode={self.mode!r}, host={self.host!r}, user={self.user!r})"


def asterisk(value: Any) -> AsteriskConfig | None:
    """The settings of an Asterisk: a table in the file, a JSON object elsewhere; empty for none."""
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("must be a JSON object") from None
    if not isinstance(value, dict):
        raise ValueError("must be a table in the file, or a JSON object")
    names = [field.name for field in msgspec.structs.fields(AsteriskConfig)]
    for name in value:
        if name not in names:
            raise ValueError(f"unknown setting {name!r} of asterisk{nearest(str(name), names)}")
    mode = value.get("mode", "ami")
    if mode not in PORTS:
        raise ValueError(f"there is no mode {mode!r}{nearest(str(mode), list(PORTS))}")
    try:
        found = msgspec.convert(value, AsteriskConfig)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if not found.host or not found.user:
        raise ValueError("host and user must not be empty")
    if not found.trunks:
        raise ValueError('trunks must name at least one endpoint that calls come in by, like ["PJSIP/trunk"]')
    return found


def address(found: AsteriskConfig) -> tuple[str, int]:
    """The host and port to connect to."""
    return found.host, found.port or PORTS[found.mode]

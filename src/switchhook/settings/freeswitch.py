"""Settings of a FreeSWITCH that is watched: the table `[freeswitch]`."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from switchhook.settings import parsers
from switchhook.settings.sources import ConfigError, Option

if TYPE_CHECKING:
    from switchhook.settings.config import Config

PORT = 8021


class FreeswitchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a FreeSWITCH is, and who is who on it.

    `user` is `name@domain` of its directory; empty for the password of the event socket itself. `trunks`,
    `inbound_contexts` and `ai` are patterns (`*`, `?`); `extensions` are e-mail addresses of users by the users of the
    directory whose telephones they have. Files in its directory `recordings` are in `recordings_mount` here, or below
    `recordings_url`.
    """

    host: str
    trunks: tuple[str, ...]
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = PORT
    user: str = ""
    password: str = ""
    inbound_contexts: tuple[str, ...] = ()
    ai: tuple[str, ...] = ()
    extensions: dict[str, str] = {}
    recordings: str = ""
    recordings_mount: str = ""
    recordings_url: str = ""

    def __repr__(self) -> str:
        return f"FreeswitchConfig(host={self.host!r}, user={self.user!r})"


def freeswitch(value: Any) -> FreeswitchConfig | None:
    """The settings of a FreeSWITCH: a table in the file, a JSON object elsewhere; empty for none."""
    given = parsers.table(value, FreeswitchConfig, "freeswitch")
    if given is None:
        return None
    found = parsers.struct(FreeswitchConfig, given)
    if not found.host:
        raise ValueError("host must not be empty")
    if not any(found.trunks):
        raise ValueError('trunks must name at least one gateway or SIP profile, like ["external"]')
    if found.user and "@" not in found.user:
        raise ValueError("user must be name@domain, or empty for the password of the event socket")
    if any(not one.isprintable() for one in (found.user, found.password)):
        raise ValueError("user and password must be of one line")
    _check_recordings(found)
    return found


def _check_recordings(found: FreeswitchConfig) -> None:
    ways = [way for way in (found.recordings_mount, found.recordings_url) if way]
    if not found.recordings:
        if ways:
            raise ValueError("recordings must name the directory of FreeSWITCH that its recordings are in")
        return
    if not found.recordings.startswith("/") or ".." in found.recordings.split("/"):
        raise ValueError(
            "recordings must be a directory on FreeSWITCH's machine, like /var/lib/freeswitch/recordings"
        )
    if len(ways) != 1:
        raise ValueError(
            "recordings needs either recordings_mount or recordings_url, to say where they are for us"
        )
    if found.recordings_mount and not found.recordings_mount.startswith("/"):
        raise ValueError("recordings_mount must be a directory of this machine, with its whole path")
    if found.recordings_url:
        parsers.url(found.recordings_url)


FREESWITCH_OPTIONS = (
    Option(
        "freeswitch", freeswitch, None, "A FreeSWITCH to watch (a table in the file, JSON elsewhere).", "JSON"
    ),
    Option("freeswitch_password", parsers.text, "", "The password of its event socket.", "SECRET"),
)


def check_freeswitch(config: "Config", emails: set[str]) -> None:
    """Refuse settings of a FreeSWITCH that do not go together.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    found = config.freeswitch
    if found is None:
        return
    where = config.sources["freeswitch"]
    if not (found.password or config.freeswitch_password):
        raise ConfigError(
            f"{where}: there is no password; give it in SWITCHHOOK_FREESWITCH_PASSWORD, or beside host"
        )
    parsers.known_emails(where, found.extensions, emails)

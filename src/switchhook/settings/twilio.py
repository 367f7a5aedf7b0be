"""The settings of calls through Twilio: the table `[twilio]`."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from switchhook.settings import parsers
from switchhook.settings.lists import check_pattern
from switchhook.settings.sources import ConfigError, Option, nearest

if TYPE_CHECKING:
    from switchhook.settings.config import Config

SCHEMES = ("sip:", "sips:", "client:")


class TwilioConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How calls of Twilio are handled.

    What is empty of `account_sid`, `auth_token` and `url` is as in `[texts.twilio]`; requests are signed with
    `signing_key`, or else with the token. `telephones` are those of users by e-mail address; `block` is who may call no
    number. After `settle_seconds` a call waits no longer for its recording; after `lost_seconds` one ends that Twilio
    knows nothing of.
    """

    account_sid: str = ""
    auth_token: str = ""
    url: str = ""
    signing_key: str = ""
    telephones: dict[str, tuple[str, ...]] = {}
    block: tuple[str, ...] = ()
    record: bool = True
    delete_recordings: bool = False
    greeting: str = ""
    language: str = ""
    voicemail_seconds: Annotated[float, msgspec.Meta(ge=1, le=3_600)] = 120.0
    settle_seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 24.0
    lost_seconds: Annotated[float, msgspec.Meta(ge=60, le=604_800)] = 21_600.0

    def __repr__(self) -> str:
        return f"TwilioConfig(account_sid={self.account_sid!r})"


def twilio(value: Any) -> TwilioConfig | None:
    """The settings of calls: a table in the file, a JSON object elsewhere; empty for none."""
    given = parsers.table(value, TwilioConfig, "twilio")
    if given is None:
        return None
    found = parsers.struct(TwilioConfig, given)
    for entry in found.block:
        check_pattern(entry)
    for email, addresses in found.telephones.items():
        for address in addresses:
            if not address.startswith(SCHEMES) and not (address[:1] == "+" and address[1:].isdigit()):
                raise ValueError(
                    f"{address!r} of {email} is no telephone; write sip:NAME@HOST, client:NAME or a number with +"
                )
    return msgspec.structs.replace(found, url=parsers.url(found.url))


# fmt: off - a table: one line each
VOICE_OPTIONS: tuple[Option, ...] = (
    Option("twilio", twilio, None, "Calls through Twilio (a table in the file, JSON elsewhere).", "JSON"),
    Option("twilio_auth_token", parsers.text, "", "Auth token of Twilio for calls.", "SECRET"),
)
# fmt: on


def check_voice(config: "Config") -> None:
    """Refuse settings of calls that do nothing, or are too few.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    settings = config.twilio
    if settings is None:
        if config.twilio_auth_token:
            raise ConfigError(
                f"{config.sources['twilio_auth_token']}: there are no calls of Twilio; write a section [twilio] as well"
            )
        return
    where = config.sources["twilio"]
    needed = {
        "account_sid": settings.account_sid or config.texts_twilio_account_sid,
        "auth_token, or SWITCHHOOK_TWILIO_AUTH_TOKEN": settings.auth_token
        or config.twilio_auth_token
        or config.texts_twilio_auth_token,
        "public_url, the address that Twilio reaches this server at": config.public_url,
    }
    for what, given in needed.items():
        if not given:
            raise ConfigError(f"{where}: Twilio cannot be used without {what}")
    emails = {user.email for user in config.users}
    for email in settings.telephones:
        if email not in emails:
            raise ConfigError(
                f"{where}: telephones of the unknown user {email!r}{nearest(email, list(emails))}"
            )

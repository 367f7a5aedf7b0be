"""The settings of texts, and whether they go together."""

from typing import TYPE_CHECKING

from switchhook import parsers
from switchhook.sources import ConfigError, Option

if TYPE_CHECKING:
    from switchhook.config import Config

TWILIO = "twilio"

# fmt: off - a table: one line each
TEXT_OPTIONS: tuple[Option, ...] = (
    Option(
        "texts_carrier", parsers.one_of(TWILIO, "off"), "off", "Who carries texts: twilio, or off.", "NAME"
    ),
    Option(
        "texts_rate",
        parsers.number(0.01, 1_000),
        1.0,
        "Segments of texts a second that the carrier takes.",
        "N",
    ),
    Option("texts_sender_ids", parsers.words, (), "Names that texts to France may go out under.", "NAME,…"),
    Option("texts_twilio_account_sid", parsers.text, "", "Account SID of Twilio.", "SID"),
    Option(
        "texts_twilio_auth_token",
        parsers.text,
        "",
        "Auth token of Twilio; it also signs what Twilio sends.",
        "SECRET",
    ),
    Option(
        "texts_twilio_numbers",
        parsers.words,
        (),
        "Numbers that Twilio sends texts from; by default all.",
        "NUMBER,…",
    ),
    Option(
        "texts_twilio_messaging_service_sid",
        parsers.text,
        "",
        "Messaging service that texts go out through.",
        "SID",
    ),
    Option("texts_twilio_url", parsers.url, "https://api.twilio.com", "Where Twilio's API is.", "URL"),
)
# fmt: on


def check_texts(config: "Config") -> None:
    """Refuse settings of texts that do nothing, or are too few.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    if config.texts_carrier == "off":
        given = [name for name in config.sources if name.startswith("texts_") and name != "texts_carrier"]
        if given:
            raise ConfigError(
                f'{config.sources[given[0]]}: there is no carrier; write carrier = "twilio" in [texts] as well'
            )
        return
    needed = {
        "texts_twilio_account_sid": "account_sid in [texts.twilio]",
        "texts_twilio_auth_token": "auth_token in [texts.twilio], or SWITCHHOOK_TEXTS_TWILIO_AUTH_TOKEN",
        "public_url": "public_url, the address that Twilio reaches this server at",
    }
    for name, what in needed.items():
        if not getattr(config, name):
            raise ConfigError(f"{config.sources['texts_carrier']}: Twilio cannot be used without {what}")

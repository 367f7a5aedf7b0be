"""The settings of texts, and whether they go together."""

from typing import TYPE_CHECKING

from switchhook.settings import parsers
from switchhook.settings.smpp import smpp
from switchhook.settings.sources import ConfigError, Option

if TYPE_CHECKING:
    from switchhook.settings.config import Config

TWILIO, SMPP = "twilio", "smpp"
_BELONGS = {"texts_smpp": SMPP, "texts_password": SMPP}

# fmt: off - a table: one line each
TEXT_OPTIONS: tuple[Option, ...] = (
    Option(
        "texts_carrier",
        parsers.one_of(TWILIO, SMPP, "off"),
        "off",
        "Who carries texts: twilio, any carrier over smpp, or off.",
        "NAME",
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
    Option("texts_smpp", smpp, None, "A carrier over SMPP: a table of settings.", "JSON"),
    Option(
        "texts_password", parsers.text, "", "The password that the carrier over SMPP knows us by.", "SECRET"
    ),
)
# fmt: on


def check_texts(config: "Config") -> None:
    """Refuse settings of texts that do nothing, or are too few.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    carrier = config.texts_carrier
    for name in config.sources:
        belongs = TWILIO if name.startswith("texts_twilio_") else _BELONGS.get(name, carrier)
        if not name.startswith("texts_") or name == "texts_carrier":
            continue
        if carrier == "off":
            raise ConfigError(
                f'{config.sources[name]}: there is no carrier; write carrier = "{_BELONGS.get(name, TWILIO)}" '
                "in [texts] as well"
            )
        if belongs != carrier:
            raise ConfigError(
                f"{config.sources[name]}: this is a setting of {belongs}, and the carrier is {carrier}"
            )
    if carrier == SMPP:
        if config.texts_smpp is None:
            raise ConfigError(
                f"{config.sources['texts_carrier']}: SMPP needs host and system_id in [texts.smpp]"
            )
        if config.texts_smpp.password and config.texts_password:
            raise ConfigError(
                f"{config.sources['texts_password']}: there is a password in [texts.smpp] as well"
            )
        return
    if carrier == "off":
        return
    needed = {
        "texts_twilio_account_sid": "account_sid in [texts.twilio]",
        "texts_twilio_auth_token": "auth_token in [texts.twilio], or SWITCHHOOK_TEXTS_TWILIO_AUTH_TOKEN",
        "public_url": "public_url, the address that Twilio reaches this server at",
    }
    for name, what in needed.items():
        if not getattr(config, name):
            raise ConfigError(f"{config.sources['texts_carrier']}: Twilio cannot be used without {what}")

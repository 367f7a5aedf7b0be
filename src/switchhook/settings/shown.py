"""Which settings the page shows, and how they are written. A list of what may be seen, so that no secret is in it."""

from typing import Any, NamedTuple

from switchhook.settings.config import Config

SHOWN = (
    "public_url",
    "region",
    "role",
    "workers",
    "retry_schedule",
    "delivery_timeout",
    "retention",
    "allow_networks",
    "rate_limits",
    "max_connections",
    "max_connections_per_client",
    "min_free_mb",
    "recording_link_days",
    "recordings_retention",
    "recordings_store",
    "log_level",
    "sip_listen",
    "sip_listen_tcp",
    "sip_listen_tls",
    "sip_trunk_register",
    "sip_allow",
    "sip_record",
    "sip_max_calls",
    "sip_max_seconds",
    "sip_voicemail_seconds",
    "transcripts_engine",
    "transcripts_wait",
    "summaries_engine",
)


ASTERISK = ("host", "port", "mode", "app", "tls", "record", "trunks", "inbound_contexts", "ai")

FREESWITCH = ("host", "port", "user", "trunks", "inbound_contexts", "ai", "recordings", "recordings_mount")


TWILIO = ("account_sid", "record", "delete_recordings", "block", "voicemail_seconds", "settle_seconds")


class Shown(NamedTuple):
    """A setting as it is shown. `source` is where it was set."""

    name: str
    value: str | float | bool | list[str | float]
    source: str


def shown(config: Config) -> list[Shown]:
    """The settings that matter to who looks after the server, in the order of `SHOWN`, and of the systems watched."""
    found = [
        Shown(name, _plain(getattr(config, name)), config.sources.get(name, "default")) for name in SHOWN
    ]
    if config.asterisk is not None:
        source = config.sources.get("asterisk", "default")
        found += [
            Shown(f"asterisk_{name}", _plain(getattr(config.asterisk, name)), source) for name in ASTERISK
        ]
    if config.freeswitch is not None:
        source = config.sources.get("freeswitch", "default")
        found += [
            Shown(f"freeswitch_{name}", _plain(getattr(config.freeswitch, name)), source)
            for name in FREESWITCH
        ]
    if config.twilio is not None:
        source = config.sources.get("twilio", "default")
        found += [Shown(f"twilio_{name}", _plain(getattr(config.twilio, name)), source) for name in TWILIO]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, tuple):  # not whatever can be walked: a network is all its addresses
        return [_plain(one) for one in value]
    if type(value) in (int, float):
        return value
    return str(value)

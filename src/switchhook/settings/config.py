"""Configuration: one table of options, the same names on the command line, in the environment and in `switchhook.toml`.

    --delivery-timeout 10      SWITCHHOOK_DELIVERY_TIMEOUT=10      delivery_timeout = 10
    --sip-listen ADDRESS       SWITCHHOOK_SIP_LISTEN=ADDRESS       [sip]
                                                                   listen = "ADDRESS"

The command line wins over the environment, the environment over the file. A name that is not in the table is refused
with the nearest one that is: no option is accepted and ignored.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from switchhook.delivery.schedule import DEFAULT_SCHEDULE
from switchhook.settings import parsers
from switchhook.settings.asterisk import ASTERISK_OPTIONS, AsteriskConfig, check_asterisk
from switchhook.settings.dialplan import AgentConfig, MenuConfig
from switchhook.settings.freeswitch import FREESWITCH_OPTIONS, FreeswitchConfig, check_freeswitch
from switchhook.settings.line import LINE_OPTIONS
from switchhook.settings.members import NumberConfig, UserConfig
from switchhook.settings.parsers import Network
from switchhook.settings.recordings import RECORDING_OPTIONS, RecordingSettings
from switchhook.settings.sip import SIP_OPTIONS
from switchhook.settings.smpp import SmppConfig
from switchhook.settings.sources import (
    PREFIX,
    SECTIONS,
    ConfigError,
    Option,
    from_environment,
    from_file,
    nearest,
)
from switchhook.settings.texts import TEXT_OPTIONS
from switchhook.settings.traces import TRACE_OPTIONS, TraceSettings
from switchhook.settings.transcripts import TRANSCRIPT_OPTIONS, TranscriptSettings
from switchhook.settings.twilio import VOICE_OPTIONS, TwilioConfig

__all__ = [
    "ADMIN_KEY_FILE",
    "OPTIONS",
    "SECTIONS",
    "Config",
    "ConfigError",
    "NumberConfig",
    "Option",
    "UserConfig",
    "database_path",
    "is_shared",
    "load",
]

ADMIN_KEY_FILE = "admin.key"  # in the data directory
SHARED_SCHEMES = ("postgresql://", "postgres://")
API, DISPATCH, TELEPHONY = ROLES = ("api", "dispatch", "telephony")


@dataclass(frozen=True)
class Config(TranscriptSettings, RecordingSettings, TraceSettings):
    """Every setting, checked. Durations are seconds."""

    host: str
    port: int
    data: Path
    database: str = field(repr=False)  # may hold a password
    secrets_key: str = field(repr=False)
    workers: int
    role: tuple[str, ...]
    max_connections: int
    max_connections_per_client: int
    public_url: str
    region: str
    allow_networks: tuple[Network, ...]
    retry_schedule: tuple[float, ...]
    delivery_timeout: float
    egress_proxy: str = field(repr=False)  # may hold a password
    retention: float
    rate_limits: bool
    min_free_mb: int
    log_level: str
    recording_link_days: float
    sip_codecs: tuple[str, ...]
    sip_srtp: str
    sip_consent: str
    sip_listen: str
    sip_listen_tcp: str
    sip_listen_tls: str
    sip_tls_cert: str
    sip_tls_key: str
    sip_allow: tuple[Network, ...]
    sip_trunk: str
    sip_trunk_register: bool
    sip_rtp_ports: tuple[int, int]
    sip_record: bool
    sip_record_key: str
    sip_greeting: str
    sip_voicemail_seconds: float
    sip_trust_identity: bool
    sip_number_header: str
    sip_username: str
    sip_password: str
    sip_max_calls: int
    sip_max_seconds: float
    sip_speak: str
    sip_menus: str
    sip_block: tuple[str, ...]
    menus: tuple[MenuConfig, ...]
    agents: tuple[AgentConfig, ...]
    asterisk: AsteriskConfig | None = field(repr=False)  # holds a secret
    asterisk_secret: str = field(repr=False)
    twilio: TwilioConfig | None = field(repr=False)  # holds a secret
    twilio_auth_token: str = field(repr=False)
    freeswitch: FreeswitchConfig | None = field(repr=False)  # likewise
    freeswitch_password: str = field(repr=False)
    texts_carrier: str
    texts_rate: float
    texts_sender_ids: tuple[str, ...]
    texts_twilio_account_sid: str
    texts_twilio_auth_token: str = field(repr=False)
    texts_twilio_numbers: tuple[str, ...]
    texts_twilio_messaging_service_sid: str
    texts_twilio_url: str
    texts_smpp: SmppConfig | None = field(repr=False)  # holds a secret
    texts_password: str = field(repr=False)
    users: tuple[UserConfig, ...] = ()
    numbers: tuple[NumberConfig, ...] = ()
    sources: dict[str, str] = field(default_factory=dict, compare=False)


# fmt: off - a table: one line each
OPTIONS: tuple[Option, ...] = (
    Option("host", parsers.word, "127.0.0.1", "Address to serve HTTP on."),
    Option("port", parsers.whole(0, 65_535), 8080, "Port to serve HTTP on; 0 takes a free one.", "PORT"),
    Option(
        "data",
        parsers.folder,
        Path("switchhook-data"),
        "Directory for the database, recordings and keys.",
        "DIR",
    ),
    Option(
        "database",
        parsers.text,
        "",
        "postgresql://USER@HOST/NAME or sqlite:///FILE; by default switchhook.db in the data directory.",
        "URL",
    ),
    Option(
        "secrets_key",
        parsers.secrets_key,
        "",
        "Key that seals the secrets in the database; several with commas, the first one seals.",
        "KEY,…",
    ),
    Option(
        "workers", parsers.whole(1, 64), 1, "Processes to serve with; more than one on PostgreSQL only.", "N"
    ),
    Option(
        "role",
        parsers.some_of(*ROLES),
        ROLES,
        "What this server does: api, dispatch, telephony, several with commas, or all.",
        "ROLES",
    ),
    Option(
        "max_connections",
        parsers.whole(1, 1_000_000),
        2_000,
        "HTTP connections at the same time, in each process.",
        "N",
    ),
    Option(
        "max_connections_per_client",
        parsers.whole(1, 1_000_000),
        500,
        "Of these, how many one client address may have; a proxy in front is one.",
        "N",
    ),
    Option(
        "public_url",
        parsers.url,
        "",
        "How others reach this server: for links to recordings and the page, and for Twilio.",
        "URL",
    ),
    Option(
        "region", parsers.region, "FR", "Country whose spelling of numbers is understood without +.", "CC"
    ),
    Option(
        "allow_networks",
        parsers.networks,
        (),
        "Private networks that endpoints may live in, by http:// too.",
        "NETS",
    ),
    Option(
        "retry_schedule", parsers.schedule, DEFAULT_SCHEDULE, "Seconds to wait before each attempt.", "S,S,…"
    ),
    Option(
        "delivery_timeout",
        parsers.number(0.1, 120),
        20.0,
        "Seconds an endpoint has for its whole answer.",
        "SECONDS",
    ),
    Option(
        "egress_proxy",
        parsers.proxy,
        "",
        "HTTP proxy that deliveries go out through, by CONNECT.",
        "http://[USER:PASSWORD@]HOST:PORT",
    ),
    Option(
        "retention",
        parsers.duration,
        parsers.Duration(90 * 86_400),
        "How long events are kept once they are delivered or given up: 90d, 12h, forever.",
        "TIME",
    ),
    Option(
        "rate_limits", parsers.switch, True, "Limit each API key to 20 reads and 5 writes a second.", "BOOL"
    ),
    Option(
        "min_free_mb",
        parsers.whole(0, 1_000_000_000),
        200,
        "Megabytes that must be free on disk, else /readyz says no; 0 for any.",
        "MB",
    ),
    Option(
        "log_level",
        parsers.one_of("debug", "info", "warning", "error"),
        "info",
        "How much is logged.",
        "LEVEL",
    ),
    Option(
        "recording_link_days",
        parsers.number(0.001, 3_650),
        30.0,
        "How long a link to a recording works.",
        "DAYS",
    ),
    *RECORDING_OPTIONS,
    *SIP_OPTIONS,
    *LINE_OPTIONS,
    *TEXT_OPTIONS,
    *TRANSCRIPT_OPTIONS,
    *TRACE_OPTIONS,
    *ASTERISK_OPTIONS,
    *VOICE_OPTIONS,
    *FREESWITCH_OPTIONS,
    Option(
        "users",
        parsers.structs(UserConfig),
        (),
        "The users of the workspace (tables in the file, JSON elsewhere).",
        "JSON",
    ),
    Option("numbers", parsers.structs(NumberConfig), (), "The numbers of the workspace (likewise).", "JSON"),
)
# fmt: on
_BY_NAME = {option.name: option for option in OPTIONS}


def load(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Config:
    """Gather the settings: `flags` over `environ` over the file over the defaults.

    `file` is read when given, else `SWITCHHOOK_CONFIG`, else `switchhook.toml` in the working directory if it is there.

    Raises:
        ConfigError: an unknown name, or a value that cannot be used.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {option.name: option.default for option in OPTIONS}
    sources: dict[str, str] = {}

    def put(name: str, value: Any, source: str) -> None:
        try:
            values[name] = _BY_NAME[name].parse(value)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{source}: {error}") from None
        sources[name] = source

    for name, value, source in from_file(file, environ, list(_BY_NAME)):
        put(name, value, source)
    for name, value in from_environment(environ, list(_BY_NAME)):
        put(name, value, PREFIX + name.upper())
    for name, value in (flags or {}).items():
        if value is not None:
            put(name, value, _BY_NAME[name].flag)
    return _check(Config(**values, sources=sources))


def _check(config: Config) -> Config:
    """What no setting can tell alone."""
    if config.database and not config.database.startswith(("sqlite:///", *SHARED_SCHEMES)):
        scheme = config.database.partition(":")[0] if ":" in config.database else config.database
        raise ConfigError(
            f"{config.sources['database']}: there is no store for {scheme!r}; "
            "write postgresql://user@host/name, or sqlite:///path/to/file.db, or leave it out"
        )
    if config.database and not database_path(config).name:
        raise ConfigError(f"{config.sources['database']}: names no file; write sqlite:///path/to/file.db")
    if not is_shared(config):
        if config.workers > 1:
            raise ConfigError(
                f"{config.sources['workers']}: an SQLite file is served by one process; "
                "for more of them name a PostgreSQL with --database postgresql://user@host/name"
            )
        if config.role != ROLES:
            raise ConfigError(
                f"{config.sources['role']}: an SQLite file is served by one process, which does everything; "
                "to split roles name a PostgreSQL with --database postgresql://user@host/name"
            )
    if config.role == (TELEPHONY,):
        lines = (config.asterisk, config.freeswitch, config.twilio)
        if not config.sip_listen and not any(lines):
            raise ConfigError(
                f"{config.sources['role']}: there is no line to run; name its address with --sip-listen"
            )
        if config.workers > 1:
            raise ConfigError(
                f"{config.sources['workers']}: the telephony role runs in one process; leave it at 1"
            )
    for what, given in (
        ("users", [user.email for user in config.users]),
        ("users", [user.extension for user in config.users if user.extension]),
        ("users", [user.sip_name for user in config.users if user.sip_name]),
        ("numbers", [number.number for number in config.numbers]),
    ):
        twice = next((one for one in given if given.count(one) > 1), None)
        if twice is not None:
            raise ConfigError(f"{config.sources[what]}: {twice} stands there twice")
    emails = {user.email for user in config.users}
    for number in config.numbers:
        for email in number.users:
            if email not in emails:
                raise ConfigError(
                    f"{config.sources['numbers']}: {number.number} names the unknown user {email!r}"
                    f"{nearest(email, list(emails))}"
                )
    check_asterisk(config, emails)
    check_freeswitch(config, emails)
    return config


def is_shared(config: Config) -> bool:
    """Whether `config` names a database that several processes may serve from."""
    return config.database.startswith(SHARED_SCHEMES)


def database_path(config: Config) -> Path:
    """The SQLite file that `config` names."""
    if config.database:
        return Path(config.database.removeprefix("sqlite:///"))
    return config.data / "switchhook.db"

"""Settings: one table, three places, and a clear word about whatever is wrong."""

import json
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from switchhook.serving.line import check_telephony
from switchhook.settings.asterisk import AsteriskConfig
from switchhook.settings.config import (
    OPTIONS,
    SECTIONS,
    Config,
    ConfigError,
    NumberConfig,
    Option,
    UserConfig,
    database_path,
    is_shared,
    load,
)
from switchhook.settings.dialplan import AgentConfig, KeyConfig, MenuConfig
from switchhook.settings.freeswitch import FreeswitchConfig
from switchhook.settings.recordings import check_recordings
from switchhook.settings.shown import shown
from switchhook.settings.smpp import SmppConfig
from switchhook.settings.texts import check_texts
from switchhook.settings.transcripts import Field
from switchhook.settings.twilio import TwilioConfig, check_voice

# For every option: a value as the file writes it, as text, and what it becomes. Two each: one must not be the default.
SMPP = {"host": "smsc.example", "system_id": "acme", "numbers": ["+33112345678"]}
FREESWITCH = {"host": "pbx", "password": "s", "trunks": ["external"]}
ASTERISK = {"host": "pbx", "user": "u", "secret": "s", "trunks": ["PJSIP/trunk"]}
TWILIO = {
    "account_sid": "AC1",
    "auth_token": "t",
    "telephones": {"a@example.com": ["sip:a@acme.sip.twilio.com"]},
}
TWILIO_READ = TwilioConfig(
    "AC1", "t", telephones={"a@example.com": ("sip:a@acme.sip.twilio.com",)}, voicemail_seconds=120
)
USERS = [{"email": "a@example.com", "name": "A", "sip": ["sip:a@10.0.0.1"]}]
NUMBERS = [{"number": "+33123456789", "name": "Main", "ring_seconds": 5, "voicemail": False}]
MENUS = [{"name": "main", "greeting": "play hello.wav", "keys": {"1": {"label": "Sales", "do": "ring"}}}]
MENU = MenuConfig("main", "play hello.wav", {"1": KeyConfig("Sales", "ring")})
AGENTS = [{"name": "desk", "uri": "sip:agent@10.0.0.9", "seconds": 5}]
SECRETS_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
VALUES: dict[str, tuple[Any, str, Any]] = {
    "host": ("0.0.0.0", "0.0.0.0", "0.0.0.0"),
    "port": (9_000, "9000", 9_000),
    "data": ("/var/lib/x", "/var/lib/x", Path("/var/lib/x")),
    "database": ("sqlite:////x/y.db", "sqlite:////x/y.db", "sqlite:////x/y.db"),
    "secrets_key": (SECRETS_KEY, SECRETS_KEY, SECRETS_KEY),
    "workers": (1, "1", 1),
    "role": (["all"], "telephony,dispatch,api", ("api", "dispatch", "telephony")),
    "max_connections": (7, "7", 7),
    "max_connections_per_client": (7, "7", 7),
    "public_url": ("https://phone.example.com/", "https://phone.example.com/", "https://phone.example.com"),
    "region": ("DE", "de", "DE"),
    "allow_networks": (
        ["10.0.0.0/8", "::1"],
        "10.0.0.0/8, ::1",
        (ip_network("10.0.0.0/8"), ip_network("::1/128")),
    ),
    "retry_schedule": ([0, 1, 2.5], "0,1,2.5", (0, 1, 2.5)),
    "delivery_timeout": (3, "3", 3.0),
    "egress_proxy": (
        "http://u:s%40cret@10.0.0.1:3128",
        "http://u:s%40cret@10.0.0.1:3128",
        "http://u:s%40cret@10.0.0.1:3128",
    ),
    "retention": ("12h", "12h", 43_200.0),
    "rate_limits": (False, "no", False),
    "min_free_mb": (7, "7", 7),
    "log_level": ("debug", "debug", "debug"),
    "recording_link_days": (0.5, "0.5", 0.5),
    "recordings_retention": ("90d", "90d", 7_776_000.0),
    "recordings_store": ("s3", "s3", "s3"),
    "recordings_bucket": ("calls", "calls", "calls"),
    "recordings_endpoint": ("http://127.0.0.1:9/", "http://127.0.0.1:9", "http://127.0.0.1:9"),
    "recordings_region": ("eu-west-3", "eu-west-3", "eu-west-3"),
    "recordings_access_key": ("AK", "AK", "AK"),
    "recordings_secret_key": ("s/e+c", "s/e+c", "s/e+c"),
    "recordings_prefix": ("phone/a.", "phone/a.", "phone/a."),
    "recordings_path_style": (True, "yes", True),
    "recordings_keep_days": (7, "7", 7.0),
    "sip_listen": ("127.0.0.1:5062", "127.0.0.1:5062", "127.0.0.1:5062"),
    "sip_allow": (["10.0.0.0/8"], "10.0.0.0/8", (ip_network("10.0.0.0/8"),)),
    "sip_listen_tcp": ("127.0.0.1:5062", "127.0.0.1:5062", "127.0.0.1:5062"),
    "sip_listen_tls": ("127.0.0.1:5063", "127.0.0.1:5063", "127.0.0.1:5063"),
    "sip_tls_cert": ("/etc/sip.pem", "/etc/sip.pem", "/etc/sip.pem"),
    "sip_tls_key": ("/etc/sip.key", "/etc/sip.key", "/etc/sip.key"),
    "sip_trunk_register": (True, "true", True),
    "sip_trunk": ("trunk.example.com:5060", "trunk.example.com:5060", "trunk.example.com:5060"),
    "sip_rtp_ports": ("20000-20100", "20000-20100", (20_000, 20_100)),
    "sip_record": (False, "off", False),
    "sip_record_key": ("*1", "*1", "*1"),
    "sip_greeting": ("hello.wav", "hello.wav", "hello.wav"),
    "sip_voicemail_seconds": (30, "30", 30.0),
    "sip_trust_identity": (True, "true", True),
    "sip_number_header": ("Diversion", "Diversion", "Diversion"),
    "sip_username": ("u", "u", "u"),
    "sip_password": ("p", "p", "p"),
    "sip_max_calls": (7, "7", 7),
    "sip_max_seconds": (60, "60", 60.0),
    "sip_codecs": (["opus", "pcma"], "opus, pcma", ("opus", "pcma")),
    "sip_srtp": ("require", "require", "require"),
    "sip_consent": ("play x.wav", "play x.wav", "play x.wav"),
    "sip_speak": ("espeak-ng --stdout", "espeak-ng --stdout", "espeak-ng --stdout"),
    "sip_menus": ("menus.toml", "menus.toml", "menus.toml"),
    "sip_block": (["+33899*", "anonymous"], "+33899*, anonymous", ("+33899*", "anonymous")),
    "menus": (MENUS, json.dumps(MENUS), (MENU,)),
    "agents": (AGENTS, json.dumps(AGENTS), (AgentConfig("desk", "sip:agent@10.0.0.9", 5),)),
    "asterisk": (ASTERISK, json.dumps(ASTERISK), AsteriskConfig("pbx", "u", ("PJSIP/trunk",), secret="s")),
    "asterisk_secret": ("s", "s", "s"),
    "twilio": (TWILIO, json.dumps(TWILIO), TWILIO_READ),
    "twilio_auth_token": ("s", "s", "s"),
    "freeswitch": (FREESWITCH, json.dumps(FREESWITCH), FreeswitchConfig("pbx", ("external",), password="s")),
    "freeswitch_password": ("s", "s", "s"),
    "transcripts_engine": ("openai", "openai", "openai"),
    "transcripts_wait": (12, "12", 12.0),
    "transcripts_model": ("/models/base", "/models/base", "/models/base"),
    "transcripts_threads": (3, "3", 3),
    "transcripts_idle_minutes": (1, "1", 1.0),
    "transcripts_openai_url": ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1/", "http://127.0.0.1:9/v1"),
    "transcripts_openai_key": ("s", "s", "s"),
    "transcripts_openai_model": ("large", "large", "large"),
    "transcripts_openai_timeout": (9, "9", 9.0),
    "summaries_engine": ("openai", "openai", "openai"),
    "summaries_prompt": ("/etc/prompt.txt", "/etc/prompt.txt", "/etc/prompt.txt"),
    "summaries_fields": ([{"name": "city"}], '[{"name": "city"}]', (Field("city"),)),
    "summaries_openai_url": ("http://127.0.0.1:9", "http://127.0.0.1:9/", "http://127.0.0.1:9"),
    "summaries_openai_key": ("s", "s", "s"),
    "summaries_openai_model": ("small", "small", "small"),
    "summaries_openai_timeout": (9, "9", 9.0),
    "texts_carrier": ("twilio", "twilio", "twilio"),
    "texts_rate": (3, "3", 3.0),
    "texts_sender_ids": (["Harbour", "Front desk"], "Harbour, Front desk", ("Harbour", "Front desk")),
    "texts_twilio_account_sid": ("AC1", "AC1", "AC1"),
    "texts_twilio_auth_token": ("secret", "secret", "secret"),
    "texts_twilio_numbers": (["+33123456789"], "+33123456789", ("+33123456789",)),
    "texts_twilio_messaging_service_sid": ("MG1", "MG1", "MG1"),
    "texts_twilio_url": ("http://127.0.0.1:9", "http://127.0.0.1:9/", "http://127.0.0.1:9"),
    "texts_smpp": (SMPP, json.dumps(SMPP), SmppConfig("smsc.example", "acme", numbers=("+33112345678",))),
    "texts_password": ("secret", "secret", "secret"),
    "traces_endpoint": ("http://10.0.0.7:4318", "http://10.0.0.7:4318/", "http://10.0.0.7:4318/v1/traces"),
    "traces_headers": ({"x-token": "a b"}, "x-token=a%20b", {"x-token": "a b"}),
    "traces_share": (0.1, "0.1", 0.1),
    "traces_service": ("phone", "phone", "phone"),
    "traces_attributes": ({"a.b": "c,d"}, "a.b=c%2Cd", {"a.b": "c,d"}),
    "users": (USERS, json.dumps(USERS), (UserConfig("a@example.com", "A", ("sip:a@10.0.0.1",)),)),
    "numbers": (NUMBERS, json.dumps(NUMBERS), (NumberConfig("+33123456789", "Main", (), False, 5),)),
}

# For every option that refuses anything: what it refuses, and a word of what it says is allowed.
REFUSED: dict[str, list[tuple[str, str]]] = {
    "host": [("", "empty"), (" ", "empty")],
    "port": [("x", "0 to 65535"), ("-1", "0 to 65535"), ("65536", "0 to 65535"), ("80.5", "whole")],
    "data": [("", "directory")],
    "database": [
        ("mysql://u:secret@h/db", "sqlite:///"),
        ("postgresql:u:secret@h/db", "postgresql://"),
        ("switchhook.db", "sqlite:///"),
        ("sqlite://x.db", "sqlite:///"),
        ("sqlite:///", "names no file"),
    ],
    "secrets_key": [
        ("short", "32 bytes"),
        ("00" * 31, "32 bytes"),
        (SECRETS_KEY + ",", "key 2"),
        (f"{SECRETS_KEY},{SECRETS_KEY[:-4]}", "key 2"),
    ],
    "workers": [("0", "1 to 64"), ("2", "postgresql://"), ("many", "1 to 64")],
    "role": [("", "or all"), ("worker", "dispatch"), ("api,sip", "telephony"), ("api", "postgresql://")],
    "max_connections": [("0", "1 to 1000000"), ("x", "1 to 1000000")],
    "max_connections_per_client": [("0", "1 to 1000000"), ("x", "1 to 1000000")],
    "public_url": [("phone.example.com", "https://"), ("ftp://x", "https://"), ("https://", "https://")],
    "region": [("France", "two letters"), ("XX", "two letters"), ("", "two letters")],
    "allow_networks": [("10.0.0.0/33", "10.0.0.0/8"), ("10.0.0.0/8,here", "here"), ("5", "10.0.0.0/8")],
    "retry_schedule": [("", "0,5,300"), ("5,10", "0,5,10"), ("0,x", "Entry 2"), ("0,-1", "Entry 2")],
    "delivery_timeout": [
        ("0", "0.1 to 120"),
        ("nan", "0.1 to 120"),
        ("inf", "0.1 to 120"),
        ("soon", "0.1 to 120"),
    ],
    "egress_proxy": [
        ("proxy.example:3128", "http://host:3128"),
        ("http://proxy.example", "port"),
        ("socks5://proxy.example:1080", "http://host:3128"),
        ("http://user@proxy.example:3128", "user:password"),
        ("http://pro xy:3128", "host"),
    ],
    "retention": [
        ("", "like 90d"),
        ("90", "like 90d"),
        ("0d", "like 90d"),
        ("-1d", "like 90d"),
        ("1.5d", "like 90d"),
        ("90 days", "like 90d"),
        ("Forever", "or forever"),
    ],
    "rate_limits": [("maybe", "true or false"), ("", "true or false"), ("2", "true or false")],
    "min_free_mb": [("-1", "0 to 1000000000"), ("some", "0 to")],
    "log_level": [("loud", "debug, info, warning, error"), ("", "debug")],
    "recording_link_days": [("0", "0.001 to 3650"), ("-1", "0.001 to 3650")],
    "recordings_retention": [("90", "like 90d")],
    "recordings_store": [("S3", "disk, s3")],
    "recordings_bucket": [("Calls", "small letters"), ("a", "3 to 63")],
    "recordings_endpoint": [("s3.example.com", "https://")],
    "recordings_region": [("EU", "eu-west-3")],
    "recordings_access_key": [("a b", "without spaces")],
    "recordings_secret_key": [("a,b", "without spaces")],
    "recordings_prefix": [("/a", "like switchhook/"), ("a//b", "between"), ("../a", "like")],
    "recordings_keep_days": [("-1", "0 to 3650")],
    "sip_listen": [
        ("5060", "127.0.0.1:5060"),
        ("host:5060", "127.0.0.1:5060"),
        ("127.0.0.1:0", "127.0.0.1:5060"),
    ],
    "sip_listen_tcp": [("5060", "127.0.0.1:5060")],
    "sip_listen_tls": [("host", "127.0.0.1:5060")],
    "sip_trunk_register": [("x", "true or false")],
    "sip_allow": [("x", "10.0.0.0/8")],
    "sip_rtp_ports": [
        ("10000", "10000-10999"),
        ("80-200", "1024"),
        ("2000-1900", "1024"),
        ("2000-2005", "10 ports"),
    ],
    "sip_record": [("x", "true or false")],
    "sip_record_key": [("1", "like *1"), ("*abc", "like *1")],
    "traces_endpoint": [
        ("collector:4318", "https://"),
        ("grpc://collector:4317", "https://"),
        ("http://user:secret@collector:4318", "without a user"),
    ],
    "traces_headers": [
        ("secret", "name=value"),
        ("a b=secret", "header 1"),
        ("webhook-id=x", "set by Switchhook"),
    ],
    "traces_share": [("1.1", "0 to 1"), ("nan", "0 to 1")],
    "traces_service": [("", "empty")],
    "traces_attributes": [("secret", "name=value"), ("=x", "name=value")],
    "transcripts_engine": [("wisper", "auto, off, whisper, openai")],
    "transcripts_wait": [("-1", "0 to 600"), ("601", "0 to 600")],
    "transcripts_threads": [("0", "1 to 64")],
    "transcripts_idle_minutes": [("-1", "0 to 1440")],
    "transcripts_openai_url": [("127.0.0.1:9", "https://")],
    "transcripts_openai_model": [("", "must not be empty")],
    "transcripts_openai_timeout": [("0", "1 to 3600")],
    "summaries_engine": [("short", "extractive, off, openai")],
    "summaries_fields": [("[{}]", "name, description, type"), ('[{"name": "x", "type": "date"}]', "type")],
    "summaries_openai_url": [("127.0.0.1:9", "https://")],
    "summaries_openai_timeout": [("0", "1 to 600")],
    "texts_carrier": [("twillio", "twilio, smpp, off")],
    "texts_rate": [("0", "0.01 to 1000")],
    "texts_twilio_url": [("api.twilio.com", "https://")],
    "texts_smpp": [
        ("smsc.example", "JSON object"),
        ("[]", "JSON object"),
        ('{"hots": "x"}', "did you mean host"),
        ('{"host": "x"}', "system_id"),
        ('{"host": "", "system_id": "x"}', "length >= 1"),
        ('{"host": "x", "system_id": "x", "password": "123456789"}', "length <= 8"),
        ('{"host": "x", "system_id": "x", "long": "both"}', "both"),
    ],
    "sip_voicemail_seconds": [("0", "1 to 3600")],
    "sip_trust_identity": [("x", "true or false")],
    "sip_max_calls": [("0", "1 to 1000"), ("x", "1 to 1000")],
    "sip_max_seconds": [("0", "1 to 86400")],
    "sip_codecs": [("g729", "opus, pcma, pcmu"), ("opus,opus", "each once"), ("", "preferred")],
    "sip_srtp": [("on", "off, offer, require")],
    "sip_consent": [("x.wav", "play")],
    "asterisk": [
        ("ami", "JSON object"),
        ("[]", "table"),
        ('{"host": "h", "user": "u"}', "trunks"),
        ('{"hots": "h"}', "did you mean host"),
        ('{"host": "h", "user": "u", "trunks": ["t"]}', "SWITCHHOOK_ASTERISK_SECRET"),
    ],
    "twilio": [
        ("AC1", "JSON object"),
        ("[]", "table"),
        ('{"acount_sid": "AC1"}', "did you mean account_sid"),
        ('{"voicemail_seconds": 0}', "voicemail_seconds"),
        ('{"url": "api.twilio.com"}', "https://"),
        ('{"telephones": {"a@example.com": ["a@acme.sip.twilio.com"]}}', "sip:NAME@HOST"),
        ('{"telephones": {"a@example.com": ["0612345678"]}}', "a number with +"),
    ],
    "freeswitch": [
        ("esl", "JSON object"),
        ("[]", "table"),
        ('{"host": "h"}', "trunks"),
        ('{"hots": "h"}', "did you mean host"),
        ('{"host": "h", "trunks": ["t"]}', "SWITCHHOOK_FREESWITCH_PASSWORD"),
    ],
    "users": [
        ("x", "JSON"),
        ("{}", "array"),
        ('[{"name": "A"}]', "email"),
        ('[{"email": "a", "x": 1}]', "email, name, sip"),
    ],
    "numbers": [
        ('[{"number": 1}]', "number, name, users, voicemail, ring_seconds"),
        ('[{"number": "1", "ring_seconds": 0}]', "ring_seconds"),
        ('[{"number": "1", "ring_seconds": 1e9}]', "ring_seconds"),
        ('[{"number": "1", "users": ["b@x"]}]', "unknown user 'b@x'"),
        ('[{"number": "1"}, {"number": "1"}]', "twice"),
    ],
    "sip_block": [("0899123456", "+33612345678"), ("+33 899", "+33899*")],
    "menus": [
        ("{", "JSON list"),
        ('[{"name": "main"}]', "greeting"),
        (json.dumps([MENUS[0] | {"name": "a b"}]), "letters, digits"),
        (json.dumps([MENUS[0] | {"greeting": "Hello"}]), "the names are"),
        (json.dumps([MENUS[0] | {"greeting": "voicemail"}]), "say TEXT"),
        (json.dumps([MENUS[0] | {"keys": {}}]), "at least one key"),
        (json.dumps([MENUS[0] | {"keys": {"x": {"label": "x", "do": "ring"}}}]), "key 'x'"),
        (json.dumps([MENUS[0] | {"keys": {"1": {"label": "", "do": "ring"}}}]), "ivr_result"),
        (json.dumps([MENUS[0] | {"keys": {"1": {"label": "x", "do": "rign"}}}]), "did you mean ring?"),
        (json.dumps([MENUS[0] | {"keys": {"1": {"label": "x", "do": []}}}]), "name an action"),
        (
            json.dumps([MENUS[0] | {"keys": {"1": {"label": "x", "do": ["repeat", "ring"]}}}]),
            "after 'repeat'",
        ),
        (json.dumps([MENUS[0] | {"tries": 0}]), "tries"),
        (json.dumps([MENUS[0] | {"key": {}}]), "each entry takes"),
    ],
    "agents": [
        ('[{"name": "desk"}]', "uri"),
        (json.dumps([AGENTS[0] | {"name": ""}]), "letters, digits"),
        (json.dumps([AGENTS[0] | {"seconds": 0}]), "seconds"),
    ],
}


def toml(value: Any) -> str:
    """A value as TOML writes it (JSON does, but for tables)."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(part) for part in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def section_of(name: str) -> str:
    """The section of the file that a setting stands in; empty for none."""
    return next((section for section in SECTIONS if name.startswith(f"{section}_")), "")


def in_file(folder: Path, values: Mapping[str, Any]) -> Path:
    """A configuration file with these settings, each in its section."""
    lines: dict[str, list[str]] = {"": [], **{section: [f"[{section}]"] for section in SECTIONS}}
    for name, value in values.items():
        section = section_of(name)
        lines[section].append(f"{name.removeprefix(f'{section}_')} = {toml(value)}")
    path = folder / "settings.toml"  # not the name that is found by itself
    path.write_text("\n".join(line for section in lines.values() for line in section), encoding="utf-8")
    return path


def by_name(option: Option) -> str:
    return option.name


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a directory without a configuration file."""
    monkeypatch.chdir(tmp_path)


def test_the_tables_of_this_test_know_every_option() -> None:
    names = {option.name for option in OPTIONS}
    assert names == VALUES.keys()
    assert names >= REFUSED.keys()
    assert names == set(Config.__dataclass_fields__) - {"sources"}


def test_without_a_word_everything_is_at_its_default() -> None:
    config = load({}, {})
    assert {option.name: getattr(config, option.name) for option in OPTIONS} == {
        option.name: option.default for option in OPTIONS
    }
    assert config.sources == {}
    assert config.host == "127.0.0.1"  # nobody is served outside this machine unasked
    assert database_path(config) == Path("switchhook-data/switchhook.db")


@pytest.mark.parametrize("option", OPTIONS, ids=by_name)
def test_every_option_can_be_set_in_all_three_places(option: Option, tmp_path: Path) -> None:
    written, text, expected = VALUES[option.name]
    assert getattr(load({option.name: text}, {}), option.name) == expected
    assert getattr(load({}, {option.env: text}), option.name) == expected
    assert getattr(load({}, {}, in_file(tmp_path, {option.name: written})), option.name) == expected
    assert getattr(load({}, {}, in_file(tmp_path, {option.name: text})), option.name) == expected


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.name not in ("workers", "role")], ids=by_name)
def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(
    option: Option, tmp_path: Path
) -> None:
    _, text, expected = VALUES[option.name]
    structs = dict.fromkeys(("users", "numbers", "menus", "agents", "summaries_fields"), "[]")
    empty = structs | {"asterisk": "", "freeswitch": "", "twilio": "", "texts_smpp": ""}
    empty |= {"traces_headers": "", "traces_attributes": ""}
    other = {**empty, "retry_schedule": "0"}.get(option.name)
    if other is None:
        default = option.default
        other = "-".join(map(str, default)) if option.name == "sip_rtp_ports" else str(default)
        other = ",".join(map(str, default)) if isinstance(default, tuple) and "-" not in other else other
    file = in_file(tmp_path, {option.name: other})
    env, flags = {option.env: other}, {option.name: other}
    assert getattr(load({option.name: text}, env, file), option.name) == expected
    assert getattr(load({}, {option.env: text}, file), option.name) == expected
    assert (
        getattr(load({option.name: None}, {}, in_file(tmp_path, {option.name: text})), option.name)
        == expected
    )
    assert getattr(load(flags, {option.env: text}, file), option.name) != expected
    assert getattr(load({}, env, in_file(tmp_path, {option.name: text})), option.name) != expected


@pytest.mark.parametrize(
    ("name", "text", "says"), [(name, text, says) for name, rows in REFUSED.items() for text, says in rows]
)
def test_a_bad_value_names_its_option_and_what_is_allowed(
    name: str, text: str, says: str, tmp_path: Path
) -> None:
    option = next(option for option in OPTIONS if option.name == name)
    file = in_file(tmp_path, {name: text})
    section = section_of(name)
    key = f"[{section}] {name.removeprefix(f'{section}_')}" if section else name
    for place, flags, environ, path in (
        (option.flag, {name: text}, {}, None),
        (option.env, {}, {option.env: text}, None),
        (f"{file}: {key}", {}, {}, file),
    ):
        with pytest.raises(ConfigError) as caught:
            load(flags, environ, path)
        assert str(caught.value).startswith(f"{place}: ")
        assert says in str(caught.value)


@pytest.mark.parametrize("value", [True, 1.5, [1], {"a": 1}])
@pytest.mark.parametrize("option", OPTIONS, ids=by_name)
def test_a_value_of_another_kind_is_refused_and_never_a_crash(
    option: Option, value: Any, tmp_path: Path
) -> None:
    if isinstance(value, bool | float) and type(value) is type(option.default):
        return
    file = in_file(tmp_path, {option.name: value})
    with pytest.raises(ConfigError, match=option.name.removeprefix(f"{section_of(option.name)}_")):
        load({}, {}, file)


def test_the_password_of_the_proxy_is_shown_to_nobody() -> None:
    assert "hush" not in repr(load({"egress_proxy": "http://u:hush@10.0.0.1:3128"}, {}))
    for wrong in ("http://u:hush@proxy.example", "ftp://u:hush@h:1", "http://u:hu/sh@h:1", "http://hush@h:1"):
        with pytest.raises(ConfigError) as caught:
            load({"egress_proxy": wrong}, {})
        assert "hu" not in str(caught.value)


def test_the_keys_of_the_secrets_are_shown_to_nobody() -> None:
    assert SECRETS_KEY not in repr(load({"secrets_key": SECRETS_KEY}, {}))
    with pytest.raises(ConfigError) as caught:
        load({"secrets_key": f"{SECRETS_KEY},{SECRETS_KEY[:30]}"}, {})
    assert SECRETS_KEY[:8] not in str(caught.value)


def test_a_password_in_a_refused_database_url_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"database": "mysql://user:secret@host/db"}, {})
    assert "mysql" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_shared_database_is_known_as_such_and_its_password_not_shown(scheme: str) -> None:
    config = load({"database": f"{scheme}://user:secret@host/db"}, {})
    assert is_shared(config)
    assert not is_shared(load({}, {}))
    assert "secret" not in repr(config)


SHARED = {"database": "postgresql://h/db"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", ("api", "dispatch", "telephony")),
        ("api", ("api",)),
        ("dispatch, api", ("api", "dispatch")),
        ("api,all", ("api", "dispatch", "telephony")),
    ],
)
def test_a_shared_database_takes_more_workers_and_any_roles(text: str, expected: tuple[str, ...]) -> None:
    config = load({**SHARED, "workers": "4", "role": text}, {})
    assert (config.workers, config.role) == (4, expected)
    assert load(SHARED, {}).role == ("api", "dispatch", "telephony")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "--sip-listen"),
        ({"sip_listen": "127.0.0.1:5060", "workers": "2"}, "one process"),
    ],
)
def test_a_telephony_process_runs_one_line_and_must_have_one(given: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load({**SHARED, "role": "telephony", **given}, {})
    assert load({**SHARED, "role": "telephony", "sip_listen": "127.0.0.1:5060"}, {}).role == ("telephony",)


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("SWITCHHOOK_PROT", "SWITCHHOOK_PORT"),
        ("SWITCHHOOK_RETRY_SHEDULE", "SWITCHHOOK_RETRY_SCHEDULE"),
        ("SWITCHHOOK_ALLOWED_NETWORKS", "SWITCHHOOK_ALLOW_NETWORKS"),
        ("SWITCHHOOK_SIP_LISTN", "SWITCHHOOK_SIP_LISTEN"),
        ("SWITCHHOOK_CONFG", "SWITCHHOOK_CONFIG"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_name(variable: str, near: str) -> None:
    with pytest.raises(ConfigError, match=rf"{variable}; did you mean {near}\?"):
        load({}, {variable: "1"})


def test_other_peoples_variables_are_let_alone() -> None:
    assert load({}, {"PATH": "/bin", "SWITCHBOARD_PORT": "1", "switchhook_port": "x"}).port == 8_080


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prot = 1", "unknown setting 'prot'; did you mean port?"),
        ("delivery_time_out = 1", "did you mean delivery_timeout?"),
        ("[spi]\nlisten = 'off'", "unknown setting 'spi'; did you mean sip?"),
        ("[sip]\nlisen = 'off'", r"unknown setting 'lisen' in [sip]; did you mean listen?"),
        ("[sip]\nport = 5060", "unknown setting 'port' in [sip]; did you mean"),
        ("sip_listen = 'off'", "unknown setting 'sip_listen'; write listen in the section [sip]"),
        ("sip = 1", "unknown setting 'sip'"),
        ("zzzzzz = 1", "the names are agents, allow_networks, "),
        ("[[user]]\nemail = 'a'", "unknown setting 'user'; did you mean users?"),
        ("port = ", "not valid TOML"),
        ("port = 1\nport = 2", "not valid TOML"),
    ],
)
def test_an_unknown_name_in_the_file_is_refused_with_the_nearest_one(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load({}, {}, path)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_the_file_in_the_working_directory_is_found_and_another_one_named(tmp_path: Path) -> None:
    (tmp_path / "switchhook.toml").write_text("port = 1001")
    named, given = tmp_path / "named.toml", tmp_path / "given.toml"
    named.write_text("port = 1002")
    given.write_text("port = 1003")
    assert load({}, {}).port == 1001
    assert load({}, {"SWITCHHOOK_CONFIG": str(named)}).port == 1002
    assert load({}, {"SWITCHHOOK_CONFIG": str(named)}, given).port == 1003
    for environ, file in (({"SWITCHHOOK_CONFIG": str(tmp_path / "none")}, None), ({}, tmp_path / "none")):
        with pytest.raises(ConfigError, match="there is no configuration file"):
            load({}, environ, file)
    with pytest.raises(ConfigError, match="cannot read"):
        load({}, {}, tmp_path)
    given.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="cannot read"):
        load({}, {}, given)


def test_the_users_and_numbers_of_the_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("""
        [[users]]
        email = "anna@example.com"
        name = "Anna"
        sip = ["sip:anna@10.0.0.5", "sip:anna@10.0.0.6:5070"]

        [[users]]
        email = "ben@example.com"

        [[numbers]]
        number = "+33 1 23 45 67 89"
        name = "Main"
        users = ["anna@example.com", "ben@example.com"]
        ring_seconds = 12.5

        [[numbers]]
        number = "+33123456780"
        voicemail = false
    """)
    config = load({}, {}, path)
    assert config.users == (
        UserConfig("anna@example.com", "Anna", ("sip:anna@10.0.0.5", "sip:anna@10.0.0.6:5070")),
        UserConfig("ben@example.com"),
    )
    assert config.numbers == (
        NumberConfig("+33 1 23 45 67 89", "Main", ("anna@example.com", "ben@example.com"), True, 12.5),
        NumberConfig("+33123456780", voicemail=False),
    )


def test_a_number_names_known_users_only_with_the_nearest_one() -> None:
    users = json.dumps([{"email": "anna@example.com"}])
    numbers = json.dumps([{"number": "1", "users": ["ana@example.com"]}])
    with pytest.raises(ConfigError, match=r"unknown user 'ana@example.com'; did you mean anna@example.com\?"):
        load({"users": users, "numbers": numbers}, {})


@pytest.mark.parametrize(
    ("setting", "entry", "said"),
    [
        ("users", {"email": "anna"}, "'anna' is no e-mail address; write it like anna@example.com"),
        (
            "users",
            {"email": "a@b.example", "role": "ADMN"},
            "role is one of ADMIN, MANAGER, MEMBER, not 'ADMN'; did you mean ADMIN?",
        ),
        ("users", {"email": "a@b.example", "role": ""}, "role is one of ADMIN, MANAGER, MEMBER, not ''"),
        (
            "users",
            {"email": "a@b.example", "status": "active"},
            "status is one of ACTIVE, BLOCKED, not 'active'",
        ),
        ("numbers", {"number": "+33123456789", "type": "SENDER"}, "did you mean SENDER_ID?"),
        (
            "numbers",
            {"number": "+33123456789", "capabilities": ["FAX"]},
            "is one of VOICE, SMS, MMS, not 'FAX'",
        ),
        ("numbers", {"number": "+33123456789", "country": "fr"}, "country is two letters, like FR, not 'fr'"),
        (
            "numbers",
            {"number": "HARBOUR DENTAL", "type": "SENDER_ID"},
            "cannot be a sender id: it has 1 to 11",
        ),
        ("numbers", {"number": "12345", "type": "SENDER_ID"}, "at least one letter"),
        (
            "numbers",
            {"number": "HARBOUR", "type": "SENDER_ID", "capabilities": ["VOICE"]},
            "its capabilities are SMS",
        ),
    ],
)
def test_a_user_or_number_that_cannot_be_is_refused_with_what_can(
    setting: str, entry: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load({setting: json.dumps([entry])}, {})
    assert str(refused.value).startswith(f"--{setting}: ")
    assert said in str(refused.value)


def test_nobody_stands_in_the_configuration_twice() -> None:
    with pytest.raises(ConfigError, match=r"--users: a@example.com stands there twice"):
        load({"users": '[{"email": "a@example.com"}, {"email": "a@example.com", "name": "B"}]'}, {})


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///x.db", "x.db"), ("sqlite:////srv/x.db", "/srv/x.db"), ("", "d/switchhook.db")],
)
def test_the_database_is_where_its_url_says(url: str, path: str) -> None:
    assert database_path(load({"database": url, "data": "d"}, {})) == Path(path)


def test_every_option_says_what_it_does_and_has_one_name_in_each_place() -> None:
    assert len({option.flag for option in OPTIONS}) == len({option.env for option in OPTIONS}) == len(OPTIONS)
    for option in OPTIONS:
        assert option.help.endswith(".") or option.help.endswith(").")
        assert option.env == "SWITCHHOOK_" + option.flag.removeprefix("--").replace("-", "_").upper()
    for section in SECTIONS:
        assert section not in {option.name for option in OPTIONS}


def test_the_helper_of_this_test_writes_toml() -> None:
    assert tomllib.loads(f"x = {toml(USERS)}") == {"x": USERS}


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("90s", 90, "90s"),
        ("60s", 60, "1m"),
        ("36h", 129_600, "36h"),
        ("90d", 7_776_000, "90d"),
        ("14d", 1_209_600, "2w"),
        ("2w", 1_209_600, "2w"),
        ("forever", float("inf"), "forever"),
    ],
)
def test_a_duration_is_read_and_written_with_its_unit(text: str, seconds: float, shown: str) -> None:
    found = load({"retention": text}, {}).retention
    assert (found, str(found)) == (seconds, shown)
    assert load({"retention": shown}, {}).retention == found


S3_KEYS = {"recordings_access_key": "AK", "recordings_secret_key": "the-secret"}


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"recordings_endpoint": "http://10.0.0.1:9000"}, r"--recordings-endpoint: there is no bucket"),
        (S3_KEYS, "there is no bucket"),
        ({"recordings_store": "s3", **S3_KEYS}, "--recordings-store: .*without bucket in .recordings."),
        ({"recordings_bucket": "calls", "recordings_access_key": "AK"}, "without secret_key"),
        ({"recordings_bucket": "calls", **S3_KEYS, "recordings_endpoint": "http://x/y"}, "without a path"),
    ],
)
def test_settings_of_an_object_store_that_do_nothing_or_are_too_few_are_refused(
    given: dict[str, Any], word: str
) -> None:
    config = load(given, {})
    assert "the-secret" not in repr(config)
    with pytest.raises(ConfigError, match=word):
        check_recordings(config)


def test_an_object_store_with_all_it_needs_is_taken() -> None:
    check_recordings(load({}, {}))
    check_recordings(load({"recordings_retention": "30d"}, {}))
    check_recordings(load({"recordings_bucket": "calls", **S3_KEYS}, {}))  # to read what is there
    check_recordings(load({"recordings_store": "s3", "recordings_bucket": "calls", **S3_KEYS}, {}))


def test_a_section_in_a_section_is_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "switchhook.toml"
    path.write_text(
        '[texts]\ncarrier = "twilio"\n[texts.twilio]\naccount_sid = "AC1"\nnumbers = ["+33123456789"]\n'
    )
    config = load({}, {}, path)
    assert (config.texts_carrier, config.texts_twilio_account_sid, config.texts_twilio_numbers) == (
        "twilio",
        "AC1",
        ("+33123456789",),
    )
    path.write_text('[texts.twilio]\nacount_sid = "AC1"\n')
    with pytest.raises(ConfigError, match=r"twilio_acount_sid.*did you mean twilio_account_sid"):
        load({}, {}, path)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"texts_rate": 2}, r"--texts-rate: there is no carrier; write carrier"),
        ({"texts_carrier": "twilio"}, "account_sid in .texts.twilio."),
        ({"texts_carrier": "smpp"}, "host and system_id in .texts.smpp."),
        ({"texts_smpp": SMPP}, 'write carrier = "smpp"'),
        (
            {"texts_carrier": "smpp", "texts_smpp": SMPP, "texts_twilio_account_sid": "AC1"},
            "a setting of twilio, and the carrier is smpp",
        ),
        (
            {
                "texts_carrier": "smpp",
                "texts_smpp": {**SMPP, "password": "sesame"},
                "texts_password": "sesame",
            },
            "password in .texts.smpp. as well",
        ),
        (
            {"texts_carrier": "twilio", "texts_twilio_account_sid": "AC1"},
            "SWITCHHOOK_TEXTS_TWILIO_AUTH_TOKEN",
        ),
        (
            {
                "texts_carrier": "twilio",
                "texts_twilio_account_sid": "AC1",
                "texts_twilio_auth_token": "sesame",
            },
            "public_url",
        ),
    ],
)
def test_settings_of_texts_that_do_nothing_or_are_too_few_are_refused(
    given: dict[str, Any], word: str
) -> None:
    config = load(given, {})
    assert "sesame" not in repr(config)
    with pytest.raises(ConfigError, match=word):
        check_texts(config)


def test_calls_of_twilio_need_an_account_and_an_address() -> None:
    users = json.dumps([{"email": "a@example.com"}])
    given = {"twilio": json.dumps(TWILIO), "public_url": "https://x.example", "users": users}
    check_voice(load(given, {}))
    texts = {
        "texts_carrier": "twilio",
        "texts_twilio_account_sid": "AC1",
        "texts_twilio_auth_token": "t",
        "public_url": "https://x.example",
    }
    check_voice(load({**texts, "twilio": "{}"}, {}))  # the account of texts, unless another one is named
    for less, says in (
        ({**given, "twilio": '{"auth_token": "t"}'}, "account_sid"),
        ({**given, "twilio": '{"account_sid": "AC1"}'}, "SWITCHHOOK_TWILIO_AUTH_TOKEN"),
        ({**given, "public_url": ""}, "public_url"),
        ({**given, "users": "[]"}, "unknown user 'a@example.com'"),
        ({"twilio_auth_token": "t"}, r"section \[twilio\]"),
    ):
        with pytest.raises(ConfigError, match=says):
            check_voice(load(less, {}))
    assert "'t'" not in repr(load(given, {}))


TOKEN = "the-token"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://otel.example", "https://otel.example/v1/traces"),
        ("https://otel.example/", "https://otel.example/v1/traces"),
        ("https://otel.example/otlp/v1/traces", "https://otel.example/otlp/v1/traces"),
        ("", ""),
    ],
)
def test_a_collector_without_a_path_has_that_of_otlp(given: str, stored: str) -> None:
    assert load({"traces_endpoint": given}, {}).traces_endpoint == stored


@pytest.mark.parametrize("name", ["traces_headers", "traces_share", "traces_service", "traces_attributes"])
def test_settings_of_traces_that_do_nothing_are_refused(name: str) -> None:
    value = VALUES[name][0]
    check_telephony(load({name: value, "traces_endpoint": "http://10.0.0.7:4318"}, {}))
    with pytest.raises(ConfigError, match="there are no traces; name a collector"):
        check_telephony(load({name: value}, {}))


def test_a_collectors_token_is_shown_to_nobody() -> None:
    config = load(
        {"traces_endpoint": f"https://otel.example/?t={TOKEN}", "traces_headers": f"authorization={TOKEN}"},
        {},
    )
    assert config.traces_headers == {"authorization": TOKEN}
    assert TOKEN not in repr(config)
    assert TOKEN not in repr(shown(config))
    for wrong in (f"{TOKEN}", f"{TOKEN} x=y", f"a={TOKEN},webhook-id={TOKEN}", f"a=%0d{TOKEN}"):
        with pytest.raises(ConfigError) as caught:
            load({"traces_headers": wrong}, {})
        assert TOKEN not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load({"traces_endpoint": f"https://{TOKEN}@otel.example"}, {})
    assert TOKEN not in str(caught.value)

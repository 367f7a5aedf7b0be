"""Files that are shown: ours are loaded as `serve` does, those of others parsed, and what is ours compared."""

import configparser
import json
import re
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import trustme
import yaml  # type: ignore[import-untyped]

from switchhook.cli import cli
from switchhook.events import render
from switchhook.events.catalogue import CATALOGUE, FURTHER, OPERATIONAL
from switchhook.events.schema import data_schema
from switchhook.serving.line import check_telephony
from switchhook.settings.asterisk import PORTS
from switchhook.settings.config import OPTIONS, Config, load
from switchhook.settings.freeswitch import PORT as ESL_PORT
from switchhook.settings.sources import NO_SETTINGS
from switchhook.telephony.freeswitch import events as freeswitch
from switchhook.telephony.freeswitch.happenings import Pressed
from tests.documentation.blocks import ROOT, Block, named, of

TOPICS = CATALOGUE | FURTHER | OPERATIONAL
NO_RULE = (
    "{0} (line {1}) has no rule: say in {2} what in it comes from us, and compare that with the code; "
    "parse the rest as what it is."
)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the settings that are shown find on their machine: files that they name, and where they are here."""
    certificate = tmp_path / "sip.pem"
    trustme.CA().issue_cert("phone.acme.example").private_key_and_cert_chain_pem.write_to_path(
        str(certificate)
    )
    speaker = tmp_path / "espeak-ng"
    speaker.write_text("#!/bin/sh\ncat\n")
    speaker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return {"/etc/switchhook/sip.pem": str(certificate)}


def versions(text: str) -> list[str]:
    """The text as it stands, and with each setting that is commented out put in; in place of one that ends in `or:`."""
    lines = text.splitlines()
    found = [text]
    for number, line in enumerate(lines):
        put_in = re.match(r"# (\w+ = .+)", line)
        if put_in:
            kept = [other for other in lines[:number] if not re.search(r"# or:$", other)]
            found.append("\n".join([*kept, put_in[1], *lines[number + 1 :]]))
    return found


@pytest.mark.parametrize("block", of("toml"), ids=named(of("toml")))
def test_settings_that_are_shown_can_be_served_with(
    block: Block, machine: dict[str, str], tmp_path: Path
) -> None:
    shown = block.text
    for there, here in machine.items():
        shown = shown.replace(there, here)
    for text in versions(shown):
        file = tmp_path / "switchhook.toml"
        file.write_text(text, encoding="utf-8")
        check_telephony(load({}, {}, file))


def test_a_setting_that_is_commented_out_is_tried_too() -> None:
    assert versions("a = 1\nb = 2     # or:\n# c = 3   # so\n# no setting") == [
        "a = 1\nb = 2     # or:\n# c = 3   # so\n# no setting",
        "a = 1\nc = 3   # so\n# no setting",
    ]


@pytest.mark.parametrize("block", of("json"), ids=named(of("json")))
def test_json_that_is_shown_is_what_it_is_an_example_of(block: Block) -> None:
    shown = json.loads(block.text)
    if block.page == "events.md" and block.heading in TOPICS:
        jsonschema.Draft202012Validator(data_schema(block.heading)).validate(shown)
        assert list(shown) == list(json.loads(TOPICS[block.heading].example))
    elif block.place == ("events.md", "Events"):
        assert (
            block.text
            == render(shown["topic"], b"{}", 1_742_049_000_000)
            .decode()
            .replace(",", ", ")
            .replace('":', '": ')
            + "\n"
        )
    elif block.place == ("operations.md", "An assistant"):
        assistant(shown)
    else:
        pytest.fail(NO_RULE.format(block.name, block.line, __file__))


def assistant(shown: dict[str, Any]) -> None:
    """What a program of assistants starts is a command of ours, with variables that we read."""
    (server,) = shown["mcpServers"].values()
    assert server["command"] == "switchhook"
    assert isinstance(cli, click.Group)
    name, *rest = server["args"]
    cli.commands[name].make_context(name, rest)
    assert set(server["env"]) <= {*NO_SETTINGS, *(option.env for option in OPTIONS)}


def test_every_event_has_its_example_on_the_page() -> None:
    shown = [block.heading for block in of("json") if block.page == "events.md" and block.heading in TOPICS]
    assert shown == list(TOPICS)


def settings(page: str, tmp_path: Path) -> Config:
    """The first settings that a page shows."""
    file = tmp_path / "switchhook.toml"
    file.write_text(next(block.text for block in of("toml") if block.page == page), encoding="utf-8")
    return load({}, {}, file)


def ini_files(text: str) -> dict[str, configparser.ConfigParser]:
    """The files of a block, each below a comment with its path."""
    found = {}
    for part in filter(None, re.split(r"^(?=; /)", text, flags=re.MULTILINE)):
        path, _, content = part.partition("\n")
        parser = configparser.ConfigParser(inline_comment_prefixes=(";",), strict=True)
        parser.read_string(content)
        found[path.removeprefix("; ").rsplit("/", 1)[-1]] = parser
    return found


@pytest.mark.parametrize("block", of("ini"), ids=named(of("ini")))
def test_configurations_of_asterisk_let_in_whom_ours_says(block: Block, tmp_path: Path) -> None:
    ours = settings("asterisk.md", tmp_path).asterisk
    assert ours is not None
    files = ini_files(block.text)
    if set(files) == {"manager.conf"}:
        manager = files["manager.conf"]
        assert manager["general"].getint("port") == PORTS["ami"]
        assert manager["general"]["bindaddr"] == ours.host
        assert manager[ours.user]["secret"] == ours.secret
        rights = {key: manager[ours.user][key] for key in ("read", "write")}
        page = (ROOT / "docs" / "asterisk.md").read_text(encoding="utf-8")
        assert "`read = {read}`, `write = {write}`".format(**rights) in page
    elif set(files) == {"http.conf", "ari.conf"}:
        http, ari = files["http.conf"], files["ari.conf"]
        assert http["general"].getint("bindport") == PORTS["ari"]
        assert http["general"]["bindaddr"] == ours.host
        assert (ari[ours.user]["type"], ari[ours.user]["password"]) == ("user", ours.secret)
        assert ari["general"]["channelvars"] == "CHANNEL(linkedid)"
    else:
        pytest.fail(NO_RULE.format(block.name, block.line, __file__))


def params(found: ET.Element) -> dict[str, str]:
    """The parameters in an element of FreeSWITCH's configuration."""
    return {one.attrib["name"]: one.attrib["value"] for one in found.iter("param")}


def menu_event(found: ET.Element) -> None:
    """The event that the dialplan makes is one that we read a choice in; the menu leads to that extension."""
    action = next(one for one in found.iter("action") if one.attrib["application"] == "event")
    told = dict(part.split("=", 1) for part in action.attrib["data"].split(","))
    (chosen,) = freeswitch.read(told | {"Unique-ID": "5a4bb58a-0b2b-4d5b-8f4e-0d8f6ad5a001"}, 0)
    assert isinstance(chosen, Pressed)
    entry = next(found.iter("entry"))
    assert (chosen.key, chosen.label) == (entry.attrib["digits"], "Sales")
    _, extension, *_ = entry.attrib["param"].split()
    condition = next(found.iter("condition"))
    assert re.fullmatch(condition.attrib["expression"], extension)


@pytest.mark.parametrize("block", of("xml"), ids=named(of("xml")))
def test_configurations_of_freeswitch_let_us_in_and_tell_what_we_ask(block: Block, tmp_path: Path) -> None:
    ours = settings("freeswitch.md", tmp_path).freeswitch
    assert ours is not None
    found = ET.fromstring(f"<all>{block.text}</all>")
    given = params(found)
    if found.find("configuration[@name='event_socket.conf']") is not None:
        assert (given["listen-ip"], int(given["listen-port"])) == (ours.host, ESL_PORT)
        (acl,) = found.iter("list")
        assert given["apply-inbound-acl"] == acl.attrib["name"]
    elif (user := found.find("user")) is not None:
        assert f"{user.attrib['id']}@{ours.host}" == ours.user
        assert given["esl-password"] == ours.password
        events, _, subclasses = given["esl-allowed-events"].partition(" CUSTOM ")
        assert set(events.split()) == {*freeswitch.EVENTS, "HEARTBEAT"}
        assert set(subclasses.split()) == set(freeswitch.SUBCLASSES)
        assert set(given["esl-allowed-api"].split()) == asked_of_freeswitch()
    elif found.find("extension") is not None:
        menu_event(found)
    elif any(one.attrib["application"] == "record_session" for one in found.iter("action")):
        (stereo,) = (one for one in found.iter("action") if one.attrib["application"] == "set")
        name, _, value = stereo.attrib["data"].partition("=")
        assert (f'"variable_{name}"', value) == ('"variable_RECORD_STEREO"', "true")
        assert f'"variable_{name}"' in Path(freeswitch.__file__).read_text(encoding="utf-8")
    else:
        pytest.fail(NO_RULE.format(block.name, block.line, __file__))


def asked_of_freeswitch() -> set[str]:
    """The commands of FreeSWITCH's console that the source says."""
    source = ROOT / "src" / "switchhook"
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (
            *(source / "telephony" / "freeswitch").glob("*.py"),
            source / "findings" / "freeswitch.py",
        )
    )
    return set(re.findall(r"(?:\.api\(f?\"|\"api )(\w+)", text))


@pytest.mark.parametrize("block", of("yaml"), ids=named(of("yaml")))
def test_configurations_of_programs_that_watch_us_find_us(block: Block, tmp_path: Path) -> None:
    shown = yaml.safe_load(block.text)
    name = block.text.partition("\n")[0]
    if name == "# prometheus.yml":
        prometheus(shown, tmp_path)
        (tmp_path / "prometheus.yml").write_text(block.text, encoding="utf-8")
        if shutil.which("promtool"):
            command = ["promtool", "check", "config", str(tmp_path / "prometheus.yml")]
            subprocess.run(command, check=True, capture_output=True)
    elif name == "# otel-collector.yml":
        listening = shown["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
        ours = next(block.text for block in of("toml") if "[traces]" in block.text)
        assert tomllib.loads(ours)["traces"]["endpoint"] == f"http://{listening}"
        for pipeline in shown["service"]["pipelines"].values():
            assert set(pipeline["receivers"]) <= set(shown["receivers"])
            assert set(pipeline["exporters"]) <= set(shown["exporters"])
    else:
        pytest.fail(NO_RULE.format(block.name, block.line, __file__))


def prometheus(shown: Any, tmp_path: Path) -> None:
    """It asks where we serve without anybody saying otherwise, and the rules that it reads are about its job."""
    (job,) = shown["scrape_configs"]
    (tmp_path / "switchhook.toml").touch()
    ours = load({}, {}, tmp_path / "switchhook.toml")
    assert job["static_configs"] == [{"targets": [f"{ours.host}:{ours.port}"]}]
    (rules,) = shown["rule_files"]
    jobs = set(re.findall(r'job="(\w+)"', (ROOT / "deploy" / rules).read_text(encoding="utf-8")))
    assert jobs == {job["job_name"]}
    shutil.copy(ROOT / "deploy" / rules, tmp_path)


@pytest.mark.parametrize("kind", ["toml", "json", "ini", "xml", "yaml"])
def test_there_are_blocks_of_each_language(kind: str) -> None:
    assert of(kind)

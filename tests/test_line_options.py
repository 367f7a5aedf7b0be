"""Rules of the SIP line that go together, and those that do not: said at start, with where they stand."""

import json
import re
import wave
from pathlib import Path
from typing import Any

import pytest

from switchhook.serving.line import check_telephony, ways
from switchhook.settings.config import Config, ConfigError, load
from switchhook.settings.dialplan import Action, read_action, read_actions
from switchhook.settings.line import check_line, files_of, lists_of, texts_of

BASE = """
[sip]
listen = "127.0.0.1:5060"
trunk = "10.0.0.7:5060"
{sip}

[[users]]
email = "anna@example.com"
sip = ["sip:anna@10.0.0.1"]

[[numbers]]
number = "01 23 45 67 89"
users = ["anna@example.com"]
{number}

{rest}
"""
MENU = """
[[menus]]
name = "main"
greeting = "play hello.wav"
keys.1 = { label = "Sales", do = "ring anna@example.com" }
"""
EVE = """
[[users]]
email = "eve@example.com"
extension = "102"
"""
AGENT = """
[[agents]]
name = "desk"
uri = "sip:agent@10.0.0.9"
"""


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with wave.open("hello.wav", "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))


def checked(sip: str = "", number: str = "", rest: str = "") -> Config:
    Path("my.toml").write_text(BASE.format(sip=sip, number=number, rest=rest), encoding="utf-8")
    config = load({}, {}, Path("my.toml"))
    check_telephony(config)
    return config


def test_what_goes_together_is_taken() -> None:
    Path("menus.toml").write_text(MENU.replace("main", "other"), encoding="utf-8")
    number = """
    answer = "menu main"
    closed = ["play hello.wav", "agent desk"]
    hours = { zone = "Europe/Paris", open = ["mon-fri 09:00-18:00"] }
    """
    rest = MENU + 'keys.2 = { label = "Other", do = ["say One moment.", "menu other"] }\n' + AGENT
    config = checked('menus = "menus.toml"\nspeak = "cat -"\nblock = ["anonymous"]', number, rest)
    assert (set(texts_of(config)), set(files_of(config))) == ({"One moment."}, {"hello.wav"})
    routing = ways(config)
    assert (list(routing.rules), sorted(routing.menus)) == (["+33123456789"], ["main", "other"])
    assert (list(routing.agents), routing.block, routing.host) == (["desk"], ("anonymous",), "127.0.0.1")


WRONG = [
    ("", "", MENU, "menu 'main': nothing leads here; write \"menu main\""),
    (
        "",
        'answer = "menu main"',
        MENU.replace("keys.1", "extensions = true\nkeys.1"),
        "no user has an extension",
    ),
    (
        "",
        'answer = "menu main"',
        MENU.replace("keys.1", "extensions = true\nkeys.102") + EVE,
        "key 102 is the extension of eve@example.com",
    ),
    ("", "", AGENT, "agents: desk: nothing leads here"),
    (
        "",
        'answer = "menu man"',
        MENU,
        "numbers: 01 23 45 67 89, answer: there is no menu 'man'; did you mean main?",
    ),
    ("", 'answer = "agent dsk"', AGENT, "there is no agent 'dsk'; did you mean desk?"),
    ("", 'answer = "agent desk"', AGENT * 2, "desk stands there twice"),
    ("", 'answer = "menu main"', MENU * 2, "there is a menu 'main' already"),
    ("", 'answer = "agent desk"', AGENT.replace("sip:", "http:"), "agents: not a SIP address"),
    ("", 'answer = "ring ana@example.com"', "", "there is no user 'ana@example.com'; did you mean anna@"),
    ("", 'answer = "forward +33123456789"', "", "one of your own numbers"),
    ("", 'answer = "say Hello."', "", 'write speak = "espeak-ng -v en --stdout"'),
    ("", 'answer = "play none.wav"', "", "answer: "),
    ("", 'answer = "play my.toml"', "", "not a WAV file"),
    ("", 'greeting = "play none.wav"', "", "greeting: "),
    ('speak = "no-such-program"', "", "", "there is no program 'no-such-program'"),
    ('menus = "none.toml"', "", "", "cannot read none.toml"),
    ('menus = "my.toml"', "", "", "unknown setting 'sip'; this file has [[menus]] and nothing else"),
    ("", 'allow = ["+336*"]', "", 'block = ["*"]'),
    ("", 'voicemail = false\nno_answer = "voicemail"', "", "voicemail = false"),
    ("", 'type = "SENDER_ID"\nanswer = "ring"', "", "sender id"),
]


@pytest.mark.parametrize(("sip", "number", "rest", "says"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_does_not_go_together_is_refused_with_what_helps(
    sip: str, number: str, rest: str, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(sip, number, rest)
    assert says in str(caught.value)
    assert "my.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ('answer = "repeat"', "outside a menu there is nothing to repeat"),
        ('answer = ["voicemail", "ring"]', "nothing is reached after 'voicemail'"),
        ('ring = "turn"', "ring is one of all, in turn"),
        ('user_seconds = { "anna@example.com" = 5 }', 'write ring = "in turn"'),
        ('ring = "in turn"\nuser_seconds = { "ben@example.com" = 5 }', "is one of anna@example.com, not"),
        ('closed = "voicemail"', "write hours as well"),
        ('block = ["0899"]', "+33899*"),
        ('hours = { zone = "UTC" }', "open"),
        ('greeting = "voicemail"', "say TEXT"),
    ],
)
def test_a_rule_that_says_nothing_is_refused_when_it_is_read(number: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked("", number)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        MENU,
        AGENT,
        '[sip]\nspeak = "cat"',
        '[sip]\nblock = ["*"]',
        '[[numbers]]\nnumber = "+331"\nanswer = "ring"',
    ],
)
def test_rules_of_a_line_that_is_off_are_refused(text: str) -> None:
    Path("my.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="there is no SIP line; name its address with listen"):
        check_telephony(load({}, {}, Path("my.toml")))


def test_the_file_of_menus_names_itself_in_what_is_wrong_with_it() -> None:
    for text, says in (
        ("[[menus]", "not valid TOML"),
        ("", "has no"),
        (MENU.replace("ring anna", "rign anna"), "menus.toml: menus: 'rign anna@example.com' is no action"),
        (
            MENU.replace("anna@example.com", "eve@example.com"),
            "menus.toml: menu 'main', key 1: there is no user",
        ),
    ):
        Path("menus.toml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            checked('menus = "menus.toml"', 'answer = "menu main"')
        assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("ring", Action("ring")),
        ("ring a@b.example, c@d.example", Action("ring", "a@b.example, c@d.example")),
        ("forward +33 6 12 34 56 78", Action("forward", "+33612345678")),
        ("say  We are closed. ", Action("say", "We are closed.")),
        ("hang up", Action("hang up")),
        ("menu main", Action("menu", "main")),
    ],
)
def test_an_action_is_read(text: str, action: Action) -> None:
    assert read_action(text) == action
    assert read_actions((text,)) == read_actions(text) == (action,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no action"),
        ("hangup", "did you mean hang up?"),
        ("forward 0612345678", "a number like"),
        ("forward", "a number like"),
        ("say", "a text"),
        ("voicemail 3", "nothing stands after it"),
        ("ringing", "did you mean ring?"),
    ],
)
def test_what_is_no_action_says_so(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("?", r"\?")):
        read_action(text)


def test_the_example_of_the_documentation_is_complete() -> None:
    page = (Path(__file__).parent.parent / "docs" / "menus.md").read_text(encoding="utf-8")
    Path("my.toml").write_text(page.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    config = load({}, {}, Path("my.toml"))
    check_line(config, str)
    verbs = {action.verb for number in config.numbers for one in lists_of(number).values() for action in one}
    verbs |= {action.verb for menu in config.menus for one in menu.lists.values() for action in one}
    assert len(verbs) > 5
    assert {f"| `{verb}" for verb in verbs} <= set(re.findall(r"^\| `[a-z]+(?: up)?", page, re.MULTILINE))


@pytest.mark.parametrize(
    ("greeting", "leads", "says"),
    [
        ("say Press 1.", "menu main", ""),
        ("play hello.wav", "menu main", "menu 'main', greeting: Twilio cannot play a file"),
        ("say Press 1.", "ring", "nothing leads here"),
    ],
)
def test_menus_and_agents_without_a_sip_line_are_for_twilio(greeting: str, leads: str, says: str) -> None:
    menu = {"name": "main", "greeting": greeting, "keys": {"1": {"label": "Bot", "do": "agent bot"}}}
    values = {
        "numbers": json.dumps([{"number": "+33199999901", "answer": leads}]),
        "menus": json.dumps([menu]),
        "agents": json.dumps([{"name": "bot", "uri": "sip:bot@ai.example"}]),
        "twilio": json.dumps({"account_sid": "AC1", "auth_token": "t"}),
        "public_url": "https://x.example",
    }
    config = load(values, {})
    if not says:
        check_line(config, str)
        del values["twilio"]
        with pytest.raises(ConfigError, match="there is no SIP line"):
            check_line(load(values, {}), str)
        return
    with pytest.raises(ConfigError, match=says):
        check_line(config, str)


def test_users_of_a_ring() -> None:
    assert read_action("ring a@b.example, c@d.example").users == ("a@b.example", "c@d.example")


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"answer": ["say Welcome.", "ring", "forward +33755555555"], "no_answer": "hang up"}, ""),
        ({"block": ["+3389*"], "allow": ["+33891111111"]}, ""),
        ({"allow": ["+33891111111"]}, "nobody is blocked"),
        ({"answer": "play hello.wav"}, "Twilio cannot play a file"),
        ({"greeting": "play hello.wav"}, "Twilio cannot play a file"),
        ({"answer": "menu main"}, "there is no menu"),
        ({"answer": "ring nobody@example.com"}, "there is no user"),
    ],
)
def test_numbers_of_twilio_have_rules_without_a_sip_line(rules: dict[str, Any], says: str) -> None:
    twilio = {"account_sid": "AC1", "auth_token": "t"}
    number = {"number": "+33199999901", **rules}
    config = load(
        {"numbers": json.dumps([number]), "twilio": json.dumps(twilio), "public_url": "https://x.example"}, {}
    )
    if not says:
        check_line(config, str)
        return
    with pytest.raises(ConfigError, match=says):
        check_line(config, str)

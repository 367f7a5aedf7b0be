"""The settings of menus, agents and lists of the SIP line, and whether they go together."""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchhook.settings import parsers
from switchhook.settings.dialplan import (
    AGENT,
    FORWARD,
    MENU,
    PLAY,
    SAY,
    VOICEMAIL,
    Action,
    AgentConfig,
    MenuConfig,
    read_actions,
    read_sound,
)
from switchhook.settings.lists import check_pattern
from switchhook.settings.members import NUMBER, NumberConfig
from switchhook.settings.sources import ConfigError, Option, nearest

if TYPE_CHECKING:
    from switchhook.settings.config import Config


CODECS = ("opus", "pcma", "pcmu")


def callers(value: Any) -> tuple[str, ...]:
    """Callers: numbers, beginnings of numbers, anonymous."""
    return tuple(check_pattern(entry) for entry in parsers.words(value))


def codecs(value: Any) -> tuple[str, ...]:
    """Codecs in the order of preference."""
    found = parsers.words(value)
    if not found or not set(found) <= set(CODECS) or len(set(found)) < len(found):
        raise ValueError(f"must be {', '.join(CODECS)}, or some of them, each once, the preferred one first")
    return found


def consent(value: Any) -> str:
    """A sound, or none."""
    if parsers.text(value):
        read_sound(value)
    return str(value)


# fmt: off - a table: one line each
LINE_OPTIONS: tuple[Option, ...] = (
    Option("sip_speak", parsers.text, "", "Program that says texts: text in, WAV out.", "COMMAND"),
    Option("sip_menus", parsers.text, "", "Another file with [[menus]].", "FILE"),
    Option(
        "sip_block", callers, (), "Callers who are refused on every number: +33899*, anonymous.", "CALLER,…"
    ),
    Option("sip_codecs", codecs, ("pcmu", "pcma"), "Codecs of sound: opus, pcma, pcmu.", "NAME,…"),
    Option(
        "sip_srtp",
        parsers.one_of("off", "offer", "require"),
        "off",
        "Whether sound is encrypted (SRTP): off, offer, or require.",
        "NAME",
    ),
    Option(
        "sip_consent",
        consent,
        "",
        "What both hear before their talk is recorded: play FILE.wav, or say TEXT.",
        "SOUND",
    ),
    Option(
        "menus",
        parsers.structs(MenuConfig),
        (),
        "The menus of the lines (tables in the file, JSON elsewhere).",
        "JSON",
    ),
    Option(
        "agents",
        parsers.structs(AgentConfig),
        (),
        "AI agents that calls may be passed to (likewise).",
        "JSON",
    ),
)
# fmt: on


def menus_of(config: "Config") -> dict[str, tuple[MenuConfig, str]]:
    """Every menu by its name, and where it stands.

    Raises:
        ConfigError: the file of menus cannot be used, or two menus have one name.
    """
    found: dict[str, tuple[MenuConfig, str]] = {}
    for where, menus in ((config.sources.get("menus", ""), config.menus), _from_file(config)):
        for menu in menus:
            if menu.name in found:
                raise ConfigError(
                    f"{where}: there is a menu {menu.name!r} already; give one of them another name"
                )
            found[menu.name] = (menu, f"{where}: menu {menu.name!r}")
    return found


def _from_file(config: "Config") -> tuple[str, tuple[MenuConfig, ...]]:
    if not config.sip_menus:
        return "", ()
    path, source = config.sip_menus, config.sources["sip_menus"]
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: cannot read {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: {path} is not valid TOML: {error}") from None
    for name in document:
        if name != "menus":
            raise ConfigError(f"{path}: unknown setting {name!r}; this file has [[menus]] and nothing else")
    try:
        menus: tuple[MenuConfig, ...] = parsers.structs(MenuConfig)(document.get("menus", []))
    except ValueError as error:
        raise ConfigError(f"{path}: menus: {error}") from None
    if not menus:
        raise ConfigError(f"{source}: {path} has no [[menus]]")
    return path, menus


def lists_of(number: NumberConfig) -> dict[str, tuple[Action, ...]]:
    """Every list of actions of a number, by where it stands."""
    given = {name: getattr(number, name) for name in ("answer", "closed", "busy", "no_answer")}
    return {name: read_actions(entries) for name, entries in given.items()}


def texts_of(config: "Config") -> dict[str, str]:
    """Every text that is to be said, and where it stands."""
    return {action.rest: where for where, action in _all_actions(config) if action.verb == SAY}


def files_of(config: "Config") -> dict[str, str]:
    """Every sound file that is to be played, and where it stands."""
    return {action.rest: where for where, action in _all_actions(config) if action.verb == PLAY}


def _all_actions(config: "Config") -> Iterator[tuple[str, Action]]:
    for menu, where in menus_of(config).values():
        for place, actions in menu.lists.items():
            yield from ((f"{where}, {place}", action) for action in actions)
        yield from ((f"{where}, {place}", action) for place, action in menu.sounds.items())
    for number in config.numbers:
        where = f"{config.sources['numbers']}: {number.number}"
        for place, actions in lists_of(number).items():
            yield from ((f"{where}, {place}", action) for action in actions)
        if number.greeting:
            yield f"{where}, greeting", read_sound(number.greeting)
        if number.consent:
            yield f"{where}, consent", read_sound(number.consent)
    if config.sip_consent:
        yield config.sources["sip_consent"], read_sound(config.sip_consent)


def check_line(config: "Config", spell: Callable[[str], str]) -> None:
    """Refuse what no call could follow, and what nothing leads to. `spell` makes E.164 of a number.

    Raises:
        ConfigError: with where it stands, what is wrong, and what helps.
    """
    menus = menus_of(config)
    agents = [agent.name for agent in config.agents]
    twice = next((name for name in agents if agents.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{config.sources['agents']}: {twice} stands there twice")
    ruled = [number for number in config.numbers if _has_rules(number)]
    if not config.sip_listen and "telephony" in config.role:  # a process without it has the same file
        elsewhere = config.twilio is not None
        lines = () if elsewhere else ("menus", "sip_menus", "agents")
        unused = [n for n in (*lines, "sip_speak", "sip_block", "sip_consent") if getattr(config, n)]
        for name in (*unused, *(["numbers"] if ruled and not elsewhere else [])):
            what = f"{ruled[0].number} has rules of a line, and " if name == "numbers" else ""
            raise ConfigError(
                f"{config.sources[name]}: {what}there is no SIP line; name its address with listen in [sip]"
            )
    for number in ruled:
        _check_number(config, number)
    own = {spell(number.number) for number in config.numbers}
    reached = {MENU: set[str](), AGENT: set[str]()}
    for where, action in _all_actions(config):
        _check_action(config, where, action, list(menus), agents)
        if action.verb in reached:
            reached[action.verb].add(action.rest)
        if action.verb == FORWARD and action.rest in own:
            raise ConfigError(
                f"{where}: {action.rest} is one of your own numbers, the call would go round in circles; "
                "ring its users, or name a menu"
            )
    extensions = {user.extension: user.email for user in config.users if user.extension}
    for name, (menu, where) in menus.items():
        if menu.extensions and not extensions:
            raise ConfigError(f"{where}: extensions = true, and no user has an extension")
        taken = next((key for key in menu.keys if menu.extensions and key in extensions), None)
        if taken is not None:
            raise ConfigError(
                f"{where}: key {taken} is the extension of {extensions[taken]} as well; give one of them another one"
            )
        if name not in reached[MENU]:
            raise ConfigError(f'{where}: nothing leads here; write "menu {name}" in the answer of a number')
    for name in agents:
        if name not in reached[AGENT]:
            raise ConfigError(
                f'{config.sources["agents"]}: {name}: nothing leads here; write "agent {name}" in a list'
            )


def _check_number(config: "Config", number: NumberConfig) -> None:
    where = f"{config.sources['numbers']}: {number.number}"
    if number.type not in (None, NUMBER):
        raise ConfigError(f"{where}: nobody can call a sender id")
    everywhere = config.sip_block or (config.twilio.block if config.twilio is not None else ())
    if number.allow and not (number.block or everywhere):
        raise ConfigError(
            f"{where}: allow makes exceptions from block, and nobody is blocked; "
            'to let only these callers through write block = ["*"] as well'
        )
    said = [action.verb for actions in lists_of(number).values() for action in actions]
    if not number.voicemail and VOICEMAIL in said:
        raise ConfigError(f"{where}: voicemail = false, and one of its lists says voicemail")


def _check_action(config: "Config", where: str, action: Action, menus: list[str], agents: list[str]) -> None:
    emails = [user.email for user in config.users]
    for kind, names, wanted in (
        ("user", emails, action.users),
        (MENU, menus, (action.rest,) if action.verb == MENU else ()),
        (AGENT, agents, (action.rest,) if action.verb == AGENT else ()),
    ):
        for name in wanted:
            if name not in names:
                raise ConfigError(f"{where}: there is no {kind} {name!r}{nearest(name, names)}")
    if config.twilio is not None and not config.sip_listen:
        if action.verb == PLAY:
            raise ConfigError(f'{where}: Twilio cannot play a file of this machine; write "say TEXT"')
        return
    if action.verb == FORWARD and not config.sip_trunk:
        raise ConfigError(f"{where}: forward goes out through a trunk; name it with trunk in [sip]")
    if action.verb == SAY and not config.sip_speak:
        raise ConfigError(
            f'{where}: nothing here can say a text; write speak = "espeak-ng -v en --stdout" in [sip], '
            'or name a sound with "play FILE.wav"'
        )


def _has_rules(number: NumberConfig) -> bool:
    plain = NumberConfig(number.number, type=number.type)
    rules = (
        "ring",
        "user_seconds",
        "hours",
        "answer",
        "closed",
        "busy",
        "no_answer",
        "greeting",
        "consent",
        "block",
        "allow",
    )
    return any(getattr(number, name) != getattr(plain, name) for name in rules)

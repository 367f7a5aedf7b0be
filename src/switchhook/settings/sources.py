"""Where settings stand beside the command line: in a file and in the environment. What is unknown is refused."""

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREFIX = "SWITCHHOOK_"
FILE = "switchhook.toml"
SECTIONS = ("sip", "texts", "recordings", "transcripts", "summaries", "traces")
# The file, and what the commands that are clients of a server are told.
NO_SETTINGS = tuple(PREFIX + name for name in ("CONFIG", "URL", "KEY", "LISTEN_SECRET"))


@dataclass(frozen=True)
class Option:
    """One setting: its name, how it is read, what it is without anybody saying so, and what it does."""

    name: str
    parse: Callable[[Any], Any]
    default: Any
    help: str
    metavar: str = "TEXT"

    @property
    def env(self) -> str:
        """The name in the environment."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")


class ConfigError(Exception):
    """A setting that cannot be used; the text names it, where it stands and what it may be."""


def nearest(name: str, names: list[str]) -> str:
    """` (did you mean X?)`, or nothing when no name is near."""
    close = difflib.get_close_matches(name, names, 1, 0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; the names are {', '.join(sorted(names))}" if names else ""


def from_file(
    file: Path | None, environ: Mapping[str, str], known: Sequence[str]
) -> list[tuple[str, Any, str]]:
    """The settings of the file, each as name, value and where it stands.

    Raises:
        ConfigError: the file cannot be read, or has a name that is not `known`.
    """
    named = file or (Path(environ[PREFIX + "CONFIG"]) if environ.get(PREFIX + "CONFIG") else None)
    path = named or Path(FILE)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if named is None:
            return []
        raise ConfigError(f"there is no configuration file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    found = []
    flat = [name for name in known if not name.startswith(tuple(f"{s}_" for s in SECTIONS))]
    for key, value in document.items():
        if key in SECTIONS and isinstance(value, dict):
            inner = [name.removeprefix(f"{key}_") for name in known if name.startswith(f"{key}_")]
            for name, part in _flattened(value, inner):
                if name not in inner:
                    raise ConfigError(f"{path}: unknown setting {name!r} in [{key}]{nearest(name, inner)}")
                found.append((f"{key}_{name}", part, f"{path}: [{key}] {name}"))
        elif key in flat:
            found.append((key, value, f"{path}: {key}"))
        else:
            section, _, name = key.partition("_")
            hint = f"; write {name} in the section [{section}]" if key in known else ""
            raise ConfigError(f"{path}: unknown setting {key!r}{hint or nearest(key, [*flat, *SECTIONS])}")
    return found


def _flattened(section: Mapping[str, Any], known: Sequence[str]) -> list[tuple[str, Any]]:
    """The settings of a section and of the sections in it: `[texts.twilio] numbers` is `twilio_numbers` of `texts`."""
    found: list[tuple[str, Any]] = []
    for name, value in section.items():
        if isinstance(value, dict) and any(one.startswith(f"{name}_") for one in known):
            found += [(f"{name}_{part}", inner) for part, inner in value.items()]
        else:
            found.append((name, value))
    return found


def from_environment(environ: Mapping[str, str], known: Sequence[str]) -> list[tuple[str, str]]:
    """The settings of the environment, each as name and value.

    Raises:
        ConfigError: a variable begins as ours do and is not `known`.
    """
    found = []
    names = [*(PREFIX + name.upper() for name in known), *NO_SETTINGS]
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in NO_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in known:
            raise ConfigError(f"unknown environment variable {variable}{nearest(variable, names)}")
        found.append((name, value))
    return found

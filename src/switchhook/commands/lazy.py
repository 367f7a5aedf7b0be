"""A group of commands whose modules are imported when they are used: the help and a completion need none of them."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem


class Place(NamedTuple):
    """Where a command is, `module:name` within `switchhook.commands`, and what the help says of it."""

    where: str
    text: str


class LazyGroup(click.Group):
    """Commands by their names, under headings."""

    def __init__(self, sections: Mapping[str, Mapping[str, Place]], **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._sections = sections
        self._places = {name: place for section in sections.values() for name, place in section.items()}
        self.commands = _Commands(self._places)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, a section for each heading."""
        width = max(len(name) for name in self._places)
        for heading, section in self._sections.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{width}}", place.text) for name, place in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands and options that begin like `incomplete`."""
        found = [
            CompletionItem(name, help=place.text)
            for name, place in self._places.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


class _Commands(MutableMapping[str, click.Command]):
    """Commands by name; one is imported when it is first asked for. None can be added or removed."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> click.Command:
        module, _, attribute = self._places[name].where.partition(":")
        found = getattr(import_module(f"switchhook.commands.{module}"), attribute)
        assert isinstance(found, click.Command)
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        raise TypeError("commands stand in the table of switchhook.cli")

    def __delitem__(self, name: str) -> None:
        raise TypeError("commands stand in the table of switchhook.cli")

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

"""What the commands share: options out of the table of settings, and a store for as long as they need it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from switchhook.clock import Clock, SystemClock
from switchhook.settings.config import OPTIONS, Config, Option

if TYPE_CHECKING:
    from switchhook.storage.store import Store, Transaction

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

STORE_OPTIONS = ("data", "database")


def workspace_option(function: F) -> F:
    """The option `--workspace`."""
    return click.option(
        "--workspace", metavar="ID|NAME", default=None, help="Which one; the first workspace without it."
    )(function)


def settings(*names: str) -> Callable[[F], F]:
    """Options out of the table of `switchhook.settings.config`, and `--config`; all of them when none is named."""

    def add(function: F) -> F:
        for option in reversed([o for o in OPTIONS if not names or o.name in names]):
            shown = f"{option.help} [{option.env}; default: {_default(option)}]"
            decorate = click.option(
                option.flag, option.name, default=None, metavar=option.metavar, help=shown
            )
            function = decorate(function)
        return click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            default=None,
            metavar="FILE",
            help="Configuration file. [SWITCHHOOK_CONFIG; default: switchhook.toml, if it is there]",
        )(function)

    return add


def _default(option: Option) -> str:
    value = option.default
    if isinstance(value, tuple):
        return ("-" if option.name.endswith("ports") else ",").join(f"{v}" for v in value) or "none"
    return str(value) if value != "" else "none"


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """What cannot be done becomes exit code 1, a value that cannot be becomes 2; each with its text."""
    from switchhook.workspace.administration import (
        Refused,
    )  # here and below: clients of a server need no store

    try:
        yield
    except Refused as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def wait(clock: Clock, seconds: float) -> None:
    """Do nothing for a while."""
    asyncio.run(clock.sleep(seconds))


def with_store(config: Config, work: Callable[["Store"], Awaitable[T]], *, new: bool = False) -> T:
    """What `work` makes of the store of `config`, which is open only meanwhile. One that is not there is made if `new`.

    Raises:
        InstallationError: there is no database, or the data directory cannot be used.
        StorageError: the database cannot be used.
    """

    from switchhook.serving.installation import check_is_there, open_store

    if not new:
        check_is_there(config)

    async def run() -> T:
        store = await open_store(config)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def in_workspace(
    config: Config,
    workspace: str | None,
    work: Callable[["Transaction", str], Awaitable[T]],
    *,
    new: bool = False,
) -> T:
    """What `work` makes in one transaction, in the workspace of a name or id, or in the first one.

    A database that is not there is made if `new`.

    Raises:
        InstallationError: there is no such workspace or database, or the data directory cannot be used.
        StorageError: the database cannot be used.
    """

    from switchhook.serving.installation import find_workspace, first_workspace

    async def run(store: "Store") -> T:
        opened = await (
            first_workspace(store, SystemClock()) if workspace is None else find_workspace(store, workspace)
        )
        return await store.run(lambda tx: work(tx, opened.id))

    return with_store(config, run, new=new)

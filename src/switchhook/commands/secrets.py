"""`switchhook secrets`."""

import click

from switchhook.storage.vault import new_key


@click.group("secrets")
def secrets_group() -> None:
    """Make the key that seals the secrets in the database."""


@secrets_group.command("new-key")
def secrets_new_key() -> None:
    """Make a key and print it. It is kept nowhere: give it to `serve` as SWITCHHOOK_SECRETS_KEY, and keep it safe."""
    click.echo(new_key())

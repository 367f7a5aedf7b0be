"""`switchhook completion`: the words of the command line, for a shell."""

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

VARIABLE = "_SWITCHHOOK_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.option("--install", is_flag=True, help="Write it to where your shell looks, and say where that is.")
@click.pass_context
def completion_command(ctx: click.Context, shell: str, install: bool) -> None:
    """Print what lets SHELL complete the words of `switchhook`: commands, options, topics, ids of webhooks.

    For this shell alone: source <(switchhook completion bash). For good: --install.
    """
    text = script(shell, ctx.find_root().command)
    if not install:
        click.echo(text, nl=False)
        return
    path = place(shell, os.environ, Path.home())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from None
    click.echo(str(path))
    click.echo(_NEXT[shell], err=True)


_NEXT = {
    "bash": "New shells complete, where the package bash-completion is installed. "
    "Elsewhere add a line to ~/.bashrc: source <(switchhook completion bash)",
    "zsh": "Add to ~/.zshrc, before compinit: fpath=(~/.zfunc $fpath)",
    "fish": "New shells complete.",
}


def script(shell: str, cli: click.Command) -> str:
    """What that shell reads."""
    kind = get_completion_class(shell)
    assert kind is not None
    return f"{kind(cli, {}, 'switchhook', VARIABLE).source()}\n"


def place(shell: str, environment: "os._Environ[str] | dict[str, str]", home: Path) -> Path:
    """The file in which that shell of this user looks for it. Pure."""
    if shell == "zsh":
        return home / ".zfunc" / "_switchhook"
    if shell == "fish":
        settings = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        return settings / "fish" / "completions" / "switchhook.fish"
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "bash-completion" / "completions" / "switchhook"

"""Mount and network namespaces of our own, gone with the processes that hold them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.faults.world import command


class Mounts:
    """A mount namespace, held by a process that waits. `enter` runs a command inside, under the same process id."""

    def __init__(self, holder: int) -> None:
        self.holder = holder

    def enter(self, *program: str) -> list[str]:
        """The command that runs `program` inside."""
        return ["nsenter", f"--mount=/proc/{self.holder}/ns/mnt", f"--wd={Path.cwd()}", *program]

    def seen(self, path: Path) -> Path:
        """How a path inside is called from here."""
        return Path(f"/proc/{self.holder}/root") / path.relative_to("/")


@contextmanager
def mounts(script: str) -> Iterator[Mounts]:
    """A mount namespace in which `script` (of the shell) has mounted what it wants."""
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-ec", f"{script}\necho ready\nexec sleep 3600"], stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"ready\n":
            raise RuntimeError(f"cannot mount: {script}")
        yield Mounts(holder.pid)
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


class Cable:
    """Between here and a network namespace; `here` and `there` are the addresses of its ends."""

    def __init__(self, network: str, number: int) -> None:
        self._network, self._end, self._far = network, f"{network}e{number}", f"eth{number}"
        self.here, self.there = f"10.211.{number}.1", f"10.211.{number}.2"
        far = ("peer", "name", self._far, "netns", network)
        command("ip", "link", "add", self._end, "type", "veth", *far)
        command("ip", "addr", "add", f"{self.here}/24", "dev", self._end)
        command("ip", "link", "set", self._end, "up")
        command("ip", "-n", network, "addr", "add", f"{self.there}/24", "dev", self._far)
        self.mend()

    def cut(self) -> None:
        """Pull it: nothing comes through, and nobody is told."""
        command("ip", "-n", self._network, "link", "set", self._far, "down")

    def mend(self) -> None:
        """Plug it in."""
        command("ip", "-n", self._network, "link", "set", self._far, "up")


class Network:
    """A network namespace with two cables to here: one to the database and whoever publishes, one to receivers."""

    def __init__(self, name: str) -> None:
        self._name = name
        command("ip", "-n", name, "link", "set", "lo", "up")
        self.inner, self.outer = Cable(name, 1), Cable(name, 2)

    def enter(self, *program: str) -> list[str]:
        """The command that runs `program` inside."""
        return ["ip", "netns", "exec", self._name, *program]


@contextmanager
def network() -> Iterator[Network]:
    """A network namespace."""
    name = f"swhf{os.getpid() % 10_000}"
    command("ip", "netns", "add", name)
    try:
        yield Network(name)
    finally:
        command("ip", "netns", "del", name)

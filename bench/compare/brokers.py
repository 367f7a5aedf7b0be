"""The brokers that the contenders stand beside, each with a life of its own to be killed."""

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.postgres import Cluster


class Redis:
    """A redis-server with its default persistence in a directory of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self._folder = folder
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        where = ["--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        self._process = subprocess.Popen(["redis-server", *where], stdout=subprocess.DEVNULL)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return
            time.sleep(0.05)
        raise SystemExit("redis-server did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def count(self, *command: str) -> int:
        """The number that a command gives."""
        out = subprocess.run(
            ["redis-cli", "-u", self.url, *command], capture_output=True, text=True, check=True
        ).stdout
        return int((out.split() or ["0"])[0])


class Postgres:
    """A database of a throw-away cluster."""

    def __init__(self, running: Cluster) -> None:
        self._running = running
        self.url = running.database(empty=True)

    def start(self) -> None:
        for _ in range(20):  # what the killed one left must end first
            with contextlib.suppress(AssertionError):
                return self._running.start()
            time.sleep(0.5)
        raise SystemExit("PostgreSQL did not start again")

    def kill(self) -> None:
        self._running.stop(signal.SIGKILL)

    @property
    def pid(self) -> int:
        assert self._running.process is not None
        return self._running.process.pid

    def count(self, statement: str) -> int:
        ((found,),) = self._running.execute(statement, database=self.url.split("?")[0].rpartition("/")[2])
        return int(str(found))

"""The command line in a process that has imported it already and forks for each call: a page has fifty of them.

Run as a program with the path of its socket; prints `warm` when it listens. `CLIENT` is a program that stands for
`switchhook`: it hands over its standard streams, directory, environment and arguments, and ends with the exit code.
What stays (`serve` and the like) it runs as a process of its own.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

CLIENT = """\
#!{python} -IS
import json, os, socket, sys
if sys.argv[1] in ("serve", "listen", "mcp"):
    os.execv({python!r}, [{python!r}, "-m", "switchhook", *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as door:
    door.connect({socket!r})
    socket.send_fds(door, [b"x"], [0, 1, 2])
    door.sendall(json.dumps([os.getcwd(), dict(os.environ), sys.argv[1:]]).encode())
    door.shutdown(socket.SHUT_WR)
    sys.exit(int(door.recv(16) or b"1"))
"""


def main() -> None:
    from switchhook.cli import cli
    from switchhook.cli import main as run

    list(cli.commands.values())  # each is imported when it is asked for

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        print("warm", flush=True)
        while True:
            door, _ = listener.accept()
            with door:
                _, streams, *_ = socket.recv_fds(door, 1, 3)
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    listener.close()
                    told = json.loads(door.makefile("rb").read())
                    door.sendall(str(child(told, streams, run)).encode())
                    os._exit(0)
                for stream in streams:
                    os.close(stream)


def child(told: Any, streams: list[int], run: Callable[[], None]) -> int:
    """Be that command; its exit code."""
    directory, environment, args = told
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["switchhook", *args]
    code = 0
    try:
        run()
    except SystemExit as done:
        code = int(done.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    main()

"""Where requests come in: the socket, the time until the server listens on it, and how it ends."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Coroutine, Sequence

from switchhook.serving.installation import InstallationError
from switchhook.serving.server import HttpServer
from switchhook.settings.config import Config


def listen(config: Config) -> socket.socket:
    """A socket on the address of `config`, not listening yet.

    Raises:
        InstallationError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except (OSError, socket.gaierror) as error:
        listener.close()
        raise _taken(config, error) from None
    listener.setblocking(False)
    return listener


def _taken(config: Config, error: OSError) -> InstallationError:
    names = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
    return InstallationError(
        f"cannot serve on {config.host}:{config.port}: {error.strerror}; name another one with {names}"
    )


def address_of(listener: socket.socket) -> str:
    """The URL under which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def served(
    http: HttpServer, listeners: Sequence[socket.socket], config: Config
) -> "AsyncIterator[asyncio.Task[None]]":
    """A server that listens, and its task. Whatever ends the block, requests that are there are seen to their ends.

    Raises:
        InstallationError: somebody else listens on the same port, since just now.
    """
    serving = asyncio.create_task(http.serve(sockets=list(listeners)))
    try:
        await first(http.listening.wait(), serving)
        if serving.done():
            try:
                serving.result()
            except OSError as error:
                raise _taken(config, error) from None
        yield serving
    finally:
        await finish(http, serving)


async def finish(http: HttpServer, serving: "asyncio.Task[None]") -> None:
    """Take no new requests, and see those that are there to their ends."""
    http.should_exit = True
    await asyncio.wait([serving])


async def first(wait: Coroutine[None, None, object], task: "asyncio.Task[None]") -> None:
    """Until the one or the other is done."""
    waiting = asyncio.create_task(wait)
    await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def together(*works: Coroutine[None, None, None]) -> None:
    """Do all of it side by side. What fails in one of them is raised when all are over."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result

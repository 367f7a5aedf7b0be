"""A running server, as the commands that are its clients see it: its API, by --url and --key."""

import functools
import http.client
import ipaddress
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import click

from switchhook.clock import SystemClock
from switchhook.commands.printing import harmless
from switchhook.commands.settings import settings, wait
from switchhook.settings.config import ADMIN_KEY_FILE, Config, ConfigError, load

F = TypeVar("F", bound=Callable[..., Any])

SECONDS = 30.0  # for an answer
TRIES = 5  # of a request that comes too fast
PAGE = 100


class ServerError(click.ClickException):
    """The server refused, or there is none."""


class Client:
    """The API under `url`, by a key that nothing shows."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise click.UsageError(f"--url must be like http://127.0.0.1:8080, not {url!r}")
        self.url = url.rstrip("/")
        self._parts = parts
        self._key = key

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """The decoded answer.

        Raises:
            ServerError: it refused, with its reason and what it suggests; or it does not answer.
        """
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        content = None if body is None else json.dumps(body).encode()
        return self.send(method, path + (f"?{asked}" if asked else ""), content, "application/json")

    def send(self, method: str, path: str, body: bytes | None, kind: str) -> Any:
        """The decoded answer to a request with a body of any media type.

        Raises:
            ServerError: as `call`.
        """
        for left in reversed(range(TRIES)):
            try:
                connection, answer = self.open(
                    method, path, body, {"Content-Type": kind} if body is not None else None
                )
                with connection:
                    content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                raise self.unreachable(error) from None
            if answer.status != 429 or not left:
                break
            wait(SystemClock(), min(10.0, float(answer.headers.get("retry-after") or 1)))
        return self._read(answer.status, content)

    def data(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """The `data` of the answer."""
        return self.call(method, path, body, **query)["data"]

    def pages(self, path: str, most: int, **query: object) -> Iterator[dict[str, Any]]:
        """The first `most` things of a list that has pages."""
        page = 1
        while most > 0:
            answer = self.call("GET", path, page=page, size=PAGE, **query)
            yield from answer["data"][:most]
            most -= len(answer["data"])
            if not answer["pagination"]["has_more"]:
                return
            page += 1

    def open(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> tuple["Connection", http.client.HTTPResponse]:
        """A request under way: its connection, to be closed, and the answer, to be read.

        Raises:
            OSError, HTTPException: the server does not answer.
        """
        connection = Connection(self.url, seconds)
        try:
            sent = {
                "Authorization": f"Api-Key {self._key}",
                "User-Agent": "switchhook-cli",
                **(headers or {}),
            }
            if body is not None:
                sent.setdefault("Content-Type", "application/json")
            answer = connection.ask(method, self._parts.path.rstrip("/") + path, body, sent)
        except BaseException:
            connection.close()
            raise
        return connection, answer

    def unreachable(self, error: BaseException) -> ServerError:
        """That nobody answers."""
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return ServerError(
            f"no server answers at {self.url} ({why}); is `switchhook serve` running there? "
            "Name another one with --url or SWITCHHOOK_URL"
        )

    def refusal(self, status: int, content: bytes) -> ServerError:
        """What the server says when it refuses."""
        try:
            error = json.loads(content)["error"]
            text, suggestion = error["message"], error.get("suggestion") or ""
            text += f" {suggestion}" if suggestion and suggestion not in text else ""
            faults = [f"{one['field']}: {one['message']}" for one in (error.get("errors") or [])[:20]]
            if len(faults) > 1 or not all(one["message"] in text for one in (error.get("errors") or [])):
                text += "".join(f"\n  {one}" for one in faults)
            code = error["code"]
        except (ValueError, KeyError, TypeError):
            text, code = content[:200].decode("utf-8", "replace"), "no Switchhook answers there"
        if status == 401:
            text += " Give a key of this server with --key or SWITCHHOOK_KEY."
        shown = "\n".join(harmless(line) for line in text.splitlines())
        return ServerError(f"{self.url} answered {status} ({harmless(str(code))}): {shown}")

    def _read(self, status: int, content: bytes) -> Any:
        if status >= 400:
            raise self.refusal(status, content)
        try:
            return json.loads(content) if content else None
        except ValueError:
            raise ServerError(
                f"{self.url} answered {status} and no JSON: no Switchhook answers there"
            ) from None


class Connection:
    """One connection of HTTP, closed at the end of a `with`."""

    def __init__(self, url: str, seconds: float) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._http = kind(parts.hostname or "", parts.port, timeout=seconds)

    def ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        """Send a request; its answer, of which nothing is read yet but the head."""
        self._http.request(method, path, body, headers)
        return self._http.getresponse()

    def close(self) -> None:
        """Close it."""
        self._http.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def server(function: F) -> F:
    """The options that name a server; the command gets it as `client`."""

    @functools.wraps(function)
    def run(
        *args: Any, url: str | None, key: str | None, config_file: Path | None, data: str | None, **given: Any
    ) -> Any:
        return function(*args, client=reached(url, key, config_file, data), **given)

    return reaching(run)  # type: ignore[return-value]


def reaching(run: F) -> F:
    """The options that name a server, `url`, `key`, `config_file` and `data`, of which `reached` makes a client."""
    for add in (
        settings("data"),
        click.option(
            "--key",
            envvar="SWITCHHOOK_KEY",
            metavar="KEY",
            default=None,
            help="API key; better in the environment. [SWITCHHOOK_KEY; default: DIR/admin.key, for this machine alone]",
        ),
        click.option(
            "--url",
            envvar="SWITCHHOOK_URL",
            metavar="URL",
            default=None,
            help="The server. [SWITCHHOOK_URL; default: http://127.0.0.1:8080, or as switchhook.toml says]",
        ),
    ):
        run = add(run)
    return run


def reached(url: str | None, key: str | None, config_file: Path | None, data: str | None) -> Client:
    """The server of these options.

    Raises:
        ConfigError: the settings are faulty, or there is no key for it.
    """
    config = load({"data": data}, file=config_file)
    url = url or f"http://{_reached(config.host)}:{config.port or 8080}"
    return Client(url, key or _admin_key(config, url))


def part(text: str) -> str:
    """An id as a part of a path."""
    return quote(text, safe="")


def _reached(host: str) -> str:
    """Where a server that listens on `host` is found from here."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _admin_key(config: Config, url: str) -> str:
    """The key of the data directory, for a server on this machine: nobody else gets it without being named.

    Raises:
        ConfigError: there is none, or the server is elsewhere.
    """
    if not _is_here(urlsplit(url).hostname or ""):
        raise ConfigError(f"say with which key: {url} is not this machine; give --key or SWITCHHOOK_KEY")
    path = config.data / ADMIN_KEY_FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it holds no key"
        raise ConfigError(
            f"cannot read a key from {path} ({why}); give --key or SWITCHHOOK_KEY, or the server's --data"
        ) from None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

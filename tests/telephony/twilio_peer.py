"""Something that speaks as Twilio's REST API does, on a real socket, and can be made to misbehave."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SID, TOKEN = "AC0123456789", "the token of the account"

Behaviour = str
"""well, drop (take it, and hang up), refuse (hang up before anything is taken), delay, busy, broken, forbidden."""


@dataclass
class TwilioPeer:
    """`messages` is what the account has; `behave` says of each new one what happens."""

    behave: Callable[[int], Behaviour] = lambda number: "well"
    now: Callable[[], int] = lambda: 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    listing: str = "well"
    url: str = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                method, path, _ = lines[0].split(" ")
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.logins.append(base64.b64decode(headers["authorization"].split()[1]).decode())
                answer = self._answer(method, path, body.decode())
                if answer is None:
                    return
                status, document, more = answer
                content = json.dumps(document).encode()
                writer.write(
                    f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\n{more}\r\n".encode() + content
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, body: str) -> tuple[int, Any, str] | None:
        parts = urlsplit(path)
        base = f"/2010-04-01/Accounts/{SID}/Messages"
        assert parts.path.startswith(base), path
        if method == "POST":
            form = dict(parse_qsl(body, keep_blank_values=True))
            self.requests.append(("POST", path, form))
            return self._take(form, self.behave(len([one for one in self.requests if one[0] == "POST"]) - 1))
        query = dict(parse_qsl(parts.query))
        self.requests.append(("GET", path, query))
        if self.listing == "broken":
            return 500, {}, ""
        rest = unquote(parts.path.removeprefix(base))
        if rest == ".json":
            found = [one for one in self.messages if (one["to"], one["from"]) == (query["To"], query["From"])]
            return 200, {"messages": found, "next_page_uri": None}, ""
        named = [one for one in self.messages if f"/{one['sid']}.json" == rest]
        return (200, named[0], "") if named else (404, {"code": 20404, "message": "not found"}, "")

    def _take(self, form: dict[str, str], how: Behaviour) -> tuple[int, Any, str] | None:
        match how:
            case "busy":
                return 429, {"code": 20429, "message": "Too Many Requests"}, "retry-after: 9\r\n"
            case "forbidden":
                return 400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient"}, ""
            case "refuse":
                return None
            case "failing":
                return 503, {}, ""
        made = {
            "sid": f"SM{len(self.messages):032x}",
            "status": "queued",
            "body": form["Body"],
            "to": form["To"],
            "from": form["From"],
            "date_created": format_datetime(datetime.fromtimestamp(self.now() / 1000, UTC)),
            "error_code": None,
            "error_message": None,
        }
        self.messages.append(made)
        if how == "twice":
            self.messages.append({**made, "sid": f"SM{len(self.messages):032x}"})
        return None if how in ("drop", "twice") else (201, made, "")

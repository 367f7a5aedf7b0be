"""Something that speaks as Twilio's REST API does, on a real socket, and can be made to misbehave."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

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
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    recordings: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # sid → (call, WAV)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    media: dict[str, bytes] = field(default_factory=dict)  # sid → what it is
    faults: list[Behaviour] = field(default_factory=list)  # of what is asked about calls, one after the other
    asked: list[str] = field(default_factory=list)
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
                self.logins.append(
                    base64.b64decode(
                        headers.get("authorization", "Basic ").split()[-1]
                        if "authorization" in headers
                        else ""
                    ).decode()
                )
                if "/Messages" not in path or "/Media/" in path:
                    if not await self._voice(method, path, headers, writer):
                        return
                    continue
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

    async def _voice(
        self, method: str, path: str, headers: dict[str, str], writer: asyncio.StreamWriter
    ) -> bool:
        """Calls, recordings and numbers; False when the connection is to end."""
        self.asked.append(f"{method} {path.removeprefix(f'/2010-04-01/Accounts/{SID}')}")
        fault = self.faults.pop(0) if self.faults else "well"
        if fault == "hang":
            await asyncio.sleep(3_600)
        if fault == "drop":
            return False
        kind, more = "application/json", ""
        if fault.isdigit():
            status, content = int(fault), json.dumps({"code": 20000 + int(fault), "message": "x"}).encode()
        elif fault.startswith("redirect "):
            status, content, more = 307, b"", f"location: {fault.partition(' ')[2]}\r\n"
        else:
            status, content, kind = self._resource(method, urlsplit(path))
        said = content[: len(content) // 2] if fault == "half" else content
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{more}content-length: {len(content)}\r\n\r\n".encode()
            + said
        )
        await writer.drain()
        return fault != "half"

    def _resource(self, method: str, parts: SplitResult) -> tuple[int, bytes, str]:
        rest = parts.path.removeprefix(f"/2010-04-01/Accounts/{SID}")
        query = dict(parse_qsl(parts.query))
        found: Any = None
        if rest == ".json":
            found = {"sid": SID, "status": "active", "friendly_name": "Harbour"}
        elif rest == "/Calls.json":
            found = {
                "calls": [
                    one for one in self.calls.values() if one.get("parent_call_sid") == query["ParentCallSid"]
                ]
            }
        elif rest == "/IncomingPhoneNumbers.json":
            number = self.numbers.get(query["PhoneNumber"])
            found = {"incoming_phone_numbers": [number] if number else []}
        elif rest.endswith("/Recordings.json"):
            call = rest.split("/")[2]
            found = {
                "recordings": [
                    {"sid": sid, "call_sid": of, "status": "completed", "channels": 2, "source": "DialVerb"}
                    for sid, (of, _) in self.recordings.items()
                    if of == call
                ]
            }
        elif "/Media/" in rest:
            sid = rest.rpartition("/")[2]
            if sid in self.media:
                return 200, self.media[sid], "image/jpeg"
        elif rest.startswith("/Calls/"):
            found = self.calls.get(rest.removeprefix("/Calls/").removesuffix(".json"))
        elif rest.startswith("/Recordings/"):
            sid, _, ending = rest.removeprefix("/Recordings/").partition(".")
            if sid in self.recordings and method == "DELETE":
                del self.recordings[sid]
                return 204, b"", "text/plain"
            if sid in self.recordings and ending == "wav":
                return 200, self.recordings[sid][1], "audio/x-wav"
        if found is None:
            return 404, json.dumps({"code": 20404, "message": "not found"}).encode(), "application/json"
        return 200, json.dumps(found).encode(), "application/json"

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

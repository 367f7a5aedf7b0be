"""A small server that speaks the two requests of OpenAI's API that we make, on a real socket, and can misbehave."""

import asyncio
import email
import email.policy
import io
import json
import wave
from collections.abc import Callable
from typing import Any

GOOD = {
    "task": "transcribe",
    "language": "english",
    "duration": 9.0,
    "text": "Hello there. My bill.",
    "segments": [
        {
            "id": 0,
            "start": 0.5,
            "end": 1.5,
            "text": " Hello there.",
            "avg_logprob": -0.2,
            "no_speech_prob": 0.01,
            "compression_ratio": 1.0,
            "temperature": 0.0,
            "tokens": [1],
        },
        {
            "id": 1,
            "start": 2.0,
            "end": 3.0,
            "text": " My bill.",
            "avg_logprob": -0.2,
            "no_speech_prob": 0.01,
            "compression_ratio": 1.0,
            "temperature": 0.0,
            "tokens": [2],
        },
    ],
}


def completion(content: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": message}]}


Answer = tuple[int, bytes] | None


class ModelPeer:
    """`speech` and `chat` make the answers, from the number of the request; None hangs."""

    def __init__(self) -> None:
        self.speech: Callable[[int], Answer] = lambda _: (200, json.dumps(GOOD).encode())
        self.chat: Callable[[int], Answer] = lambda _: (200, b"{}")
        self.forms: list[dict[str, Any]] = []
        self.chats: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *rest = head.decode().split("\r\n")
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in rest if line)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.keys.append(headers.get("authorization", ""))
                answer = self._answer(first.split(" ")[1], headers, body)
                if answer is None:
                    await reader.read()
                    return
                status, data = answer
                writer.write(
                    b"HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (status, len(data), data)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if path == "/v1/audio/transcriptions":
            self.forms.append(fields_of(headers["content-type"], body))
            return self.speech(len(self.forms))
        assert path == "/v1/chat/completions"
        self.chats.append(json.loads(body))
        return self.chat(len(self.chats))


def fields_of(kind: str, body: bytes) -> dict[str, Any]:
    """A multipart form as Python's own library reads it; the file as its channels, rate and samples."""
    message = email.message_from_bytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP
    )
    found: dict[str, Any] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data: Any = part.get_payload(decode=True)
        if part.get_filename():
            with wave.open(io.BytesIO(data)) as file:
                found["file"] = (file.getnchannels(), file.getframerate(), file.readframes(file.getnframes()))
        else:
            found[str(name)] = data.decode()
    return found

"""Somebody's endpoint: a real HTTP server on loopback that keeps what is posted to it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Self

Caught = tuple[dict[str, str], bytes]  # headers, their names in small letters, and body


class Receiver(ThreadingHTTPServer):
    """Takes every POST, keeps its headers and body in `caught`, answers `status`. It listens until it is closed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.caught: Queue[Caught] = Queue()
        self.status = 204
        self.port: int = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def takes(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to one POST; called in a thread of its own."""
        self.caught.put((headers, body))
        return self.status, b""

    def close(self) -> None:
        """Stop taking."""
        self.shutdown()
        self.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer = self.server.takes(self.path, headers, body)
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass

"""A client of the API, as small as the demonstration needs it."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any


class ApiError(Exception):
    """The server said no; the text is its message."""


class Api:
    """Calls the API at `url` with `key`."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._key = key

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """One request; the decoded answer, None when it has no body.

        Raises:
            ApiError: the answer was an error, or there was none.
        """
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: object) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own server on 127.0.0.1
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Api-Key {self._key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                content = answer.read()
        except urllib.error.HTTPError as error:
            raise ApiError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from None
        except OSError as error:
            raise ApiError(f"{method} {path}: {error}") from None
        return json.loads(content) if content else None

"""One key, one execution: the answer is stored in the same transaction as what it answers for.

Of several requests with the same key at once, one executes; the others find its answer, whichever process took them.
An error stores nothing, so that the key can be used again.
"""

import re
from collections.abc import Awaitable, Callable

from switchhook.api.errors import ApiError
from switchhook.api.messages import Response
from switchhook.clock import Clock
from switchhook.storage.answers import Answer, find_answer, keep_answer
from switchhook.storage.store import Conflict, Store, Transaction

Work = Callable[[Transaction], Awaitable[Response]]

_KEY = re.compile(rb"[\x21-\x7e]{1,255}").fullmatch


def read_idempotency_key(header: bytes | None) -> str | None:
    """The key of an Idempotency-Key header, or None without one.

    Raises:
        ApiError: it is empty, too long, or not printable.
    """
    if header is None:
        return None
    if not _KEY(header):
        raise ApiError(
            "INVALID_PARAMETER",
            "Idempotency-Key must have 1 to 255 printable ASCII characters without spaces.",
            param="Idempotency-Key",
            suggestion="Send a UUID.",
        )
    return header.decode("ascii")


class Idempotency:
    """Runs what carries a key once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def earlier(self, workspace: str, key: str, route: str) -> Response | None:
        """The answer that `key` already has; None when it is new.

        Raises:
            ApiError: 409, the key belongs to another route.
        """
        now = self._clock.now()
        found = await self._store.read(lambda reader: find_answer(reader, workspace, key, now))
        return None if found is None else _replay(found, key, route)

    async def once(self, workspace: str, key: str, route: str, work: Work) -> Response:
        """Run `work` in a transaction unless `key` already has an answer; either way the answer, when it is durable.

        Raises:
            ApiError: 409, the key belongs to another route; or what `work` raised.
            StorageError: nothing was done.
        """

        async def guarded(tx: Transaction) -> Response:
            now = self._clock.now()
            found = await find_answer(tx, workspace, key, now)
            if found is not None:
                return _replay(found, key, route)
            response = await work(tx)
            await keep_answer(tx, workspace, key, Answer(route, response.status, response.body), now)
            response.headers.append((b"idempotency-key", key.encode()))
            return response

        try:
            return await self._store.run(guarded)
        except Conflict:
            # Somebody with the same key was faster between our look and our write; their answer is there now.
            return await self._store.run(guarded)


def _replay(answer: Answer, key: str, route: str) -> Response:
    if answer.route != route:
        raise ApiError(
            "IDEMPOTENCY_KEY_REUSE",
            f"This Idempotency-Key was used for {answer.route} within the last hour.",
            param="Idempotency-Key",
            suggestion="Use a new key for each request that means something new.",
        )
    headers = [(b"idempotency-replayed", b"true"), (b"idempotency-key", key.encode())]
    return Response(answer.status, answer.body, headers=headers)

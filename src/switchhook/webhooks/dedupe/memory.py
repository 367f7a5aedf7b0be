"""Notes in this process's memory: for one process, and forgotten with it."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from switchhook.webhooks.dedupe.contract import Claim, State, Waiting


class _Note:
    __slots__ = ("attempt", "body", "done", "token", "until")

    def __init__(self, token: str, until: float, attempt: int, body: bytes | None) -> None:
        self.token = token
        self.until = until
        self.attempt = attempt
        self.body = body
        self.done = False


class MemoryDedupe:
    """Bounded: beyond `size` messages the oldest finished one is forgotten, so that it would be worked on again.

    Messages that are claimed are never forgotten before their time, however many there are: what bounds them is what
    is under way at once. Safe to use from several threads.
    """

    blocking = False
    keeps = False

    def __init__(self, size: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds.

        Raises:
            ValueError: a size below 1.
        """
        if size < 1:
            raise ValueError("a store that may hold no message deduplicates nothing")
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._claimed: dict[str, _Note] = {}
        self._done: OrderedDict[str, _Note] = OrderedDict()

    def __len__(self) -> int:
        """How many messages are noted."""
        return len(self._claimed) + len(self._done)

    def claim(self, msg_id: str, token: str, seconds: float, body: bytes | None = None) -> Claim:
        """See `contract.Dedupe`."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            done = self._done.get(msg_id)
            if done is not None and done.until > now:
                return Claim(State.DONE)
            note = self._claimed.get(msg_id)
            if note is None:
                note = self._claimed[msg_id] = _Note(token, 0, 0, None)
            elif note.token != token and note.until > now:
                return Claim(State.UNDER_WAY)
            if note.attempt == 0 or note.token != token:
                note.attempt += 1
            note.token, note.until = token, now + seconds
            note.body = body if body is not None else note.body
            return Claim(State.CLAIMED, note.attempt)

    def finish(self, msg_id: str, token: str, seconds: float) -> bool:
        """See `contract.Dedupe`."""
        with self._lock:
            note = self._held(msg_id, token)
            if note is None:
                return False
            del self._claimed[msg_id]
            note.body, note.until = None, self._clock() + seconds
            self._done[msg_id] = note
            self._done.move_to_end(msg_id)
            return True

    def release(self, msg_id: str, token: str, after: float | None = None) -> bool:
        """See `contract.Dedupe`."""
        with self._lock:
            note = self._held(msg_id, token)
            if note is None:
                return False
            if after is None:
                del self._claimed[msg_id]
            else:
                note.token, note.until = "", self._clock() + after
            return True

    def waiting(self, limit: int) -> list[Waiting]:
        """See `contract.Dedupe`."""
        with self._lock:
            now = self._clock()
            due = [(n.until, key, n.body) for key, n in self._claimed.items() if n.body and n.until <= now]
        return [Waiting(key, body) for _, key, body in sorted(due)[:limit]]

    def _held(self, msg_id: str, token: str) -> _Note | None:
        note = self._claimed.get(msg_id)
        return note if note is not None and note.token == token else None

    def _forget(self, now: float) -> None:
        """Forget a little of what is over: finished messages in order, and claims that nobody came back for."""
        while self._done:
            first = next(iter(self._done))
            if self._done[first].until > now and len(self) < self._size:
                break
            del self._done[first]
        if len(self._claimed) >= self._size:
            over = [k for k, n in self._claimed.items() if n.until <= now and n.body is None]
            for key in over:
                del self._claimed[key]

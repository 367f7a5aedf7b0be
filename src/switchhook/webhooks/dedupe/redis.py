"""Notes in Redis: one key for each message, `SET NX PX` for the claim. As durable as that Redis is.

`RedisDedupe` takes a client of the package `redis`, `AsyncRedisDedupe` one of `redis.asyncio`; neither is imported
here. Bodies are not kept, so with Redis a receiver works before it answers.
"""

from typing import Any

from switchhook.webhooks.dedupe.contract import Claim, State, Waiting

PREFIX = "switchhook:webhook:"

# The value is `done`, or the number of the attempt and the token; a script is atomic.
_CLAIM = """
if redis.call('SET', KEYS[1], '1 ' .. ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
local held = redis.call('GET', KEYS[1])
if held == 'done' then return -1 end
local attempt, token = string.match(held, '^(%d+) ?(.*)$')
if token == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(attempt)
end
return 0
"""
_FINISH = """
local held = redis.call('GET', KEYS[1])
if held and held ~= 'done' and string.match(held, '^%d+ (.*)$') == ARGV[1] then
  redis.call('SET', KEYS[1], 'done', 'PX', ARGV[2])
  return 1
end
return 0
"""
_RELEASE = """
local held = redis.call('GET', KEYS[1])
if held and held ~= 'done' and string.match(held, '^%d+ (.*)$') == ARGV[1] then
  if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], '1 ', 'PX', ARGV[2]) end
  return 1
end
return 0
"""


def _claimed(answer: int) -> Claim:
    if answer > 0:
        return Claim(State.CLAIMED, answer)
    return Claim(State.DONE if answer < 0 else State.UNDER_WAY)


def _millis(seconds: float) -> int:
    return max(1, round(seconds * 1000))


class RedisDedupe:
    """Keys that begin with `prefix`, each with its time to live. Attempts are not counted over claims that ran out."""

    blocking = True
    keeps = False

    def __init__(self, client: Any, prefix: str = PREFIX) -> None:
        """`client` is a `redis.Redis`."""
        self._client = client
        self._prefix = prefix

    def claim(self, msg_id: str, token: str, seconds: float, body: bytes | None = None) -> Claim:
        """See `contract.Dedupe`. The body is not kept."""
        return _claimed(self._client.eval(_CLAIM, 1, self._prefix + msg_id, token, _millis(seconds)))

    def finish(self, msg_id: str, token: str, seconds: float) -> bool:
        """See `contract.Dedupe`."""
        return bool(self._client.eval(_FINISH, 1, self._prefix + msg_id, token, _millis(seconds)))

    def release(self, msg_id: str, token: str, after: float | None = None) -> bool:
        """See `contract.Dedupe`."""
        wanted = "" if after is None else _millis(after)
        return bool(self._client.eval(_RELEASE, 1, self._prefix + msg_id, token, wanted))

    def waiting(self, limit: int) -> list[Waiting]:
        """Nothing: no bodies are kept."""
        return []


class AsyncRedisDedupe:
    """The same with `redis.asyncio`."""

    keeps = False

    def __init__(self, client: Any, prefix: str = PREFIX) -> None:
        """`client` is a `redis.asyncio.Redis`."""
        self._client = client
        self._prefix = prefix

    async def claim(self, msg_id: str, token: str, seconds: float, body: bytes | None = None) -> Claim:
        """See `contract.Dedupe`. The body is not kept."""
        return _claimed(await self._client.eval(_CLAIM, 1, self._prefix + msg_id, token, _millis(seconds)))

    async def finish(self, msg_id: str, token: str, seconds: float) -> bool:
        """See `contract.Dedupe`."""
        return bool(await self._client.eval(_FINISH, 1, self._prefix + msg_id, token, _millis(seconds)))

    async def release(self, msg_id: str, token: str, after: float | None = None) -> bool:
        """See `contract.Dedupe`."""
        wanted = "" if after is None else _millis(after)
        return bool(await self._client.eval(_RELEASE, 1, self._prefix + msg_id, token, wanted))

    async def waiting(self, limit: int) -> list[Waiting]:
        """Nothing: no bodies are kept."""
        return []

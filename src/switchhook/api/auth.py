"""Who asks: the key of the Authorization header, looked up at most once a second.

`Api-Key KEY`, the raw key, and `Bearer KEY` all work: clients of each kind exist. A key that was found is remembered
for `Limits.key_cache_seconds`, because looking it up costs more than accepting an event; another process may revoke it
meanwhile, and that is heard of when the second is over. What was not found is not remembered.
"""

from switchhook.api.errors import ApiError
from switchhook.api.ratelimit import RateLimiter
from switchhook.api.services import Limits
from switchhook.clock import Clock
from switchhook.storage.keys import ApiKey, find_key
from switchhook.storage.sessions import signed_in
from switchhook.storage.store import Store

_REMEMBERED = 4096
_LONGEST = 512
_SCHEMES = ("api-key", "bearer")


class Caller:
    """A key in force, with its buckets. Good until `until` (monotonic seconds)."""

    __slots__ = ("key", "limiter", "until")

    def __init__(self, key: ApiKey, limiter: RateLimiter, until: float) -> None:
        self.key = key
        self.limiter = limiter
        self.until = until


class Authenticator:
    """Finds the caller of a request."""

    def __init__(self, store: Store, clock: Clock, limits: Limits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._callers: dict[bytes, Caller] = {}
        # By key id and apart from the callers, so that being looked up again fills no bucket.
        self._limiters: dict[str, RateLimiter] = {}

    def known(self, header: bytes | None) -> Caller | None:
        """The caller if it was looked up a moment ago."""
        caller = self._callers.get(header) if header is not None else None
        return caller if caller is not None and caller.until > self._clock.monotonic() else None

    async def caller(self, header: bytes | None) -> Caller:
        """The caller of a request with this Authorization header.

        Raises:
            ApiError: 401; the header is missing, its key unknown or revoked.
        """
        if header is None or not header.strip():
            raise ApiError(
                "UNAUTHORIZED",
                "The request has no Authorization header.",
                suggestion="Send Authorization: Api-Key YOUR_KEY.",
                headers=_CHALLENGE,
            )
        caller = self.known(header)
        if caller is not None:
            return caller
        self._callers.pop(header, None)
        key = await self._find(read_key(header))
        if key is None:
            raise ApiError(
                "API_KEY_INVALID",
                "The API key is not known here.",
                suggestion="Check that the whole key was copied, or create one with `switchhook keys create`.",
                headers=_CHALLENGE,
            )
        return self._remember(header, _in_force(key))

    async def visitor(self, token: str) -> Caller:
        """The caller of a request with the cookie of a session: whoever opened it.

        Raises:
            ApiError: 401; the session is over, or its key revoked.
        """
        name = _COOKIE + token.encode()
        caller = self.known(name)
        if caller is not None:
            return caller
        self._callers.pop(name, None)
        now = self._clock.now()
        key = await self._store.read(lambda reader: signed_in(reader, token, now))
        if key is None:
            raise ApiError("UNAUTHORIZED", "The session is over.", suggestion="Sign in again.")
        return self._remember(name, _in_force(key))

    def forget(self, token: str) -> None:
        """A session was ended: it is looked up again."""
        self._callers.pop(_COOKIE + token.encode(), None)

    async def _find(self, key: str | None) -> ApiKey | None:
        if key is None:
            return None
        wanted = key
        return await self._store.read(lambda reader: find_key(reader, wanted))

    def _remember(self, header: bytes, key: ApiKey) -> Caller:
        limiter = self._limiters.get(key.id)
        if limiter is None:
            limiter = self._limiters[key.id] = RateLimiter(self._limits, self._clock)
        caller = Caller(key, limiter, self._clock.monotonic() + self._limits.key_cache_seconds)
        if len(self._callers) >= _REMEMBERED:
            self._callers.clear()
        self._callers[header] = caller
        return caller


def _in_force(key: ApiKey) -> ApiKey:
    if key.revoked_at is not None:
        raise ApiError(
            "API_KEY_REVOKED",
            "The API key has been revoked.",
            suggestion="Create another one with `switchhook keys create`.",
            headers=_CHALLENGE,
        )
    return key


_COOKIE = b"\0cookie "  # no header begins so
_CHALLENGE = [(b"www-authenticate", b'Api-Key realm="switchhook"')]


def read_key(header: bytes) -> str | None:
    """The key of an Authorization header; None when it cannot be one."""
    if len(header) > _LONGEST:
        return None
    try:
        text = header.decode("ascii").strip()
    except UnicodeDecodeError:
        return None
    scheme, _, rest = text.partition(" ")
    if scheme.lower() in _SCHEMES:
        text = rest.strip()
    return text if text and " " not in text else None


def require_scope(key: ApiKey, scopes: tuple[str, ...]) -> None:
    """Pass only a key that carries one of `scopes` (any key, when there are none).

    Raises:
        ApiError: 403, naming the scope that is missing.
    """
    if not scopes or key.may(*scopes):
        return
    needed = " or ".join(scopes)
    # Clients of the phone API read `required=`, under /v1 from the one detail.
    raise ApiError(
        "API_KEY_INSUFFICIENT_SCOPE",
        f"required={scopes[0]}" if len(scopes) == 1 else f"required={needed}",
        param="scope",
        suggestion=f"Use a key with the scope {needed}.",
    )

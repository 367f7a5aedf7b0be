"""Signing in on the page: a key or a link of the command line becomes a cookie, which stands for the key from then on.

    POST /dashboard/session {"key"} or {"link"} ─▶ Set-Cookie: HttpOnly, SameSite=Strict, Secure over https
    any route of the API, without Authorization ─▶ the cookie's key, its scopes and its rate limits

A browser sends a cookie whoever makes it ask. SameSite keeps other sites from making it ask at all; what changes
something must besides say that it is the page (a header that no form can send) and come from this very origin.
"""

from http.cookies import CookieError, SimpleCookie
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from switchhook.api.auth import Authenticator
from switchhook.api.bodies import data, read_shape
from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.storage import sessions
from switchhook.storage.store import Transaction

PAGE_HEADER = b"x-switchhook-page"
_LONGEST = 4096

Token = Annotated[str, Meta(min_length=1, max_length=300)]


class SignIn(Struct, frozen=True, kw_only=True):
    """An API key, or the token of a link."""

    key: Token | UnsetType = UNSET
    link: Token | UnsetType = UNSET

    def __repr__(self) -> str:
        return "SignIn(…)"


class Sessions:
    """The handlers. They answer to anybody: who signs in is nobody yet."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits
        self._authenticator = authenticator
        self._secure = services.public_url.startswith("https://")

    async def sign_in(self, request: Request) -> Response:
        """POST /dashboard/session, in a transaction of its own: there is no workspace before it."""
        require_page(request)
        body = await request.json(self._clock, self._limits)
        asked = read_shape(body, SignIn)
        now = self._clock.now()
        if asked.link is not UNSET:
            token = await self._by_link(asked.link, now)
        elif asked.key is not UNSET:
            token = await self._by_key(asked.key, now)
        else:
            raise ApiError("MISSING_FIELD", "key: This field is required.", param="key")
        cookie = self._cookie(token, sessions.SESSION_MS // 1000)
        answer = data({"expires_in_seconds": sessions.SESSION_MS // 1000})
        answer.headers = [(b"set-cookie", cookie)]
        return answer

    async def _by_link(self, link: str, now: int) -> str:
        token = sessions.new_token(link.partition(".")[0])

        async def use(tx: Transaction) -> bool:
            return await sessions.use_link(tx, link, token, now)

        if not await self._store.run(use):
            raise ApiError(
                "UNAUTHORIZED",
                "This link has been used, or is older than ten minutes.",
                param="link",
                suggestion="Make another one with `switchhook dashboard-link`.",
            )
        return token

    async def _by_key(self, given: str, now: int) -> str:
        caller = await self._authenticator.caller(given.strip().encode("utf-8", "replace") or b"-")
        token = sessions.new_token(caller.key.workspace)

        async def begin(tx: Transaction) -> None:
            await sessions.open_session(tx, caller.key, token, now)

        await self._store.run(begin)
        return token

    async def sign_out(self, request: Request) -> Response:
        """DELETE /dashboard/session."""
        require_page(request)
        token = session_token(request.headers)
        if token is not None:
            wanted = token
            await self._store.run(lambda tx: sessions.end_session(tx, wanted))
            self._authenticator.forget(token)
        return Response(204, headers=[(b"set-cookie", self._cookie("", 0))])

    def _cookie(self, token: str, seconds: int) -> bytes:
        name = "__Host-switchhook" if self._secure else "switchhook"
        secure = "; Secure" if self._secure else ""
        return f"{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}".encode()


def session_token(headers: dict[bytes, bytes]) -> str | None:
    """What the browser holds of its session; None when it is not signed in."""
    text = headers.get(b"cookie", b"")
    if b"switchhook=" not in text or len(text) > _LONGEST:
        return None
    try:
        found = SimpleCookie(text.decode("latin-1"))
    except CookieError:
        return None
    for name in ("__Host-switchhook", "switchhook"):
        if name in found and found[name].value.isascii():
            return found[name].value or None
    return None


def require_page(request: Request) -> None:
    """Pass only what the page itself asks for.

    Raises:
        ApiError: 403, another site may have made the browser ask.
    """
    headers = request.headers
    site = headers.get(b"sec-fetch-site", b"same-origin")
    origin = headers.get(b"origin")
    own = origin is None or origin.partition(b"://")[2] == headers.get(b"host", b"")
    if headers.get(PAGE_HEADER) != b"1" or site != b"same-origin" or not own:
        raise ApiError(
            "FORBIDDEN",
            "A browser's session changes something only for the page itself.",
            suggestion="Programs send Authorization: Api-Key YOUR_KEY.",
        )

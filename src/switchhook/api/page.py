"""`/dashboard`: the page for people. Its files are handed out as they are; what it shows it asks the API for."""

from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.ranges import not_modified
from switchhook.dashboard.files import INDEX, File, load

_POLICY = b"; ".join(
    (
        b"default-src 'none'",
        b"script-src 'self'",
        b"style-src 'self'",
        b"img-src 'self'",
        b"media-src 'self'",
        b"connect-src 'self'",
        b"base-uri 'none'",
        b"form-action 'none'",
        b"frame-ancestors 'none'",
        b"require-trusted-types-for 'script'",
        b"trusted-types 'none'",
    )
)
_HEADERS = [
    (b"content-security-policy", _POLICY),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cache-control", b"no-cache"),
]


class Page:
    """The handlers. Nobody needs a key for the files: nothing in them is about anybody."""

    def __init__(self) -> None:
        self._files = load()

    async def root(self, request: Request) -> Response:
        """GET /: browsers land on the page, programs on the documentation."""
        browser = b"text/html" in request.headers.get(b"accept", b"")
        place = b"/dashboard" if browser else b"/docs"
        return Response(307, b"", b"text/plain", [(b"location", place), (b"vary", b"accept")])

    async def index(self, request: Request) -> Response:
        """GET /dashboard."""
        return _answer(request, self._files[INDEX])

    async def file(self, request: Request) -> Response:
        """GET /dashboard/{file}."""
        found = self._files.get(request.params["file"])
        if found is None:
            raise ApiError(
                "ENDPOINT_NOT_FOUND", "The page has no such file.", suggestion="It begins at /dashboard."
            )
        return _answer(request, found)


def _answer(request: Request, file: File) -> Response:
    headers = [*_HEADERS, (b"etag", file.tag.encode())]
    if not_modified(request.headers.get(b"if-none-match", b"").decode("latin-1") or None, file.tag):
        return Response(304, headers=headers)
    return Response(200, file.body, file.content_type, headers)

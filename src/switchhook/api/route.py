"""What a route is, and how a path finds its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Access = Literal["public", "key", "link"]


@dataclass(frozen=True)
class Param:
    """A parameter of the query."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Route:
    """One method of one path. `name` is the key of its handler and its `operationId`.

    `access`: anybody (`public`), an API key with one of `scopes`, or a signed `link` in place of the key. `answer` is
    what stands in `data` (a list of it when `many`), `codes` are the errors beyond those that every route has,
    `unprocessable` those that come with 422 here. One that `searches` changes nothing, though it is a POST. `instead`
    is what stands in `data` when it is answered 200 and not `status`. `takes` is the media type of the body. What
    answers with a `secret` that is stored nowhere takes no Idempotency-Key: its answer cannot be kept either.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str = ""
    access: Access = "key"
    scopes: tuple[str, ...] = ()
    body: type | None = None
    answer: Any = None
    status: int = 200
    takes: str = "application/json"
    content_type: str = "application/json"
    enveloped: bool = True
    paged: bool = False
    searches: bool = False
    secret: bool = False
    instead: type | None = None
    query: tuple[Param, ...] = ()
    codes: tuple[str, ...] = ()
    unprocessable: tuple[str, ...] = ()
    tag: str = "Webhooks"
    hidden: bool = field(default=False)

    @property
    def keyed(self) -> bool:
        """Whether an Idempotency-Key makes it happen once. A file that comes twice changes nothing anyway."""
        return self.writes and not self.searches and not self.secret and self.takes == "application/json"

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method in ("POST", "PUT", "PATCH", "DELETE")


PAGE = (
    Param("page", "Page, from 1.", {"type": "integer", "minimum": 1, "default": 1}),
    Param("size", "Items on a page.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
)
PAGE_V1 = (
    Param("page", "Page, from 0.", {"type": "integer", "minimum": 0, "default": 0}),
    Param("size", "Items on a page.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}),
)
BODY = (
    "INVALID_REQUEST_BODY",
    "MISSING_FIELD",
    "UNKNOWN_FIELD",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
)

_ALIASES = (("/v2/webhooks", "/v2/api/webhooks"),)  # a path of an old guide that real clients copied
_PLACE = re.compile(r"\\\{(\w+)\\\}")


def real_path(path: str) -> str:
    """The path that an alias stands for, or the path itself."""
    for alias, real in _ALIASES:
        if path == alias or path.startswith(f"{alias}/"):
            return real + path[len(alias) :]
    return path


class Router:
    """Finds the routes of a path."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        templates: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = templates.setdefault(route.path, {})
            if route.method in methods:
                raise ValueError(f"{route.method} {route.path} stands twice in the table")
            methods[route.method] = route
            if route.method == "GET":
                methods["HEAD"] = route
        for path, methods in templates.items():
            if "{" in path:
                pattern = _PLACE.sub(r"(?P<\1>[^/]{1,200})", re.escape(path))
                self._patterns.append((re.compile(pattern), methods))
            else:
                self._fixed[path] = methods
        self.paths = [route.path for route in routes if not route.hidden]

    def find(self, path: str) -> tuple[dict[str, Route], dict[str, str]] | None:
        """The routes of a path by method, and the path's parameters; None when there is nothing at it."""
        methods = self._fixed.get(path)
        if methods is not None:
            return methods, {}
        for pattern, methods in self._patterns:
            found = pattern.fullmatch(path)
            if found is not None:
                return methods, found.groupdict()
        return None

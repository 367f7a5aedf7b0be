"""The key itself, and how the server does."""

from typing import Any, Literal

from msgspec import Struct


class AllowedRoute(Struct, frozen=True):
    """A route that the key may use."""

    method: str
    path: str
    description: str
    scope: str


class Team(Struct, frozen=True):
    """The workspace of the key."""

    id: str
    name: str


class RateLimits(Struct, frozen=True):
    """Requests per second; null where there is no limit."""

    read_per_second: float | None
    write_per_second: float | None


class Me(Struct, frozen=True):
    """What a key is and may do."""

    api_key_id: str
    scopes: list[str]
    endpoints: list[AllowedRoute]
    team: Team | None
    rate_limits: RateLimits


class Peaks(Struct, frozen=True):
    """How loud a recording is: the greatest amplitude of each side in each piece of time, from 0 to 255.

    `per_second` is how many values there are for a second; `left` is the outside party, `right` our side.
    """

    per_second: int
    left: list[int]
    right: list[int]


class Health(Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Struct, frozen=True):
    """Whether events can be taken and delivered; `problems` names what is wrong, `telephony_since` is since when a line
    is as it says."""

    status: Literal["ready", "not ready"]
    problems: list[str]
    telephony: dict[str, Any]
    telephony_since: dict[str, str]
    version: str

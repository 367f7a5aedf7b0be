"""`/v2/api/me`: what a key is and may do. Clients of the phone API ask this first."""

from switchhook.api.bodies import data
from switchhook.api.messages import Request, Response
from switchhook.api.routes import ROUTES
from switchhook.api.services import Services
from switchhook.api.shapes.operation import AllowedRoute, Me, RateLimits, Team


class Account:
    """The handler of `/v2/api/me`."""

    def __init__(self, services: Services) -> None:
        limits = services.limits
        self._limits = RateLimits(_plain(limits.read_per_second), _plain(limits.write_per_second))

    async def me(self, request: Request) -> Response:
        """GET /v2/api/me."""
        key = request.key
        assert key is not None
        allowed = [
            AllowedRoute(route.method, route.path, route.summary, route.scopes[0])
            for route in ROUTES
            if route.scopes and key.may(*route.scopes)
        ]
        return data(
            Me(key.id, sorted(key.scopes), allowed, Team(key.workspace, key.workspace_name), self._limits)
        )


def _plain(rate: float | None) -> float | None:
    """20 rather than 20.0: clients read a whole number."""
    return int(rate) if rate is not None and rate == int(rate) else rate

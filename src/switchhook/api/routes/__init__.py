"""The one table of routes. Routing, scopes, methods allowed, `/me` and the OpenAPI document are all read off it."""

from switchhook.api.route import Route
from switchhook.api.routes import (
    agents,
    calls,
    conversations,
    crm,
    deliveries,
    events,
    hooks,
    operation,
    page,
    system,
    team,
    v1,
    webhooks,
)
from switchhook.api.routes.events import BATCH, EVENT

__all__ = ["BATCH", "EVENT", "ROUTES"]

ROUTES: tuple[Route, ...] = (
    *events.ROUTES,
    *webhooks.ROUTES,
    *deliveries.ROUTES,
    *conversations.ROUTES,
    *team.ROUTES,
    *agents.ROUTES,
    *calls.ROUTES,
    *crm.ROUTES,
    *v1.ROUTES,
    *system.ROUTES,
    *operation.ROUTES,
    *hooks.ROUTES,
    *page.ROUTES,
)

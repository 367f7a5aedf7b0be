"""The page for people: its files, and who is signed in on it. Not for programs, so not in the OpenAPI document."""

from switchhook.api.route import Route

_TAG = "Page"

ROUTES: tuple[Route, ...] = (
    Route("get_page", "GET", "/dashboard", "The page", access="public", tag=_TAG, hidden=True),
    Route(
        "get_page_file",
        "GET",
        "/dashboard/{file}",
        "A file of the page",
        access="public",
        tag=_TAG,
        hidden=True,
    ),
    Route("sign_in", "POST", "/dashboard/session", "Sign in", access="public", tag=_TAG, hidden=True),
    Route(
        "sign_out",
        "DELETE",
        "/dashboard/session",
        "Sign out",
        access="public",
        status=204,
        tag=_TAG,
        hidden=True,
    ),
)

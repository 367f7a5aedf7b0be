"""Keys, and how the server does."""

from switchhook.api.route import BODY, Route
from switchhook.api.scopes import KEYS, SYSTEM
from switchhook.api.shapes import keys, system

_TAG = "Workspace"

ROUTES: tuple[Route, ...] = (
    Route(
        "list_keys",
        "GET",
        "/v2/api/keys",
        "List the API keys of the workspace, oldest first",
        "Never the keys themselves: they are stored nowhere.",
        scopes=(KEYS,),
        answer=list[keys.KeyDetail],
        tag=_TAG,
    ),
    Route(
        "create_key",
        "POST",
        "/v2/api/keys",
        "Make an API key",
        "The answer holds the key, this once. It can be given only scopes that the key has which asks.",
        scopes=(KEYS,),
        body=keys.NewKey,
        answer=keys.MadeKey,
        status=201,
        secret=True,
        codes=(*BODY, "INVALID_FIELD", "INVALID_PARAMETER", "API_KEY_INSUFFICIENT_SCOPE", "REQUEST_TIMEOUT"),
        tag=_TAG,
    ),
    Route(
        "revoke_key",
        "DELETE",
        "/v2/api/keys/{key_id}",
        "Revoke an API key",
        "Within a second no process takes it any more, nor a session that was opened with it. Refused for a key that "
        "has a scope which the asking one has not, and for the last one in force that has ALL.",
        scopes=(KEYS,),
        status=204,
        codes=("KEY_NOT_FOUND", "LAST_ADMIN_KEY"),
        tag=_TAG,
    ),
    Route(
        "get_system",
        "GET",
        "/v2/api/system",
        "How the server does",
        "Versions, what waits, what each process counts, disks, lines, and the settings that matter.",
        scopes=(SYSTEM,),
        answer=system.SystemState,
        tag="Operation",
    ),
)

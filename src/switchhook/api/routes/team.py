"""Setting up users and numbers."""

from switchhook.api.route import BODY, Route
from switchhook.api.scopes import NUMBERS_READ, NUMBERS_WRITE, USERS_WRITE
from switchhook.api.shapes import conversations, team

_TAG = "Workspace"
_FORM = (*BODY, "INVALID_FIELD")

ROUTES: tuple[Route, ...] = (
    Route(
        "create_user",
        "POST",
        "/v2/api/users",
        "Add a user",
        "Telephones are given to users in the settings.",
        scopes=(USERS_WRITE,),
        body=team.NewUser,
        answer=conversations.UserDetail,
        status=201,
        codes=(*_FORM, "USER_ALREADY_EXISTS"),
        tag=_TAG,
    ),
    Route(
        "update_user",
        "PUT",
        "/v2/api/users/{user_id}",
        "Change a user",
        "What the settings say of somebody holds again at the next start of the server.",
        scopes=(USERS_WRITE,),
        body=team.UserChange,
        answer=conversations.UserDetail,
        codes=(*_FORM, "MEMBER_NOT_FOUND"),
        tag=_TAG,
    ),
    Route(
        "get_number",
        "GET",
        "/v2/api/numbers/{number}",
        "Get a number, and what becomes of its calls",
        scopes=(NUMBERS_READ,),
        answer=team.NumberSetup,
        codes=("NUMBER_NOT_FOUND",),
        tag=_TAG,
    ),
    Route(
        "create_number",
        "POST",
        "/v2/api/numbers",
        "Add a number or a sender id",
        "Texts go by it at once, calls within seconds.",
        scopes=(NUMBERS_WRITE,),
        body=team.NewNumber,
        answer=team.NumberSetup,
        status=201,
        codes=(*_FORM, "INVALID_PHONE_NUMBER", "NUMBER_ALREADY_EXISTS"),
        tag=_TAG,
    ),
    Route(
        "update_number",
        "PUT",
        "/v2/api/numbers/{number}",
        "Change a number or a sender id",
        "What the settings say of one holds again at the next start of the server.",
        scopes=(NUMBERS_WRITE,),
        body=team.NumberChange,
        answer=team.NumberSetup,
        codes=(*_FORM, "NUMBER_NOT_FOUND"),
        tag=_TAG,
    ),
    Route(
        "delete_number",
        "DELETE",
        "/v2/api/numbers/{number}",
        "Let go of a number or a sender id",
        "Its calls and texts stay.",
        scopes=(NUMBERS_WRITE,),
        status=204,
        codes=("NUMBER_NOT_FOUND",),
        tag=_TAG,
    ),
)

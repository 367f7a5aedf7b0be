"""`/v2/api/tags`, `/v2/api/users` and `/v2/api/numbers`, and the numbers of /v1."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import UNSET

from switchhook.api.bodies import data, read_shape
from switchhook.api.conversations import tag_not_found
from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services, Written
from switchhook.api.shapes.conversations import NewTag, NumberDetail, TagDetail, UserDetail, UserInItem
from switchhook.api.shapes.v1 import NumberV1
from switchhook.events.ids import USER, dashed, normalise_id
from switchhook.settings.members import NUMBER, ROLES, SENDER_ID, STATUSES
from switchhook.storage import conversations
from switchhook.storage.conversations import Tag
from switchhook.storage.store import Row, Transaction
from switchhook.workspace import tags
from switchhook.workspace.directory import Number, read_directory


class Team:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits
        self._region = services.region
        self._written = services.written
        self.reads: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "list_tags": self.list_tags,
            "list_users": self.list_users,
            "get_user": self.get_user,
            "list_numbers": self.list_numbers,
            "list_numbers_v1": self.list_numbers_v1,
        }

    async def list_tags(self, request: Request) -> Response:
        """GET /v2/api/tags."""
        found = await self._store.read(lambda reader: conversations.list_tags(reader, request.workspace))
        return data([_tag_of(tag) for tag in found])

    async def create_tag(self, request: Request) -> Work:
        """POST /v2/api/tags."""
        body = await request.json(self._clock, self._limits)
        asked = read_shape(body, NewTag)

        async def work(tx: Transaction) -> Response:
            try:
                made = await tags.create(tx, request.workspace, asked.name, asked.color, self._clock.now())
            except tags.TagExists as error:
                raise ApiError(
                    "TAG_ALREADY_EXISTS",
                    f"There is a tag {error.args[0]!r} already.",
                    param="name",
                    suggestion="GET /v2/api/tags lists those there are.",
                ) from None
            except tags.TagIsOutcome as error:
                raise ApiError(
                    "TAG_NAME_IS_CALL_OUTCOME",
                    f"{error.args[0]!r} says what became of a call, which its result says already.",
                    param="name",
                    suggestion="Choose another name.",
                ) from None
            except ValueError as error:
                raise from_faults([FieldFault("name", "INVALID_FIELD", f"{error}.")]) from None
            return data(_tag_of(made), 201)

        return work

    async def delete_tag(self, request: Request) -> Work:
        """DELETE /v2/api/tags/{tag}."""
        key = request.params["tag"]

        async def work(tx: Transaction) -> Response:
            if not await conversations.delete_tag(tx, request.workspace, key, self._clock.now()):
                raise tag_not_found(key)
            return Response(204)

        return work

    async def list_users(self, request: Request) -> Response:
        """GET /v2/api/users."""
        query = request.query()
        role = _one_of("role", query.get("role"), ROLES)
        status = _one_of("status", query.get("status"), STATUSES) or "ACTIVE"
        rows = await self._store.read(lambda reader: reader.fetch("team", request.workspace))
        found = [user_of(row, self._written, request.workspace) for row in rows]
        return data([one for one in found if one.status == status and role in (None, one.role)])

    async def get_user(self, request: Request) -> Response:
        """GET /v2/api/users/{user_id}."""
        text = request.params["user_id"]
        rows = await self._store.read(
            lambda reader: reader.fetch("team_member", request.workspace, normalise_id(text))
        )
        if not rows:
            raise member_not_found(text)
        return data(user_of(rows[0], self._written, request.workspace))

    async def list_numbers(self, request: Request) -> Response:
        """GET /v2/api/numbers."""
        found = await self._store.read(lambda reader: read_directory(reader, request.workspace, self._region))
        shown = [number_fields(one, self._written, request.workspace) for one in found.numbers]
        return data([NumberDetail(**fields) for fields in shown])

    async def list_numbers_v1(self, request: Request) -> Response:
        """GET /v1/api/numbers."""
        found = await self._store.read(lambda reader: read_directory(reader, request.workspace, self._region))
        return data(
            [
                NumberV1(one.number, one.name, one.country, len(one.users) > 1)
                for one in found.numbers
                if one.type == NUMBER
            ]
        )


def _tag_of(tag: Tag) -> TagDetail:
    return TagDetail(tag.key, tag.name, tag.color)


def user_of(row: Row, written: Written, workspace: str) -> UserDetail:
    """A user as the API shows them."""
    id_, email, name, role, status, image_url = row
    return UserDetail(
        id=dashed(id_, USER),
        name=name,
        email=email,
        role=role,
        status=status,
        image_url=image_url,
        in_settings=True if workspace == written.workspace and email in written.users else UNSET,
    )


def number_fields(one: Number, written: Written, workspace: str) -> dict[str, Any]:
    """The fields of a number or sender id as the API shows it."""
    named = one.type == SENDER_ID
    return {
        "number": None if named else one.number,
        "name": one.name or (one.number if named else ""),
        "country": one.country,
        "type": "SENDER_ID" if named else "NUMBER",
        "capabilities": list(one.capabilities),
        "users": [UserInItem(dashed(user.id, USER), user.name, user.email) for user in one.users],
        "sender_id": one.number if named else UNSET,
        "in_settings": True if workspace == written.workspace and one.number in written.numbers else UNSET,
    }


def member_not_found(text: str) -> ApiError:
    """The 404 of a user."""
    return ApiError(
        "MEMBER_NOT_FOUND",
        f"There is no user {text[:100]!r}.",
        param="user_id",
        suggestion="GET /v2/api/users lists those there are.",
    )


def _one_of(name: str, value: str | None, known: tuple[str, ...]) -> str | None:
    if not value:
        return None
    if value.upper() not in known:
        raise ApiError(
            "INVALID_PARAMETER",
            f"{name} is none of {', '.join(known)}.",
            param=name,
            suggestion=f"Use one of {', '.join(known)}, or leave it out.",
        )
    return value.upper()

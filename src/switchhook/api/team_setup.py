"""Users and numbers set up over the API, by the rules that the command line goes by.

What the settings say of somebody or of a number is written into the database at every start, so it can be changed here
only until then; the answers say which those are. What becomes of calls (hours, menus, AI agents) stands in the settings
alone, and is shown.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, UnsetType

from switchhook.api.bodies import data, read_shape
from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.team import NewNumber, NewUser, NumberChange, NumberSetup, UserChange
from switchhook.api.team import member_not_found, number_fields, user_of
from switchhook.events.ids import normalise_id
from switchhook.settings.members import NUMBER, NumberConfig, UserConfig
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace import administration
from switchhook.workspace.directory import Number, User, read_directory

T = TypeVar("T")

_SET = ("ring", "hours", "answer", "closed", "busy", "no_answer", "greeting", "consent", "block", "allow")
USER_READ_ONLY = ("id", "email", "image_url", "in_settings")
NUMBER_READ_ONLY = ("number", "type", "sender_id", "in_settings", "plan")


class TeamSetup:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits
        self._region = services.region
        self._written = services.written
        self.reads: dict[str, Callable[[Request], Awaitable[Response]]] = {"get_number": self.get_number}
        self.writes: dict[str, Callable[[Request], Awaitable[Work]]] = {
            "create_user": self.create_user,
            "update_user": self.update_user,
            "create_number": self.create_number,
            "update_number": self.update_number,
            "delete_number": self.delete_number,
        }

    async def create_user(self, request: Request) -> Work:
        """POST /v2/api/users."""
        asked = read_shape(await request.json(self._clock, self._limits), NewUser)
        with _explained("email"):
            entry = UserConfig(asked.email, asked.name, role=asked.role, status=asked.status)

        async def work(tx: Transaction) -> Response:
            with _explained("email"):
                made = await administration.add_user(tx, request.workspace, entry)
            return await self._user(tx, request.workspace, made, 201)

        return work

    async def update_user(self, request: Request) -> Work:
        """PUT /v2/api/users/{user_id}."""
        text = request.params["user_id"]
        asked = read_shape(await request.json(self._clock, self._limits), UserChange, USER_READ_ONLY)

        async def work(tx: Transaction) -> Response:
            # An address is an id for the command line only.
            if not await tx.fetch("team_member", request.workspace, normalise_id(text)):
                raise member_not_found(text)
            changed = await administration.change_user(
                tx,
                request.workspace,
                text,
                name=_given(asked.name),
                role=_given(asked.role),
                status=_given(asked.status),
            )
            return await self._user(tx, request.workspace, changed)

        return work

    async def get_number(self, request: Request) -> Response:
        """GET /v2/api/numbers/{number}."""
        text = unquote(request.params["number"])

        async def read(reader: Reader) -> Number:
            directory = await read_directory(reader, request.workspace, self._region)
            with _explained("number"):
                return administration.find_number(directory, text)

        return self._number(request.workspace, await self._store.read(read))

    async def create_number(self, request: Request) -> Work:
        """POST /v2/api/numbers."""
        asked = read_shape(await request.json(self._clock, self._limits), NewNumber)
        with _explained("number"):
            entry = NumberConfig(
                asked.number,
                asked.name,
                tuple(asked.users),
                type=asked.type,
                country=None if asked.country is UNSET else asked.country.upper(),
                capabilities=None if asked.capabilities is UNSET else tuple(asked.capabilities),
            )

        async def work(tx: Transaction) -> Response:
            with _explained("number"):
                made = await administration.add_number(tx, request.workspace, entry, self._region)
            return self._number(request.workspace, made, 201)

        return work

    async def update_number(self, request: Request) -> Work:
        """PUT /v2/api/numbers/{number}."""
        text = unquote(request.params["number"])
        asked = read_shape(await request.json(self._clock, self._limits), NumberChange, NUMBER_READ_ONLY)

        async def work(tx: Transaction) -> Response:
            with _explained("number"):
                changed = await administration.change_number(
                    tx,
                    request.workspace,
                    text,
                    self._region,
                    name=_given(asked.name),
                    country=None if asked.country is UNSET else asked.country.upper(),
                    capabilities=None if asked.capabilities is UNSET else tuple(asked.capabilities),
                    users=_given(asked.users),
                )
            return self._number(request.workspace, changed)

        return work

    async def delete_number(self, request: Request) -> Work:
        """DELETE /v2/api/numbers/{number}."""
        text = unquote(request.params["number"])

        async def work(tx: Transaction) -> Response:
            with _explained("number"):
                await administration.remove_number(tx, request.workspace, text, self._region)
            return Response(204)

        return work

    async def _user(self, reader: Reader, workspace: str, user: User, status: int = 200) -> Response:
        (row,) = await reader.fetch("team_member", workspace, user.id)
        return data(user_of(row, self._written, workspace), status)

    def _number(self, workspace: str, number: Number, status: int = 200) -> Response:
        own = workspace == self._written.workspace
        plan = plan_of(number, self._written.numbers.get(number.number) if own else None)
        return data(NumberSetup(**number_fields(number, self._written, workspace), plan=plan), status)


def plan_of(number: Number, entry: NumberConfig | None) -> dict[str, Any]:
    """What becomes of the calls of a number on the SIP line: how it is stored, and what the settings add. Pure."""
    if number.type != NUMBER:
        return {}
    found = msgspec.to_builtins(number.settings)
    if entry is not None:
        found |= {name: msgspec.to_builtins(value) for name in _SET if (value := getattr(entry, name))}
    assert isinstance(found, dict)
    return found


def _given(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value


@contextmanager
def _explained(param: str) -> Iterator[None]:
    """Says in the API's words what the rules refuse."""
    try:
        yield
    except administration.Refused as refused:
        raise _of(refused, param) from None
    except ValueError as error:
        raise from_faults([FieldFault(param, "INVALID_FIELD", f"{error}.")]) from None


def _of(refused: administration.Refused, param: str) -> ApiError:
    message = f"{refused.why[:1].upper()}{refused.why[1:]}."
    if isinstance(refused, administration.Taken):
        code = "USER_ALREADY_EXISTS" if param == "email" else "NUMBER_ALREADY_EXISTS"
        return ApiError(code, message, param=param, suggestion="Change what there is with PUT.")
    if isinstance(refused, administration.NoNumber):
        return ApiError(
            "NUMBER_NOT_FOUND",
            message,
            param=param,
            suggestion="GET /v2/api/numbers lists those there are.",
        )
    if isinstance(refused, administration.NotANumber):
        return from_faults(
            [
                FieldFault(
                    param, "INVALID_PHONE_NUMBER", f"{message} Write it with its country, like +33123456789."
                )
            ]
        )
    return from_faults(
        [FieldFault("users", "INVALID_FIELD", f"{message} GET /v2/api/users lists those there are.")]
    )

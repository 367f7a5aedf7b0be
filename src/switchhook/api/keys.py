"""`/v2/api/keys`: the API keys of the workspace. Nobody gives more than they have, or takes from who has more."""

from collections.abc import Iterable, Sequence

from switchhook.api.bodies import data, read_shape
from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.scopes import ALL, parse_scopes
from switchhook.api.services import Services
from switchhook.api.shapes.keys import KeyDetail, MadeKey, NewKey
from switchhook.clock import iso_millis
from switchhook.events.ids import API_KEY, new_id, normalise_id
from switchhook.storage import keys
from switchhook.storage.keys import ApiKey
from switchhook.storage.store import Transaction


def lacking(holder: ApiKey, wanted: Iterable[str]) -> list[str]:
    """Which of the scopes `wanted` the holder has not, in order. Who has ALL lacks none. Pure."""
    return [] if ALL in holder.scopes else sorted(set(wanted) - holder.scopes)


def is_last_admin(known: Sequence[ApiKey], id: str) -> bool:
    """Whether no key in force would have ALL any more if the key of this id were revoked, and it has. Pure."""
    admins = [one.id for one in known if one.revoked_at is None and ALL in one.scopes]
    return admins == [id]


class Keys:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits

    async def list(self, request: Request) -> Response:
        """GET /v2/api/keys."""
        found = await self._store.read(lambda reader: keys.keys_of(reader, request.workspace))
        return data([_detail(one) for one in found])

    async def create(self, request: Request) -> Response:
        """POST /v2/api/keys, in a transaction of its own: no answer is kept for an Idempotency-Key."""
        if b"idempotency-key" in request.headers:
            raise ApiError(
                "INVALID_PARAMETER",
                "A new key is told once: its answer is not kept for an Idempotency-Key.",
                param="Idempotency-Key",
                suggestion="Leave the header out; revoke a key whose answer was lost.",
            )
        body = await request.json(self._clock, self._limits)
        asked = read_shape(body, NewKey)
        wanted = _scopes(asked.scopes)
        _may(request, wanted, "give")
        now = self._clock.now()
        made = ApiKey(request.workspace, "", new_id(API_KEY, now), asked.name.strip(), wanted, now, None)
        secret = keys.new_secret_key()

        async def work(tx: Transaction) -> None:
            await keys.add_key(
                tx,
                workspace=made.workspace,
                id=made.id,
                name=made.name,
                scopes=made.scopes,
                key=secret,
                now=now,
            )

        await self._store.run(work)
        told = _detail(made)
        return data(
            MadeKey(
                id=told.id,
                name=told.name,
                scopes=told.scopes,
                created_at=told.created_at,
                revoked_at=None,
                key=secret,
            ),
            201,
        )

    async def revoke(self, request: Request) -> Work:
        """DELETE /v2/api/keys/{key_id}."""
        text = request.params["key_id"]
        id_ = normalise_id(text)

        async def work(tx: Transaction) -> Response:
            known = await keys.keys_of(tx, request.workspace)
            one = next((one for one in known if one.id == id_ and one.revoked_at is None), None)
            if one is None:
                raise ApiError(
                    "KEY_NOT_FOUND",
                    f"There is no key {text[:100]!r} in force.",
                    param="key_id",
                    suggestion="GET /v2/api/keys lists those there are.",
                )
            _may(request, one.scopes, "revoke")
            if is_last_admin(known, one.id):
                raise ApiError(
                    "LAST_ADMIN_KEY",
                    "This is the last key in force that has ALL; nobody could make another one.",
                    param="key_id",
                    suggestion="Make another one with ALL first, or run `switchhook keys revoke` on the server.",
                )
            await keys.revoke_key_of(tx, request.workspace, one.id, self._clock.now())
            return Response(204)

        return work


def _detail(one: ApiKey) -> KeyDetail:
    return KeyDetail(
        id=one.id,
        name=one.name,
        scopes=sorted(one.scopes),
        created_at=iso_millis(one.created_at),
        revoked_at=None if one.revoked_at is None else iso_millis(one.revoked_at),
    )


def _scopes(given: Sequence[str]) -> frozenset[str]:
    """The scopes of a new key.

    Raises:
        ApiError: 400, one is unknown.
    """
    try:
        return frozenset(scope for name in given for scope in parse_scopes(name))
    except ValueError as error:
        raise from_faults([FieldFault("scopes", "INVALID_FIELD", f"{error}.")]) from None


def _may(request: Request, scopes: Iterable[str], what: str) -> None:
    """Pass only who has all these scopes.

    Raises:
        ApiError: 403, naming those that are missing.
    """
    holder = request.key
    assert holder is not None
    missing = lacking(holder, scopes)
    if missing:
        raise ApiError(
            "API_KEY_INSUFFICIENT_SCOPE",
            f"A key can {what} only scopes that it has itself; this one has not {', '.join(missing)}.",
            param="scopes",
            suggestion="Use a key that has them, or ALL.",
        )

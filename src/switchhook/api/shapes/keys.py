"""API keys as the routes of the keys carry them."""

from typing import Annotated

from msgspec import Meta, Struct


class NewKey(Struct, frozen=True, kw_only=True):
    """A key to be made. It can be given only scopes that the key has which makes it."""

    scopes: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=64)]
    name: Annotated[str, Meta(max_length=200)] = ""


class KeyDetail(Struct, frozen=True, kw_only=True):
    """A key of the workspace; never the key itself, which is stored nowhere."""

    id: str
    name: str
    scopes: list[str]
    created_at: str
    revoked_at: str | None


class MadeKey(Struct, frozen=True, kw_only=True):
    """A key that was made, with the key itself: this once."""

    id: str
    name: str
    scopes: list[str]
    created_at: str
    revoked_at: str | None
    key: str

    def __repr__(self) -> str:
        return f"MadeKey({self.id!r}, …)"

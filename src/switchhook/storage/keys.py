"""API keys and workspaces. A key is 32 random bytes; only its SHA-256 is stored."""

import hashlib
import secrets

import msgspec

from switchhook.storage.store import Reader, Row, Transaction


class ApiKey(msgspec.Struct, frozen=True):
    """A key as it is known after creation. `scopes` holds `ALL`, or names of the phone API."""

    workspace: str
    workspace_name: str
    id: str
    name: str
    scopes: frozenset[str]
    created_at: int
    revoked_at: int | None

    def may(self, *scopes: str) -> bool:
        """Whether the key carries one of `scopes`."""
        return "ALL" in self.scopes or not self.scopes.isdisjoint(scopes)


class Workspace(msgspec.Struct, frozen=True):
    """One customer's world; nothing crosses from one to another."""

    id: str
    name: str
    created_at: int


def new_secret_key() -> str:
    """A new API key in clear; it is shown once and stored nowhere."""
    return f"ak_live_{secrets.token_urlsafe(32)}"


def digest(key: str) -> bytes:
    """What is stored of a key. A plain hash is enough for 256 random bits: there is nothing to guess."""
    return hashlib.sha256(key.encode()).digest()


def _key(row: Row) -> ApiKey:
    workspace, workspace_name, id_, name, scopes, created_at, revoked_at = row
    return ApiKey(workspace, workspace_name, id_, name, frozenset(scopes.split(",")), created_at, revoked_at)


async def add_key(
    tx: Transaction, *, workspace: str, id: str, name: str, scopes: frozenset[str], key: str, now: int
) -> None:
    """Store a new key's digest, name and scopes."""
    await tx.execute("add_key", digest(key), workspace, id, name, ",".join(sorted(scopes)), now)


async def find_key(reader: Reader, key: str) -> ApiKey | None:
    """The key, revoked or not; None when it was never issued."""
    rows = await reader.fetch("key_by_digest", digest(key))
    return _key(rows[0]) if rows else None


async def find_key_by_id(reader: Reader, workspace: str, id: str) -> ApiKey | None:
    """The key of this id, revoked or not; None when the workspace has none."""
    rows = await reader.fetch("key_by_id", workspace, id)
    return _key(rows[0]) if rows else None


async def list_keys(reader: Reader) -> list[ApiKey]:
    """All keys of the installation, oldest first."""
    return [_key(row) for row in await reader.fetch("keys")]


async def keys_of(reader: Reader, workspace: str) -> list[ApiKey]:
    """All keys of a workspace, oldest first."""
    return [_key(row) for row in await reader.fetch("keys_of", workspace)]


async def revoke_key_of(tx: Transaction, workspace: str, id: str, now: int) -> bool:
    """Revoke a key of a workspace; False when it has none of that id in force."""
    return await tx.execute("revoke_key_of", workspace, id, now) > 0


async def revoke_key(tx: Transaction, id: str, now: int) -> bool:
    """Revoke a key; False when there is none of that id in force."""
    return await tx.execute("revoke_key", id, now) > 0


async def workspaces(reader: Reader) -> list[Workspace]:
    """All workspaces, oldest first."""
    return [Workspace(*row) for row in await reader.fetch("workspaces")]


async def add_workspace(tx: Transaction, id: str, name: str, now: int) -> Workspace:
    """Make a workspace."""
    await tx.execute("add_workspace", id, name, now)
    return Workspace(id, name, now)

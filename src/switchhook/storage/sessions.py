"""Who is signed in on the page, and links that sign in once. What the browser holds is kept as a digest only.

A token is `WORKSPACE.SECRET`: every table's key leads with the workspace, so it has to be known before the row is.
"""

import secrets

from switchhook.storage.keys import ApiKey, digest, find_key_by_id
from switchhook.storage.store import Reader, Transaction

SESSION_MS = 12 * 3_600_000
LINK_MS = 10 * 60_000


def new_token(workspace: str) -> str:
    """A new token in clear; it is given to the browser once and stored nowhere."""
    return f"{workspace}.{secrets.token_urlsafe(32)}"


async def add_link(tx: Transaction, workspace: str, token: str, now: int) -> None:
    """Keep a link that signs in once within ten minutes."""
    await _add(tx, token, workspace, kind="link", key=None, now=now, until=now + LINK_MS)


async def use_link(tx: Transaction, link: str, token: str, now: int) -> bool:
    """Open the session `token` with a link; False when the link is none, was used, or is too old."""
    workspace = _workspace(link)
    if not await tx.execute("use_link", workspace, digest(link), now):
        return False
    await _open(tx, workspace, token, None, now)
    return True


async def open_session(tx: Transaction, key: ApiKey, token: str, now: int) -> None:
    """Open the session `token` in the name of a key."""
    await _open(tx, key.workspace, token, key.id, now)


async def _open(tx: Transaction, workspace: str, token: str, key: str | None, now: int) -> None:
    await tx.execute("forget_sessions", workspace, now)
    await _add(tx, token, workspace, kind="session", key=key, now=now, until=now + SESSION_MS)


async def _add(
    tx: Transaction, token: str, workspace: str, *, kind: str, key: str | None, now: int, until: int
) -> None:
    await tx.execute("add_session", workspace, digest(token), kind, key, now, until)


async def signed_in(reader: Reader, token: str, now: int) -> ApiKey | None:
    """In whose name a session speaks: its key, revoked or not, or one that stands for the command line's link, with
    every scope. None when the session is over or was never opened."""
    workspace = _workspace(token)
    rows = await reader.fetch("session", workspace, digest(token), now)
    if not rows:
        return None
    key_id, workspace_name, created_at, _ = rows[0]
    if key_id is None:
        name = f"session-{digest(token)[:8].hex()}"
        return ApiKey(workspace, workspace_name, name, "link", frozenset({"ALL"}), created_at, None)
    return await find_key_by_id(reader, workspace, key_id)


async def end_session(tx: Transaction, token: str) -> None:
    """Sign out. Does nothing when the session is over."""
    await tx.execute("end_session", _workspace(token), digest(token))


def _workspace(token: str) -> str:
    return token.partition(".")[0]

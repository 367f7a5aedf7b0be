"""Answers to writes that carried an idempotency key. They are written in the transaction they answer for."""

import msgspec

from switchhook.storage.keys import workspaces
from switchhook.storage.sealing import ANSWER
from switchhook.storage.store import Reader, Transaction

KEEP_MS = 3_600_000


class Answer(msgspec.Struct, frozen=True):
    """What was answered to the first request with a key. `route` is its method and path."""

    route: str
    status: int
    body: bytes


async def find_answer(reader: Reader, workspace: str, key: str, now: int) -> Answer | None:
    """The answer kept for `key`; None when there is none of the last hour."""
    rows = await reader.fetch("answer", workspace, key, now - KEEP_MS)
    if not rows:
        return None
    route, status, body = rows[0]
    return Answer(route, status, reader.vault.open(body.decode(), workspace, key, ANSWER).encode())


async def forget_old_answers(tx: Transaction, now: int) -> None:
    """Forget answers that nobody can ask for any more. They may hold a signing secret."""
    for workspace in await workspaces(tx):
        await tx.execute("forget_answers", workspace.id, now - KEEP_MS)


async def keep_answer(tx: Transaction, workspace: str, key: str, answer: Answer, now: int) -> None:
    """Keep an answer for an hour, and forget this workspace's older ones.

    Raises:
        Conflict: another request with the same key was faster (PostgreSQL; SQLite lets one in at a time).
    """
    await tx.execute("forget_answers", workspace, now - KEEP_MS)
    body = tx.vault.seal(answer.body.decode(), workspace, key, ANSWER).encode()
    await tx.execute("keep_answer", workspace, key, answer.route, answer.status, body, now)

"""What the processes of a shared store tell each other with their commits. Pure.

    TOKEN endpoint WORKSPACE ID      that endpoint is no longer what it was
    TOKEN due WORKSPACE ID ID …      deliveries for these endpoints were left to whoever delivers
    TOKEN recalled WORKSPACE ID      deliveries for that endpoint are not to be sent after all
    TOKEN schedule                   deliveries were put back for any endpoint

`TOKEN` is the sender, who knows already. The database takes up to 8,000 bytes at a time. Whatever gets lost is found by
the look that every process takes now and then (`delivery/membership.py`).
"""

import logging
from collections.abc import Iterable

from switchhook.storage.store import Committed

log = logging.getLogger(__name__)

LONGEST = 7_900  # bytes
DUE_MAX = 500  # endpoints that are named; more of them are told as any


def notices(token: str, committed: Iterable[Committed]) -> list[str]:
    """The payloads that tell the others of these commits."""
    endpoints: set[tuple[str, str]] = set()
    recalled: set[tuple[str, str]] = set()
    due: set[tuple[str, str]] = set()
    schedule = False
    for one in committed:
        endpoints |= one.endpoints
        recalled |= one.recalled
        due |= one.due
        schedule = schedule or one.schedule
    told = [f"{token} endpoint {workspace} {id_}" for workspace, id_ in sorted(endpoints)]
    told += [f"{token} recalled {workspace} {id_}" for workspace, id_ in sorted(recalled)]
    if schedule or len(due) > DUE_MAX:
        return [*told, f"{token} schedule"]
    ids: dict[str, list[str]] = {}
    for workspace, id_ in sorted(due):
        ids.setdefault(workspace, []).append(id_)
    for workspace, named in ids.items():
        payload = head = f"{token} due {workspace}"
        for id_ in named:
            if payload != head and len(payload) + len(id_) >= LONGEST:
                told.append(payload)
                payload = head
            payload += f" {id_}"
        told.append(payload)
    return told


def heard(token: str, payload: str) -> Committed | None:
    """What a payload of another process says; None when it is our own, or of another version."""
    sender, _, said = payload.partition(" ")
    if sender == token:
        return None
    match said.split(" "):
        case ["endpoint", workspace, id_]:
            return Committed(endpoints={(workspace, id_)})
        case ["recalled", workspace, id_]:
            return Committed(recalled={(workspace, id_)})
        case ["due", workspace, *ids]:
            return Committed(due={(workspace, id_) for id_ in ids})
        case ["schedule"]:
            return Committed(schedule=True)
    log.debug("a notification of another version: %r", said)
    return None

"""Endpoints: where events are delivered, what they asked for, and the secrets that sign for them."""

import msgspec

from switchhook.events.first_version import ON_A_NUMBER
from switchhook.storage.sealing import HEADERS, SECRETS
from switchhook.storage.store import Reader, Row, Transaction
from switchhook.storage.vault import SealBroken, Vault


class SigningSecret(msgspec.Struct, frozen=True):
    """A `whsec_…` secret. `until` is when it stops signing (wall ms); None for the current one."""

    secret: str
    until: int | None = None

    def __repr__(self) -> str:
        return f"SigningSecret(secret=<hidden>, until={self.until})"


class Header(msgspec.Struct, frozen=True):
    """A header that an endpoint asked to have in every request. Its value may be a credential."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"Header(name={self.name!r}, value=<hidden>)"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as stored. `topics` stand in the order given; `secrets` begins with the current one.

    `rate_limit` is in deliveries a second; where an option is None the installation's own number holds. `ordered`: one
    delivery at a time, in the order of acceptance. `paused`: nothing is sent, what comes waits.
    `additive_fields`: events may have more fields than the catalogue. `own_number`: of what is about a number of the
    business it gets only what is about this one; an endpoint keeps it for good. `locked` says why its secrets do not
    open, and what to do: then it has none here, nothing may be sent to it, and nothing of it stored.
    """

    workspace: str
    id: str
    url: str
    topics: tuple[str, ...]
    description: str | None
    enabled: bool
    secrets: tuple[SigningSecret, ...]
    disabled_why: str | None
    created_at: int
    updated_at: int
    failing_first: int | None = None  # of the failures without a success between them (wall ms)
    failing_last: int | None = None
    failing_clock: int | None = None  # when the breaker's clock began
    headers: tuple[Header, ...] = ()
    rate_limit: float | None = None
    max_in_flight: int | None = None
    timeout_seconds: float | None = None
    ordered: bool = False
    paused: bool = False
    additive_fields: bool = False
    own_number: str | None = None
    locked: str | None = None


_secrets = msgspec.json.Decoder(tuple[SigningSecret, ...])
_headers = msgspec.json.Decoder(dict[str, str])


def _endpoint(row: Row, topics: tuple[str, ...], vault: Vault) -> Endpoint:
    workspace, id_, url, description, enabled, secrets, disabled_why, created_at, updated_at, *rest = row
    first, last, clock, headers, rate_limit, max_in_flight, timeout_seconds, *switches = rest
    ordered, paused, additive, own_number = switches
    locked = None
    try:
        headers = vault.open(headers, workspace, id_, HEADERS)
        secrets = vault.open(secrets, workspace, id_, SECRETS)
    except SealBroken as error:
        headers, secrets, locked = "{}", "[]", str(error)
    return Endpoint(
        workspace=workspace,
        id=id_,
        url=url,
        topics=topics,
        description=description,
        enabled=bool(enabled),
        secrets=_secrets.decode(secrets),
        disabled_why=disabled_why,
        created_at=created_at,
        updated_at=updated_at,
        failing_first=first,
        failing_last=last,
        failing_clock=clock,
        headers=tuple(Header(name, value) for name, value in _headers.decode(headers).items()),
        rate_limit=rate_limit,
        max_in_flight=max_in_flight,
        timeout_seconds=timeout_seconds,
        ordered=bool(ordered),
        paused=bool(paused),
        additive_fields=bool(additive),
        own_number=own_number,
        locked=locked,
    )


def _see_that_it_opens(endpoint: Endpoint) -> None:
    if endpoint.locked is not None:  # what was not read must not be written over
        raise SealBroken(endpoint.locked)


def _sealed(vault: Vault, endpoint: Endpoint, secrets: tuple[SigningSecret, ...]) -> str:
    return vault.seal(msgspec.json.encode(secrets).decode(), endpoint.workspace, endpoint.id, SECRETS)


def _options(vault: Vault, endpoint: Endpoint) -> Row:
    headers = msgspec.json.encode({header.name: header.value for header in endpoint.headers}).decode()
    return (
        vault.seal(headers, endpoint.workspace, endpoint.id, HEADERS),
        endpoint.rate_limit,
        endpoint.max_in_flight,
        endpoint.timeout_seconds,
        int(endpoint.ordered),
        int(endpoint.paused),
        int(endpoint.additive_fields),
    )


async def add_endpoint(tx: Transaction, endpoint: Endpoint) -> None:
    """Store a new endpoint; events accepted from now on will see it."""
    await tx.execute(
        "add_endpoint",
        endpoint.workspace,
        endpoint.id,
        endpoint.url,
        endpoint.description,
        int(endpoint.enabled),
        _sealed(tx.vault, endpoint, endpoint.secrets),
        endpoint.created_at,
        *_options(tx.vault, endpoint),
        endpoint.own_number,
    )
    await _put_topics(tx, endpoint)


async def change_endpoint(tx: Transaction, endpoint: Endpoint) -> None:
    """Store everything of `endpoint` but its secrets and its health.

    Raises:
        SealBroken: its secrets do not open.
    """
    _see_that_it_opens(endpoint)
    await tx.execute(
        "change_endpoint",
        endpoint.workspace,
        endpoint.id,
        endpoint.url,
        endpoint.description,
        int(endpoint.enabled),
        endpoint.disabled_why,
        endpoint.updated_at,
        *_options(tx.vault, endpoint),
    )
    await tx.execute("clear_endpoint_topics", endpoint.workspace, endpoint.id)
    await _put_topics(tx, endpoint)


async def disable_endpoint(tx: Transaction, workspace: str, id: str, why: str, now: int) -> bool:
    """Disable an endpoint that is enabled; True when it was."""
    changed = await tx.execute("disable_endpoint", workspace, id, why, now) > 0
    if changed:
        tx.committed.endpoints.add((workspace, id))
    return changed


async def rotate_secret(tx: Transaction, endpoint: Endpoint, secret: str, until: int, now: int) -> Endpoint:
    """Sign with `secret` from now on, and with the former ones too until `until` (wall ms).

    Raises:
        SealBroken: those do not open.
    """
    _see_that_it_opens(endpoint)
    former = [
        SigningSecret(old.secret, until if old.until is None else min(old.until, until))
        for old in endpoint.secrets
    ]
    secrets = (SigningSecret(secret), *(old for old in former if old.until is not None and old.until > now))
    sealed = _sealed(tx.vault, endpoint, secrets)
    await tx.execute("rotate_secret", endpoint.workspace, endpoint.id, sealed, now)
    tx.committed.endpoints.add((endpoint.workspace, endpoint.id))
    return msgspec.structs.replace(endpoint, secrets=secrets, updated_at=now)


async def delete_endpoint(tx: Transaction, workspace: str, id: str, now: int) -> bool:
    """Take an endpoint away; its history is removed by `forget_deleted`. False when there is none."""
    if await tx.execute("delete_endpoint", workspace, id, now) == 0:
        return False
    await tx.execute("clear_endpoint_topics", workspace, id)
    tx.committed.endpoints.add((workspace, id))
    return True


async def forget_deleted(tx: Transaction, rows: int) -> bool:
    """Remove up to `rows` rows of history of deleted endpoints; True while there may be more."""
    gone = 0
    for workspace, id_ in await tx.fetch("deleted_endpoints"):
        gone += await tx.execute("forget_schedule", workspace, id_, rows - gone)
        gone += await tx.execute("forget_attempts", workspace, id_, rows - gone)
        if gone >= rows:
            return True
        gone += await tx.execute("forget_endpoint", workspace, id_)
    return gone > 0


async def find_endpoint(reader: Reader, workspace: str, id: str) -> Endpoint | None:
    """The endpoint, or None when it does not exist or was deleted."""
    rows = await reader.fetch("endpoint", workspace, id)
    if not rows:
        return None
    topics = await reader.fetch("endpoint_topics", workspace, id)
    return _endpoint(rows[0], tuple(topic for (topic,) in topics), reader.vault)


async def list_endpoints(reader: Reader, workspace: str) -> list[Endpoint]:
    """All endpoints of a workspace, oldest first."""
    topics: dict[str, list[str]] = {}
    for id_, topic in await reader.fetch("topics_of_all", workspace):
        topics.setdefault(id_, []).append(topic)
    rows = await reader.fetch("endpoints", workspace)
    return [_endpoint(row, tuple(topics.get(row[1], ())), reader.vault) for row in rows]


async def _put_topics(tx: Transaction, endpoint: Endpoint) -> None:
    flags = int(endpoint.ordered), int(endpoint.additive_fields)
    rows = [
        (
            endpoint.workspace,
            topic,
            endpoint.id,
            n,
            *flags,
            endpoint.own_number if topic in ON_A_NUMBER else None,
        )
        for n, topic in enumerate(endpoint.topics)
    ]
    await tx.many("add_endpoint_topic", rows)
    tx.committed.endpoints.add((endpoint.workspace, endpoint.id))

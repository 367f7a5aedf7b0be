"""Who has registered from where: the bindings of addresses of record to contacts (RFC 3261, 10). Pure.

Times are wall milliseconds, so that what is kept over a restart means the same afterwards.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from switchhook.telephony.sip.edge.flows import UDP, Flow
from switchhook.telephony.sip.edge.message import Message, parameter, split_address

MIN_EXPIRES, DEFAULT_EXPIRES, MAX_EXPIRES = 60, 600, 3_600
MAX_BINDINGS = 10  # of one user


class Binding(msgspec.Struct, frozen=True):
    """One telephone: where it says it is, and where it was heard from. `key` is its name in our URIs."""

    user: str
    key: str
    contact: str
    flow: Flow
    expires_at: int
    call_id: str
    cseq: int
    agent: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a REGISTER is answered with."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


class Registrar:
    """The bindings of everybody. `keys` gives names for new ones."""

    def __init__(self, keys: Iterable[str], bindings: Iterable[Binding] = ()) -> None:
        self._keys = iter(keys)
        self.changes = 0  # that requests have made
        self._bindings: dict[str, dict[str, Binding]] = {}
        for one in bindings:
            self._bindings.setdefault(one.user, {})[one.contact] = one

    def of(self, user: str, now: int) -> list[Binding]:
        """The bindings of a user that hold, the freshest first."""
        found = [one for one in self._bindings.get(user, {}).values() if one.expires_at > now]
        return sorted(found, key=lambda one: (-one.expires_at, one.key))

    def all(self, now: int) -> list[Binding]:
        """Every binding that holds."""
        return [one for user in self._bindings for one in self.of(user, now)]

    def find(self, user: str, key: str, now: int) -> Binding | None:
        """The binding of that name."""
        return next((one for one in self.of(user, now) if one.key == key), None)

    def keep(self, users: Iterable[str]) -> None:
        """Nobody else is a user any more."""
        known = set(users)
        self._bindings = {user: found for user, found in self._bindings.items() if user in known}

    def lost(self, flow: Flow) -> bool:
        """A connection has ended, and with it what was reached through it. Whether that was anything."""
        gone = [one for found in self._bindings.values() for one in found.values() if one.flow == flow]
        for one in gone:
            del self._bindings[one.user][one.contact]
        return bool(gone)

    def register(self, request: Message, user: str, flow: Flow, now: int) -> Outcome:
        """Take a REGISTER of `user`, who has been authenticated."""
        for one in [one for one in self._bindings.get(user, {}).values() if one.expires_at <= now]:
            del self._bindings[user][one.contact]
        contacts, default = request.all("Contact"), _seconds(request.get("Expires"), DEFAULT_EXPIRES)
        cseq = request.cseq[0]
        self.changes += 1
        mine = self._bindings.setdefault(user, {})
        if "*" in contacts:
            if len(contacts) != 1 or request.get("Expires") is None or default != 0:
                return Outcome(400)
            if any(_older(one, request.call_id, cseq) for one in mine.values()):
                return Outcome(500)
            mine.clear()
            return self._list(user, now)
        wanted: dict[str, int] = {}
        for contact in contacts:
            found = split_address(contact)
            if found is None or not found[0].lower().startswith(("sip:", "sips:")) or "?" in found[0]:
                return Outcome(400)
            seconds = _seconds(parameter(found[1], "expires"), default)
            if 0 < seconds < MIN_EXPIRES:
                return Outcome(423, (("Min-Expires", str(MIN_EXPIRES)),))
            wanted[found[0]] = min(seconds, MAX_EXPIRES)
        # All or nothing: an older request than the one that a binding is from changes none of them.
        if any(_older(mine[uri], request.call_id, cseq) for uri in wanted if uri in mine):
            return Outcome(500)
        if len(set(mine) | {uri for uri, seconds in wanted.items() if seconds}) > MAX_BINDINGS:
            return Outcome(403)
        for uri, seconds in wanted.items():
            known = mine.pop(uri, None)
            if seconds:
                key = known.key if known else next(self._keys)
                agent = (request.get("User-Agent") or "")[:64]
                expires = now + seconds * 1000
                mine[uri] = Binding(user, key, uri, flow, expires, request.call_id[:200], cseq, agent)
        return self._list(user, now)

    def _list(self, user: str, now: int) -> Outcome:
        found = self.of(user, now)
        return Outcome(
            200,
            tuple(
                ("Contact", f"<{one.contact}>;expires={max(1, (one.expires_at - now) // 1000)}")
                for one in found
            ),
        )


def _older(binding: Binding, call_id: str, cseq: int) -> bool:
    """Whether a request is no newer than what is known already; one sent again is the transaction's affair."""
    return binding.call_id == call_id[:200] and cseq <= binding.cseq


def _seconds(text: str | None, default: int) -> int:
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        return default
    return min(int(text.strip()[:12]), 2**31)


def save(bindings: Iterable[Binding]) -> bytes:
    """What is worth keeping over a restart: connections are not, what was heard by datagram is."""
    return msgspec.json.encode([one for one in bindings if one.flow.kind == UDP])


def load(data: bytes) -> list[Binding]:
    """What was kept.

    Raises:
        msgspec.DecodeError: it is none of ours.
    """
    return msgspec.json.decode(data, type=list[Binding])

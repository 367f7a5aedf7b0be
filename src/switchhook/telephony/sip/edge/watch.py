"""How much a stranger may ask for, and who has shown that he only looks for a way in. Pure; times are seconds.

What can be forged by anybody (the source of a datagram) bans nobody who has a telephone with us; a wrong password
does, because it comes with a nonce that was sent to that very address. Memory is bounded, whoever asks.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass, field

BAN_SECONDS = 600.0
RATES = {"INVITE": (2.0, 20.0), "REGISTER": (2.0, 20.0), "other": (10.0, 50.0)}
"""For each kind of request how many a second one address may send, and how many at once after a rest."""

FAILURES, FAILURE_SECONDS = 10, 120.0
KNOCKS, KNOCK_SECONDS = 20, 60.0
_SOURCES = 10_000

_SCANNERS = re.compile(
    r"friendly[-_ ]?scanner|sipvicious|sipcli|sip-?scan|sundayddr|vaxsip|pplsip|iwar|sivus|gulp|smap|sipsak"
    r"|eyebeam release 3006o|nm@nm",
    re.IGNORECASE,
).search


@dataclass
class _Source:
    tokens: dict[str, tuple[float, float]] = field(default_factory=dict)  # kind: what is left, when it was
    failures: list[float] = field(default_factory=list)
    knocks: list[float] = field(default_factory=list)
    banned_until: float = 0.0


class Watch:
    """What is known of each source address."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self.bans = 0  # ever

    def banned(self, host: str, now: float) -> bool:
        """Whether nothing of it is looked at."""
        source = self._sources.get(host)
        return source is not None and now < source.banned_until

    def count(self, now: float) -> int:
        """How many are banned."""
        return sum(now < source.banned_until for source in self._sources.values())

    def allows(self, host: str, method: str, now: float) -> bool:
        """Whether one more request of that kind is within what a source may send; it is counted."""
        kind = method if method in RATES else "other"
        rate, most = RATES[kind]
        source = self._source(host)
        left, at = source.tokens.get(kind, (most, now))
        left = min(most, left + max(0.0, now - at) * rate)
        source.tokens[kind] = (max(0.0, left - 1.0), now)
        return left >= 1.0

    def failed(self, host: str, now: float) -> bool:
        """A wrong password. Whether that was one too many: the source is banned now."""
        source = self._source(host)
        source.failures = [*(at for at in source.failures if now - at < FAILURE_SECONDS), now]
        return len(source.failures) >= FAILURES and self._ban(source, now)

    def knocked(self, host: str, now: float, *, known: bool) -> bool:
        """A call or registration that came without credentials. `known`: there is a telephone of ours."""
        source = self._source(host)
        source.knocks = [*(at for at in source.knocks[-KNOCKS:] if now - at < KNOCK_SECONDS), now]
        return not known and len(source.knocks) >= KNOCKS and self._ban(source, now)

    def scanned(self, host: str, now: float, *, known: bool) -> bool:
        """A tool that looks for open lines has named itself."""
        return not known and self._ban(self._source(host), now)

    def welcomed(self, host: str) -> None:
        """Somebody there has the right password: what they did before was a slip."""
        source = self._source(host)
        source.failures, source.knocks = [], []

    def _ban(self, source: _Source, now: float) -> bool:
        if now < source.banned_until:
            return False
        source.banned_until = now + BAN_SECONDS
        source.failures, source.knocks = [], []
        self.bans += 1
        return True

    def _source(self, host: str) -> _Source:
        source = self._sources.setdefault(host, _Source())
        self._sources.move_to_end(host)
        while len(self._sources) > _SOURCES:
            self._sources.popitem(last=False)
        return source


def is_scanner(*texts: str | None) -> bool:
    """Whether a User-Agent, From or Contact is one by which scanners are known."""
    return any(text is not None and _SCANNERS(text) is not None for text in texts)

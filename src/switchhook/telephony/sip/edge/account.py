"""Our registration at the carrier's trunk: a user agent client of its own (RFC 3261, 10.2 and 22). Pure.

It is asked every half second what there is to send, and told what came back. Times are monotonic seconds.
"""

import secrets
from dataclasses import dataclass

from switchhook.telephony.sip.edge.digest import Credentials
from switchhook.telephony.sip.edge.flows import Flow
from switchhook.telephony.sip.edge.message import Message, parameter, split_address, tag
from switchhook.telephony.sip.edge.outside import flow_of

EXPIRES = 600
GIVE_UP = 32.0  # RFC 3261, 17.1.2: timer F
AGAIN = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""Seconds until the next try after one that failed; the last one also after a refusal of who we are."""

_TRIES = 3  # requests in one round: with a nonce of the last time, with a new one, and with another expiry
REGISTERING, REGISTERED = "registering", "registered"


@dataclass
class _Pending:
    data: bytes
    since: float
    again: float
    pause: float = 0.5


class TrunkAccount:
    """We, at the trunk `HOST:PORT`. `contact` is where calls for us go, `via` where answers do."""

    def __init__(self, trunk: str, user: str, password: str, contact: str, via: str) -> None:
        self.flow: Flow = flow_of(f"sip:{trunk}")
        self.call_id = secrets.token_hex(12)
        self.state = REGISTERING
        self._credentials = Credentials(user, password)
        self._uri = f"sip:{self.flow.host}"
        self._address = f"<sip:{user}@{self.flow.host}>"
        self._contact = contact
        self._via = via
        self._tag = secrets.token_hex(6)
        self._cseq = 0
        self._tries = 0
        self._failures = 0
        self._expires = EXPIRES
        self._next = 0.0
        self._pending: _Pending | None = None

    def owns(self, message: Message) -> bool:
        """Whether it is an answer to one of ours."""
        return message.call_id == self.call_id and tag(message.get("From")) == self._tag

    def tick(self, now: float) -> bytes | None:
        """What is to be sent now."""
        pending = self._pending
        if pending is None:
            if now < self._next:
                return None
            self._tries = 0
            return self._ask(now)
        if now - pending.since >= GIVE_UP:
            self._failed("no answer", now)
            return None
        if self.flow.reliable or now < pending.again:
            return None
        pending.pause = min(4.0, pending.pause * 2)
        pending.again = now + pending.pause
        return pending.data

    def heard(self, response: Message, now: float) -> bytes | None:
        """An answer has come; returns what is to be sent now."""
        if self._pending is None or response.cseq[0] != self._cseq or response.status < 200:
            return None
        status = response.status
        if 200 <= status < 300:
            self._pending, self._failures, self.state = None, 0, REGISTERED
            self._next = now + self._granted(response) / 2
            return None
        if status in {401, 407} and self._tries < _TRIES:
            asked = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
            proof = self._credentials.answer(
                response.lines(asked), "REGISTER", self._uri, secrets.token_hex(8)
            )
            # Asked again although we have answered: only a nonce that is too old is worth another answer.
            stale = any("stale=true" in line.lower().replace('"', "") for line in response.lines(asked))
            if proof is not None and (self._tries == 1 or stale):
                return self._ask(now, ("Authorization" if status == 401 else "Proxy-Authorization", proof))
        if status == 423 and self._tries < _TRIES:
            wanted = response.get("Min-Expires") or ""
            self._expires = (
                min(int(wanted), 86_400) if wanted.isascii() and wanted.isdigit() else self._expires
            )
            return self._ask(now)
        self._failed(f"refused with {status}", now, known=400 <= status < 500 and status not in {408, 480})
        return None

    def lost(self, now: float) -> None:
        """The connection to the trunk has ended, and calls do not come through any more."""
        self._pending, self._next = None, now + AGAIN[0]

    def unsent(self, now: float) -> None:
        """What was to be sent could not be."""
        self._failed("cannot be reached", now)

    def _failed(self, why: str, now: float, *, known: bool = False) -> None:
        self._pending, self.state = None, why
        self._next = now + (AGAIN[-1] if known else AGAIN[min(self._failures, len(AGAIN) - 1)])
        self._failures += 1

    def _granted(self, response: Message) -> int:
        ours = (split_address(self._contact) or ("", ""))[0]
        for contact in response.all("Contact"):
            found = split_address(contact)
            said = parameter(found[1], "expires") if found is not None and found[0] == ours else None
            if said is not None and said.isascii() and said.isdigit():
                return max(30, min(int(said[:9]), 86_400))
        said = response.get("Expires") or ""
        return max(30, min(int(said[:9]), 86_400)) if said.isascii() and said.isdigit() else self._expires

    def _ask(self, now: float, proof: tuple[str, str] | None = None) -> bytes:
        self._cseq += 1
        self._tries += 1
        request = Message("REGISTER", self._uri)
        request.headers = [
            ("Via", f"{self._via};branch=z9hG4bK{secrets.token_hex(10)};rport"),
            ("Max-Forwards", "70"),
            ("From", f"{self._address};tag={self._tag}"),
            ("To", self._address),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", self._contact),
            ("Expires", str(self._expires)),
            *([proof] if proof is not None else []),
        ]
        data = request.encode()
        self._pending = _Pending(data, now, now + 0.5)
        return data

"""Who calls whom: what an INVITE says, and our telephones and numbers, as the offer of a call."""

from switchhook.clock import Clock
from switchhook.telephony.sip.address import diversions, parse_header, parse_uri, tag_of
from switchhook.telephony.sip.backend import Invite
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.edge.outside import USER, telephone
from switchhook.telephony.sip.legs import CALLER
from switchhook.workspace.facts import Direction, Offered

SOURCE = "sip"


class Origin:
    """Tells calls apart. `spent` are ids of calls that are over already, which no new one may have."""

    def __init__(self, config: SipConfig, clock: Clock, spent: frozenset[str]) -> None:
        self._config = config
        self._clock = clock
        self._used = set(spent)
        self.directory(config.users, config.numbers, config.extensions)

    def directory(
        self, users: tuple[str, ...], numbers: tuple[str, ...], extensions: tuple[str, ...]
    ) -> None:
        """Our telephones, numbers and extensions from now on."""
        self._users = {user: parse_uri(user) for user in users}
        self._numbers = {_digits(number) for number in numbers}
        self._extensions = frozenset(extensions)

    def take(self, call: str) -> bool:
        """Have that id for a call; False when one has it already."""
        if call in self._used:
            return False
        self._used.add(call)
        return True

    def offered(self, invite: Invite) -> Offered:
        """The call that this INVITE begins."""
        headers = invite.headers
        sender, contact = parse_header(headers.get("From")), parse_header(headers.get("Contact"))
        called = parse_header(headers.get(self._config.number_header)) or parse_header(headers.get("To"))
        to = called.user if called else ""
        user = headers.get(USER) or telephone(self._users, sender, contact) or None
        shown = parse_header(headers.get("P-Asserted-Identity")) if self._config.trust_identity else None
        number = (shown or sender).user if (shown or sender) else ""  # type: ignore[union-attr]
        # Call-ID and From tag together name a call (RFC 3261, 12); a sender that uses them again means another one.
        key = base = f"{invite.call_id};{tag_of(headers.get('From'))}"[:200]
        if key in self._used:
            key = f"{base}~{self._clock.now()}-{invite.handle:x}"
        self._used.add(key)
        diverted = diversions(headers)
        original = diverted[-1] if diverted and _digits(diverted[-1]) != _digits(to) else None
        return Offered(
            source=SOURCE,
            call=key,
            id="offered",
            at=self._clock.now(),
            leg=CALLER,
            direction=Direction.INBOUND if user is None else Direction.OUTBOUND,
            from_raw=number or "anonymous",
            to_raw=to,
            user_ref=user,
            original_to_raw=None if user is not None else original,
            diverted=diverted,
            internal=user is not None and (to in self._extensions or _digits(to) in self._numbers),
        )


def _digits(number: str) -> str:
    """A number as it is compared: `+33 1 12` and `0033112` are one."""
    digits = "".join(c for c in number if c.isdigit())
    return digits.removeprefix("00") if digits else number

"""Who may speak to the line: the trunk, those who are believed by their address, and users with a password. Pure."""

import logging
from enum import Enum, auto
from ipaddress import AddressValueError, IPv4Address

from switchhook.clock import Clock
from switchhook.telephony.sip.address import is_from, parse_header, parse_uri
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.edge.digest import Guard, Verdict
from switchhook.telephony.sip.edge.flows import Flow
from switchhook.telephony.sip.edge.message import Message, answer, tag
from switchhook.telephony.sip.edge.registrar import Outcome, Registrar
from switchhook.telephony.sip.edge.watch import Watch, is_scanner

log = logging.getLogger(__name__)

REALM = "switchhook"
_ANSWERS = 2_000  # to registrations, kept for those that are sent again
_ANSWER_SECONDS = 32.0


class Standing(Enum):
    """What an address is worth by itself."""

    TRUNK = auto()
    BELIEVED = auto()
    STRANGER = auto()


class Doorman:
    """Lets in, asks, refuses and bans."""

    def __init__(
        self, config: SipConfig, guard: Guard, registrar: Registrar, watch: Watch, clock: Clock
    ) -> None:
        self._networks = config.networks()
        self._guard = guard
        self._guarded = [parse_uri(address) for address in config.guarded]
        self.registrar = registrar
        self._watch = watch
        self._clock = clock
        self._answers: dict[tuple[str, str, str, int], tuple[float, Outcome]] = {}
        self._standings: dict[str, Standing] = {}
        self.trunk: frozenset[str] = frozenset()

    def trunk_is(self, hosts: frozenset[str]) -> None:
        """The trunk's IPv4 addresses from now on."""
        self.trunk = hosts
        self._standings.clear()

    def standing(self, host: str) -> Standing:
        """What the IPv4 address `host` is worth."""
        known = self._standings.get(host)
        if known is None:
            known = self._weigh(host)
            if len(self._standings) > 10_000:
                self._standings.clear()
            self._standings[host] = known
        return known

    def _weigh(self, host: str) -> Standing:
        if host in self.trunk:
            return Standing.TRUNK
        try:
            address = IPv4Address(host)
        except AddressValueError:
            return Standing.STRANGER
        return Standing.BELIEVED if any(address in one for one in self._networks) else Standing.STRANGER

    def hears(self, host: str) -> bool:
        """Whether anything from there is looked at: strangers when some user has a password, until they are banned."""
        if self.standing(host) is not Standing.STRANGER:
            return True
        return bool(self._guard.passwords) and not self._watch.banned(host, self._clock.monotonic())

    def bears(self, request: Message, host: str) -> bool:
        """Whether a stranger may ask this too: not of too much, and not a scanner's."""
        if self.standing(host) is not Standing.STRANGER:
            return True
        now = self._clock.monotonic()
        if is_scanner(request.get("User-Agent"), request.get("From"), request.get("Contact")):
            if self._watch.scanned(host, now, known=self._known(host)):
                self._log_ban(host, "it says that it is a scanner")
            return False
        return self._watch.allows(host, request.method, now)

    def must_show(self, request: Message, host: str) -> bool:
        """Whether the sender of an INVITE must say the password: strangers, and who claims to be a user with one."""
        standing = self.standing(host)
        if standing is Standing.TRUNK:
            return False
        sender, contact = parse_header(request.get("From")), parse_header(request.get("Contact"))
        if standing is Standing.STRANGER or (sender is not None and sender.user in self._guard.passwords):
            return True
        return any(is_from(address, sender, contact) for address in self._guarded)

    def authenticate(self, request: Message, host: str, status: int) -> tuple[str, Message | None]:
        """The user who proves to be one; else nobody, and what to answer (nothing to who is banned by it)."""
        asked, given = (
            ("WWW-Authenticate", "Authorization")
            if status == 401
            else ("Proxy-Authenticate", "Proxy-Authorization")
        )
        now, seconds = self._clock.monotonic(), self._clock.now() // 1000
        stranger = self.standing(host) is Standing.STRANGER
        verdict, user = Verdict.NONE, ""
        for value in request.lines(given):
            verdict, user = self._guard.check(value, request.method, request.uri, seconds, host)
            if verdict is not Verdict.NONE:
                break
        if verdict is Verdict.GOOD:
            self._watch.welcomed(host)
            return user, None
        if verdict is Verdict.WRONG:
            log.warning("SIP: wrong password or unknown user from %s", host)
        if stranger and (
            (verdict is Verdict.WRONG and self._watch.failed(host, now))
            or (verdict is Verdict.NONE and self._watch.knocked(host, now, known=self._known(host)))
        ):
            self._log_ban(host, "it tried too often")
            return "", None
        challenges = self._guard.challenges(seconds, host, stale=verdict is Verdict.STALE)
        return "", answer(request, status, *((asked, one) for one in challenges), to_tag="asked")

    def register(self, request: Message, flow: Flow) -> Message | None:
        """The answer to a REGISTER, if it gets one."""
        branch, now = tag(request.get("From")), self._clock.monotonic()
        key = (flow.host, request.call_id, branch, request.cseq[0])
        known = self._answers.get(key)
        if known is not None and now - known[0] < _ANSWER_SECONDS and request.get("Authorization"):
            return answer(request, known[1].status, *known[1].headers, to_tag="here")
        if not self._guard.passwords:
            return answer(request, 403, to_tag="here")
        user, refusal = self.authenticate(request, flow.host, 401)
        if not user:
            return refusal
        named = parse_header(request.get("To"))
        if named is None or named.user != user:
            return answer(request, 403, to_tag="here")
        outcome = self.registrar.register(request, user, flow, self._clock.now())
        while len(self._answers) >= _ANSWERS:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (now, outcome)
        return answer(request, outcome.status, *outcome.headers, to_tag="here")

    def _known(self, host: str) -> bool:
        return any(one.flow.host == host for one in self.registrar.all(self._clock.now()))

    def _log_ban(self, host: str, why: str) -> None:
        log.warning("SIP: %s is not heard for ten minutes: %s", host, why)

"""What comes in goes to the stack, and what the stack sends goes out; with the checks between the two.

    telephones, trunk ◀──udp, tcp, tls──▶ Proxy ◀──udp on one host──▶ the stack

Outside only our public addresses are seen (Contact is rewritten, and what the stack says of itself stays here); the
stack keeps us in the way by Record-Route. Retransmissions, ACK and CANCEL go through by a branch that is computed from
the sender's (RFC 3261, 16.11): the two ends' transactions absorb them. Nothing here waits or opens sockets.
"""

import hmac
import logging
import re
import secrets
from typing import Protocol

from switchhook.clock import Clock
from switchhook.telephony.sip.address import parse_header, parse_uri
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.edge import via as vias
from switchhook.telephony.sip.edge.account import TrunkAccount
from switchhook.telephony.sip.edge.dialogs import Dialog, Dialogs
from switchhook.telephony.sip.edge.doorman import Doorman, Standing
from switchhook.telephony.sip.edge.dtmf import digit_of
from switchhook.telephony.sip.edge.flows import UDP, Flow
from switchhook.telephony.sip.edge.message import Malformed, Message, answer, parse, tag
from switchhook.telephony.sip.edge.outside import (
    LEG,
    USER,
    Unreachable,
    find_way,
    registered,
    telephone,
)
from switchhook.telephony.sip.edge.rewriting import Rewriting

log = logging.getLogger(__name__)

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, REFER, NOTIFY, REGISTER"
_WITHIN = {"BYE", "CANCEL", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY", "MESSAGE"}
_NEVER = {"SUBSCRIBE": 489, "PUBLISH": 489, "MESSAGE": 405, "NOTIFY": 405, "REFER": 405}


class Wire(Protocol):
    """Who sends what the proxy decides."""

    def send(self, flow: Flow, data: bytes) -> None:
        """To a peer outside. What cannot be sent comes back by `Proxy.unsent`."""

    def send_inside(self, data: bytes, ending: str = "") -> None:
        """To the stack; what ends a call that is up, `ending`, when it is its turn."""

    def digit(self, token: str, digit: str) -> None:
        """A key was pressed in that call."""


class Proxy:
    """The front's rules."""

    def __init__(self, config: SipConfig, doorman: Doorman, wire: Wire, clock: Clock, key: bytes) -> None:
        self._config = config
        self._doorman = doorman
        self._wire = wire
        self._clock = clock
        self._dialogs = Dialogs()
        self._targets: dict[str, str] = {}
        self.rewriting = Rewriting(config, key)
        self._users = {text: parse_uri(text) for text in config.users}
        self.malformed = 0
        self.account: TrunkAccount | None = None

    # ------------------------------------------------------------ from the line

    def expect(self, token: str, target: str) -> None:
        """The stack is about to dial `target` in a call of that name."""
        self._targets[token] = target

    def taken(self, token: str) -> None:
        """The stack has told of that call."""
        dialog = self._dialogs.of(token)
        if dialog is not None:
            dialog.taken = True

    def ring(self, token: str) -> None:
        """The caller may know that it rings."""
        dialog = self._dialogs.of(token)
        if dialog is not None and not dialog.ringing:
            dialog.ringing = True
            if dialog.held is not None:
                self._wire.send(*dialog.held)

    def refuse(self, token: str, status: int) -> None:
        """If that call is refused, then by this status."""
        dialog = self._dialogs.of(token)
        if dialog is not None:
            dialog.wanted = status

    def up(self, token: str) -> bool:
        """Whether that call has been answered, and has not ended."""
        dialog = self._dialogs.of(token)
        return dialog is not None and dialog.up

    def closed(self, token: str) -> None:
        """The stack has forgotten that call."""
        self._targets.pop(token, None)
        dialog = self._dialogs.of(token)
        if dialog is not None:
            dialog.end(self._clock.monotonic())

    def tick(self) -> None:
        """See to our registration at the trunk; every half second."""
        if self.account is not None:
            self._send_account(self.account.tick(self._clock.monotonic()))

    def _send_account(self, data: bytes | None) -> None:
        if data is not None and self.account is not None:
            self._wire.send(self.account.flow, data)

    def sweep(self) -> None:
        """Forget what is over; now and then."""
        for lost in self._dialogs.sweep(self._clock.monotonic()):
            log.warning("the SIP stack never spoke of call %r from %s", lost.call_id, lost.flow.host)

    # ------------------------------------------------------------ from outside

    def from_outside(self, data: bytes, flow: Flow) -> None:
        """Take what a peer has sent."""
        if not self._doorman.hears(flow.host):
            return
        try:
            message = parse(data)
        except Malformed as error:
            self.malformed += 1
            if error.message is not None and self._doorman.bears(error.message, flow.host):
                vias.stamp(error.message, flow.host, flow.port)
                self._reply(answer(error.message, error.status, to_tag="bad"), flow)
            return
        if not message.is_request:
            account = self.account
            if account is not None and account.owns(message):
                if self._doorman.standing(flow.host) is Standing.TRUNK:
                    self._send_account(account.heard(message, self._clock.monotonic()))
            else:
                self._response_from_outside(message)
            return
        vias.stamp(message, flow.host, flow.port)
        reply = self._request_from_outside(message, flow)
        if reply is not None and message.method != "ACK":
            self._reply(reply, flow)

    def _request_from_outside(self, request: Message, flow: Flow) -> Message | None:
        """What it is answered with here; None when it goes on to the stack, or nowhere."""
        method = request.method
        dialog = self._dialogs.find(request)
        if dialog is not None and method == "INVITE" and not tag(request.get("To")):
            via = vias.top(request)
            if (dialog.cseq, dialog.branch) == (request.cseq[0], via.branch if via else ""):
                self._to_stack(request, flow, dialog)  # sent again: the stack knows what it answered
                return None
            if dialog.over is None:
                return answer(request, 482, to_tag="loop")
            dialog = None
        if dialog is not None:
            return self._within(dialog, request, flow)
        if method == "ACK" or not self._doorman.bears(request, flow.host):
            return None
        if tag(request.get("To")) or method == "CANCEL":
            return answer(request, 481, to_tag="none")
        if request.get("Max-Forwards") == "0":
            return answer(request, 483, to_tag="hops")
        if options := request.all("Proxy-Require"):
            return answer(request, 420, ("Unsupported", ", ".join(options)), to_tag="none")
        if method == "REGISTER":
            return self._doorman.register(request, flow)
        if method == "OPTIONS":
            return answer(request, 200, ("Allow", ALLOW), ("Accept", "application/sdp"), to_tag="here")
        if method == "INVITE":
            return self._invite(request, flow)
        status = _NEVER.get(method, 481 if method in _WITHIN else 501)
        return answer(request, status, *([("Allow", ALLOW)] if status in {405, 501} else []), to_tag="none")

    def _invite(self, request: Message, flow: Flow) -> Message | None:
        kind = (request.get("Content-Type") or "").partition(";")[0].strip().lower()
        if request.body and not (kind in {"", "application/sdp"} or kind.startswith("multipart/")):
            return answer(request, 415, ("Accept", "application/sdp"), to_tag="none")
        user = ""
        if self._doorman.must_show(request, flow.host):
            user, refusal = self._doorman.authenticate(request, flow.host, 407)
            if not user:
                return refusal
            sender = parse_header(request.get("From"))
            if sender is None or sender.user != user:
                return answer(request, 403, to_tag="none")
        via = vias.top(request)
        trunk = self._doorman.standing(flow.host) is Standing.TRUNK
        dialog = Dialog(
            token=secrets.token_hex(8),
            call_id=request.call_id,
            tag=tag(request.get("From")),
            flow=flow,
            outward=False,
            born=self._clock.monotonic(),
            cseq=request.cseq[0],
            branch=via.branch if via else "",
            trunk=trunk,
            user=registered(user) if user else "" if trunk else self._telephone(request),
        )
        self._dialogs.add(dialog)
        self._reply(answer(request, 100), flow)
        self._to_stack(request, flow, dialog, user=dialog.user if user else "")
        return None

    def _telephone(self, request: Message) -> str:
        """The telephone of a user that an INVITE of the believed says it is from."""
        sender, contact = parse_header(request.get("From")), parse_header(request.get("Contact"))
        return telephone(self._users, sender, contact)

    def _within(self, dialog: Dialog, request: Message, flow: Flow) -> Message | None:
        """A request that belongs to a call."""
        same = flow.host == dialog.flow.host or self._doorman.standing(flow.host) is not Standing.STRANGER
        if not same:
            return answer(request, 481, to_tag="none")
        if request.method not in {"ACK", "CANCEL"}:
            if request.get("Max-Forwards") == "0":
                return answer(request, 483, to_tag="hops")
            dialog.flow = flow  # a NAT may have changed the port, a telephone its connection
        if request.method == "INFO" and (digit := digit_of(request)) is not None:
            if digit and request.cseq[0] > dialog.info:
                dialog.info = request.cseq[0]
                self._wire.digit(dialog.token, digit)
            return answer(request, 200)
        if request.method == "REFER" and not dialog.user:
            return answer(request, 403)
        self._to_stack(request, flow, dialog)
        return None

    def _to_stack(self, request: Message, flow: Flow, dialog: Dialog, user: str = "") -> None:
        host, port = self.rewriting.inside
        branch = f"{self.rewriting.branch(request)}.{flow.kind}{flow.number}"
        called = re.match(r"(?:sips?:([^@;?]*)@|tel:([^;]*))", request.uri, re.IGNORECASE)
        name = (called.group(1) or called.group(2) or "") if called else ""
        default = f"sip:{name or self._config.username}@{self.rewriting.stack[0]}:{self.rewriting.stack[1]}"
        request.uri = dialog.inner_contact if dialog.inner_contact and tag(request.get("To")) else default
        request.drop("Route", LEG, USER, "Proxy-Authorization", "Authorization")
        if dialog.user and not dialog.outward:
            request.drop("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID")
        self.rewriting.hop(request)
        self.rewriting.sound(request, dialog, inward=True)
        vias.push(request, f"SIP/2.0/UDP {host}:{port};branch={branch}")
        if request.method == "INVITE":
            request.push("Record-Route", f"<sip:{host}:{port};lr>")
            request.headers.append((LEG, dialog.token))
            if user:
                request.headers.append((USER, user))
        ends = request.method == "BYE" and dialog.up
        self._wire.send_inside(request.encode(), dialog.token if ends else "")

    def _response_from_outside(self, response: Message) -> None:
        via = vias.top(response)
        dialog = self._dialogs.find(response)
        if via is None or dialog is None or len(response.all("Via")) != 2:
            return
        vias.pop(response)
        if not hmac.compare_digest(via.branch.encode(), self.rewriting.branch(response).encode()):
            return
        asks = (
            response.status in {401, 407} and not dialog.trunk
        )  # the trunk's password is for the trunk alone
        if asks or 300 <= response.status < 400:
            response.drop("WWW-Authenticate", "Proxy-Authenticate", "Contact")
            response.status, response.reason = (
                (403, "Forbidden") if asks else (480, "Temporarily Unavailable")
            )
        method = response.cseq[1]
        response.drop(LEG, USER)
        self.rewriting.sound(response, dialog, inward=True)
        if method == "INVITE" and response.status < 300 and tag(response.get("To")):
            host, port = self.rewriting.inside
            response.put("Record-Route", *response.all("Record-Route"), f"<sip:{host}:{port};lr>")
            dialog.answered = dialog.answered or response.status >= 200
        self._wire.send_inside(response.encode())

    # ------------------------------------------------------------ from the stack

    def from_inside(self, data: bytes) -> None:
        """Take what the stack has sent."""
        try:
            message = parse(data)
        except Malformed as error:
            log.error("the SIP stack has sent what is no message: %s", error)
            return
        if message.is_request:
            self._request_from_inside(message)
        else:
            self._response_from_inside(message)

    def _response_from_inside(self, response: Message) -> None:
        via, dialog = vias.top(response), self._dialogs.find(response)
        if via is None or dialog is None or (via.host, via.port) != self.rewriting.inside:
            return
        vias.pop(response)
        flow = self.rewriting.back(via.branch.rpartition(".")[2], response, dialog)
        if flow is None:
            return
        number, method = response.cseq
        first = not dialog.outward and method == "INVITE" and number == dialog.cseq
        if first and response.status == 100:
            return  # he has ours
        if first and response.status >= 300:
            if dialog.wanted and response.status == 486:
                response.status, response.reason = dialog.wanted, answer(response, dialog.wanted).reason
            dialog.over = self._clock.monotonic()
        self.rewriting.outward(response, dialog, flow)
        ours = f"<sip:{self.rewriting.inside[0]}:{self.rewriting.inside[1]};lr>"
        response.put("Record-Route", *(one for one in response.all("Record-Route") if one != ours))
        if first and response.status < 200 and not dialog.ringing:
            dialog.held = (flow, response.encode())
            return
        if first and response.status < 300:
            dialog.answered = dialog.answered or response.status >= 200
        self._wire.send(flow, response.encode())

    def _request_from_inside(self, request: Message) -> None:
        host, port = self.rewriting.inside
        ours = re.compile(rf"<sip:{re.escape(host)}:{port}[;>]")
        request.put("Route", *(one for one in request.all("Route") if not ours.match(one)))
        dialog = self._dialogs.find(request)
        if dialog is None:
            dialog = self._outward(request)
        elif dialog.outward and not tag(request.get("To")) and request.method == "INVITE":
            self.rewriting.dress(request, dialog)
        if dialog is None:
            return
        branch = self.rewriting.branch(request)
        if dialog.flow.reliable and request.method != "ACK":
            if (branch, request.method) in dialog.sent:
                return  # nothing is lost on a connection, and the stack does not know that it is one
            dialog.sent.add((branch, request.method))
        self.rewriting.dress(request, dialog)
        self.rewriting.hop(request)
        self.rewriting.outward(request, dialog, dialog.flow)
        request.drop(LEG, USER)
        flow = self.rewriting.next_hop(request, dialog)
        where = self.rewriting.contacts[flow.kind]
        vias.push(request, f"SIP/2.0/{flow.kind.upper()} {where};branch={branch};rport")
        self._wire.send(flow, request.encode())

    def _outward(self, request: Message) -> Dialog | None:
        """The stack calls somebody; None when that is answered here."""
        if request.method == "ACK":
            return None
        token = request.get(LEG) or ""
        target = self._targets.pop(token, None)
        if request.method != "INVITE" or tag(request.get("To")):
            self._wire.send_inside(answer(request, 481, to_tag="none").encode())
            return None
        found = (
            find_way(target, self._config, self._doorman.registrar, self._clock.now())
            if target is not None
            else Unreachable(403)  # it would go where nobody but the stack has said
        )
        if isinstance(found, Unreachable):
            self._wire.send_inside(answer(request, found.status, to_tag="none").encode())
            return None
        shown = parse_header(request.get("P-Asserted-Identity"))
        dialog = Dialog(
            token=token,
            call_id=request.call_id,
            tag=tag(request.get("From")),
            flow=found.flow,
            outward=True,
            born=self._clock.monotonic(),
            cseq=request.cseq[0],
            trunk=found.trunk,
            user=found.user,
            target=found.uri,
            shown=f"sip:{shown.user}@{self.rewriting.inside[0]}" if shown is not None and found.user else "",
            taken=True,
        )
        self._dialogs.add(dialog)
        return dialog

    def unsent(self, data: bytes) -> None:
        """A message could not be sent to a peer: the stack hears it, if it asked."""
        try:
            message = parse(data)
        except Malformed:
            return
        if self.account is not None and self.account.owns(message):
            self.account.unsent(self._clock.monotonic())
        elif message.is_request and message.method != "ACK" and len(message.all("Via")) == 2:
            vias.pop(message)
            self._wire.send_inside(answer(message, 503, to_tag="none").encode())

    # ------------------------------------------------------------ small things

    def _reply(self, reply: Message, flow: Flow) -> None:
        via = vias.top(reply)
        if via is not None and flow.kind == UDP:
            flow = Flow(UDP, *via.address())
        self._wire.send(flow, reply.encode())

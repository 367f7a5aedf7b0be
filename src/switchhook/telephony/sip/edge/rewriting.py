"""How a message changes on its way through the front: Via, Contact, who is named, where sound goes, what is next."""

import hashlib
import hmac
import re
from collections.abc import Callable

from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.edge import via as vias
from switchhook.telephony.sip.edge.dialogs import Dialog
from switchhook.telephony.sip.edge.flows import TCP, TLS, UDP, Flow
from switchhook.telephony.sip.edge.message import Message, split_address, tag
from switchhook.telephony.sip.edge.outside import contacts, flow_of
from switchhook.telephony.sip.edge.relay import Relay


class Rewriting:
    """The changes. `inside` is the front's address towards the stack, `stack` the stack's own; `key` signs branches."""

    def __init__(self, config: SipConfig, key: bytes) -> None:
        self.inside = self.stack = (config.address()[0], 0)
        self.username = config.username
        self.contacts = contacts(config)
        self._key = key
        self.relay: Callable[[str], Relay | None] = lambda _: None

    def sound(self, message: Message, dialog: Dialog, *, inward: bool) -> None:
        """Let sound go through us: the peer sends to us and not to the stack, and the stack not to the peer."""
        kind = (message.get("Content-Type") or "").partition(";")[0].strip().lower()
        if not message.body or kind != "application/sdp":
            return
        if dialog.relay is None and dialog.over is None:
            dialog.relay = self.relay(dialog.flow.host)
        if dialog.relay is not None:
            change = dialog.relay.to_stack if inward else dialog.relay.to_peer
            message.body = change(message.body)

    def back(self, mark: str, response: Message, dialog: Dialog) -> Flow | None:
        """The way that the request came by which is answered now."""
        via = vias.top(response)
        if via is None:
            return None
        host, port = via.address()
        if mark.startswith(UDP):
            return Flow(UDP, host, port)
        return Flow(mark[:3], host, port, int(mark[3:] or 0)) if mark[:3] in {TCP, TLS} else dialog.flow

    def dress(self, request: Message, dialog: Dialog) -> None:
        """Let the peer see whom we call and who calls, and not how the stack reaches us."""
        if not dialog.outward:
            return
        host, port = self.inside
        if re.match(rf"sip:[^@]*@?{re.escape(host)}:{port}(?:;|$)", request.uri):
            request.uri = dialog.target
        for name, uri in (("To", dialog.target), ("From", dialog.shown)):
            if uri:
                parameters = (split_address(request.get(name) or "") or ("", ""))[1]
                request.put(name, f"<{uri}>{parameters}")

    def next_hop(self, request: Message, dialog: Dialog) -> Flow:
        """The way of a request within a call: as it came, but a trunk may say where it wants to be spoken to."""
        if dialog.trunk and dialog.flow.kind == UDP and tag(request.get("To")):
            route = split_address((request.all("Route") or [""])[0])
            try:
                said = flow_of(route[0] if route else request.uri)
            except ValueError:
                return dialog.flow
            if said.kind == UDP:
                return said
        return dialog.flow

    def outward(self, message: Message, dialog: Dialog, flow: Flow) -> None:
        """Where the stack wants to be reached, and heard, is for us; outside it is us who is."""
        self.sound(message, dialog, inward=False)
        found = split_address((message.all("Contact") or [""])[0])
        if found is not None:
            dialog.inner_contact = found[0]
            transport = "" if flow.kind == UDP else f";transport={flow.kind}"
            contact = f"<sip:{self.username}@{self.contacts[flow.kind]}{transport}>"
            message.put("Contact", contact)

    def hop(self, request: Message) -> None:
        """One hop less."""
        request.put("Max-Forwards", str(max(0, int(request.get("Max-Forwards") or 70) - 1)))

    def branch(self, message: Message) -> str:
        """The branch of what goes on because `message` came; the same for its CANCEL and ACK, and for its answer."""
        via = vias.top(message)
        sender = f"{via.branch}|{via.host}|{via.port}" if via else ""
        text = f"{sender}|{message.call_id}|{message.cseq[0]}|{tag(message.get('From'))}"
        mac = hmac.new(self._key, text.encode("utf-8", "surrogateescape"), hashlib.sha256)
        return f"{vias.COOKIE}{mac.hexdigest()[:24]}"

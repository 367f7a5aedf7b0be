"""The Via header: whose answer it is, and where it goes (RFC 3261, 18.2; RFC 3581)."""

import re
from dataclasses import dataclass

from switchhook.telephony.sip.edge.message import Message, parameter, readable_via

COOKIE = "z9hG4bK"


@dataclass(frozen=True)
class Via:
    """One element of a Via header. `port` is 0 when none is written; `rest` are the parameters."""

    transport: str
    host: str
    port: int
    rest: str

    def parameter(self, name: str) -> str | None:
        """See `message.parameter`."""
        return parameter(self.rest, name)

    @property
    def branch(self) -> str:
        """The branch, empty when there is none."""
        return self.parameter("branch") or ""

    def address(self) -> tuple[str, int]:
        """Where an answer by datagram goes; the names may still have to be looked up."""
        host = self.parameter("received") or self.host
        port = self.parameter("rport") or ""
        return host, int(port) if port.isdigit() and 0 < int(port) < 65_536 else (self.port or 5060)

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"SIP/2.0/{self.transport} {self.host}{port}{self.rest}"


def parse_via(text: str) -> Via | None:
    """Read one element; None when it is none."""
    found = readable_via(text)
    if found is None:
        return None
    return Via(found.group(1).upper(), found.group(2), int(found.group(3) or 0), found.group(4).strip())


def top(message: Message) -> Via | None:
    """The Via of who sent it."""
    found = message.all("Via")
    return parse_via(found[0]) if found else None


def push(message: Message, via: str) -> None:
    """Put ours before the others."""
    message.put("Via", via, *message.all("Via"))


def pop(message: Message) -> None:
    """Take the first one away."""
    message.put("Via", *message.all("Via")[1:])


def stamp(message: Message, host: str, port: int) -> None:
    """Write down from where a request came, so that its answer finds the way through a NAT: `received` and `rport`.

    What the sender may have put there himself does not count.
    """
    first, *others = message.all("Via")
    via = parse_via(first)
    if via is None:
        return
    rest = re.sub(r";\s*(?:received|rport)\b[^;]*", "", via.rest, flags=re.IGNORECASE)
    stamped = Via(via.transport, via.host, via.port, f"{rest};received={host};rport={port}")
    message.put("Via", str(stamped), *others)

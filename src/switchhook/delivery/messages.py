"""The words for each failure: one message for the customer whose endpoint it is, one for the operator of Switchhook.

The customer's says what to do in the terms of a web server; the operator's names addresses and error texts and says
whether it is theirs to mend. Neither ever holds a path, a query, a header or a body: those may be secrets.
"""

from enum import StrEnum
from typing import NamedTuple

from switchhook.delivery.exchange import Kind


class Fault(StrEnum):
    """Who has to act: the endpoint's owner, nobody in particular (the way between), or the operator of Switchhook."""

    RECEIVER = "receiver"
    NETWORK = "network"
    SENDER = "sender"


class Words(NamedTuple):
    """The fault and the two messages of one kind; host, place, status, seconds and detail are filled in."""

    fault: Fault
    customer: str
    operator: str


_R, _N, _S = Fault.RECEIVER, Fault.NETWORK, Fault.SENDER
_NOTHING = "Nothing to do on this side."
_OURS = "The message could not be sent because of a fault on our side. There is nothing to do."

WORDS: dict[Kind, Words] = {
    Kind.URL_REFUSED: Words(_R, "{detail}", "The endpoint's URL was refused: {detail}"),
    Kind.ADDRESS_FORBIDDEN: Words(
        _R,
        "{host} does not lead to a public internet address. Point it to one, or give another URL.",
        "The address policy refused {host}: {detail}",
    ),
    Kind.DNS_NOT_FOUND: Words(
        _R,
        "The host name {host} does not exist. Correct the URL, or add the name to your DNS.",
        "The look-up of {host} found no address: {detail}. If other names fail too, check this machine's resolver.",
    ),
    Kind.DNS_FAILED: Words(
        _N,
        "The host name {host} could not be looked up. Check that your name servers answer.",
        "The look-up of {host} failed: {detail}. If other names fail too, check this machine's resolver.",
    ),
    Kind.DNS_TIMEOUT: Words(
        _N,
        "The look-up of the host name {host} took too long. Check that your name servers answer.",
        "The look-up of {host} took longer than allowed. If other names fail too, check this machine's resolver.",
    ),
    Kind.PROXY_UNREACHABLE: Words(
        _S,
        _OURS,
        "The egress proxy could not be reached: {detail}. Check that it runs, and SWITCHHOOK_EGRESS_PROXY.",
    ),
    Kind.PROXY_AUTH: Words(
        _S,
        _OURS,
        "The egress proxy asks for other credentials: {detail}. Correct those in SWITCHHOOK_EGRESS_PROXY.",
    ),
    Kind.PROXY_REFUSED: Words(
        _S,
        _OURS,
        "The egress proxy opened no way to {place}: {detail}. Allow CONNECT to this address and port in its rules.",
    ),
    Kind.PROXY_BAD_ANSWER: Words(
        _S,
        _OURS,
        "The egress proxy did not behave as one: {detail}. Check that SWITCHHOOK_EGRESS_PROXY names an HTTP proxy.",
    ),
    Kind.PROXY_TIMEOUT: Words(
        _N,
        "{host} did not answer the connection. Check that your server runs and that its firewall lets us in.",
        "The egress proxy opened no way to {place} within the time allowed. If other endpoints fail too, check it.",
    ),
    Kind.CONNECT_REFUSED: Words(
        _R,
        "{host} refused the connection. Check that your server runs, and that the URL has the right port.",
        "{place} refused the connection: {detail}. " + _NOTHING,
    ),
    Kind.CONNECT_TIMEOUT: Words(
        _N,
        "{host} did not answer the connection. Check that your server runs and that its firewall lets us in.",
        "No connection to {place} within the time allowed: {detail}. If other endpoints fail too, check this "
        "machine's network.",
    ),
    Kind.CONNECT_UNREACHABLE: Words(
        _N,
        "{host} cannot be reached over the internet. Check that its address is right and in service.",
        "{place} is unreachable: {detail}. If other endpoints fail too, check this machine's network and IPv6 routes.",
    ),
    Kind.TLS_EXPIRED: Words(
        _R,
        "The TLS certificate of {host} has expired. Renew it.",
        "The certificate of {place} is outside its dates: {detail}. If many are, check this machine's clock.",
    ),
    Kind.TLS_WRONG_HOST: Words(
        _R,
        "The TLS certificate of {host} is made out to another name. Install one that names {host}.",
        "The certificate of {place} does not match: {detail}. " + _NOTHING,
    ),
    Kind.TLS_SELF_SIGNED: Words(
        _R,
        "The TLS certificate of {host} is self-signed. Install one from a public authority, such as Let's Encrypt.",
        "The certificate of {place} is self-signed: {detail}. To trust it, add its root to this machine's store.",
    ),
    Kind.TLS_UNTRUSTED: Words(
        _R,
        "The TLS certificate of {host} cannot be traced to a trusted authority. Install the full chain, with the "
        "intermediate certificates, from a public authority.",
        "The certificate of {place} is not trusted: {detail}. If many are not, check this machine's certificate store.",
    ),
    Kind.TLS_FAILED: Words(
        _R,
        "No TLS connection could be made to {host}. Check that this port speaks HTTPS with TLS 1.2 or newer.",
        "TLS with {place} failed: {detail}. " + _NOTHING,
    ),
    Kind.TLS_TIMEOUT: Words(
        _R,
        "{host} took the connection but did not finish setting up TLS. Check that this port speaks HTTPS.",
        "The TLS handshake with {place} did not finish within {seconds} s. " + _NOTHING,
    ),
    Kind.CONNECTION_RESET: Words(
        _N,
        "{host} broke the connection off before its answer was complete. Check your server's log for a crash, "
        "and proxies before it for limits.",
        "The connection to {place} broke during the exchange: {detail}.",
    ),
    Kind.EARLY_CLOSE: Words(
        _R,
        "{host} closed the connection before its answer was complete. Check your server's log for a crash.",
        "{place} closed the connection early: {detail}. " + _NOTHING,
    ),
    Kind.RESPONSE_TIMEOUT: Words(
        _R,
        "{host} did not answer completely within {seconds} seconds. Answer 2xx at once and do the work afterwards.",
        "No complete answer from {place} within {seconds} s: {detail}. " + _NOTHING,
    ),
    Kind.INVALID_RESPONSE: Words(
        _R,
        "The answer of {host} is not valid HTTP/1.1. Check that the URL leads to a web server.",
        "The answer of {place} could not be read: {detail}. " + _NOTHING,
    ),
    Kind.HEADERS_TOO_LARGE: Words(
        _R,
        "The answer of {host} has too many or too long headers. Answer with a short 2xx.",
        "The answer of {place} went over the header limit: {detail}. " + _NOTHING,
    ),
    Kind.RESPONSE_TOO_LARGE: Words(
        _R,
        "The answer of {host} is too large. Answer with a short or empty 2xx.",
        "The answer of {place} went over the size limit: {detail}. " + _NOTHING,
    ),
    Kind.REDIRECT: Words(
        _R,
        "{host} answered with a redirect ({status}), which webhooks never follow. Put the final URL into the endpoint.",
        "{place} answered {status}; redirects are never followed. " + _NOTHING,
    ),
    Kind.GONE: Words(
        _R,
        "{host} answered 410 Gone, so this endpoint has been disabled. Enable it again when it is back.",
        "{place} answered 410; the endpoint asked to be disabled. " + _NOTHING,
    ),
    Kind.RATE_LIMITED: Words(
        _R,
        "{host} answered 429 Too Many Requests. Deliveries to it slow down; raise its limit if that is too slow.",
        "{place} answered 429; its deliveries are slowed down. " + _NOTHING,
    ),
    Kind.CLIENT_ERROR: Words(
        _R,
        "{host} refused the message with status {status}. Check the URL, and that your server accepts this request.",
        "{place} answered {status}. " + _NOTHING,
    ),
    Kind.SERVER_ERROR: Words(
        _R,
        "{host} failed with status {status}. Check your server's log.",
        "{place} answered {status}. " + _NOTHING,
    ),
    Kind.UNEXPECTED_STATUS: Words(
        _R,
        "{host} answered with status {status}, which HTTP does not know. Answer with a 2xx.",
        "{place} answered {status}, which is no HTTP status. " + _NOTHING,
    ),
    Kind.SENDER_EXHAUSTED: Words(
        _S,
        "The message could not be sent because of a shortage on our side. There is nothing to do.",
        "This machine ran out of a resource while connecting to {place}: {detail}. Raise the limit of open files.",
    ),
    Kind.SENDER_STOPPED: Words(
        _S,
        "The message was held back because the sender was being restarted. There is nothing to do.",
        "The delivery to {place} was ended by the shut-down of this process. " + _NOTHING,
    ),
    Kind.SENDER_ERROR: Words(
        _S,
        _OURS,
        "Switchhook failed while sending to {place}: {detail}. Please report this as a bug.",
    ),
}

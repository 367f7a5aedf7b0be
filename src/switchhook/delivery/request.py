"""What of a request to an endpoint stays the same from one message to the next, and what does not.

Signed per attempt, after the Standard Webhooks specification: `webhook-id` is the message's and never changes,
`webhook-timestamp` is the attempt's, `webhook-signature` covers both and the body's exact bytes. An endpoint without
keys (of the first version of the API) gets `webhook-id` alone.
"""

import msgspec

from switchhook import __version__
from switchhook.delivery.address import AddressPolicy, Target, UrlRefused, parse_target
from switchhook.delivery.custom_headers import constant_block
from switchhook.delivery.exchange import HeaderBlock, Request
from switchhook.storage.endpoints import Endpoint
from switchhook.storage.vault import SealBroken
from switchhook.webhooks.ed25519 import PRIVATE_PREFIX, PrivateKey
from switchhook.webhooks.signing import Secret, Signer

USER_AGENT = f"Switchhook/{__version__} (webhooks)"


class Prepared(msgspec.Struct, frozen=True):
    """An endpoint made ready for sending. `target` is None when its URL is refused, `refused` then says why.

    `constant` are the header lines of every request; they may hold credentials. `timeout` is seconds.
    """

    key: str
    target: Target | None
    refused: UrlRefused | None
    signers: tuple[tuple[Signer | PrivateKey, int | None], ...]  # with the wall ms until which each signs
    constant: HeaderBlock
    timeout: float
    own_trace: bool = False  # its owner set a `traceparent`, which stays

    def __repr__(self) -> str:
        return f"Prepared(key={self.key!r})"

    def request(self, message_id: str, body: bytes, now: int, traceparent: str | None = None) -> Request:
        """One attempt made at `now` (wall ms), signed with every secret that is in force.

        `traceparent` is the attempt's place in its trace, when there are traces. It is not signed.
        """
        assert self.target is not None
        # Ids, digits and base64 are header-safe by their alphabets: nothing here needs `header_block`'s check.
        own = f"webhook-id: {message_id}\r\n"
        if self.signers:
            seconds = now // 1000
            signature = " ".join(
                [
                    signer.sign(message_id, seconds, body)
                    for signer, until in self.signers
                    if until is None or now < until
                ]
            )
            own += f"webhook-timestamp: {seconds}\r\nwebhook-signature: {signature}\r\n"
        if traceparent is not None and not self.own_trace:
            own += f"traceparent: {traceparent}\r\n"
        return Request(
            pool_key=self.key,
            target=self.target,
            headers=HeaderBlock(self.constant + own.encode("ascii")),
            body=body,
            timeout=self.timeout,
        )


def prepare(endpoint: Endpoint, policy: AddressPolicy, timeout: float) -> Prepared:
    """Read the URL, the secrets and the headers of an endpoint once, so that no message has to.

    `timeout` is seconds, for an endpoint that did not ask for its own.

    Raises:
        SealBroken: its secrets do not open: nothing may go out unsigned for that.
    """
    if endpoint.locked is not None:
        raise SealBroken(endpoint.locked)
    target: Target | None = None
    refused: UrlRefused | None = None
    try:
        target = parse_target(endpoint.url, policy)
    except UrlRefused as error:
        refused = error
    return Prepared(
        key=endpoint.id,
        target=target,
        refused=refused,
        signers=tuple((_signer(one.secret), one.until) for one in endpoint.secrets),
        constant=constant_block(USER_AGENT, [(header.name, header.value) for header in endpoint.headers]),
        timeout=endpoint.timeout_seconds or timeout,
        own_trace=any(header.name.lower() == "traceparent" for header in endpoint.headers),
    )


def _signer(text: str) -> Signer | PrivateKey:
    return PrivateKey.parse(text) if text.startswith(PRIVATE_PREFIX) else Signer([Secret.parse(text)])

"""What of a request to an endpoint stays the same from one message to the next, and what does not.

Signed per attempt, after the Standard Webhooks specification: `webhook-id` is the message's and never changes,
`webhook-timestamp` is the attempt's, `webhook-signature` covers both and the body's exact bytes.
"""

import msgspec

from switchhook import __version__
from switchhook.delivery.address import AddressPolicy, Target, UrlRefused, parse_target
from switchhook.delivery.exchange import HeaderBlock, Request, header_block
from switchhook.storage.endpoints import Endpoint
from switchhook.webhooks.signing import Secret, Signer

_CONSTANT = header_block(
    [("content-type", "application/json"), ("user-agent", f"Switchhook/{__version__} (webhooks)")]
)


class Prepared(msgspec.Struct, frozen=True):
    """An endpoint made ready for sending. `target` is None when its URL is refused, `refused` then says why."""

    key: str
    target: Target | None
    refused: UrlRefused | None
    signers: tuple[tuple[Signer, int | None], ...]  # with the wall ms until which each signs

    def request(self, message_id: str, body: bytes, now: int, timeout: float) -> Request:
        """One attempt made at `now` (wall ms), signed with every secret that is in force."""
        assert self.target is not None
        seconds = now // 1000
        signature = " ".join(
            [
                signer.sign(message_id, seconds, body)
                for signer, until in self.signers
                if until is None or now < until
            ]
        )
        # Ids, digits and base64 are header-safe by their alphabets: nothing here needs `header_block`'s check.
        own = (
            f"webhook-id: {message_id}\r\nwebhook-timestamp: {seconds}\r\nwebhook-signature: {signature}\r\n"
        )
        return Request(
            pool_key=self.key,
            target=self.target,
            headers=HeaderBlock(_CONSTANT + own.encode("ascii")),
            body=body,
            timeout=timeout,
        )


def prepare(endpoint: Endpoint, policy: AddressPolicy) -> Prepared:
    """Read the URL and the secrets of an endpoint once, so that no message has to."""
    target: Target | None = None
    refused: UrlRefused | None = None
    try:
        target = parse_target(endpoint.url, policy)
    except UrlRefused as error:
        refused = error
    signers = tuple((Signer([Secret.parse(s.secret)]), s.until) for s in endpoint.secrets)
    return Prepared(endpoint.id, target, refused, signers)

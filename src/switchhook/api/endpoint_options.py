"""What an endpoint may ask for beside its URL and topics: read from a request, checked, and shown."""

from typing import Any

from msgspec import UNSET, UnsetType

from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.shapes.webhooks import NewWebhook, SignatureVersion, WebhookChange
from switchhook.delivery.custom_headers import HeaderRefused, check
from switchhook.events.ids import first_version
from switchhook.storage.endpoints import Endpoint, Header
from switchhook.webhooks.ed25519 import PRIVATE_PREFIX, PrivateKey
from switchhook.webhooks.signing import Secret

OVERLAP_SECONDS = 86_400  # how long a former key signs beside a new one

_PLAIN = ("rate_limit", "max_in_flight", "timeout_seconds", "ordered", "paused", "additive_fields")


def options_in(asked: NewWebhook | WebhookChange) -> dict[str, Any]:
    """The options that a request names, as fields of an `Endpoint`; null is the installation's own.

    Raises:
        ApiError: 400, a header cannot be sent.
    """
    found = {name: getattr(asked, name) for name in _PLAIN if getattr(asked, name) is not UNSET}
    if not isinstance(asked.headers, UnsetType):
        headers = asked.headers or {}
        try:
            check(headers)
        except HeaderRefused as refused:
            raise from_faults([FieldFault("headers", "INVALID_HEADERS", str(refused))]) from None
        found["headers"] = tuple(Header(name, value) for name, value in headers.items())
    return found


def see_that_they_agree(endpoint: Endpoint) -> None:
    """See that no option of an endpoint would be accepted and ignored because of another one.

    Raises:
        ApiError: 400, one would.
    """
    if endpoint.ordered and (endpoint.max_in_flight or 1) > 1:
        raise ApiError(
            "INVALID_REQUEST_BODY",
            "max_in_flight: An ordered webhook has one delivery under way at a time.",
            param="max_in_flight",
            suggestion="Set max_in_flight to null, or ordered to false.",
        )
    if endpoint.additive_fields and first_version(endpoint.id):
        raise ApiError(
            "INVALID_REQUEST_BODY",
            "additive_fields: A webhook of version 1 gets the fields of version 1 and no others.",
            param="additive_fields",
            suggestion="Leave it out, or create a webhook with POST /v2/api/webhooks.",
        )


def see_that_it_signs(endpoint: Endpoint) -> None:
    """See that an endpoint has keys that could be exchanged.

    Raises:
        ApiError: 409, it is one of the first version.
    """
    if first_version(endpoint.id):
        raise ApiError(
            "WEBHOOK_NOT_SIGNED",
            "What a webhook of version 1 gets is not signed; it has no key.",
            param="webhook_id",
            suggestion="Create one that is signed with POST /v2/api/webhooks.",
        )


def signature_of(endpoint: Endpoint) -> SignatureVersion:
    """The version that an endpoint's current key signs with."""
    current = endpoint.secrets[0].secret if endpoint.secrets else ""
    return "v1a" if current.startswith(PRIVATE_PREFIX) else "v1"


def new_key(version: SignatureVersion) -> str:
    """The text of a new key that signs with `version`."""
    return PrivateKey.generate().reveal() if version == "v1a" else Secret.generate().reveal()


def shown(endpoint: Endpoint, *, secret: bool) -> dict[str, Any]:
    """The fields of a `Webhook` for options in use; what may be a credential only where secrets may be seen."""
    found: dict[str, Any] = {}
    current = endpoint.secrets[0].secret if endpoint.secrets else None
    if signature_of(endpoint) == "v1a":
        assert current is not None
        found["signature"] = "v1a"
        found["public_key"] = str(PrivateKey.parse(current).public)
        current = None  # nobody but us needs it
    if secret:
        found["signing_secret"] = current
        if endpoint.headers:
            found["headers"] = {header.name: header.value for header in endpoint.headers}
    for name in _PLAIN:
        if getattr(endpoint, name):
            found[name] = getattr(endpoint, name)
    return found

"""Answers to what never becomes a request: the same envelopes, written as bytes before the application is reached."""

from collections.abc import Iterable
from http import HTTPStatus

from switchhook.api.errors import ApiError
from switchhook.api.messages import JSON, Headers, request_id

SAFE: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
NO_STORE = (b"cache-control", b"no-store")


def first_version(path: str) -> bool:
    """Whether errors at `path` have the envelope of the first version."""
    return path.startswith("/v1/")


def refusal(
    error: ApiError,
    target: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    public_url: str,
) -> bytes:
    """A whole answer after which the connection is closed.

    `target` and `headers` are what is known of the request by then: they decide the envelope and the id of the request.
    """
    given = next((value for name, value in headers if name == b"x-request-id"), None)
    id_ = request_id(given)
    first = first_version(target.decode("latin-1"))
    body = error.v1() if first else error.v2(id_, public_url)
    lines = [
        b"HTTP/1.1 %d %b" % (error.status, HTTPStatus(error.status).phrase.encode()),
        b"x-request-id: " + id_.encode(),
        *(name + b": " + value for name, value in (*SAFE, *error.headers, NO_STORE)),
        b"content-type: " + JSON,
        b"content-length: %d" % len(body),
        b"connection: close",
    ]
    return b"\r\n".join([*lines, b"", body])


def malformed() -> ApiError:
    """What came is no HTTP/1.1."""
    return ApiError(
        "MALFORMED_REQUEST",
        "What came is not a request of HTTP/1.1.",
        suggestion="Speak plain HTTP/1.1 here; TLS and HTTP/2 belong to the proxy in front.",
    )


def upgrade_with_body() -> ApiError:
    """The body of such a request cannot be told from what follows in the other protocol."""
    return ApiError(
        "UPGRADE_NOT_SUPPORTED",
        "The request has a body and asks for another protocol.",
        suggestion="Send it without the header Upgrade: HTTP/1.1 is all that is spoken here.",
    )


def head_too_large(most: int) -> ApiError:
    """The request line and the headers have no end."""
    return ApiError(
        "HEADERS_TOO_LARGE",
        f"The head of the request is larger than {most} bytes.",
        suggestion="Send fewer or shorter headers, and what is long in the body.",
    )


def head_too_slow(seconds: float) -> ApiError:
    """The request line and the headers did not come to their end."""
    return ApiError(
        "REQUEST_TIMEOUT",
        f"The head of the request was not complete within {seconds:g} s.",
        suggestion="Send it in one go, and again.",
    )


def too_many_connections() -> ApiError:
    """There is no room for one more."""
    return ApiError(
        "TOO_MANY_CONNECTIONS",
        "There are too many connections.",
        suggestion="Keep fewer open and use them again, or try later.",
        retry_after=1,
        headers=[(b"retry-after", b"1")],
    )

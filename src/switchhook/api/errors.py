"""The errors of the API: one table of codes, and the two envelopes they are sent in.

v2: {"error": {"type", "code", "message", "retryable", "request_id", "doc_url", "param"?, "suggestion"?, "errors"?}}
v1: {"code", "details": null | [{"message", "field"}]}
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

ErrorType = Literal[
    "authentication_error",
    "permission_error",
    "validation_error",
    "not_found_error",
    "conflict_error",
    "rate_limit_error",
    "server_error",
]


class Code(msgspec.Struct, frozen=True):
    """What a code stands for. `meaning` is shown in the documentation."""

    status: int
    type: ErrorType
    meaning: str
    retryable: bool = False


CODES: dict[str, Code] = {
    "UNAUTHORIZED": Code(401, "authentication_error", "The request carries no API key."),
    "API_KEY_INVALID": Code(401, "authentication_error", "No such API key was ever issued here."),
    "API_KEY_REVOKED": Code(401, "authentication_error", "The API key has been revoked."),
    "API_KEY_INSUFFICIENT_SCOPE": Code(403, "permission_error", "The API key lacks the scope of this route."),
    "FORBIDDEN": Code(403, "permission_error", "The link or the key does not open this."),
    "RECORDING_LINK_EXPIRED": Code(403, "permission_error", "The link to the recording is past its time."),
    "INVALID_REQUEST_BODY": Code(
        400, "validation_error", "The body is not JSON, or a value is not of its type."
    ),
    "MISSING_FIELD": Code(400, "validation_error", "A required field is absent."),
    "UNKNOWN_FIELD": Code(400, "validation_error", "A field that this route does not know."),
    "INVALID_EVENT_TYPE": Code(400, "validation_error", "The topic is none of the catalogue's."),
    "INVALID_EVENT_DATA": Code(
        400, "validation_error", "The data is not as the catalogue describes it for the topic."
    ),
    "BATCH_TOO_LARGE": Code(400, "validation_error", "More items than one request may carry."),
    "INVALID_HEADERS": Code(400, "validation_error", "A header of the webhook cannot be sent."),
    "INVALID_URL": Code(400, "validation_error", "Deliveries cannot go to this URL."),
    "INVALID_PAGE_SIZE": Code(400, "validation_error", "`size` is not between 1 and 100."),
    "INVALID_PARAMETER": Code(
        400, "validation_error", "A query parameter or header has an impossible value."
    ),
    "MALFORMED_REQUEST": Code(400, "validation_error", "What came is no request of HTTP/1.1."),
    "UPGRADE_NOT_SUPPORTED": Code(
        400, "validation_error", "A request with a body asks for a protocol that is not spoken here."
    ),
    "CONTACT_NOT_FOUND": Code(400, "validation_error", "The workspace has no contact of this id."),
    "MISSING_ALLO_NUMBER": Code(400, "validation_error", "The number of ours is missing."),
    "MISSING_PARAMETER": Code(400, "validation_error", "A required parameter is missing."),
    "INVALID_ITEM_ID": Code(400, "validation_error", "The id is not of the kind that the route takes."),
    "INVALID_SEARCH_QUERY": Code(400, "validation_error", "There is nothing to look for in the words."),
    "INVALID_DATE_RANGE": Code(400, "validation_error", "The days are none, or in the wrong order."),
    "UNSUPPORTED_EXTEND_VALUE": Code(400, "validation_error", "`extend` names nothing that can be added."),
    "INVALID_ACTION": Code(
        400, "validation_error", "The action is none of READ, UNREAD, ARCHIVE, UNARCHIVE."
    ),
    "TAGS_REQUIRED": Code(400, "validation_error", "No tag is named."),
    "TAG_NAME_IS_CALL_OUTCOME": Code(400, "validation_error", "The name says what became of a call."),
    "INVALID_FIELD": Code(400, "validation_error", "A field has a value that cannot be stored."),
    "INVALID_PHONE_NUMBER": Code(400, "validation_error", "This is no telephone number."),
    "INVALID_LENGTH": Code(400, "validation_error", "The message has no characters, or more than 1000."),
    "INVALID_SENDER_ID": Code(400, "validation_error", "Texts cannot go out under this sender id."),
    "FROM_NUMBER_NOT_FOUND": Code(400, "validation_error", "The workspace has no number like this."),
    "TO_NUMBER_COUNTRY_MISMATCH": Code(400, "validation_error", "Texts do not go to this country from here."),
    "NUMBER_NOT_SMS_ENABLED": Code(400, "validation_error", "The carrier sends no texts from this number."),
    "MESSAGE_NOT_COMPLIANT": Code(400, "validation_error", "The number has asked for no more texts."),
    "PROVIDER_NOT_SUPPORTED": Code(400, "validation_error", "The workspace has no carrier for texts."),
    "NO_TELEPHONE": Code(400, "validation_error", "The user has no telephone that could ring."),
    "ENDPOINT_NOT_FOUND": Code(404, "not_found_error", "There is nothing at this URL."),
    "WEBHOOK_NOT_FOUND": Code(404, "not_found_error", "The workspace has no webhook of this id."),
    "KEY_NOT_FOUND": Code(404, "not_found_error", "The workspace has no key in force of this id."),
    "DELIVERY_NOT_FOUND": Code(404, "not_found_error", "The workspace has no delivery of this id."),
    "CALL_NOT_FOUND": Code(404, "not_found_error", "The line has no call of this id."),
    "EVENT_NOT_FOUND": Code(404, "not_found_error", "The workspace has no event of this id."),
    "RECOVERY_NOT_FOUND": Code(404, "not_found_error", "The workspace has no recovery of this id."),
    "FILE_NOT_FOUND": Code(404, "not_found_error", "The workspace has no file of this id, or not yet."),
    "RECORDING_NOT_FOUND": Code(404, "not_found_error", "The workspace has no recording of this id."),
    "RECORDING_UNAVAILABLE": Code(503, "server_error", "The object store does not give the recording now."),
    "PEAKS_NOT_FOUND": Code(404, "not_found_error", "The recording has no waveform."),
    "CONVERSATION_ITEM_NOT_FOUND": Code(404, "not_found_error", "The workspace has no item of this id."),
    "TAG_NOT_FOUND": Code(404, "not_found_error", "The workspace has no tag of this key."),
    "NUMBER_NOT_FOUND": Code(404, "not_found_error", "The workspace has no number or sender id like this."),
    "MEMBER_NOT_FOUND": Code(404, "not_found_error", "The workspace has no user of this id."),
    "PERSON_NOT_FOUND": Code(404, "not_found_error", "The workspace has no person of this id."),
    "COMPANY_NOT_FOUND": Code(404, "not_found_error", "The workspace has no company of this id."),
    "DEAL_NOT_FOUND": Code(404, "not_found_error", "The workspace has no deal of this id."),
    "PROPERTY_NOT_FOUND": Code(404, "not_found_error", "The workspace has no property of this key."),
    "METHOD_NOT_ALLOWED": Code(405, "validation_error", "The URL exists, but not for this method."),
    "REQUEST_TIMEOUT": Code(408, "validation_error", "The request did not arrive in time.", retryable=True),
    "IDEMPOTENCY_KEY_REUSE": Code(
        409, "conflict_error", "The idempotency key was used on another route within the last hour."
    ),
    "LINE_NOT_OPEN": Code(409, "conflict_error", "No line is there that could carry the call."),
    "TAG_ALREADY_EXISTS": Code(409, "conflict_error", "The workspace has a tag of this name."),
    "NUMBER_ALREADY_EXISTS": Code(409, "conflict_error", "The workspace has this number or sender id."),
    "USER_ALREADY_EXISTS": Code(409, "conflict_error", "The workspace has a user of this address."),
    "PIN_LIMIT_REACHED": Code(409, "conflict_error", "As many conversations are pinned as may be."),
    "WEBHOOK_NOT_SIGNED": Code(409, "conflict_error", "A webhook of version 1 has no key."),
    "NUMBER_ALREADY_ASSIGNED": Code(409, "conflict_error", "The number belongs to another person."),
    "PROPERTY_ALREADY_EXISTS": Code(409, "conflict_error", "The workspace has a property of this key."),
    "LAST_ADMIN_KEY": Code(409, "conflict_error", "It is the last key in force that may do everything."),
    "CALL_OVER": Code(409, "conflict_error", "The call has ended."),
    "EVENT_PENDING": Code(409, "conflict_error", "Deliveries of the event still wait to be sent."),
    "EVENT_UNDER_WAY": Code(
        409, "conflict_error", "The event is being sent for the first time.", retryable=True
    ),
    "EVENT_EXPUNGED": Code(409, "conflict_error", "The content of the event was removed."),
    "PAYLOAD_TOO_LARGE": Code(413, "validation_error", "The body is larger than this route takes."),
    "UNSUPPORTED_MEDIA_TYPE": Code(
        415, "validation_error", "The body is not declared as JSON, or CSV where that is taken."
    ),
    "INVALID_RANGE": Code(416, "validation_error", "The range lies outside the recording."),
    "HEADERS_TOO_LARGE": Code(431, "validation_error", "The head of the request is too large."),
    "RATE_LIMIT_EXCEEDED": Code(
        429, "rate_limit_error", "The key has made too many requests.", retryable=True
    ),
    "INTERNAL_SERVER_ERROR": Code(
        500, "server_error", "A fault of ours; it has been logged.", retryable=True
    ),
    "API_NOT_SERVED": Code(
        503, "server_error", "This process has another role; one with the role api serves it.", retryable=True
    ),
    "TOO_MANY_CONNECTIONS": Code(
        503, "server_error", "There is no room for another connection.", retryable=True
    ),
    "STORE_UNAVAILABLE": Code(
        503, "server_error", "Nothing could be stored; nothing of the request was done.", retryable=True
    ),
}


class FieldFault(msgspec.Struct, frozen=True):
    """One field that is wrong."""

    field: str
    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong and what to do about it. `code` is stable, `message` is for people."""

    type: ErrorType
    code: str
    message: str
    retryable: bool
    request_id: str
    doc_url: str
    param: str | UnsetType = UNSET
    suggestion: str | UnsetType = UNSET
    errors: list[FieldFault] | UnsetType = UNSET
    retry_after_seconds: int | UnsetType = UNSET


class ErrorEnvelope(msgspec.Struct, frozen=True):
    """Every answer of /v2 that is not a success."""

    error: ErrorBody


class ApiError(Exception):
    """An answer that is not a success. Neither keys nor secrets may stand in its texts."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        param: str | None = None,
        suggestion: str | None = None,
        errors: Sequence[FieldFault] = (),
        retry_after: int | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.param = param
        self.suggestion = suggestion
        self.errors = list(errors)
        self.retry_after = retry_after
        self.headers = list(headers)
        self.status = status or CODES[code].status

    def v2(self, request_id: str, public_url: str) -> bytes:
        """The body under /v2 and wherever no version stands in the path."""
        about = CODES[self.code]
        body = ErrorBody(
            type=about.type,
            code=self.code,
            message=self.message,
            retryable=about.retryable,
            request_id=request_id,
            doc_url=f"{public_url}/docs#{self.code}",
            param=UNSET if self.param is None else self.param,
            suggestion=UNSET if self.suggestion is None else self.suggestion,
            errors=self.errors or UNSET,
            retry_after_seconds=UNSET if self.retry_after is None else self.retry_after,
        )
        return _encode(ErrorEnvelope(body))

    def v1(self) -> bytes:
        """The body under /v1."""
        details: list[dict[str, Any]] | None = None
        if self.errors:
            details = [{"message": fault.message, "field": fault.field} for fault in self.errors]
        elif self.param is not None:
            details = [{"message": self.message, "field": self.param}]
        return _encode({"code": self.code, "details": details})


_encode = msgspec.json.Encoder().encode


def from_faults(faults: Sequence[FieldFault], status: int | None = None) -> ApiError:
    """The error of a body with several faults: the first one leads, all are listed."""
    first = faults[0]
    message = f"{first.field}: {first.message}"
    return ApiError(first.code, message, param=first.field or None, errors=faults, status=status)

"""Calls that the line is told to begin, to end, or to record."""

from switchhook.api.route import Route
from switchhook.api.scopes import CONVERSATIONS_WRITE
from switchhook.api.shapes import calls as shapes

_TAG = "Conversations"
_FORM = (
    "INVALID_REQUEST_BODY",
    "MISSING_FIELD",
    "UNKNOWN_FIELD",
    "INVALID_FIELD",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "REQUEST_TIMEOUT",
)
_CALL = ("INVALID_ITEM_ID", "CALL_NOT_FOUND", "CALL_OVER", "LINE_NOT_OPEN")

ROUTES: tuple[Route, ...] = (
    Route(
        "create_call",
        "POST",
        "/v2/api/calls",
        "Call somebody: a user's telephones ring first, then the number is dialled",
        "Answered when it is sure that the call will be begun, or else end with `FAILED`: its events have the id that "
        "is answered. Who calls is the user of `user_email`, or the first of the number `from` who has a telephone; "
        "the number that is shown is `from`, or the first one that lists the user. `record` overrules the number's "
        "setting.",
        scopes=(CONVERSATIONS_WRITE,),
        body=shapes.NewCall,
        answer=shapes.OrderedCall,
        status=202,
        codes=(
            *_FORM,
            "INVALID_PHONE_NUMBER",
            "FROM_NUMBER_NOT_FOUND",
            "MEMBER_NOT_FOUND",
            "NO_TELEPHONE",
            "LINE_NOT_OPEN",
        ),
        tag=_TAG,
    ),
    Route(
        "hang_up_call",
        "POST",
        "/v2/api/calls/{call_id}/hangup",
        "End a call of the line",
        scopes=(CONVERSATIONS_WRITE,),
        answer=shapes.CallOrder,
        status=202,
        codes=_CALL,
        tag=_TAG,
    ),
    Route(
        "record_call",
        "POST",
        "/v2/api/calls/{call_id}/recording",
        "Pause the recording of a call, go on with it, or have none",
        "`paused` lays silence into the file, so that times stay those of the call; `on` goes on, or begins; `off` "
        "removes what was recorded, and `recording_url` is null. A message to the mailbox is recorded all the same.",
        scopes=(CONVERSATIONS_WRITE,),
        body=shapes.RecordingAsked,
        answer=shapes.CallOrder,
        status=202,
        codes=(*_FORM, *_CALL),
        tag=_TAG,
    ),
)

"""What an AI agent that has a call tells of it."""

from switchhook.api.route import Route
from switchhook.api.scopes import CONVERSATIONS_WRITE

ROUTES: tuple[Route, ...] = (
    Route(
        "collect_data",
        "POST",
        "/v2/api/calls/{call_id}/collected",
        "Hand in what was collected in a call",
        "Any JSON object of up to 16 KiB. It stands in `data_collected` of the call's `call.completed`; what comes "
        "later replaces fields of the same name and leaves the others. Taken until that event is made, some seconds "
        "after the call has ended at the most. The id is that of the call's events, which an AI agent finds in the "
        "header X-Switchhook-Call of the INVITE.",
        scopes=(CONVERSATIONS_WRITE,),
        body=dict,
        status=204,
        codes=(
            "INVALID_REQUEST_BODY",
            "INVALID_ITEM_ID",
            "CALL_NOT_FOUND",
            "CALL_OVER",
            "PAYLOAD_TOO_LARGE",
            "UNSUPPORTED_MEDIA_TYPE",
            "REQUEST_TIMEOUT",
        ),
        tag="Conversations",
    ),
)

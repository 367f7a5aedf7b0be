"""The first version of the API, as far as it is still in use."""

from switchhook.api.route import PAGE_V1, Param, Route
from switchhook.api.scopes import CONTACTS_READ, CONTACTS_WRITE, CONVERSATIONS_READ, NUMBERS_READ
from switchhook.api.shapes import v1 as shapes

_TAG = "Version 1"
_FORM = (
    "INVALID_REQUEST_BODY",
    "MISSING_FIELD",
    "INVALID_FIELD",
    "INVALID_PHONE_NUMBER",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "REQUEST_TIMEOUT",
    "NUMBER_ALREADY_ASSIGNED",
)

ROUTES: tuple[Route, ...] = (
    Route(
        "list_contacts_v1",
        "GET",
        "/v1/api/contacts",
        "List contacts, newest first",
        scopes=(CONTACTS_READ, CONTACTS_WRITE),
        answer=shapes.ContactsV1,
        query=PAGE_V1,
        codes=("INVALID_PAGE_SIZE", "INVALID_PARAMETER"),
        tag=_TAG,
    ),
    Route(
        "create_contact_v1",
        "POST",
        "/v1/api/contacts",
        "Create a contact",
        scopes=(CONTACTS_WRITE,),
        body=shapes.NewContactV1,
        answer=shapes.ContactV1,
        codes=_FORM,
        tag=_TAG,
    ),
    Route(
        "update_contact_v1",
        "PUT",
        "/v1/api/contacts/{contact_id}",
        "Change a contact",
        "What is absent stays, lists replace.",
        scopes=(CONTACTS_WRITE,),
        body=shapes.ContactChangeV1,
        answer=shapes.ContactV1,
        codes=(*_FORM, "CONTACT_NOT_FOUND"),
        tag=_TAG,
    ),
    Route(
        "get_contact_v1",
        "GET",
        "/v1/api/contact/{contact_id}",
        "Get a contact",
        "`engagement` is ENGAGED when the last call or text was in the last 30 days, COOLING in the last 90, COLD when "
        "it was before, and null when there was none.",
        scopes=(CONTACTS_READ, CONTACTS_WRITE),
        answer=shapes.ContactV1,
        query=(
            Param(
                "extend",
                "`activity` adds the newest 50 calls and texts. `engagement` may be asked for and is always there.",
                {"type": "string"},
            ),
        ),
        codes=("CONTACT_NOT_FOUND",),
        tag=_TAG,
    ),
    Route(
        "get_conversation_v1",
        "GET",
        "/v1/api/contact/{contact_id}/conversation",
        "List what was said with a contact, newest first",
        scopes=(CONVERSATIONS_READ,),
        answer=shapes.ConversationV1,
        query=(Param("allo_number", "Only on this number of ours.", {"type": "string"}), *PAGE_V1),
        codes=("CONTACT_NOT_FOUND", "INVALID_PAGE_SIZE", "INVALID_PARAMETER"),
        tag=_TAG,
    ),
    Route(
        "list_calls_v1",
        "GET",
        "/v1/api/calls",
        "List the calls of a number, newest first",
        scopes=(CONVERSATIONS_READ,),
        answer=shapes.CallsV1,
        query=(
            Param("allo_number", "The number of ours; required.", {"type": "string"}),
            Param("contact_number", "Only with this number.", {"type": "string"}),
            *PAGE_V1,
        ),
        codes=("MISSING_ALLO_NUMBER", "INVALID_PAGE_SIZE", "INVALID_PARAMETER"),
        tag=_TAG,
    ),
    Route(
        "list_numbers_v1",
        "GET",
        "/v1/api/numbers",
        "List the numbers of the workspace",
        scopes=(CONVERSATIONS_READ, NUMBERS_READ),
        answer=list[shapes.NumberV1],
        tag=_TAG,
    ),
)

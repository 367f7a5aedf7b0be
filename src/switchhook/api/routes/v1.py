"""The first version of the API, as far as it is still in use."""

from switchhook.api.route import PAGE_V1, Route
from switchhook.api.scopes import CONTACTS_READ, CONTACTS_WRITE
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
        scopes=(CONTACTS_READ, CONTACTS_WRITE),
        answer=shapes.ContactV1,
        codes=("CONTACT_NOT_FOUND",),
        tag=_TAG,
    ),
)

"""The scopes a key may carry: those of the phone API, and some of our own for what it does not have."""

from switchhook.events.faults import nearest

ALL = "ALL"
EVENTS_WRITE = "EVENTS_WRITE"
KEYS = "KEYS_READ_WRITE"
SYSTEM = "SYSTEM_READ"
USERS_WRITE = "USERS_WRITE"
WEBHOOKS = "WEBHOOKS_READ_WRITE"
CONVERSATIONS_READ = "CONVERSATIONS_READ"
CONVERSATIONS_WRITE = "CONVERSATIONS_WRITE"
NUMBERS_READ = "PHONE_NUMBERS_READ"
NUMBERS_WRITE = "PHONE_NUMBERS_WRITE"
USERS_READ = "USERS_READ"
TAGS_READ = "TAGS_READ"
TAGS_WRITE = "TAGS_WRITE"
CONTACTS_READ = "CONTACTS_READ"
CONTACTS_WRITE = "CONTACTS_READ_WRITE"
SMS_SEND = "SMS_SEND"
CRM_READ = "CRM_READ"
CRM_WRITE = "CRM_WRITE"
CRM_DELETE = "CRM_DELETE"

PHONE_SCOPES = (
    "CONVERSATIONS_READ",
    "CONVERSATIONS_WRITE",
    "CONTACTS_READ",
    "CONTACTS_READ_WRITE",
    "SMS_SEND",
    "WEBHOOKS_READ_WRITE",
    "PHONE_NUMBERS_READ",
    "PHONE_NUMBERS_WRITE",
    "USERS_READ",
    "TAGS_READ",
    "TAGS_WRITE",
    "DIALING_QUEUE_READ_WRITE",
    "CRM_READ",
    "CRM_WRITE",
    "CRM_DELETE",
    "SUMMARY_TEMPLATES_READ",
    "SUMMARY_TEMPLATES_WRITE",
    "NOTES_READ",
    "NOTES_WRITE",
    "THREADS_READ",
    "THREADS_WRITE",
    "AGENTS_READ",
    "AGENTS_WRITE",
    "BILLING",
    "PARTNER",
)

SCOPES = (ALL, EVENTS_WRITE, KEYS, SYSTEM, USERS_WRITE, *PHONE_SCOPES)
"""Every name that `--scopes` takes. `ALL` stands for all the others."""


def parse_scopes(text: str) -> frozenset[str]:
    """The scopes of a comma-separated list; case does not matter.

    Raises:
        ValueError: the list is empty or holds an unknown name; the text gives the nearest known one.
    """
    names = [name.strip().upper() for name in text.split(",") if name.strip()]
    if not names:
        raise ValueError("name at least one scope, or ALL")
    for name in names:
        if name not in SCOPES:
            like = nearest(name, SCOPES)
            hint = f"did you mean {like}?" if like else f"the scopes are {', '.join(SCOPES)}"
            raise ValueError(f"unknown scope {name[:100]!r}; {hint}")
    return frozenset(names)

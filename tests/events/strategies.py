"""Events by chance: any data the catalogue allows, and every way of breaking it."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from switchhook.events import (
    CATALOGUE,
    CallCompleted,
    CallReceived,
    CallResult,
    CallTriggered,
    CallType,
    Company,
    ContactCreated,
    ContactUpdated,
    Deal,
    EventData,
    IvrChoice,
    MessageType,
    Money,
    Person,
    SmsReceived,
    SmsSent,
    Speaker,
    TagAdded,
    TagRemoved,
    TranscriptLine,
    TransferParty,
)

EXAMPLES = {
    path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "examples").glob("*.json"))
}
"""The catalogue's nine bodies as it prints them, kept apart from the code's own copy."""


def example_data(topic: str) -> bytes:
    """The data of the catalogue's printed example, compact and with its numbers as written."""
    envelope = msgspec.json.decode(
        msgspec.json.format(EXAMPLES[topic], indent=-1), type=dict[str, msgspec.Raw]
    )
    return bytes(envelope["data"])


text = st.text(st.characters(codec="utf-8"), max_size=12)
maybe_text = st.none() | text
texts = st.lists(text, max_size=3)
times = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
amounts = st.decimals(-(10**15) + 1, 10**15 - 1, places=2) | st.integers(-(10**15) + 1, 10**15 - 1).map(
    Decimal
)
numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.just(10**400)
json_values = st.recursive(
    st.booleans() | numbers | text,
    lambda inner: (
        st.lists(inner | st.none(), max_size=3) | st.dictionaries(text, inner | st.none(), max_size=3)
    ),
    max_leaves=6,
)
known_person_keys = set(Person.__match_args__)
people = st.builds(
    Person,
    id=text,
    name=maybe_text,
    last_name=maybe_text,
    email=maybe_text,
    emails=texts,
    numbers=texts,
    job_title=maybe_text,
    properties=st.dictionaries(
        text.filter(lambda key: key not in known_person_keys), json_values, max_size=3
    ),
)
companies = st.builds(Company, id=text, name=maybe_text)
deals = st.builds(
    Deal,
    id=text,
    name=maybe_text,
    status=maybe_text,
    value=st.none() | amounts.map(Money),
    currency=maybe_text,
    close_date=st.none() | times | st.dates().map(lambda day: day.isoformat()),
)
_ring: dict[str, Any] = {
    "from_number": text,
    "to_number": text,
    "started_at": times,
    "user_email": text,
    "person": st.just(msgspec.UNSET) | st.none() | people,
    "company": st.none() | companies,
    "deals": st.none() | st.lists(deals, max_size=2),
}
_sms: dict[str, Any] = {
    "id": text,
    "type": st.sampled_from(MessageType),
    "content": text,
    "sent_at": times,
    "from_number": text,
    "to_number": text,
    "from_name": text,
    "to_name": text,
    "user_email": text,
}
_tag: dict[str, Any] = {"call_id": text, "tag_key": text, "tag_name": text, "user_email": maybe_text}
_contact: dict[str, Any] = {
    "id": text,
    "name": text,
    "last_name": text,
    "company": maybe_text,
    "emails": st.none() | texts,
    "numbers": texts,
}
_parties = st.builds(TransferParty, number=maybe_text, user_email=maybe_text, user_name=maybe_text)
_lines = st.builds(TranscriptLine, source=st.sampled_from(Speaker), time=times, text=text)

DATA: dict[str, st.SearchStrategy[EventData]] = {
    "call.received": st.builds(CallReceived, **_ring),
    "call.triggered": st.builds(CallTriggered, **_ring),
    "call.completed": st.builds(
        CallCompleted,
        id=text,
        start_date=times,
        recording_url=maybe_text,
        from_number=text,
        from_name=text,
        to=text,
        to_name=text,
        length_in_minutes=st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        length=text,
        tag=maybe_text,
        tags=texts,
        summary=text,
        transcriptions=st.lists(_lines, max_size=2),
        concatenated_transcript=text,
        data_collected=st.dictionaries(text, json_values | st.none(), max_size=3),
        type=st.sampled_from(CallType),
        result=st.sampled_from(CallResult),
        integration_id=maybe_text,
        transfer_from=_parties,
        transfer_to=_parties,
        user_email=text,
        original_to_number=maybe_text,
        original_to_name=maybe_text,
        transfer_original_call_id=maybe_text,
        ivr_result=st.lists(st.builds(IvrChoice, dtmf_key=maybe_text, text_key=maybe_text), max_size=2),
    ),
    "tag.added": st.builds(TagAdded, **_tag),
    "tag.removed": st.builds(TagRemoved, **_tag),
    "sms.received": st.builds(SmsReceived, direction=st.just("INBOUND"), **_sms),
    "sms.sent": st.builds(SmsSent, direction=st.just("OUTBOUND"), **_sms),
    "contact.created": st.builds(ContactCreated, **_contact),
    "contact.updated": st.builds(ContactUpdated, **_contact),
}

_replacements: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 5, 5.0, 0.1, 1e14, 10**15, -(10**15), 10**20,
        "", "5", "25000.00", "null", "INBOUND", "OUTBOUND", "inbound", "SMS", "MMS", "USER", "AGENT", "MISSED",
        "2025-03-15T14:30:00.000Z", "2025-03-15T14:30:00.000Z\n", "2025-03-15T14:30:00", "2025-03-15", "2025-03-15\n",
        "2025-03-15 14:30:00Z", "2025-03-15T14:30:00+02:00", "2025-03-15T14:30:00+0200", "2025-13-15T14:30:00Z",
        "2025-03-15T24:00:00Z", "2025-03-15T14:30:00.0123456789Z", "２０２５-03-15T14:30:00Z", "now",
        [], [None], [""], [1], ["a", None], {}, {"id": "x"}, {"id": "x", "name": None}, [{}], [{"id": "x"}],
        {"number": None, "user_email": None, "user_name": None}, {"a": {"b": [None]}},
    ]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, topic: str) -> Any:
    """The example's data with up to three changes: a key dropped, added or renamed, or a value replaced by another."""
    value = json.loads(CATALOGUE[topic].example)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "drop", "extra", "rename", "repeat"])):
            case "drop":
                del holder[key]
            case "extra" if isinstance(holder, dict):
                name = draw(st.sampled_from(["extra", "to", "to_number", "custom", "Id"]))
                holder[name] = copy.deepcopy(draw(_replacements))
            case "rename" if isinstance(holder, dict):
                holder[key.upper()] = holder.pop(key)
            case "repeat" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case _:
                holder[key] = copy.deepcopy(draw(_replacements))
    return value


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(inner)

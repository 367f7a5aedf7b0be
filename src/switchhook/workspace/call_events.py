"""Which events were made of a call, by the keys that deduplicate them: no other index is needed. Pure."""

from switchhook.clock import iso_millis, iso_seconds
from switchhook.events import catalogue
from switchhook.events.ids import CALL, dashed
from switchhook.storage.conversations import Item

SUMMARIES = 20  # the newest versions of a summary that are looked for


def keys_of_call(item: Item, source: str | None) -> list[tuple[str, str]]:
    """Topic and deduplicating key of every event that tells of a call, if it was made. `source` is `SYSTEM:CALL` of a
    call that a line of ours carried; the other keys are those of who publishes over HTTP, as the catalogue has them.

    Tags are not among them: putting one on twice is two events, so no key names them.
    """
    inbound = item.direction == "INBOUND"
    ring = "call.received" if inbound else "call.triggered"
    ids = sorted({item.id, dashed(item.id, CALL)})
    pair = (item.contact_number, item.own_number) if inbound else (item.own_number, item.contact_number)
    found = [] if source is None else [(ring, f"{ring}:key={source}")]
    for at in (iso_millis(item.at), iso_seconds(item.at)):
        found += [(topic, catalogue.key_of(topic, (*pair, at))) for topic in (ring, "call.answered")]
    for id_ in ids:
        found.append(("call.answered", f"call.answered:key={id_}"))
        for topic in ("call.missed", "call.completed"):
            found += [(topic, f"{topic}:key={id_}"), (topic, catalogue.key_of(topic, (id_,)))]
        for version in range(max(1, item.summary_version - SUMMARIES + 1), item.summary_version + 1):
            found.append(("summary.updated", catalogue.key_of("summary.updated", (id_, version))))
    return found

"""What endpoints subscribe to, in the words of their version: checked, and turned into what is stored and back."""

from collections.abc import Collection, Mapping, Sequence

from switchhook.api.errors import FieldFault, from_faults
from switchhook.events import first_version
from switchhook.events.catalogue import CATALOGUE, TOPICS
from switchhook.events.faults import nearest
from switchhook.events.ids import first_version as of_first_version
from switchhook.storage.endpoints import Endpoint


def taken_by(endpoint_id: str) -> Mapping[str, object]:
    """The topics that an endpoint may name: those of its version."""
    return first_version.TOPICS if of_first_version(endpoint_id) else TOPICS


def check_topics(topics: Sequence[str], known: Mapping[str, object]) -> None:
    """See that all of `topics` are known.

    Raises:
        ApiError: 400, with every one that is not.
    """
    faults = [
        FieldFault(f"topics[{index}]", "INVALID_EVENT_TYPE", unknown_topic(topic, known))
        for index, topic in enumerate(topics)
        if topic not in known
    ]
    if not faults:
        return
    error = from_faults(faults)
    like = nearest(next(topic for topic in topics if topic not in known), known)
    error.suggestion = f"Use {like}." if like else _all(known)
    raise error


def unknown_topic(topic: str, known: Mapping[str, object]) -> str:
    """The sentence about a topic that is none."""
    like = nearest(topic, known)
    named: Collection[str] = CATALOGUE if known is TOPICS else known
    hint = f"did you mean {like}?" if like else f"the topics are {', '.join(named)}."
    return f"Unknown topic {topic[:100]!r}; {hint}"


def _all(known: Mapping[str, object]) -> str:
    if known is TOPICS:
        return "GET /v2/api/webhooks/event_types lists every topic."
    return f"The topics are {', '.join(known)}."


def topics_of(names: Sequence[str]) -> tuple[str, ...]:
    """What is stored of topics of the first version, each once."""
    return tuple(dict.fromkeys(first_version.TOPICS[name] for name in names))


def names_of(endpoint: Endpoint) -> list[str]:
    """What an endpoint subscribed to, in the words of its version."""
    if not of_first_version(endpoint.id):
        return list(endpoint.topics)
    return [first_version.NAMES[topic] for topic in endpoint.topics]

"""Rows that the tests of the stores share."""

from switchhook.events.ids import new_id
from switchhook.storage import endpoints, outbox

WORKSPACE = "wsp_test"
OTHER = "wsp_other"
NOW = 1_742_049_000_000


def event(key: str | None = None, *, workspace: str = WORKSPACE, topic: str = "tag.added") -> outbox.NewEvent:
    """A new event, with a dedupe key of its own or none."""
    id_ = new_id("msg", NOW)
    return outbox.NewEvent(workspace, id_, topic, b'{"id":"%s"}' % id_.encode(), NOW, key)


def endpoint(
    id_: str, *, workspace: str = WORKSPACE, topics: tuple[str, ...] = ("tag.added",)
) -> endpoints.Endpoint:
    """An endpoint that wants `topics`."""
    return endpoints.Endpoint(
        workspace=workspace,
        id=id_,
        url="https://example.org/hook",
        topics=topics,
        description=None,
        enabled=True,
        secrets=(endpoints.SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),),
        disabled_why=None,
        created_at=NOW,
        updated_at=NOW,
    )


def settlement(
    event_id: str,
    endpoint_id: str = "ep_a",
    *,
    number: int = 1,
    state: str = "succeeded",
    next_at: int | None = None,
    scheduled: bool = False,
) -> outbox.Settlement:
    """The outcome of an attempt."""
    return outbox.Settlement(
        WORKSPACE,
        endpoint_id,
        event_id,
        number,
        state,
        NOW,
        12.5,
        "status",
        204 if state == "succeeded" else 500,
        None,
        None,
        None,
        next_at,
        outbox.encode_response(outbox.StoredResponse((("a", "b"),), b"body", False)),
        scheduled,
    )

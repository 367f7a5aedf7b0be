"""What /v1 tells of the activity with a contact, field for field, on both stores."""

import pytest

from switchhook.api import activity
from tests.api.test_api_conversations import MARIE, OURS, PAUL, a_call, a_text, keep
from tests.api.world import World


async def test_the_activity_with_a_contact_is_shown_to_who_asks_for_it(
    world: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"numbers": [MARIE, PAUL], "name": "Marie"}
    marie = (await world.call("POST", "/v1/api/contacts", key=key, json=body)).data
    await keep(
        world,
        a_call("cll_1"),
        a_text("msg_1", from_number=PAUL, sent_at="2025-03-15T16:00:00Z"),
        a_text("msg_2", from_number="+33611111111", sent_at="2025-03-15T17:00:00Z"),
    )
    path = f"/v1/api/contact/{marie['id']}"
    text = {
        "type": "INBOUND_SMS",
        "made_by": PAUL,
        "made_at": "2025-03-15T16:00:00",
        "allo_number": None,
        "content": "Hello",
    }
    call = {
        "type": "INBOUND_CALL",
        "made_by": MARIE,
        "made_at": "2025-03-15T14:30:00",
        "allo_number": OURS,
        "content": None,
    }
    shown = (await world.call("GET", f"{path}?extend=engagement,%20activity", key=key)).data
    assert shown["activity"] == [text, call]
    where = shown["conversation_url"]
    assert where.endswith(f"{path}/conversation")
    assert "activity" not in (await world.call("GET", path, key=key)).data
    monkeypatch.setattr(activity, "ACTIVITY_MAX", 1)
    shown = (await world.call("GET", f"{path}?extend=activity", key=key)).data
    assert shown["activity"] == [text]

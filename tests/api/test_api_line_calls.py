"""`POST /v2/api/calls` and what can be said to a call: that yes means written down, and what is refused."""

from typing import Any

import msgspec
import pytest

from switchhook.events.ids import check_id, normalise_id
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.workspace import orders
from switchhook.workspace.call_state import CallState
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import EndCause
from switchhook.workspace.orders import Begin, HangUp, Order, Record
from tests.api.world import World

CALLS = "/v2/api/calls"
ANNA, BEN, OURS, MARIE = "anna@harbour.example", "ben@harbour.example", "+33112345678", "+33612345678"


@pytest.fixture
async def office(world: World) -> World:
    users = (UserConfig(ANNA, "Anna", ("sip:anna@10.0.0.5",)), UserConfig(BEN, "Ben", ()))
    numbers = (NumberConfig(OURS, "Front desk", (ANNA, BEN)), NumberConfig("+33112345679", "Ben's", (BEN,)))
    await world.store.run(lambda tx: configure(tx, "wsp_a", users, numbers, "FR"))
    return world


async def given(office: World) -> list[Order]:
    return await office.store.read(lambda reader: orders.waiting(reader, "wsp_a"))


async def know(office: World, state: CallState) -> None:
    row = (
        "wsp_a",
        state.id,
        state.source,
        state.source_call,
        1,
        state.ended_at,
        msgspec.json.encode(state).decode(),
    )
    await office.store.run(lambda tx: tx.execute("add_call", *row))


async def test_a_call_is_ordered_once_whatever_is_sent_again(office: World, key: str) -> None:
    body = {"user_email": ANNA, "to": "06 12 34 56 78", "record": False}
    again = {"idempotency-key": "once"}
    answer = await office.call("POST", CALLS, key=key, json=body, headers=again)
    assert answer.status == 202
    id_ = answer.data["id"]
    assert answer.data == {"id": id_, "user_email": ANNA, "from_number": OURS, "to_number": MARIE}
    assert check_id(id_, "cll")
    assert id_.startswith("cll-")
    (order,) = await given(office)
    assert (order.call, order.what) == (normalise_id(id_), Begin(ANNA, OURS, MARIE, record=False))
    second = await office.call("POST", CALLS, key=key, json=body, headers=again)
    assert second.body == answer.body
    assert len(await given(office)) == 1


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"user_email": ANNA}, "MISSING_FIELD", "to"),
        ({"to": MARIE}, "MISSING_FIELD", "user_email"),
        ({"to": "hello", "user_email": ANNA}, "INVALID_PHONE_NUMBER", "to"),
        ({"to": OURS, "user_email": ANNA}, "INVALID_PHONE_NUMBER", "to"),
        ({"to": MARIE, "user_email": "eve@x.example"}, "MEMBER_NOT_FOUND", "user_email"),
        ({"to": MARIE, "user_email": BEN}, "NO_TELEPHONE", "user_email"),
        ({"to": MARIE, "from": "+33112345679"}, "NO_TELEPHONE", "user_email"),
        ({"to": MARIE, "from": MARIE}, "FROM_NUMBER_NOT_FOUND", "from"),
        ({"to": MARIE, "user_email": ANNA, "say": "hi"}, "UNKNOWN_FIELD", "say"),
    ],
)
async def test_what_is_wrong_with_an_order_is_said(
    office: World, key: str, body: dict[str, Any], code: str, param: str
) -> None:
    answer = await office.call("POST", CALLS, key=key, json=body)
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, code)
    assert param in {error.get("param"), *(one["field"] for one in error.get("errors", ()))}
    assert not await given(office)


async def test_without_a_line_nothing_is_ordered(office: World, key: str) -> None:
    office.line.closed = "No process has a SIP line open."
    answer = await office.call("POST", CALLS, key=key, json={"user_email": ANNA, "to": MARIE})
    assert (answer.status, answer.json()["error"]["code"]) == (409, "LINE_NOT_OPEN")
    bare = await office.key("CONVERSATIONS_READ")
    assert (await office.call("POST", CALLS, key=bare, json={"user_email": ANNA, "to": MARIE})).status == 403
    assert not await given(office)


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("hangup", None, HangUp()),
        ("recording", {"state": "paused"}, Record("paused")),
        ("recording", {"state": "off"}, Record("off")),
    ],
)
async def test_what_is_said_to_a_call_is_written_down(
    office: World, key: str, path: str, body: Any, what: Any
) -> None:
    await know(office, CallState(id="cll_up", source="sip", source_call="up"))
    answer = await office.call("POST", f"{CALLS}/cll-up/{path}", key=key, json=body)
    assert (answer.status, answer.data) == (202, {"id": "cll-up"})
    (order,) = await given(office)
    assert (order.call, order.what) == ("cll_up", what)


async def test_a_call_that_is_only_ordered_can_be_hung_up(office: World, key: str) -> None:
    ordered = await office.call("POST", CALLS, key=key, json={"user_email": ANNA, "to": MARIE})
    answer = await office.call("POST", f"{CALLS}/{ordered.data['id']}/hangup", key=key)
    assert answer.status == 202
    begin, hang_up = await given(office)
    assert begin.call == hang_up.call


async def test_nothing_can_be_said_to_a_call_that_is_over_or_another_s(office: World, key: str) -> None:
    over = CallState(id="cll_over", source="sip", source_call="over", ended_at=5, cause=EndCause.HANGUP)
    await know(office, over)
    await know(office, CallState(id="cll_pbx", source="asterisk", source_call="pbx"))
    for id_, status, code in (
        ("cll-over", 409, "CALL_OVER"),
        ("cll-pbx", 404, "CALL_NOT_FOUND"),
        ("cll-nobody", 404, "CALL_NOT_FOUND"),
    ):
        answer = await office.call("POST", f"{CALLS}/{id_}/hangup", key=key)
        assert (answer.status, answer.json()["error"]["code"]) == (status, code)
    wrong = await office.call("POST", f"{CALLS}/cll-over/recording", key=key, json={"state": "loud"})
    assert wrong.status == 400
    assert not await given(office)

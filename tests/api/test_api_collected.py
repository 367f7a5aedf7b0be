"""What an AI agent hands in of a call stands in its call.completed, and nothing comes after that."""

import json
from typing import Any

import msgspec
import pytest

from switchhook.events import CallCompleted
from switchhook.events.envelope import parse
from switchhook.workspace.collecting import MOST, MOST_BYTES
from switchhook.workspace.facts import Answered, AnyFact, Direction, EndCause, Ended, LegKind, Offered
from switchhook.workspace.switchboard import Switchboard
from tests.api.test_api_conversations import MARIE, OURS, settle_in
from tests.api.world import Answer, World


def base(id_: str, at: int) -> dict[str, Any]:
    return {"source": "sip", "call": "c1", "id": id_, "at": at}


@pytest.fixture
async def board(world: World) -> Switchboard:
    await settle_in(world)
    made = Switchboard(world.store, world.clock, "wsp_a", "FR", lambda recording: recording)
    await made.load()
    return made


async def offer(board: Switchboard) -> str:
    """A call that an AI agent has answered; its id."""
    facts: list[AnyFact] = [
        Offered(**base("o", 1), leg="in", direction=Direction.INBOUND, from_raw=MARIE, to_raw=OURS),
        Answered(**base("a", 2), leg="ai", kind=LegKind.AI, target="sip:agent@10.0.0.9"),
    ]
    for fact in facts:
        await board.report(fact)
    state = await board.find("sip", "c1")
    assert state is not None
    return state.id


async def hand_in(world: World, key: str, call: str, data: Any) -> Answer:
    return await world.call("POST", f"/v2/api/calls/{call}/collected", key=key, json=data)


async def completed(world: World) -> CallCompleted:
    rows = await world.store.read(lambda reader: reader.fetch("unsettled", 0, 1_000))
    for row in rows:
        found = await world.store.read(lambda reader, id_=row[2]: reader.fetch("event", "wsp_a", id_))  # type: ignore[misc]
        event = parse(found[0][4])
        if isinstance(event.data, CallCompleted):
            return event.data
    raise AssertionError("no call.completed")


async def test_what_is_handed_in_is_told_with_the_end_of_the_call(
    world: World, key: str, board: Switchboard
) -> None:
    call = await offer(board)
    assert (await hand_in(world, key, call, {"account": "1", "mood": "calm"})).status == 204
    dashed = call.replace("_", "-")
    assert (await hand_in(world, key, dashed, {"account": "12345", "items": [{"sku": 7}]})).status == 204
    await board.report(Ended(**base("e", 9_000), cause=EndCause.HANGUP))
    data = await completed(world)
    assert data.result == "TRANSFERRED_AI"
    assert data.data_collected == {"account": "12345", "mood": "calm", "items": [{"sku": 7}]}
    late = await hand_in(world, key, call, {"account": "9"})
    assert (late.status, late.error["code"]) == (409, "CALL_OVER")
    state = await board.find("sip", "c1")
    assert state is not None
    assert len(state.collected) == 2


async def test_a_call_that_has_ended_and_is_not_told_yet_takes_it(
    world: World, key: str, board: Switchboard
) -> None:
    call = await offer(board)
    await board.report(Ended(**base("e", 9_000), cause=EndCause.HANGUP, final=False))
    assert (await hand_in(world, key, call, {"account": "1"})).status == 204


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"[1]", (400, "INVALID_REQUEST_BODY")),
        (b"{", (400, "INVALID_REQUEST_BODY")),
        (b'{"x": ' + b"[" * 16 + b"]" * 16 + b"}", (400, "INVALID_REQUEST_BODY")),
        (b'{"x": ' + b"[" * 8_000 + b"]" * 8_000 + b"}", (400, "INVALID_REQUEST_BODY")),
        (b'{"x": "\\u0000"}', (400, "INVALID_REQUEST_BODY")),
        (b'{"x": "' + b"a" * 17_000 + b'"}', (413, "PAYLOAD_TOO_LARGE")),
    ],
)
async def test_what_cannot_be_kept_is_refused(
    world: World, key: str, board: Switchboard, body: bytes, refusal: tuple[int, str]
) -> None:
    call = await offer(board)
    answer = await world.call("POST", f"/v2/api/calls/{call}/collected", key=key, body=body)
    assert (answer.status, answer.error["code"]) == refusal


async def test_a_call_carries_only_so_much(world: World, key: str, board: Switchboard) -> None:
    call = await offer(board)
    part = {"x": "a" * 16_000}
    kept = [(await hand_in(world, key, call, part)).status for _ in range(MOST_BYTES // 16_000 + 1)]
    assert kept == [204] * (MOST_BYTES // 16_000) + [413]


async def test_a_call_is_told_something_only_so_often(world: World, key: str, board: Switchboard) -> None:
    call = await offer(board)
    state = await board.find("sip", "c1")
    assert state is not None
    assert (await hand_in(world, key, call, {"first": 1})).status == 204
    state = await board.find("sip", "c1")
    assert state is not None
    state.collected *= MOST
    saved = msgspec.json.encode(state).decode()
    await world.store.run(lambda tx: tx.execute("save_call", "wsp_a", call, 1, None, saved))
    assert (await hand_in(world, key, call, {"one more": 1})).status == 413


async def test_there_must_be_such_a_call_and_the_key_must_be_allowed(
    world: World, key: str, board: Switchboard
) -> None:
    call = await offer(board)
    unknown = await hand_in(world, key, "cll_nowhere", {})
    assert (unknown.status, unknown.error["code"]) == (404, "CALL_NOT_FOUND")
    assert "X-Switchhook-Call" in unknown.error["suggestion"]
    assert (await hand_in(world, key, "msg_1", {})).status == 400
    weak = await world.key("CONVERSATIONS_READ")
    assert (await hand_in(world, weak, call, {})).status == 403
    assert (
        json.loads((await hand_in(world, weak, call, {})).body)["error"]["code"]
        == "API_KEY_INSUFFICIENT_SCOPE"
    )

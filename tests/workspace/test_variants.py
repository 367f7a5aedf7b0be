"""Endpoints that asked for additive fields get the id of the call; everybody else gets the catalogue, byte for byte."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import ManualClock
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage import endpoints, history, outbox
from switchhook.storage.endpoints import Endpoint, SigningSecret
from switchhook.storage.outbox import Waiting
from switchhook.storage.store import AcceptedEvent, Store
from switchhook.storage.variants import body_for, mark
from switchhook.workspace.directory import configure
from switchhook.workspace.switchboard import Switchboard
from tests.workspace.telling import START, answers, ends, ringing, rings

WORKSPACE = "wsp_a"
ANNA = "sip:anna@10.0.0.5"
TOPICS = ("call.received", "call.completed", "call.answered")

Open = Callable[[], Awaitable[Store]]


def an_endpoint(id_: str, **more: Any) -> Endpoint:
    made = Endpoint(
        workspace=WORKSPACE,
        id=id_,
        url="https://hooks.example/in",
        topics=TOPICS,
        description=None,
        enabled=True,
        secrets=(SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),),
        disabled_why=None,
        created_at=START,
        updated_at=START,
    )
    return msgspec.structs.replace(made, **more)


async def a_board(store: Store) -> Switchboard:
    users = (UserConfig("anna@example.com", "Anna", (ANNA,)),)
    numbers = (NumberConfig("+33123456789", "Main", ("anna@example.com",)),)
    await store.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    made = Switchboard(store, ManualClock(START), WORKSPACE, "FR", lambda id_: f"https://x.example/{id_}")
    await made.load()
    return made


async def test_who_asked_for_it_gets_the_call_id_and_nobody_else(open_store: Open) -> None:
    store = await open_store()
    told: list[AcceptedEvent] = []
    store.on_committed(lambda committed: told.extend(committed.events))
    plain, additive = an_endpoint("ep_plain"), an_endpoint("ep_more", additive_fields=True)
    for one in (plain, additive):
        await store.run(lambda tx, one=one: endpoints.add_endpoint(tx, one))  # type: ignore[misc]
    assert await store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_more")) == additive
    board = await a_board(store)
    for fact in (rings(), ringing(ANNA, 1), answers(ANNA, 4), ends(34)):
        await board.report(fact)
        await board.report(fact)
    assert [event.topic for event in told] == ["call.received", "call.answered", "call.completed"]
    call = json.loads(told[2].body)["data"]["id"]
    for event in told[:2]:
        exact, more = (body_for(event.body, event.variant, id_) for id_ in ("ep_plain", "ep_more"))
        assert exact == event.body
        assert b"call_id" not in exact
        assert list(json.loads(more)["data"].items()) == [
            *json.loads(exact)["data"].items(),
            ("call_id", call),
        ]
    assert told[2].variant is None  # it has an id of its own
    # The same bytes from the database, whatever the endpoint wants by now.
    first = told[0]
    for one in (plain, additive):
        swapped = msgspec.structs.replace(one, additive_fields=not one.additive_fields)
        await store.run(lambda tx, swapped=swapped: endpoints.change_endpoint(tx, swapped))  # type: ignore[misc]
        sent = body_for(first.body, first.variant, one.id)
        shown = await store.read(lambda r, one=one: history.find_delivery(r, WORKSPACE, one.id, first.id))  # type: ignore[misc]
        assert shown is not None
        assert shown.body == sent
        waiting = Waiting(WORKSPACE, one.id, first.id, 0, START)
        await store.run(lambda tx, waiting=waiting: outbox.settle(tx, [], [waiting], None))  # type: ignore[misc]
        (due,) = await store.read(lambda r, one=one: outbox.due(r, WORKSPACE, one.id, START, 10))  # type: ignore[misc]
        assert due.body == sent
    await store.close()


async def test_what_nobody_asked_for_is_not_stored(open_store: Open) -> None:
    store = await open_store()
    board = await a_board(store)
    for fact in (rings(), answers(ANNA, 4), ends(34)):
        await board.report(fact)
    rows = await store.read(lambda reader: reader.fetch("unsettled", 0, 100))
    assert len(rows) == 2  # call.received and call.completed, which are history
    await store.close()


@pytest.mark.parametrize(
    ("body", "variant", "sent"),
    [
        (b'{"data":{"a":1}}', None, b'{"data":{"a":1}}'),
        (b'{"data":{"a":1}}', "cll_1 ep_b", b'{"data":{"a":1}}'),
        (b'{"data":{"a":1}}', "cll_1 ep_b ep_a", b'{"data":{"a":1,"call_id":"cll_1"}}'),
        (b'{"data":{"a":1}}', "tone=calm ep_a", b'{"data":{"a":1,"tone":"calm"}}'),
        (b'{"data":{"a":1}}', "tone=calm ep_b", b'{"data":{"a":1}}'),
        (b"", "cll_1 ep_a", b""),
    ],
)
def test_the_body_of_an_endpoint(body: bytes, variant: str | None, sent: bytes) -> None:
    assert body_for(body, variant, "ep_a") == sent


@given(st.lists(st.from_regex(r"ep_[A-Za-z0-9]{22}", fullmatch=True), unique=True), st.data())
def test_more_goes_to_those_who_are_named_and_to_no_other(ids: list[str], data: st.DataObject) -> None:
    named = data.draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []
    variant = mark("call_id", "cll_1", named)
    body = b'{"topic":"t","data":{"x":"y"}}'
    assert [id_ for id_ in ids if body_for(body, variant, id_) != body] == [
        id_ for id_ in ids if id_ in named
    ]

"""An endpoint that is bound to one number of the business: who an event goes to is decided as it is accepted."""

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchhook.storage import endpoints, outbox
from switchhook.storage.outbox import NewEvent
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import AcceptedEvent, Store
from switchhook.storage.subscribers import Subscribers
from tests.storage.rows import OTHER, WORKSPACE, accept, an_endpoint, an_event, targets

ONE, TWO = "+33123456789", "+33198765432"
TOPICS = ("call.completed", "sms.sent", "contact.created")


async def bind(store: Store, id_: str, number: str | None, **values: object) -> endpoints.Endpoint:
    row = an_endpoint(id_, own_number=number, **{"topics": TOPICS, **values})  # type: ignore[arg-type]
    await store.run(lambda tx: endpoints.add_endpoint(tx, row))
    return row


def about(id_: str, number: str | None, topic: str = "call.completed", key: str | None = None) -> NewEvent:
    return msgspec.structs.replace(an_event(id_, key, topic=topic), own_number=number)


async def settle_in(store: Store) -> None:
    await bind(store, "ep_all", None)
    await bind(store, "web_one", ONE)
    await bind(store, "web_two", TWO)
    await bind(store, "web_other", ONE, workspace=OTHER)


async def test_the_number_comes_back_as_it_was_stored_and_stays(store: SqliteStore) -> None:
    row = await bind(store, "web_one", ONE, secrets=())
    assert await store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "web_one")) == row
    assert await store.read(lambda r: endpoints.list_endpoints(r, WORKSPACE)) == [row]
    changed = msgspec.structs.replace(row, topics=("sms.sent",))
    await store.run(lambda tx: endpoints.change_endpoint(tx, changed))
    assert await store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "web_one")) == changed
    await store.run(lambda tx: outbox.accept(tx, about("msg_1", TWO, "sms.sent")))
    assert await targets(store, "msg_1") == []


@pytest.mark.parametrize(
    ("number", "topic", "to"),
    [
        (ONE, "call.completed", ["ep_all", "web_one"]),
        (TWO, "call.completed", ["ep_all", "web_two"]),
        (TWO, "sms.sent", ["ep_all", "web_two"]),
        ("+33100000000", "sms.sent", ["ep_all"]),
        (None, "sms.sent", ["ep_all"]),  # about no number that is known
        (None, "contact.created", ["ep_all", "web_one", "web_two"]),
        (ONE, "call.received", []),
    ],
)
async def test_an_event_goes_to_who_is_bound_to_its_number_or_to_none(
    store: SqliteStore, number: str | None, topic: str, to: list[str]
) -> None:
    await settle_in(store)
    told: list[AcceptedEvent] = []
    store.on_committed(lambda committed: told.extend(committed.events))
    await store.run(lambda tx: outbox.accept(tx, about("msg_1", number, topic)))
    assert await targets(store, "msg_1") == to
    assert sorted(told[0].targets) == to


async def test_each_event_of_a_batch_goes_to_who_is_bound_to_its_own_number(store: SqliteStore) -> None:
    await settle_in(store)
    events = [
        about("msg_1", ONE),
        about("msg_2", TWO, key="fact"),
        about("msg_3", None, "contact.created"),
        about("msg_4", ONE, key="fact"),  # the same fact, told of another number: the first one counts
        about("msg_5", TWO),
    ]
    told: list[AcceptedEvent] = []
    store.on_committed(lambda committed: told.extend(committed.events))
    accepted = await store.run(lambda tx: outbox.accept_all(tx, events))
    assert [(one.id, one.duplicate) for one in accepted] == [
        ("msg_1", False), ("msg_2", False), ("msg_3", False), ("msg_2", True), ("msg_5", False),
    ]  # fmt: skip
    assert {event.id: sorted(event.targets) for event in told} == {
        "msg_1": ["ep_all", "web_one"],
        "msg_2": ["ep_all", "web_two"],
        "msg_3": ["ep_all", "web_one", "web_two"],
        "msg_5": ["ep_all", "web_two"],
    }
    assert await targets(store, "msg_2") == ["ep_all", "web_two"]


async def test_works_that_commit_together_keep_their_numbers_apart(store: SqliteStore) -> None:
    await settle_in(store)
    numbers = [ONE, TWO, None, ONE, TWO] * 6
    await asyncio.gather(
        *(
            store.run(lambda tx, n=n, number=number: outbox.accept(tx, about(f"msg_{n}", number)))  # type: ignore[misc]
            for n, number in enumerate(numbers)
        )
    )
    bound: dict[str | None, list[str]] = {ONE: ["web_one"], TWO: ["web_two"], None: []}
    for n, number in enumerate(numbers):
        assert await targets(store, f"msg_{n}") == ["ep_all", *bound[number]]


async def test_only_those_in_order_that_get_it_have_it_in_line(store: SqliteStore) -> None:
    await bind(store, "web_one", ONE, ordered=True)
    await bind(store, "web_two", TWO, ordered=True)
    told: list[AcceptedEvent] = []
    store.on_committed(lambda committed: told.extend(committed.events))
    await store.run(lambda tx: outbox.accept(tx, about("msg_1", TWO)))
    assert (told[0].targets, told[0].lined_up) == (("web_two",), ("web_two",))
    rows = await store.read(lambda r: r.fetch("schedule_of", WORKSPACE, "web_one", "msg_1"))
    assert rows == []


async def test_a_test_event_goes_to_its_endpoint_whatever_number_it_is_about(store: SqliteStore) -> None:
    await settle_in(store)
    await store.run(lambda tx: outbox.accept_for(tx, about("msg_1", TWO), "web_one"))
    assert await targets(store, "msg_1") == ["web_one"]


async def test_who_is_bound_to_no_number_gets_what_is_about_none(store: SqliteStore) -> None:
    await bind(store, "ep_all", None)
    await accept(store, "msg_1", topic="call.completed")
    assert await targets(store, "msg_1") == ["ep_all"]


_rows = st.lists(
    st.tuples(
        st.from_regex(r"\A(ep|web)_[a-z]{1,3}\Z"), st.integers(0, 1), st.sampled_from([None, ONE, TWO])
    ),
    unique_by=lambda row: row[0],
)


@given(_rows, st.sampled_from([None, ONE, TWO]))
@settings(suppress_health_check=[HealthCheck.differing_executors])
def test_the_choice_is_a_filter_and_asks_nothing_where_nobody_is_bound(
    rows: list[tuple[str, int, str | None]], number: str | None
) -> None:
    subscribers = Subscribers(rows)
    (ids, ordered), text = subscribers.whole or subscribers.of(number)
    assert list(ids) == [id_ for id_, _, bound in rows if bound in (None, number)]
    assert list(ordered) == [id_ for id_, wants, bound in rows if wants and bound in (None, number)]
    assert text.split() == list(ids)
    assert (subscribers.whole is None) is any(bound for _, _, bound in rows)

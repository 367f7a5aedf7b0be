"""What may go, as a table and as laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.delivery.retention import LOOK, ROWS, choose, may_go
from switchhook.storage.pruning import OldEvent, Span, Trace
from tests.storage.rows import NOW, WORKSPACE

DAY = 86_400_000
CUTOFF = NOW - 90 * DAY
OLD = CUTOFF - 1


def trace(
    state: str | None = "succeeded", *, waits: bool = False, there: bool = True, number: int = 1
) -> Trace:
    return Trace("ep_a", 0 if state is None else number, state, waits, there)


def event(*traces: Trace, at: int = OLD, seq: int = 1, id: str = "msg_5") -> OldEvent:
    return OldEvent(seq, WORKSPACE, id, at, traces)


@pytest.mark.parametrize(
    ("what", "traces", "at", "spans", "goes"),
    [
        ("it went to nobody", (), OLD, (), True),
        ("delivered", (trace(),), OLD, (), True),
        ("exhausted", (trace("failed", number=8),), OLD, (), True),
        ("one delivered, one exhausted", (trace(), trace("failed")), OLD, (), True),
        ("just young enough", (trace(),), CUTOFF, (), False),
        ("without any trace", (trace(None),), OLD, (), False),
        ("never attempted, waits for a disabled endpoint", (trace(None, waits=True),), OLD, (), False),
        ("waits for its next attempt", (trace("retrying", waits=True),), OLD, (), False),
        ("delivered and asked for again", (trace(waits=True),), OLD, (), False),
        ("a row of the schedule that got lost is no outcome", (trace("retrying"),), OLD, (), False),
        ("one delivered, one waits", (trace(), trace("retrying", waits=True)), OLD, (), False),
        ("its endpoint was deleted", (trace(None, there=False),), OLD, (), True),
        ("deleted while it waited", (trace("retrying", waits=True, there=False),), OLD, (), True),
        ("delivered, the other one deleted", (trace(), trace(None, there=False)), OLD, (), True),
        ("failed, a recovery comes to it", (trace("failed"),), OLD, (Span("ep_a", "msg_4", "msg_9"),), False),
        (
            "failed, it is the recovery's last",
            (trace("failed"),),
            OLD,
            (Span("ep_a", "msg_4", "msg_5"),),
            False,
        ),
        (
            "failed, the recovery has been here",
            (trace("failed"),),
            OLD,
            (Span("ep_a", "msg_5", "msg_9"),),
            True,
        ),
        ("failed, newer than the recovery", (trace("failed"),), OLD, (Span("ep_a", "msg_1", "msg_4"),), True),
        (
            "failed, a recovery of another one",
            (trace("failed"),),
            OLD,
            (Span("ep_b", "msg_1", "msg_9"),),
            True,
        ),
        (
            "delivered, and to be sent again",
            (trace(),),
            OLD,
            (Span("ep_a", "msg_1", "msg_9", ("succeeded",)),),
            False,
        ),
        ("whatever it became", (trace(),), OLD, (Span("ep_a", "msg_1", "msg_9", ()),), False),
        (
            "failed, only what was delivered is meant",
            (trace("failed"),),
            OLD,
            (Span("ep_a", "msg_1", "msg_9", ("succeeded",)),),
            True,
        ),
        ("delivered, a recovery takes no notice", (trace(),), OLD, (Span("ep_a", "msg_1", "msg_9"),), True),
    ],
)
def test_what_may_go(
    what: str, traces: tuple[Trace, ...], at: int, spans: tuple[Span, ...], goes: bool
) -> None:
    assert may_go(event(*traces, at=at), spans, CUTOFF) is goes, what


TRACES = st.builds(
    Trace,
    st.sampled_from(["ep_a", "ep_b"]),
    st.integers(0, 9),
    st.sampled_from(["succeeded", "failed", "retrying", None]),
    st.booleans(),
    st.booleans(),
)
EVENTS = st.lists(
    st.builds(
        lambda at, traces: OldEvent(0, WORKSPACE, "", at, tuple(traces)),
        st.sampled_from([OLD - DAY, OLD, CUTOFF, NOW, NOW + DAY]),
        st.lists(TRACES, max_size=3),
    ),
    max_size=12,
)


@given(found=EVENTS, first=st.integers(1, 1_000))
def test_a_step_takes_in_order_only_what_may_go_and_passes_nothing_by(
    found: list[OldEvent], first: int
) -> None:
    events = [
        OldEvent(first + n, e.workspace, f"msg_{n:02}", e.accepted_at, e.traces) for n, e in enumerate(found)
    ]
    going, step = choose(events, {}, CUTOFF, NOW)
    passed = [e for e in events if e.seq <= step.position]
    assert going == [e for e in passed if may_go(e, (), CUTOFF)]
    assert (step.events, step.kept) == (len(going), len(passed) - len(going))
    assert all(not CUTOFF <= e.accepted_at <= NOW for e in passed)
    rest = events[len(passed) :]
    assert step.ended
    assert not rest or CUTOFF <= rest[0].accepted_at <= NOW


def test_a_step_is_bounded_by_its_rows_and_takes_at_least_one_event() -> None:
    huge = event(*[trace("failed", number=8)] * 100, seq=1)
    going, step = choose([huge, event(trace(), seq=2)], {}, CUTOFF, NOW)
    assert (going, step.position, step.attempts, step.ended) == ([huge], 1, 800, False)
    many = [event(trace(), seq=n) for n in range(1, LOOK + 1)]
    going, step = choose(many, {}, CUTOFF, NOW)
    assert len(going) + step.attempts <= ROWS
    assert not step.ended


def test_a_clock_that_was_ahead_for_a_while_holds_nothing_up() -> None:
    ahead = event(trace(), at=NOW + 400 * DAY, seq=2)
    going, step = choose([event(trace(), seq=1), ahead, event(trace(), seq=3)], {}, CUTOFF, NOW)
    assert [e.seq for e in going] == [1, 3]
    assert (step.position, step.kept) == (3, 1)

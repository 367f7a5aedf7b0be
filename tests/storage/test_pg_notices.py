"""What processes tell each other is heard as it was said."""

from hypothesis import given
from hypothesis import strategies as st

from switchhook.storage.pg_notices import DUE_MAX, LONGEST, heard, notices
from switchhook.storage.store import Committed

ids = st.text("abcXYZ019_-", min_size=1, max_size=300)
endpoints = st.sets(st.tuples(st.sampled_from(["wsp_a", "wsp_b"]), ids), max_size=80)
commits = st.lists(
    st.builds(Committed, endpoints=endpoints, due=endpoints, schedule=st.booleans()), max_size=3
)


@given(commits)
def test_what_is_told_is_heard(told: list[Committed]) -> None:
    payloads = notices("token", told)
    assert all(len(payload.encode()) < 8_000 for payload in payloads)
    got = [one for one in (heard("another", payload) for payload in payloads) if one]
    assert len(got) == len(payloads)
    assert {e for one in got for e in one.endpoints} == {e for one in told for e in one.endpoints}
    anybody = any(one.schedule for one in got)
    assert anybody == any(one.schedule for one in told)
    if not anybody:
        assert {e for one in got for e in one.due} == {e for one in told for e in one.due}


@given(commits)
def test_nobody_hears_what_he_said_himself(told: list[Committed]) -> None:
    assert [heard("token", payload) for payload in notices("token", told)] == [None] * len(
        notices("token", told)
    )


def test_very_many_endpoints_are_told_as_any() -> None:
    due = {("wsp_a", f"ep_{n}") for n in range(DUE_MAX + 1)}
    assert notices("token", [Committed(due=due)]) == ["token schedule"]
    due.pop()
    payloads = notices("token", [Committed(due=due)])
    assert all(len(payload) < LONGEST for payload in payloads)
    assert sum(payload.count("ep_") for payload in payloads) == DUE_MAX


def test_what_another_version_says_is_passed_over() -> None:
    assert heard("token", "another new thing") is None
    assert heard("token", "") is None

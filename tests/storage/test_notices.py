"""What processes tell each other: everything that is said is understood, by everybody but who said it."""

import pytest

from switchhook.storage.pg_notices import heard, notices
from switchhook.storage.store import Committed


@pytest.mark.parametrize(
    "said",
    [
        Committed(endpoints={("wsp_a", "ep_a")}),
        Committed(recalled={("wsp_a", "ep_a")}),
        Committed(due={("wsp_a", "ep_a"), ("wsp_a", "ep_b")}),
        Committed(schedule=True),
    ],
)
def test_what_is_told_is_heard(said: Committed) -> None:
    (payload,) = notices("token", [said])
    assert heard("other", payload) == said
    assert heard("token", payload) is None


def test_several_commits_are_told_together() -> None:
    said = [Committed(recalled={("wsp_a", id_)}, endpoints={("wsp_a", id_)}) for id_ in ("ep_a", "ep_b")]
    understood = [heard("other", payload) for payload in notices("token", said)]
    assert heard("other", "token something of a newer version") is None
    assert [c.endpoints | c.recalled for c in understood if c] == [
        {("wsp_a", "ep_a")},
        {("wsp_a", "ep_b")},
        {("wsp_a", "ep_a")},
        {("wsp_a", "ep_b")},
    ]

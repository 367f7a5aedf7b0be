"""What becomes of a call, in whatever order FreeSWITCH says it, however often, and wherever the connection breaks."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.events import CallCompleted, CallResult
from switchhook.telephony.freeswitch.calls import Calls
from switchhook.telephony.freeswitch.happenings import Began, Everything, Gone, Lost
from switchhook.workspace.calls import Draft
from tests.telephony.freeswitch_stories import STORIES, Story
from tests.telephony.freeswitch_world import BEGAN, PLAN, Switch, facts_of, happenings, told


def of(story: Story) -> list[Draft]:
    (drafts,) = told(facts_of(happenings(story(Switch()).messages))).values()
    return drafts


@pytest.mark.parametrize(
    ("story", "result", "length", "user", "to"),
    [pytest.param(story, *expected, id=story.__name__) for story, expected in STORIES.items()],
)
def test_what_becomes_of_a_call(
    story: Story, result: CallResult, length: str, user: str, to: str | None
) -> None:
    drafts = of(story)
    (data,) = [draft.data for draft in drafts if isinstance(draft.data, CallCompleted)]
    assert (data.result, data.length, data.user_email) == (result, length, user)
    assert data.transfer_to.user_email == to
    if to is not None:
        assert data.transfer_from.user_email == user
    assert ("call.answered" in {draft.topic for draft in drafts}) is (result is CallResult.ANSWERED)


@settings(max_examples=160, deadline=None)
@given(st.sampled_from(list(STORIES)), st.randoms(use_true_random=False), st.integers(0, 990))
def test_any_repetition_and_shuffling_within_a_second_makes_the_same_events(
    story: Story, chance: random.Random, late: int
) -> None:
    messages = story(Switch()).messages
    twice = [
        (message, chance.uniform(0, late)) for message in messages for _ in range(chance.choice((1, 1, 2)))
    ]
    twice.sort(key=lambda one: int(one[0]["Event-Date-Timestamp"]) / 1000 + one[1])
    assert said(told(facts_of(happenings(message for message, _ in twice)))) == said(
        told(facts_of(happenings(messages)))
    )


def said(drafts: dict[str, list[Draft]]) -> set[tuple[str, Any]]:
    return {(draft.topic, repr(draft.data)) for made in drafts.values() for draft in made}


@settings(max_examples=160, deadline=None)
@given(st.sampled_from(list(STORIES)), st.data())
def test_wherever_the_connection_breaks_a_call_is_completed_once(story: Story, data: Any) -> None:
    """What comes meanwhile is lost, and the call is over, or still there, when the connection is back."""
    heard = happenings(story(Switch()).messages)
    cut = data.draw(st.integers(1, len(heard)))
    back = data.draw(st.integers(cut, len(heard)))
    calls = Calls("freeswitch", PLAN)
    facts = [fact for one in heard[:cut] for fact in calls.take(one, 0.0)]
    broken = BEGAN + 60_000
    facts += calls.take(Lost(broken), 1.0)
    gone = {one.channel.id for one in heard[:back] if isinstance(one, Gone)}
    there = tuple(
        one.channel for one in heard[:back] if isinstance(one, Began) and one.channel.id not in gone
    )
    facts += calls.take(Everything(broken + 5_000, there, broken), 5.0)
    facts += [fact for one in heard[back:] for fact in calls.take(one, 6.0)]
    facts += calls.lapse(20.0)
    for drafts in told(facts).values():
        topics = [draft.topic for draft in drafts]
        assert topics.count("call.received") + topics.count("call.triggered") == 1
        assert topics.count("call.completed") == 1
    assert calls.lapse(400.0) == []

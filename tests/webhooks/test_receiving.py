"""The order of claim, work, mark and answer: whatever crashes wherever, nothing is lost, and one works at a time."""

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.events import CATALOGUE, parse, render
from switchhook.webhooks import Answer, MemoryDedupe, Rules
from switchhook.webhooks.dedupe import Claim, State
from switchhook.webhooks.receiving import (
    Enqueue,
    Finish,
    Free,
    Release,
    Reserve,
    Take,
    Work,
    arrive,
    arrive_queued,
    carry_on,
    delay,
)

ID = "msg_0123456789ABCDEFGHIJkl"
BODY = render("sms.received", CATALOGUE["sms.received"].example, 1_742_049_000_000)
EVENT = parse(BODY)
RULES = Rules(lease=60, keep=100_000, attempts=1_000_000)
ROOM = 2


class Run:
    """One request, or one worker, somewhere on its way."""

    def __init__(self, steps: Generator[Any, Any, Any], lapses: int) -> None:
        self.steps = steps
        self.pending: Any = next(steps)
        self.lapses = lapses
        self.result: Any = None
        self.over = False

    def resume(self, answer: Any) -> None:
        try:
            self.pending = self.steps.send(answer)
        except StopIteration as done:
            self.result, self.over = done.value, True


class World:
    """A process that may crash, with a store that outlives it, and a sender that repeats itself."""

    def __init__(self, *, queued: bool) -> None:
        self.now = 0.0
        self.queued = queued
        self.store = MemoryDedupe(clock=lambda: self.now)
        self.runs: list[Run] = []
        self.queue: list[Enqueue] = []
        self.taken = 0
        self.tokens = 0
        self.lapses = 0
        self.disturbed = False
        self.done = 0
        self.answers: list[Answer] = []

    def token(self) -> str:
        self.tokens += 1
        return f"token {self.tokens}"

    def arrive(self) -> Run:
        steps = (
            arrive_queued(ID, BODY, self.token(), RULES, keeps=True)
            if self.queued
            else arrive((ID, EVENT), self.token(), RULES)
        )
        run = Run(steps, self.lapses)
        self.runs.append(run)
        return run

    def serve(self) -> None:
        if self.queue:
            job = self.queue.pop(0)
            self.runs.append(Run(carry_on(job.id, job.body, job.token, RULES), self.lapses))

    def sweep(self) -> None:
        for one in self.store.waiting(10):
            if self.taken < ROOM:
                self.taken += 1
                self.queue.append(Enqueue(one.id, self.token(), one.body))

    def step(self, run: Run, *, fails: bool) -> None:
        if isinstance(run.pending, Work):
            self.done += not fails
            self.disturbed |= fails
            run.resume(ValueError("no") if fails else None)
        else:
            run.resume(self.ask(run.pending))
        if isinstance(run.pending, Work) and not run.over:
            run.lapses = self.lapses
            # Nobody else is at work whose claim has not run out since.
            rivals = [r for r in self.runs if r is not run and not r.over and isinstance(r.pending, Work)]
            assert all(r.lapses < self.lapses for r in rivals)
        if run.over:
            self.runs.remove(run)
            if isinstance(run.result, Answer):
                self.answers.append(run.result)
                if run.result.status < 300 and not self.queued:
                    assert self.done, "a yes before the work"
            else:
                self.taken -= 1

    def ask(self, step: Any) -> Any:
        match step:
            case Take():
                return self.store.claim(*step)
            case Finish():
                return self.store.finish(*step)
            case Release():
                return self.store.release(*step)
            case Reserve():
                free = self.taken < ROOM
                self.taken += free
                return free
            case Free():
                self.taken -= 1
                return None
            case Enqueue():
                self.queue.append(step)
                return None
        raise AssertionError(step)

    def crash(self) -> None:
        self.runs, self.queue, self.taken = [], [], 0
        self.disturbed = True

    def lapse(self) -> None:
        self.now += 5000
        self.lapses += 1
        self.disturbed = True


# What happens, to which run, and how far it gets before something else happens.
ACTIONS = st.one_of(
    st.tuples(
        st.sampled_from(["arrive", "arrive", "serve", "serve", "sweep", "kill", "crash", "lapse"]),
        st.integers(0, 3),
        st.just(0),
    ),
    st.tuples(st.sampled_from(["step", "step", "fail"]), st.integers(0, 3), st.integers(1, 5)),
)


@pytest.mark.parametrize("queued", [False, True], ids=["works first", "answers first"])
@settings(max_examples=400)
@given(actions=st.lists(ACTIONS, max_size=40))
def test_no_interleaving_and_no_crash_loses_a_message_or_has_it_worked_on_by_two(
    queued: bool, actions: list[tuple[str, int, int]]
) -> None:
    world = World(queued=queued)
    for what, which, steps in actions:
        match what:
            case "arrive":
                world.arrive()
            case "serve":
                world.serve()
            case "sweep":
                world.sweep()
            case "crash":
                world.crash()
            case "kill" if world.runs and not queued:
                world.runs.pop(which % len(world.runs))
                world.disturbed = True
            case "lapse":
                world.lapse()
            case "step" | "fail" if world.runs:
                run = world.runs[which % len(world.runs)]
                for _ in range(steps):
                    if not run.over:
                        world.step(run, fails=what == "fail")
    said_yes = any(answer.status < 300 for answer in world.answers)
    if said_yes and not world.disturbed and not queued:
        assert world.done == 1
    # A last crash, and everything that anybody left behind is worked on; the sender does not come again.
    world.crash()
    world.lapse()
    world.sweep()
    world.serve()
    while world.runs:
        world.step(world.runs[0], fails=False)
    if said_yes:
        assert world.done, "a yes, and the work was never done"
    # And if it comes again, it is told yes.
    world.lapse()
    last = world.arrive()
    while not last.over:
        world.step(last, fails=False)
    assert last.result.status < 300
    assert queued or world.done


def finish(steps: Generator[Any, Any, Any], *answers: Any) -> tuple[list[type], Any]:
    """What is asked, in order, when the questions get these answers."""
    asked, given_answers = [type(next(steps))], iter(answers)
    try:
        while True:
            asked.append(type(steps.send(next(given_answers))))
    except StopIteration as done:
        return asked, done.value


def test_a_message_without_room_is_refused_before_anything_is_noted() -> None:
    asked, answer = finish(arrive_queued(ID, BODY, "t", RULES, keeps=True), False)
    assert asked == [Reserve]
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


def test_room_is_given_back_when_the_store_fails() -> None:
    steps = arrive_queued(ID, BODY, "t", RULES, keeps=True)
    next(steps)
    steps.send(True)
    assert isinstance(steps.throw(OSError("the store is gone")), Free)
    with pytest.raises(OSError, match="the store is gone"):
        next(steps)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 5), (2, 10), (5, 80), (11, 3600), (10_000, 3600)])
def test_a_failure_in_the_background_waits_longer_each_time_up_to_an_hour(
    attempt: int, seconds: float
) -> None:
    assert delay(attempt) == seconds


@pytest.mark.parametrize("state", [State.UNDER_WAY, State.DONE])
def test_what_another_one_has_or_has_done_is_not_worked_on_out_of_the_queue(state: State) -> None:
    assert finish(carry_on(ID, BODY, "t", RULES), Claim(state)) == ([Take], None)

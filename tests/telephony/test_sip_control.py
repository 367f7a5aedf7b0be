"""The life of a call as a pure state machine: one table of ordinary calls, one law for all others."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.control import CALLER, CallControl, Stage
from switchhook.telephony.sip.plan import (
    Announce,
    Choice,
    Dial,
    Enter,
    Forward,
    Mailbox,
    Menu,
    Reject,
    Ring,
    RingPlan,
    Script,
    Step,
)
from switchhook.workspace.facts import (
    Answered,
    AnyFact,
    Chose,
    Direction,
    EndCause,
    Ended,
    LegEnded,
    LegKind,
    Offered,
    Recorded,
    Ringing,
)

ANNA, BEN = "sip:anna@127.0.0.1:5072", "sip:ben@127.0.0.1:5073"
TRUNK, SPARE = "sip:+331@127.0.0.1:5090", "sip:+331@127.0.0.1:5091"


def offered(direction: Direction = Direction.INBOUND) -> Offered:
    return Offered(
        source="sip",
        call="c1",
        id="offered",
        at=1,
        leg=CALLER,
        direction=direction,
        from_raw="+33612345678",
        to_raw="+33112345678",
        user_ref=ANNA if direction is Direction.OUTBOUND else None,
    )


@dataclass
class World:
    """A stack and a server around one call: they do at once, or when told, what a real one would do."""

    control: CallControl
    commit_at_once: bool = True
    facts: list[AnyFact] = field(default_factory=list)
    done: list[m.Action] = field(default_factory=list)
    uncommitted: list[str] = field(default_factory=list)
    committed: set[str] = field(default_factory=set)
    legs: dict[str, str] = field(default_factory=dict)  # dialled leg: open, up, closed
    caller: str = "open"

    def start(self) -> "World":
        self._do(self.control.begin())
        return self

    def feed(self, *events: m.Event) -> "World":
        for event in events:
            if isinstance(event, m.Closed):
                if event.leg == CALLER:
                    self.caller = "closed"
                elif event.leg in self.legs:
                    self.legs[event.leg] = "closed"
            if isinstance(event, m.Established):
                if event.leg == CALLER:
                    self.caller = "up"
                elif event.leg in self.legs:
                    self.legs[event.leg] = "up"
            if isinstance(event, m.Committed) and event.fact in self.uncommitted:
                self.uncommitted.remove(event.fact)
                self.committed.add(event.fact)
            self._do(self.control.handle(event, 2))
        return self

    def _do(self, actions: list[m.Action]) -> None:
        for action in actions:
            assert not any(isinstance(a, m.Over) for a in self.done), "something after the end"
            self.done.append(action)
            match action:
                case m.Tell(fact):
                    assert fact.id not in {f.id for f in self.facts}, "a fact twice"
                    self.facts.append(fact)
                    self.uncommitted.append(fact.id)
                case m.Call(leg):
                    assert "offered" in self.committed, "dialled before the offer was committed"
                    self.legs[leg] = "open"
                case m.Answer():
                    assert any(i.startswith("answered:") for i in self.committed), (
                        "answered before the commit"
                    )
                case m.Drop(leg) if leg == CALLER and self.caller == "open":
                    assert f"leg_ended:{CALLER}" in self.committed, "refused before the commit"
                case m.Bridge(one, other):
                    leg = other if one == CALLER else one  # the outside party comes first
                    assert CALLER in {one, other}
                    assert self.caller == "up", "bridged before the caller was up"
                    assert f"answered:{leg}" in self.committed, "bridged before the commit"
                case m.Prompt() | m.Ringback() | m.Hush():
                    assert self.caller == "up", "spoken to before the caller was up"
                case m.Play():
                    assert self.caller == "up", "greeted before the caller was up"
                    assert "answered:mailbox" in self.committed, "greeted before the commit"
        while self.commit_at_once and self.uncommitted:
            self.feed(m.Committed(self.uncommitted[0]))

    def kinds(self, kind: type[m.Action]) -> list[m.Action]:
        return [a for a in self.done if isinstance(a, kind)]

    def last(self) -> m.Action:
        """What was done last."""
        return self.done[-1]

    @property
    def story(self) -> list[str]:
        """The facts, short."""
        words = []
        for fact in self.facts:
            match fact:
                case LegEnded():
                    words.append(f"{fact.leg}:{fact.cause}")
                case Ended():
                    words.append(f"ended:{fact.cause}")
                case Recorded():
                    words.append("voicemail" if fact.voicemail else "recorded")
                case Ringing() | Answered():
                    words.append(fact.id)
                case Offered():
                    words.append("offered")
                case Chose():
                    words.append(f"{fact.key}={fact.label}")
        return words


def hang(world: World) -> World:
    """Everything that was dropped closes, and what was recorded is ready."""
    for _ in range(5):
        for action in list(world.done):
            match action:
                case m.Drop(leg):
                    world.feed(m.Closed(leg))
                case m.FinishRecording():
                    world.feed(m.RecordingReady("recordings/x.mp3", 3.0))
    return world


RING = Ring((ANNA, BEN), 20.0, Mailbox())
CALLS: list[tuple[str, RingPlan, list[m.Event], list[str]]] = [
    (
        "answered by the first of two, hung up by the caller",
        RING,
        [
            m.Progress("leg1"),
            m.Progress("leg2"),
            m.Established("leg1"),
            m.Established(CALLER),
            m.Closed(CALLER),
        ],
        [
            "offered",
            "ringing:leg1",
            "ringing:leg2",
            "answered:leg1",
            "caller:hangup",
            "leg1:hangup",
            "leg2:answered_elsewhere",
            "recorded",
            "ended:hangup",
        ],
    ),
    (
        "the caller gives up",
        RING,
        [m.Progress("leg1"), m.Closed(CALLER)],
        [
            "offered",
            "ringing:leg1",
            "caller:cancelled",
            "leg1:cancelled",
            "leg2:cancelled",
            "ended:cancelled",
        ],
    ),
    (
        "nobody answers: the mailbox",
        RING,
        [m.Progress("leg1"), m.TimedOut("ring"), m.Established(CALLER), m.Played(), m.Closed(CALLER)],
        [
            "offered",
            "ringing:leg1",
            "answered:mailbox",
            "caller:hangup",
            "mailbox:hangup",
            "leg1:no_answer",
            "leg2:unreachable",
            "voicemail",
            "ended:hangup",
        ],
    ),
    (
        "busy, and the plan has no mailbox",
        Ring((ANNA,), 20.0, Reject()),
        [m.Progress("leg1"), m.Closed("leg1", 486)],
        ["offered", "ringing:leg1", "leg1:busy", "caller:busy", "ended:busy"],
    ),
    (
        "declined by one, switched off the other: declined",
        Ring((ANNA, BEN), 20.0, Mailbox(after=(EndCause.BUSY,))),
        [m.Absent("leg2"), m.Closed("leg1", 603)],
        ["offered", "leg1:declined", "caller:declined", "leg2:unreachable", "ended:declined"],
    ),
    (
        "telephones that do not even ring are not waited for",
        Ring((ANNA,), 60.0, Reject()),
        [m.TimedOut("silent")],
        ["offered", "caller:unreachable", "leg1:unreachable", "ended:unreachable"],
    ),
    ("blocked", Reject(EndCause.BLOCKED), [], ["offered", "caller:blocked", "ended:blocked"]),
    (
        "two answers cross: the second hears a hang-up",
        RING,
        [m.Established("leg2"), m.Established("leg1"), m.Established(CALLER), m.Closed("leg2")],
        [
            "offered",
            "answered:leg2",
            "leg2:hangup",
            "caller:hangup",
            "leg1:answered_elsewhere",
            "recorded",
            "ended:hangup",
        ],
    ),
]


@pytest.mark.parametrize(("plan", "events", "story"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS])
def test_an_inbound_call_tells_its_story(plan: RingPlan, events: list[m.Event], story: list[str]) -> None:
    world = hang(World(CallControl(offered())).start().feed(m.Planned(plan), *events))
    assert sorted(world.story[1:-1]) == sorted(story[1:-1])
    assert (world.story[0], world.story[-1]) == (story[0], story[-1])
    assert world.control.stage is Stage.OVER


def test_an_outbound_call_falls_over_to_the_spare_trunk() -> None:
    world = World(CallControl(offered(Direction.OUTBOUND))).start()
    world.feed(m.Planned(Dial((TRUNK, SPARE), 30.0, "+33112345678")), m.Closed("leg1", 503))
    world.feed(m.Progress("leg2"), m.Established("leg2"), m.Established(CALLER), m.Closed("leg2"))
    hang(world)
    assert world.story == [
        "offered",
        "leg1:unreachable",
        "ringing:leg2",
        "answered:leg2",
        "leg2:hangup",
        "caller:hangup",
        "recorded",
        "ended:hangup",
    ]
    answered = next(f for f in world.facts if isinstance(f, Answered))
    ended = next(f for f in world.facts if isinstance(f, LegEnded) and f.leg == CALLER)
    assert (answered.kind, ended.kind, ended.target) == (LegKind.OUTSIDE, LegKind.USER, ANNA)
    assert world.kinds(m.Call)[1] == m.Call("leg2", SPARE, "+33112345678")


def test_a_busy_callee_is_not_tried_over_the_spare_trunk() -> None:
    world = World(CallControl(offered(Direction.OUTBOUND))).start()
    hang(world.feed(m.Planned(Dial((TRUNK, SPARE))), m.Closed("leg1", 486)))
    assert world.story == ["offered", "leg1:busy", "caller:busy", "ended:busy"]


def test_nothing_is_dialled_nor_answered_before_its_commit() -> None:
    world = World(CallControl(offered()), commit_at_once=False).start()
    world.feed(m.Planned(RING))
    assert not world.kinds(m.Call)
    world.feed(m.Committed("offered"), m.Progress("leg1"), m.Established("leg1"))
    assert not world.kinds(m.Answer)
    world.feed(m.Committed("ringing:leg1"))
    assert not world.kinds(m.Answer)
    world.feed(m.Committed("answered:leg1"))
    assert world.kinds(m.Answer)


def test_a_leg_that_will_not_close_is_given_up() -> None:
    world = World(CallControl(offered())).start().feed(m.Planned(RING), m.Closed(CALLER))
    assert not world.kinds(m.Over)
    world.feed(m.TimedOut("close"))
    assert world.kinds(m.Over)


SALES = Ring((ANNA,), 20.0, Mailbox())
MENUS = {
    "main": Menu(
        "welcome.wav",
        {
            "1": Choice("Sales", SALES),
            "2": Choice("Support", Enter("support")),
            "3": Choice("Opening hours", Announce("hours.wav", Enter("main"))),
            "4": Choice("On call", Forward((TRUNK,), headers={"X": "y"}, otherwise=Mailbox())),
            "9": Choice("Goodbye", Reject(EndCause.NO_ANSWER)),
        },
        tries=2,
        wrong="wrong.wav",
        otherwise=Mailbox(),
    ),
    "support": Menu(
        "support.wav",
        {
            "1": Choice("Bills", Ring((BEN,), 20.0, Enter("main"))),
            "10": Choice("Orders", Ring((ANNA, BEN), 20.0, Reject(), busy=Mailbox())),
            "*": Choice("Back", Enter("main")),
        },
        otherwise=Reject(),
    ),
}
MENU = Script(Enter("main"), MENUS)


def in_menu(plan: RingPlan = MENU) -> World:
    """A caller whom the menu has answered and who hears its greeting."""
    return World(CallControl(offered())).start().feed(m.Planned(plan), m.Established(CALLER))


def press(world: World, keys: str) -> World:
    return world.feed(*(m.Digit(CALLER, key) for key in keys))


def test_a_menu_is_walked_to_a_telephone() -> None:
    world = in_menu()
    assert world.last() == m.Prompt(("welcome.wav",))
    press(world, "2")
    assert m.Hush() in world.done
    assert world.last() == m.Prompt(("support.wav",))
    world.feed(m.Played())
    press(world, "1")  # may still become 10
    assert not world.kinds(m.Call)
    world.feed(m.TimedOut("keys"))
    assert world.kinds(m.Call) == [m.Call("leg1", BEN, "+33612345678")]
    assert world.last() != m.Prompt(("support.wav",))
    assert m.Ringback() in world.done
    world.feed(m.Progress("leg1"), m.Established("leg1"), m.Closed("leg1"))
    hang(world)
    assert world.story == [
        "offered",
        "answered:menu",
        "2=Support",
        "1=Bills",
        "ringing:leg1",
        "menu:hangup",
        "answered:leg1",
        "leg1:hangup",
        "caller:hangup",
        "recorded",
        "ended:hangup",
    ]
    assert len(world.kinds(m.Answer)) == 1


def test_of_two_choices_the_longer_one_is_heard_out_and_a_hash_cuts_the_wait_short() -> None:
    for keys, label in (("10", "Orders"), ("1#", "Bills"), ("*", "Back")):
        world = press(press(in_menu(), "2"), keys)
        assert world.story[-1].endswith(f"={label}")


def test_a_wrong_key_and_silence_are_asked_again_until_the_tries_are_over() -> None:
    world = press(in_menu(), "7")
    assert world.last() == m.Prompt(("wrong.wav", "welcome.wav"))
    world.feed(m.Played())
    assert world.last() == m.SetTimer("keys", 6.0)
    world.feed(m.TimedOut("keys"))
    assert "answered:mailbox" in world.story
    assert world.last() == m.Play(None)


def test_a_choice_after_an_announcement_begins_with_all_tries() -> None:
    world = press(press(in_menu(), "7"), "3")
    assert world.last() == m.Prompt(("hours.wav",))
    press(world, "1")  # nobody is asked
    world.feed(m.Played())
    assert world.last() == m.Prompt(("welcome.wav",))
    assert press(world, "7").last() == m.Prompt(("wrong.wav", "welcome.wav"))


def test_hanging_up_in_the_menu_is_no_answered_call() -> None:
    world = hang(press(in_menu(), "2").feed(m.Closed(CALLER)))
    assert world.story == [
        "offered",
        "answered:menu",
        "2=Support",
        "caller:hangup",
        "menu:hangup",
        "ended:cancelled",
    ]


def test_a_menu_without_an_end_ends_with_the_longest_call() -> None:
    world = hang(in_menu().feed(m.TimedOut("limit")))
    assert world.story[-1] == "ended:no_answer"


def test_what_a_choice_led_to_says_nothing_about_the_next_one() -> None:
    """Busy at the first telephone, nobody at the second: nobody, and its mailbox for the busy stays out of it."""
    world = press(press(in_menu(), "2"), "1").feed(m.TimedOut("keys"), m.Closed("leg1", 486))
    assert world.last() == m.Prompt(("welcome.wav",))
    press(press(world, "2"), "10").feed(m.Progress("leg2"), m.Progress("leg3"), m.TimedOut("ring"))
    assert hang(world).story[-1] == "ended:no_answer"
    world = press(press(in_menu(), "2"), "10").feed(m.Closed("leg1", 486), m.Absent("leg2"))
    assert "answered:mailbox" in world.story


def test_one_rings_after_the_other() -> None:
    plan = Ring(
        (ANNA,), 5.0, Ring((BEN,), 7.0, Forward((TRUNK, SPARE), identity="+331", otherwise=Mailbox()))
    )
    world = World(CallControl(offered())).start().feed(m.Planned(plan))
    world.feed(m.Progress("leg1"), m.TimedOut("ring"))
    assert m.SetTimer("ring", 7.0) in world.done
    world.feed(m.Closed("leg2", 486), m.Closed("leg3", 503))
    assert world.kinds(m.Call)[2:] == [m.Call("leg3", TRUNK, "+331"), m.Call("leg4", SPARE, "+331")]
    world.feed(m.Established("leg4"), m.Established(CALLER))
    answered = next(f for f in world.facts if isinstance(f, Answered))
    assert (answered.kind, answered.target) == (LegKind.FORWARD, SPARE)
    assert world.kinds(m.Bridge) == [m.Bridge(CALLER, "leg4")]


def test_a_forward_that_nobody_takes_goes_on() -> None:
    world = press(in_menu(), "4")
    assert world.kinds(m.Call) == [m.Call("leg1", TRUNK, None, (("X", "y"),))]
    world.feed(m.Closed("leg1", 603))
    assert "answered:mailbox" in world.story


def test_a_closed_office_says_so_and_takes_a_message() -> None:
    world = World(CallControl(offered())).start().feed(m.Planned(Announce("closed.wav", Mailbox())))
    world.feed(m.Established(CALLER))
    assert world.last() == m.Prompt(("closed.wav",))
    world.feed(m.Played())
    assert world.last() == m.Play(None)
    world.feed(m.Played(), m.Closed(CALLER))
    assert hang(world).story == [
        "offered",
        "answered:menu",
        "menu:hangup",
        "answered:mailbox",
        "caller:hangup",
        "mailbox:hangup",
        "voicemail",
        "ended:hangup",
    ]


def test_who_is_up_hears_nobody_before_the_commit() -> None:
    world = press(in_menu(), "1")
    world.commit_at_once = False
    world.feed(m.Established("leg1"))
    assert not world.kinds(m.Bridge)
    world.feed(*(m.Committed(fact) for fact in list(world.uncommitted)))
    assert world.kinds(m.Bridge) == [m.Bridge(CALLER, "leg1")]


def test_keys_go_through_to_the_other_end_of_a_talk() -> None:
    world = World(CallControl(offered())).start()
    world.feed(m.Planned(RING), m.Digit(CALLER, "1"), m.Established("leg1"), m.Established(CALLER))
    world.feed(m.Digit(CALLER, "5"), m.Digit("leg1", "#"), m.Digit("leg2", "7"))
    assert world.kinds(m.Press) == [m.Press("leg1", "5"), m.Press(CALLER, "#")]
    assert not any(isinstance(fact, Chose) for fact in world.facts)


LEGS = [CALLER, "leg1", "leg2", "leg3"]
EVENTS = st.one_of(
    st.sampled_from(LEGS).map(m.Progress),
    st.sampled_from(LEGS).map(m.Established),
    st.builds(m.Closed, st.sampled_from(LEGS), st.sampled_from([None, 404, 408, 480, 486, 487, 503, 603])),
    st.sampled_from(LEGS).map(m.Absent),
    st.sampled_from(["plan", "ring", "silent", "limit", "close", "keys"]).map(m.TimedOut),
    st.builds(m.Digit, st.sampled_from(LEGS), st.sampled_from("123490*#7")),
    st.just(m.Played()),
    st.just(m.Established(CALLER)),  # more often than it would come up by itself
    st.just("commit"),
    st.just(m.HangUpNow()),
    st.just("commit"),
    st.just("plan"),
)


def _steps() -> st.SearchStrategy[Step]:
    return STEPS


NEXT = st.deferred(_steps)
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.just(Reject()),
    st.builds(Mailbox, after=st.sampled_from([Mailbox().after, (EndCause.BUSY,)])),
    st.builds(Enter, st.sampled_from(["main", "support", "nowhere"])),
    st.builds(Announce, st.just("closed.wav"), NEXT),
    st.builds(
        Ring, st.sampled_from([(), (ANNA,), (ANNA, BEN)]), st.just(5.0), NEXT, st.one_of(st.none(), NEXT)
    ),
    st.builds(
        Forward,
        st.sampled_from([(), (TRUNK,), (TRUNK, SPARE)]),
        st.sampled_from([LegKind.FORWARD, LegKind.AI]),
        otherwise=NEXT,
    ),
)

PLANS = st.one_of(
    st.builds(Script, STEPS, st.just(MENUS)),
    st.builds(Script, STEPS, st.just(MENUS)),
    st.builds(
        Ring,
        st.lists(st.sampled_from([ANNA, BEN]), max_size=3).map(tuple),
        st.just(20.0),
        st.one_of(st.just(Mailbox()), st.just(Mailbox(after=(EndCause.BUSY,))), st.just(Reject())),
    ),
    st.builds(Dial, st.lists(st.sampled_from([TRUNK, SPARE]), max_size=2).map(tuple)),
    st.just(Reject(EndCause.BLOCKED)),
)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(Direction), PLANS, st.lists(EVENTS, max_size=40))
def test_whatever_the_order_of_events_a_call_has_one_beginning_and_one_end(
    direction: Direction, plan: RingPlan, events: list[m.Event | str]
) -> None:
    world = World(CallControl(offered(direction)), commit_at_once=False).start()
    for event in events:
        if event == "commit":
            if world.uncommitted:
                world.feed(m.Committed(world.uncommitted[0]))
        elif event == "plan":
            world.feed(m.Planned(plan))
        elif not isinstance(event, str) and _can_be(world, event):
            world.feed(event)
    for _ in range(60):  # and now everything that is still due happens
        if world.control.stage is Stage.OVER:
            break
        for fact in list(world.uncommitted):
            world.feed(m.Committed(fact))
        world.feed(m.HangUpNow())
        for leg in [CALLER, *world.legs]:
            if m.Drop(leg) in world.done:
                world.feed(m.Closed(leg))
        if world.kinds(m.FinishRecording):
            world.feed(m.RecordingReady("recordings/x.mp3", 1.0))
    assert world.control.stage is Stage.OVER
    assert isinstance(world.facts[0], Offered)
    assert isinstance(world.facts[-1], Ended)
    assert sum(isinstance(f, Offered | Ended) for f in world.facts) == 2
    assert len(world.kinds(m.Bridge)) <= 1
    assert len(world.kinds(m.Answer)) <= 1
    assert len(world.kinds(m.Over)) == 1
    taken = {f.leg for f in world.facts if isinstance(f, Answered)}
    assert taken <= {f.leg for f in world.facts if isinstance(f, LegEnded)}, "somebody has the call for ever"
    for leg, state in world.legs.items():
        assert state == "closed" or m.Drop(leg) in world.done, "a leg was left behind"
        assert any(isinstance(f, LegEnded) and f.leg == leg for f in world.facts)


def _can_be(world: World, event: m.Event) -> bool:
    """Whether a stack could say this now: it knows only legs that were dialled, and closes each once."""
    match event:
        case m.Established(leg) if leg == CALLER:
            return world.caller == "open" and bool(world.kinds(m.Answer))
        case m.Closed(leg) if leg == CALLER:
            return world.caller != "closed"
        case m.Progress(leg) | m.Established(leg) | m.Absent(leg) | m.Closed(leg):
            return world.legs.get(leg) in {"open", "up"}
    return True

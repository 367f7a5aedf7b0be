"""What both hear before their talk is recorded: never a sample of it before that, and none at all without it."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.settings.members import NumberConfig
from switchhook.telephony.sip import Ring, routing
from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.control import CALLER, CallControl
from switchhook.telephony.sip.plan import Passing, Taping
from switchhook.telephony.sip.routing import Routing
from switchhook.telephony.sip.sounds import announcement_of
from switchhook.workspace.facts import Answered, LegKind
from tests.telephony.conftest import Open
from tests.telephony.sip_world import Programs, power, tone_ulaw, tone_wav
from tests.telephony.test_sip_line import keep_part, tracks
from tests.telephony.test_sip_talk import ANNA, BEN, Stack, offered
from tests.workspace.telling import DIRECTORY

FILE = "consent.wav"
TO_BEN = Passing((BEN,), LegKind.USER)


def talking(consent: str = FILE, *, record: bool = True) -> Stack:
    s = Stack(CallControl(offered()))
    s.act(s.control.begin())
    s.feed(m.Planned(Ring((ANNA,)), record, consent), m.Progress("leg1"), m.Established("leg1"))
    return s.feed(m.Established(CALLER))


def test_a_talk_is_recorded_once_both_have_heard_it() -> None:
    s = talking()
    assert s.heard == [CALLER, "leg1"]
    assert s.said(m.Announce) == [m.Announce(FILE)]
    assert not s.said(m.Record)
    s.feed(m.Played())
    assert s.said(m.Record) == [m.Record(voicemail=False)]
    s.feed(m.Played())
    assert len(s.said(m.Announce)) == len(s.said(m.Record)) == 1


def test_where_nothing_is_recorded_nothing_is_announced() -> None:
    assert not talking(record=False).said(m.Announce)
    assert not talking("").said(m.Announce)
    assert talking("").said(m.Record)


def test_a_call_that_ends_before_that_has_no_recording() -> None:
    s = talking().feed(m.Closed(CALLER)).over()
    assert not s.said(m.Record)
    assert s.end[-1] == "ended:hangup"


def test_who_comes_in_by_a_transfer_before_that_hears_it_too() -> None:
    s = talking().feed(m.Referred("leg1", "sip:101@x"), m.PassOn("transfer_asked:1", TO_BEN))
    s.feed(m.Progress("leg2"), m.Established("leg2"))
    assert s.heard == [CALLER, "leg2"]
    assert len(s.said(m.Announce)) == 2
    assert not s.said(m.Record)
    s.feed(m.Played())
    assert len(s.said(m.Record)) == 1


def test_a_recording_that_is_ordered_is_announced_as_well() -> None:
    s = talking(record=False).feed(m.SetRecording("on"), m.SetRecording("on"))
    assert len(s.said(m.Announce)) == 1
    assert not s.said(m.Record)
    s.feed(m.Played())
    assert len(s.said(m.Record)) == 1
    off = talking().feed(m.SetRecording("off"), m.Played())
    assert not off.said(m.Record)


ORDERS = st.lists(
    st.sampled_from(
        [
            m.Played(),
            m.SetRecording("on"),
            m.SetRecording("off"),
            m.SetRecording("paused"),
            m.Referred("leg1", "sip:101@x"),
            m.PassOn("transfer_asked:1", TO_BEN),
            m.Established("leg2"),
            m.Closed("leg2"),
            m.Closed("leg1"),
        ]
    ),
    max_size=12,
)


@given(ORDERS)
def test_in_no_order_is_anything_recorded_that_was_not_announced(events: list[m.Event]) -> None:
    s = talking().feed(*events)
    words = [a for a in s.done if isinstance(a, m.Announce | m.Record)]
    assert not words or isinstance(words[0], m.Announce)
    assert not s.said(m.Record) or m.Played() in events


@pytest.mark.parametrize(
    ("line", "number", "expected"),
    [
        ("", "", ""),
        ("play a.wav", "", "a.wav"),
        ("play a.wav", "play b.wav", "b.wav"),
        ("", "play b.wav", "b.wav"),
    ],
)
def test_a_number_may_have_its_own(line: str, number: str, expected: str) -> None:
    own = next(one.number for one in DIRECTORY.numbers)
    call = offered()
    rules = {own: NumberConfig(own, consent=number)}
    ways = Routing(trunk="", consent=line, rules=rules)
    call = msgspec.structs.replace(call, to_raw=own)
    assert routing.taping(call, DIRECTORY, ways) == Taping(True, expected)


def test_what_cannot_be_played_is_no_consent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert announcement_of(str(tmp_path / "none.wav")) == b""
    assert "is not recorded" in caplog.text


@pytest.mark.sip
@pytest.mark.timeout(300)
async def test_the_recording_of_a_real_call_begins_after_it(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    sound = tone_wav(tmp_path / "consent.wav", 800.0, 1.0)
    anna = programs.phone("--answer", "0.1", "--say", str(tone_wav(tmp_path / "a.wav", 1250.0)))
    s = server(Ring((anna,), 10), taping=Taping(True, str(sound)))
    await s.line.start()
    caller = programs.calls(s.port, "caller", "-d", "3000", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", 440.0)))
    await keep_part(s.data, tmp_path / "kept.wav")
    await programs.succeeds(caller)
    ended = await s.until("ended")
    (answered,) = {fact for fact in s.facts if isinstance(fact, Answered)}
    assert (ended.at - answered.at) / 1000 - s.recorded.seconds > 0.8
    for side in tracks(tmp_path / "kept.wav"):
        assert power(side, 800.0) < 0.02
        assert max(power(side, 440.0), power(side, 1250.0)) > 0.05

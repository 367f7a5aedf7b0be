"""Where a call goes that is passed on, and who is among our own: the workspace's rules for it."""

import pytest

from switchhook.clock import ManualClock
from switchhook.settings.dialplan import AgentConfig
from switchhook.telephony.sip.backend import Invite
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.origin import Origin
from switchhook.telephony.sip.plan import Passing, Reject, Ring, TransferPlan
from switchhook.telephony.sip.routing import Routing, passing, plan
from switchhook.workspace.facts import Direction, EndCause, LegKind, TransferAsked
from tests.workspace.telling import ANNA, BEN, CLEO, DIRECTORY, MAIN, SECOND, at, dials, ends, tell

WAYS = Routing(trunk="10.0.0.1:5060", extensions={"102": BEN.email, "103": CLEO.email})
NOWHERE = Reject(EndCause.UNREACHABLE)


def asked(to: str, by: str = ANNA.sip[0]) -> TransferAsked:
    return TransferAsked(source="sip", call="c", id="transfer_asked:1", at=at(1), by=by, to=to)


@pytest.mark.parametrize(
    ("to", "where"),
    [
        ("sip:102@pbx", Passing(BEN.sip, LegKind.USER)),
        (BEN.sip[1], Passing(BEN.sip, LegKind.USER)),
        (f"sip:{SECOND}@pbx", Passing(BEN.sip, LegKind.USER)),
        (
            "sip:0123456789@pbx",
            Passing(BEN.sip, LegKind.USER),
        ),  # of the main number, but not back to Anna herself
        (
            "sip:0699000000@pbx",
            Passing(("sip:+33699000000@10.0.0.1:5060",), LegKind.FORWARD, "+33699000000", MAIN),
        ),
        (
            "tel:+33699000000",
            Passing(("sip:+33699000000@10.0.0.1:5060",), LegKind.FORWARD, "+33699000000", MAIN),
        ),
        (ANNA.sip[0], NOWHERE),
        ("sip:104@pbx", NOWHERE),
        ("sip:3949@pbx", NOWHERE),
        ("sip:eve@evil.example", NOWHERE),
        ("sip:+33123456770@pbx", NOWHERE),  # ours, and nobody's
        ("nonsense", NOWHERE),
    ],
)
def test_where_a_call_goes_that_is_passed_on(to: str, where: TransferPlan) -> None:
    assert passing(asked(to), DIRECTORY, WAYS) == where


def test_a_call_is_passed_on_to_an_agent_by_its_name() -> None:
    ways = Routing(agents={"reception": AgentConfig("reception", "sip:agent@10.0.0.9", 12)})
    there = Passing(("sip:agent@10.0.0.9",), LegKind.AI, seconds=12, headers={"X-Switchhook-Call": "cll_1"})
    assert passing(asked("sip:reception@pbx"), DIRECTORY, ways, "cll_1") == there
    assert passing(asked("sip:reception@pbx"), DIRECTORY, WAYS, "cll_1") == NOWHERE


def test_nobody_but_a_user_gets_outside_by_a_transfer_and_nobody_without_a_trunk() -> None:
    assert passing(asked("sip:0699000000@pbx", "sip:eve@10.0.0.5"), DIRECTORY, WAYS) == NOWHERE
    assert passing(asked("sip:0699000000@pbx"), DIRECTORY, Routing()) == NOWHERE


@pytest.mark.parametrize(
    ("sender", "to", "direction", "internal"),
    [
        ("anna", "102", Direction.OUTBOUND, True),
        ("anna", "0123456789", Direction.OUTBOUND, False),
        ("anna", MAIN, Direction.OUTBOUND, True),
        ("anna", "109", Direction.OUTBOUND, False),
        ("eve", "102", Direction.INBOUND, False),
        ("eve", MAIN, Direction.INBOUND, False),
    ],
)
def test_which_calls_are_among_our_own(sender: str, to: str, direction: Direction, internal: bool) -> None:
    config = SipConfig(users=(ANNA.sip[0],), numbers=(MAIN,), extensions=("102",))
    headers = {"From": f"<sip:{sender}@10.0.0.5>;tag=1", "To": f"<sip:{to}@pbx>"}
    offered = Origin(config, ManualClock(), frozenset()).offered(Invite(1, "id", headers))
    assert (offered.direction, offered.internal) == (direction, internal)


def test_a_call_among_our_own_rings_there_and_makes_no_events() -> None:
    call = dials(ANNA.sip[0], "102")
    inside = type(call)(**{name: getattr(call, name) for name in call.__struct_fields__} | {"internal": True})
    where = plan(inside, DIRECTORY, WAYS)
    assert isinstance(where, Ring)
    assert where.targets == BEN.sip
    assert not tell(inside, ends(9))
    assert tell(call, ends(9))

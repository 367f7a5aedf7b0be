"""The front's rules without sockets: what goes to the stack, what goes out, and what is answered in between."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import ManualClock
from switchhook.telephony.sip import Mailbox, Ring, SipConfig
from switchhook.telephony.sip.edge.digest import Credentials, Guard
from switchhook.telephony.sip.edge.doorman import REALM, Doorman
from switchhook.telephony.sip.edge.flows import TCP, TLS, UDP, Flow
from switchhook.telephony.sip.edge.message import Malformed, Message, answer, parse, split_address, tag
from switchhook.telephony.sip.edge.outside import spread
from switchhook.telephony.sip.edge.proxy import Proxy
from switchhook.telephony.sip.edge.registrar import Registrar
from switchhook.telephony.sip.edge.watch import FAILURES, Watch
from tests.telephony.sip_torture import SDP, SDP_TYPE, TORTURE, Torture, request
from tests.telephony.test_edge_messages import spoiled

US = "192.0.2.1"
INSIDE, STACK = (US, 40_001), (US, 40_002)
TRUNK = Flow(UDP, "198.51.100.7", 5060)
LAN = Flow(UDP, "10.0.0.8", 5060)
STRANGER = Flow(UDP, "203.0.113.5", 40_000)
HOME = Flow(TLS, "203.0.113.9", 50_123, 7)


class World:
    """The rules, and everything that they have sent."""

    def __init__(self, **settings: object) -> None:
        values: dict[str, object] = {
            "listen": f"{US}:5060",
            "listen_tcp": f"{US}:5060",
            "listen_tls": f"{US}:5061",
            "tls_cert": "x",
            "allow": ("10.0.0.0/8",),
            "trunk": f"{TRUNK.host}:{TRUNK.port}",
            "passwords": {"camille": "s3cret"},
            "users": ("sip:camille@registered", "sip:lea@10.0.0.8:5060"),
            **settings,
        }
        self.config = SipConfig(**values)  # type: ignore[arg-type]
        self.clock = ManualClock()
        self.registrar = Registrar(map(str, itertools.count(1)))
        self.watch = Watch()
        guard = Guard(b"k" * 32, REALM, self.config.passwords)
        self.doorman = Doorman(self.config, guard, self.registrar, self.watch, self.clock)
        self.doorman.trunk_is(frozenset({TRUNK.host}))
        self.proxy = Proxy(self.config, self.doorman, self, self.clock, b"s" * 32)
        self.proxy.rewriting.inside, self.proxy.rewriting.stack = INSIDE, STACK
        self.out: list[tuple[Flow, Message]] = []
        self.inside: list[Message] = []
        self.digits: list[tuple[str, str]] = []
        self.ending: list[str] = []

    def send(self, flow: Flow, data: bytes) -> None:
        try:
            self.out.append((flow, parse(data)))
        except Malformed:  # an answer to what was malformed says it back
            self.out.append((flow, Message(status=int(data.split()[1]))))

    def send_inside(self, data: bytes, ending: str = "") -> None:
        self.inside.append(parse(data))
        self.ending.append(ending)

    def digit(self, token: str, digit: str) -> None:
        self.digits.append((token, digit))

    # -------------------------------------------------------- what the tests do

    def hear(self, data: bytes, flow: Flow = LAN) -> list[int]:
        """A peer sends this; returns the statuses that go out for it."""
        before = len(self.out)
        self.proxy.from_outside(data, flow)
        return [message.status for _, message in self.out[before:] if not message.is_request]

    def say(self, message: Message) -> tuple[Flow, Message] | None:
        """The stack sends this; returns what goes out for it."""
        before = len(self.out)
        self.proxy.from_inside(message.encode())
        return self.out[before] if len(self.out) > before else None

    def invited(self, flow: Flow = LAN, **headers: str) -> tuple[str, Message]:
        """A call comes in; returns its token, and the INVITE as the stack has it."""
        self.hear(invite(**headers), flow)
        found = self.inside[-1]
        token = found.get("X-Switchhook-Leg") or ""
        self.proxy.taken(token)
        return token, found

    def dialled(self, target: str, **more: Any) -> Message | None:
        """The stack calls `target`; returns the INVITE as it goes out."""
        self.proxy.expect("t0k3n", target)
        sent = self.say(stack_invite(**more))
        return sent[1] if sent else None

    def registers(
        self, flow: Flow = HOME, contact: str = "<sip:camille@192.168.1.5:5061;transport=tls>"
    ) -> None:
        ours = Credentials("camille", "s3cret")
        data = register(Contact=contact)
        self.hear(data, flow)
        challenges = self.out[-1][1].lines("WWW-Authenticate")
        self.hear(
            register(proof=ours.answer(challenges, "REGISTER", f"sip:{US}", "c"), Contact=contact), flow
        )
        assert self.out[-1][1].status == 200


def register(proof: str | None = None, **headers: str) -> bytes:
    more = (f"Authorization: {proof}",) if proof else ()
    cseq = "2 REGISTER" if proof else "1 REGISTER"
    fixed: dict[str, Any] = {"To": f"<sip:camille@{US}>", "From": f"<sip:camille@{US}>;tag=r", "CSeq": cseq}
    return request("REGISTER", *more, uri=f"sip:{US}", **{**fixed, **headers})


def invite(*more: str, **headers: Any) -> bytes:
    return request("INVITE", SDP_TYPE, *more, uri=f"sip:+33112345678@{US}", body=SDP, **headers)


def stack_invite(cseq: int = 1, method: str = "INVITE", **more: str) -> Message:
    found = Message(method, f"sip:anna@{US}:{INSIDE[1]};transport=udp")
    found.headers = [
        ("Via", f"SIP/2.0/UDP {US}:{STACK[1]};branch=z9hG4bKstack{cseq};rport"),
        ("Max-Forwards", "70"),
        ("From", f"<sip:switchhook@{US}>;tag=mine"),
        ("To", f"<sip:anna@{US}:{INSIDE[1]};transport=udp>"),
        ("Call-ID", "from-the-stack"),
        ("CSeq", f"{cseq} {method}"),
        ("Contact", f"<sip:switchhook@{US}:{STACK[1]}>"),
        ("X-Switchhook-Leg", "t0k3n"),
        *more.items(),
    ]
    return found


def answered(to: Message, status: int, contact: str = f"<sip:switchhook@{US}:{STACK[1]}>") -> Message:
    found = answer(to, status, to_tag="theirs")
    found.headers += [("Record-Route", one) for one in to.all("Record-Route")] + [("Contact", contact)]
    return found


def within(to: Message, method: str, cseq: int = 2, *more: str, body: str = "", **headers: str) -> bytes:
    """A request of the caller within the call that `to`, a response, has made."""
    names = {name: to.get(name) or "" for name in ("From", "To", "Call-ID")}
    fixed: dict[str, Any] = {**{name.replace("-", "_"): value for name, value in names.items()}, **headers}
    return request(method, *more, CSeq=f"{cseq} {method}", body=body, **fixed)


# ---------------------------------------------------------------- anybody


@pytest.mark.parametrize(
    "torture", [one for one in TORTURE if one.answer is not None or one.parsed == 0], ids=lambda t: t.name
)
def test_torture_messages_are_answered_as_they_should_be(torture: Torture) -> None:
    world = World()
    assert world.hear(torture.data) == ([torture.answer] if torture.answer else [])
    assert not world.inside


@pytest.mark.parametrize("name", ["esc01", "longreq", "sdp01", "inv2543"])
def test_torture_messages_that_are_calls_go_to_the_stack(name: str) -> None:
    world = World()
    (torture,) = [one for one in TORTURE if one.name == name]
    assert world.hear(torture.data) == [100]
    (found,) = world.inside
    assert found.body == SDP.encode()
    assert found.uri.endswith(f"@{US}:{STACK[1]}")
    assert found.get("Max-Forwards") == str(int(parse(torture.data).get("Max-Forwards") or 70) - 1)


@given(st.lists(st.tuples(spoiled(), st.sampled_from([LAN, TRUNK, STRANGER, HOME])), max_size=6))
def test_no_message_breaks_the_rules(messages: list[tuple[bytes, Flow]]) -> None:
    world = World()
    world.registers()
    for data, flow in messages:
        world.proxy.from_outside(data, flow)
        for found in world.inside:
            assert found.get("X-Switchhook-User") is None
            assert len(found.all("Via")) >= 1
        world.proxy.from_inside(data)


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_header_that_must_be_there_and_says_nothing_is_none(name: str) -> None:
    world = World()
    told = world.hear(request("X", **{name.replace("-", "_"): ""}))  # type: ignore[arg-type]
    assert told == (
        [] if name in {"Via", "CSeq"} else [400]
    )  # without these two nobody knows where to, or what


def test_who_is_not_allowed_is_not_heard_when_nobody_has_a_password() -> None:
    world = World(passwords={})
    assert world.hear(invite(), STRANGER) == []
    assert world.hear(request("OPTIONS"), STRANGER) == []
    assert world.hear(request("OPTIONS"), LAN) == [200]
    assert world.hear(request("OPTIONS"), TRUNK) == [200]


def test_a_stranger_must_say_a_password_before_anybody_hears_of_him() -> None:
    world = World()
    assert world.hear(invite(), STRANGER) == [407]
    assert not world.inside


@pytest.mark.parametrize("sender", ["camille@192.0.2.1", "camille@elsewhere.example"])
def test_who_claims_to_be_a_user_with_a_password_must_prove_it_wherever_he_is(sender: str) -> None:
    world = World()
    assert world.hear(invite(From=f"<sip:{sender}>;tag=x"), LAN) == [407]
    assert world.hear(invite(From=f"<sip:{sender}>;tag=y"), TRUNK) == [100]  # somebody else's camille


def test_a_telephone_with_an_address_must_prove_it_too_when_its_user_has_a_password() -> None:
    world = World(guarded=("sip:lea@10.0.0.8:5060",))
    lea = {"From": "<sip:lea@acme.example>;tag=x", "Contact": "<sip:lea@10.0.0.8>"}
    assert world.hear(invite(**lea)) == [407]
    assert World().hear(invite(**lea)) == [100]


def proven(world: World, user: str = "camille", sender: str = "camille", flow: Flow = STRANGER) -> list[int]:
    ours = Credentials(user, "s3cret")
    sent = {"From": f"<sip:{sender}@{US}>;tag=x"}
    world.hear(invite(**sent), flow)
    challenges = world.out[-1][1].lines("Proxy-Authenticate")
    proof = ours.answer(challenges, "INVITE", f"sip:+33112345678@{US}", "c")
    asked = "P-Asserted-Identity: <sip:+33999@x>"
    again = invite(f"Proxy-Authorization: {proof}", asked, CSeq="10 INVITE", **sent)
    return world.hear(again, flow)


def test_who_proves_to_be_a_user_calls_as_that_user_and_nobody_else() -> None:
    world = World()
    assert proven(world) == [100]
    (found,) = world.inside
    assert found.get("X-Switchhook-User") == "sip:camille@registered"
    assert found.get("Proxy-Authorization") is None
    assert found.get("P-Asserted-Identity") is None
    assert proven(World(), sender="lea") == [403]
    assert proven(World(), user="lea", sender="lea") == [407]


def test_what_only_we_may_say_to_the_stack_nobody_else_does() -> None:
    world = World()
    world.hear(
        invite("X-Switchhook-User: sip:camille@registered", "x-switchhook-leg: mine", "Route: <sip:evil;lr>")
    )
    (found,) = world.inside
    assert found.get("X-Switchhook-User") is None
    assert found.all("X-Switchhook-Leg") != ["mine"]
    assert len(found.all("X-Switchhook-Leg")) == 1
    assert not found.all("Route")


async def test_a_guesser_and_a_scanner_hear_nothing_more() -> None:
    world = World()
    for n in range(FAILURES):
        world.hear(register(Call_ID=f"a{n}"), STRANGER)
        proof = Credentials("camille", "wrong").answer(
            world.out[-1][1].lines("WWW-Authenticate"), "REGISTER", f"sip:{US}", "c"
        )
        told = world.hear(register(proof, Call_ID=f"a{n}"), STRANGER)
    assert told == []
    assert world.hear(request("OPTIONS"), STRANGER) == []
    other = Flow(UDP, "203.0.113.77", 5060)
    assert world.hear(request("OPTIONS", "User-Agent: friendly-scanner"), other) == []
    assert world.hear(request("OPTIONS"), other) == []
    await world.clock.advance(601)
    assert world.hear(request("OPTIONS"), STRANGER) == [200]


def test_whoever_is_believed_is_never_banned() -> None:
    world = World()
    for n in range(FAILURES * 3):
        assert world.hear(register("Digest username=x, realm=switchhook", Call_ID=f"a{n}"), LAN) == [401]
    assert world.hear(invite(), LAN) == [100]


# ---------------------------------------------------------------- registrations


def test_a_telephone_registers_and_is_rung_through_its_connection() -> None:
    world = World()
    world.registers()
    sent = world.dialled("sip:camille@registered", **{"P-Asserted-Identity": f"<sip:+33612345678@{US}>"})
    assert sent is not None
    flow = world.out[-1][0]
    assert (flow, sent.uri) == (HOME, "sip:camille@192.168.1.5:5061;transport=tls")
    assert sent.get("Contact") == f"<sip:switchhook@{US}:5061;transport=tls>"
    assert sent.get("To") == "<sip:camille@192.168.1.5:5061;transport=tls>"
    assert sent.get("From") == f"<sip:+33612345678@{US}>;tag=mine"
    assert sent.get("X-Switchhook-Leg") is None
    assert sent.all("Via")[0].startswith(f"SIP/2.0/TLS {US}:5061;branch=z9hG4bK")


def test_a_registration_that_is_sent_again_has_the_same_answer() -> None:
    world = World()
    world.registers()
    proof = Credentials("camille", "s3cret").answer(
        world.doorman._guard.challenges(world.clock.now() // 1000, LAN.host), "REGISTER", f"sip:{US}", "c"
    )
    again = register(proof, Call_ID="again")
    assert world.hear(again) == [200]
    assert world.hear(again) == [200]
    assert len(world.registrar.all(world.clock.now())) == 2
    assert world.hear(register(proof, Call_ID="another")) == [401]  # the same proof for something else


def test_nobody_registers_for_somebody_else() -> None:
    world = World(passwords={"camille": "s3cret", "lea": "x"})
    world.hear(register(), STRANGER)
    challenges = world.out[-1][1].lines("WWW-Authenticate")
    proof = Credentials("camille", "s3cret").answer(challenges, "REGISTER", f"sip:{US}", "c")
    assert world.hear(register(proof, To=f"<sip:lea@{US}>"), STRANGER) == [403]
    assert world.registrar.all(world.clock.now()) == []


async def test_who_has_not_registered_or_no_longer_is_away() -> None:
    world = World()
    assert world.dialled("sip:camille@registered") is None
    assert world.inside[-1].status == 480
    world.registers()
    await world.clock.advance(3_601)
    assert world.dialled("sip:camille@registered") is None


def test_every_telephone_of_a_user_rings_and_who_is_away_does_not() -> None:
    world, now = World(), 1
    plan = Ring(("sip:camille@registered", "sip:lea@10.0.0.8"), 20, Ring(("sip:camille@registered",)))
    assert spread(plan, world.registrar, now) == Ring(("sip:lea@10.0.0.8",), 20, Ring(()))
    world.registers()
    world.registers(LAN, "<sip:camille@10.0.0.8>")
    both = spread(plan, world.registrar, world.clock.now())
    assert both.targets == (
        "sip:camille@registered;line=1",
        "sip:camille@registered;line=2",
        "sip:lea@10.0.0.8",
    )
    assert both.otherwise.targets == both.targets[:2]
    assert spread(Mailbox("x"), world.registrar, now) == Mailbox("x")
    assert world.dialled(both.targets[1]) is not None
    assert world.out[-1][0] == LAN


# ---------------------------------------------------------------- a call that comes in


def test_nobody_hears_that_it_rings_until_it_does() -> None:
    world = World()
    token, found = world.invited()
    assert world.say(answered(found, 180)) is None
    world.proxy.ring(token)
    world.proxy.ring(token)
    assert [message.status for _, message in world.out] == [100, 180]
    assert world.say(answered(found, 180)) is not None


@pytest.mark.parametrize(("wanted", "told"), [(403, 403), (404, 404), (603, 603), (0, 486)])
def test_a_refusal_has_the_status_that_the_line_wants(wanted: int, told: int) -> None:
    world = World()
    token, found = world.invited()
    if wanted:
        world.proxy.refuse(token, wanted)
    sent = world.say(answered(found, 486))
    assert sent is not None
    assert sent[1].status == told


def test_a_cancelled_call_is_487_whatever_was_wanted() -> None:
    world = World()
    token, found = world.invited()
    world.proxy.refuse(token, 404)
    sent = world.say(answered(found, 487))
    assert sent is not None
    assert sent[1].status == 487


def test_a_call_goes_through_both_ways_and_neither_end_sees_the_other_side() -> None:
    world = World()
    _, found = world.invited(Flow(UDP, LAN.host, 40_123), Via="SIP/2.0/UDP 10.0.0.8;branch=z9hG4bKa;rport")
    assert found.all("Record-Route") == [f"<sip:{US}:{INSIDE[1]};lr>"]
    sent = world.say(answered(found, 200))
    assert sent is not None
    flow, ok = sent
    assert flow == Flow(UDP, LAN.host, 40_123)
    assert ok.all("Via") == ["SIP/2.0/UDP 10.0.0.8;branch=z9hG4bKa;received=10.0.0.8;rport=40123"]
    assert ok.get("Contact") == f"<sip:switchhook@{US}:5060>"
    assert not ok.all("Record-Route")
    for method in ("ACK", "INVITE", "UPDATE", "NOTIFY", "BYE"):
        assert world.hear(within(ok, method)) == []
        assert (world.inside[-1].method, world.inside[-1].uri) == (method, f"sip:switchhook@{US}:{STACK[1]}")
    bye = Message("BYE", "sip:caller@192.0.2.200")
    bye.headers = [
        ("Via", f"SIP/2.0/UDP {US}:{STACK[1]};branch=z9hG4bKs;rport"),
        ("Route", f"<sip:{US}:{INSIDE[1]};lr>"),
        ("From", ok.get("To") or ""),
        ("To", ok.get("From") or ""),
        ("Call-ID", ok.call_id),
        ("CSeq", "1 BYE"),
    ]
    sent = world.say(bye)
    assert sent is not None
    assert (sent[0].host, sent[1].uri, sent[1].all("Route")) == (LAN.host, "sip:caller@192.0.2.200", [])
    assert world.hear(answer(sent[1], 200).encode()) == []
    assert (world.inside[-1].status, world.inside[-1].all("Via")) == (200, bye.all("Via"))


def test_an_invite_sent_again_its_cancel_and_its_ack_are_one_transaction_to_the_stack() -> None:
    world = World()
    world.invited()
    world.hear(invite())
    names: dict[str, Any] = {"Call_ID": "invite.torture@192.0.2.200"}
    world.hear(request("CANCEL", CSeq="9 CANCEL", **names))
    world.hear(request("ACK", CSeq="9 ACK", To="<sip:user@example.com>;tag=theirs", **names))
    assert [one.method for one in world.inside] == ["INVITE", "INVITE", "CANCEL", "ACK"]
    assert len({one.all("Via")[0] for one in world.inside}) == 1
    assert len({one.get("X-Switchhook-Leg") for one in world.inside[:2]}) == 1
    # Another way of the same request through a proxy is a loop.
    assert world.hear(invite(Via="SIP/2.0/UDP 192.0.2.200;branch=z9hG4bKother")) == [482]


def test_a_call_id_that_is_used_again_after_the_call_is_another_call() -> None:
    world = World()
    token, found = world.invited()
    world.say(answered(found, 486))
    world.hear(invite(CSeq="10 INVITE", Via="SIP/2.0/UDP 192.0.2.200;branch=z9hG4bKnext"))
    assert world.inside[-1].get("X-Switchhook-Leg") not in {None, token}


def test_nobody_speaks_in_a_call_that_is_not_his() -> None:
    world = World()
    _, found = world.invited()
    sent = world.say(answered(found, 200))
    assert sent is not None
    before = len(world.inside)
    assert world.hear(within(sent[1], "BYE"), STRANGER) == [481]
    assert world.hear(within(sent[1], "BYE", Call_ID="other")) == [481]
    assert world.hear(within(sent[1], "BYE", From="<sip:a@b>;tag=x", To="<sip:a@b>;tag=y")) == [481]
    assert world.hear(within(sent[1], "ACK", Call_ID="other")) == []
    assert len(world.inside) == before


async def test_a_call_that_is_over_is_forgotten_after_a_while() -> None:
    world = World()
    token, found = world.invited()
    sent = world.say(answered(found, 200))
    assert sent is not None
    world.proxy.closed(token)
    world.proxy.sweep()
    assert world.hear(within(sent[1], "BYE")) == []  # sent again
    await world.clock.advance(33)
    world.proxy.sweep()
    assert world.hear(within(sent[1], "BYE")) == [481]


async def test_only_what_ends_a_call_that_is_up_waits_for_its_turn() -> None:
    world = World()
    token, found = world.invited()
    sent = world.say(answered(found, 200))
    assert sent is not None
    for method, ending in (("ACK", ""), ("INFO", ""), ("BYE", token)):
        world.hear(within(sent[1], method))
        assert (world.inside[-1].method, world.ending[-1]) == (method, ending)
    world.proxy.closed(token)
    world.hear(within(sent[1], "BYE"))  # sent again: the stack knows what it answered
    assert world.ending[-1] == ""


@pytest.mark.parametrize(
    ("kind", "body", "digits"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", ["5"]),
        ("application/dtmf-relay", "Signal= #\r\nDuration= 160\r\n", ["#"]),
        ("application/dtmf-relay", "signal=10\nduration=1\n", ["*"]),
        ("application/dtmf; charset=x", "7", ["7"]),
        ("application/dtmf", "11\r\n", ["#"]),
        ("application/dtmf", "16", []),  # a flash
        ("application/dtmf", "", []),
    ],
)
def test_keys_by_info_reach_the_line_and_are_answered(kind: str, body: str, digits: list[str]) -> None:
    world = World()
    token, found = world.invited()
    sent = world.say(answered(found, 200))
    assert sent is not None
    before = len(world.inside)
    info = within(sent[1], "INFO", 11, f"Content-Type: {kind}", body=body)
    assert world.hear(info) == [200]
    assert world.hear(info) == [200]  # sent again
    assert world.digits == [(token, digit) for digit in digits]
    assert len(world.inside) == before
    assert (
        world.hear(within(sent[1], "INFO", 12, "Content-Type: application/media_control+xml", body="<x/>"))
        == []
    )
    assert world.inside[-1].method == "INFO"


def test_only_a_telephone_of_ours_may_ask_for_a_transfer() -> None:
    world = World()
    for flow, sender, status in (
        (TRUNK, "<sip:+33612345678@x>;tag=1", [403]),
        (LAN, "<sip:+33612345678@x>;tag=2", [403]),
        (LAN, "<sip:lea@10.0.0.8>;tag=3", []),
    ):
        _, found = world.invited(flow, From=sender, Contact="<sip:lea@10.0.0.8>", Call_ID=sender)
        sent = world.say(answered(found, 200))
        assert sent is not None
        assert world.hear(within(sent[1], "REFER", 11, "Refer-To: <sip:+33999@x>"), flow) == status
    assert proven(world, flow=STRANGER) == [100]
    sent = world.say(answered(world.inside[-1], 200))
    assert sent is not None
    assert world.hear(within(sent[1], "REFER", 11), STRANGER) == []


# ---------------------------------------------------------------- a call that goes out


def test_a_call_to_a_telephone_with_an_address_goes_through_both_ways() -> None:
    world = World()
    sent = world.dialled("sip:lea@10.0.0.8:5060")
    assert sent is not None
    assert (world.out[-1][0], sent.uri, sent.get("To")) == (
        LAN,
        "sip:lea@10.0.0.8:5060",
        "<sip:lea@10.0.0.8:5060>",
    )
    assert str(INSIDE[1]) not in sent.encode().decode().partition("\n")[2].partition("Via:")[0]
    world.hear(answered(sent, 200, "<sip:lea@10.0.0.8:5060>").encode())
    ok = world.inside[-1]
    assert (ok.status, ok.all("Via")) == (200, stack_invite().all("Via"))
    assert ok.all("Record-Route") == [f"<sip:{US}:{INSIDE[1]};lr>"]
    ack = stack_invite(2, "ACK", Route=f"<sip:{US}:{INSIDE[1]};lr>")
    ack.put("CSeq", "1 ACK")
    ack.put("To", ok.get("To") or "")
    ack.uri = (split_address(ok.get("Contact") or "") or ("", ""))[0]
    gone = world.say(ack)
    assert gone is not None
    assert (gone[0], gone[1].uri, tag(gone[1].get("To"))) == (LAN, "sip:lea@10.0.0.8:5060", "theirs")
    # The other end hangs up.
    bye = request("BYE", From=ok.get("To") or "", To=ok.get("From") or "", Call_ID="from-the-stack")
    assert world.hear(bye) == []
    assert (world.inside[-1].method, world.inside[-1].uri) == ("BYE", f"sip:switchhook@{US}:{STACK[1]}")


def test_where_the_stack_wants_to_go_by_itself_nobody_lets_it() -> None:
    world = World()
    assert world.say(stack_invite()) is None
    assert world.inside[-1].status == 403


@pytest.mark.parametrize(
    ("target", "status", "seen"),
    [
        ("sip:lea@10.0.0.8:5060", 401, 403),  # the trunk's password is not for telephones
        ("sip:lea@10.0.0.8:5060", 407, 403),
        (f"sip:+33699@{TRUNK.host}:5060", 407, 407),
        (f"sip:+33699@{TRUNK.host}:5060", 302, 480),  # nobody outside says whom we call
        ("sip:lea@10.0.0.8:5060", 302, 480),
        ("sip:lea@10.0.0.8:5060", 603, 603),
    ],
)
def test_what_a_refusal_may_make_the_stack_do(target: str, status: int, seen: int) -> None:
    world = World()
    sent = world.dialled(target)
    assert sent is not None
    refused = answer(sent, status, ("Proxy-Authenticate", 'Digest realm="x", nonce="y"'), to_tag="t")
    world.hear(refused.encode(), world.out[-1][0])
    found = world.inside[-1]
    assert found.status == seen
    assert (found.get("Proxy-Authenticate") is not None) == (seen == status and status != 403 and seen != 480)


def test_answers_that_nobody_asked_for_go_nowhere() -> None:
    world = World()
    sent = world.dialled("sip:lea@10.0.0.8:5060")
    assert sent is not None
    good = answered(sent, 200)
    for spoil in ("z9hG4bK" + "0" * 24, ""):
        bad = good.copy()
        bad.put(
            "Via",
            bad.all("Via")[0].replace(sent.all("Via")[0].split("branch=")[1].split(";")[0], spoil),
            *bad.all("Via")[1:],
        )
        world.hear(bad.encode())
    more = good.copy()
    more.put("Via", *good.all("Via"), "SIP/2.0/UDP 9.9.9.9")
    world.hear(more.encode())
    assert not world.inside
    world.hear(good.encode())
    assert world.inside[-1].status == 200


def test_what_cannot_be_sent_is_503_to_the_stack() -> None:
    world = World()
    sent = world.dialled("sip:x@192.0.2.77:5061;transport=tls")
    assert sent is not None
    assert world.out[-1][0] == Flow(TLS, "192.0.2.77", 5061)
    world.proxy.unsent(sent.encode())
    assert (world.inside[-1].status, world.inside[-1].all("Via")) == (503, stack_invite().all("Via"))


def test_over_a_connection_nothing_is_sent_twice() -> None:
    world = World()
    world.dialled("sip:x@192.0.2.77:5060;transport=tcp")
    assert world.out[-1][0] == Flow(TCP, "192.0.2.77", 5060)
    assert world.say(stack_invite()) is None
    assert world.say(stack_invite(1, "CANCEL")) is not None

"""Our registration at a trunk: its rules, and a trunk that demands a password, on a real socket."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.telephony.sip import Dial
from switchhook.telephony.sip.edge.account import (
    AGAIN,
    EXPIRES,
    GIVE_UP,
    REGISTERED,
    REGISTERING,
    TrunkAccount,
)
from switchhook.telephony.sip.edge.digest import Guard, Verdict
from switchhook.telephony.sip.edge.message import Message, answer, parse
from switchhook.workspace.facts import EndCause, LegEnded
from tests.telephony.conftest import Open
from tests.telephony.sip_world import OURS, Programs, free_port

USER, PASSWORD = "acme-line", "trunk secret"


class Carrier:
    """What a trunk answers: it asks for a password, and remembers who has it."""

    def __init__(self, password: str = PASSWORD) -> None:
        self.guard = Guard(b"c" * 32, "carrier.example", {USER: password})
        self.requests: list[Message] = []
        self.registered: list[Message] = []
        self.statuses: list[int] = []
        self.invites: list[Message] = []

    def reply(self, data: bytes) -> bytes | None:
        """The answer to a request; none to an ACK, to an answer or to a keep-alive."""
        if not data.strip():
            return None
        request = parse(data)
        if not request.is_request or request.method == "ACK":
            return None
        self.requests.append(request)
        if self.statuses:
            return answer(request, self.statuses.pop(0), to_tag="c").encode()
        status, header = (
            (401, "Authorization") if request.method == "REGISTER" else (407, "Proxy-Authorization")
        )
        verdict, _ = self.guard.check(request.get(header), request.method, request.uri, 1_000, "us")
        if verdict is not Verdict.GOOD:
            asks = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
            challenges = [
                (asks, one) for one in self.guard.challenges(1_000, "us", stale=verdict is Verdict.STALE)
            ]
            return answer(request, status, *challenges, to_tag="c").encode()
        if request.method == "REGISTER":
            self.registered.append(request)
            contact = f"{request.get('Contact')};expires=200"
            return answer(
                request, 200, ("Contact", "<sip:else@where>;expires=9"), ("Contact", contact), to_tag="c"
            ).encode()
        self.invites.append(request)
        return answer(request, 603, to_tag="c").encode()


def account(password: str = PASSWORD, transport: str = "") -> TrunkAccount:
    return TrunkAccount(
        f"198.51.100.7:5060{transport}",
        USER,
        password,
        "<sip:acme-line@192.0.2.1:5060>",
        "SIP/2.0/UDP 192.0.2.1:5060",
    )


def talk(ours: TrunkAccount, carrier: Carrier, now: float) -> int:
    """Carry messages to and fro until nobody has anything more to say; returns how many requests that were."""
    count, data = 0, ours.tick(now)
    while data is not None and count < 20:
        count += 1
        reply = carrier.reply(data)
        data = ours.heard(parse(reply), now) if reply is not None else None
    return count


def test_we_register_with_a_password_and_again_at_half_the_time() -> None:
    ours, carrier = account(), Carrier()
    assert ours.state == REGISTERING
    assert talk(ours, carrier, 0.0) == 2
    assert (ours.state, len(carrier.registered)) == (REGISTERED, 1)
    assert carrier.registered[0].get("Contact") == "<sip:acme-line@192.0.2.1:5060>"
    assert carrier.registered[0].get("Expires") == str(EXPIRES)
    assert ours.tick(99.9) is None
    assert talk(ours, carrier, 100.0) == 2  # it was granted 200 seconds
    assert [one.cseq[0] for one in carrier.requests] == [1, 2, 3, 4]
    assert len({one.call_id for one in carrier.requests}) == 1


def test_a_wrong_password_is_tried_once_and_then_seldom() -> None:
    ours, carrier = account("wrong"), Carrier()
    assert talk(ours, carrier, 0.0) == 2
    assert ours.state == "refused with 401"
    assert ours.tick(AGAIN[-1] - 0.1) is None
    assert talk(ours, carrier, AGAIN[-1]) == 2


@pytest.mark.parametrize("status", [500, 503, 408])
def test_a_trunk_that_is_unwell_is_asked_again_ever_more_seldom(status: int) -> None:
    ours, carrier, now, pauses = account(), Carrier(), 0.0, []
    for pause in AGAIN + AGAIN[-1:]:
        carrier.statuses = [status]
        assert talk(ours, carrier, now) == 1
        assert ours.state == f"refused with {status}"
        assert ours.tick(now + pause - 0.1) is None
        now += pause
        pauses.append(pause)
    assert talk(ours, carrier, now) == 2
    assert ours.state == REGISTERED


def test_what_is_not_answered_is_sent_again_and_given_up() -> None:
    ours, now, sent = account(), 0.0, []
    while now < GIVE_UP + 1:
        data = ours.tick(now)
        if data is not None:
            sent.append((now, data))
        now += 0.5
    assert ours.state == "no answer"
    assert len({data for _, data in sent}) == 1
    assert [at for at, _ in sent[:5]] == [0.0, 0.5, 1.5, 3.5, 7.5]
    over_a_connection = account(transport=";transport=tcp")
    assert over_a_connection.tick(0.0) is not None
    assert over_a_connection.tick(3.0) is None


def test_too_brief_an_interval_is_asked_for_as_the_trunk_wants_it() -> None:
    ours = account()
    first = parse(ours.tick(0.0) or b"")
    again = ours.heard(answer(first, 423, ("Min-Expires", "1800"), to_tag="c"), 0.0)
    assert again is not None
    assert parse(again).get("Expires") == "1800"
    ours.heard(answer(parse(again), 200), 0.0)
    assert (ours.state, ours.tick(899.0), ours.tick(900.0) is None) == (REGISTERED, None, False)


def test_a_connection_that_ends_is_a_reason_to_register_again() -> None:
    ours = account()
    talk(ours, Carrier(), 0.0)
    ours.lost(10.0)
    assert ours.tick(10.0) is None
    assert ours.tick(10.0 + AGAIN[0]) is not None


@given(
    st.lists(
        st.tuples(st.sampled_from([100, 200, 302, 401, 403, 407, 423, 500, 0]), st.floats(0, 400)),
        max_size=30,
    )
)
def test_whatever_the_trunk_answers_it_is_not_flooded(answers: list[tuple[int, float]]) -> None:
    """In one round no more than three requests, and between two that failed never less than the first pause."""
    ours, now, rounds = account(), 0.0, list[float]()
    for status, passed in answers:
        now += passed
        data = ours.tick(now)
        if data is None:
            continue
        rounds.append(now)
        count = 1
        while data is not None and status:
            found = answer(
                parse(data), status, ("WWW-Authenticate", 'Digest realm="a", nonce="b", stale=true')
            )
            data = ours.heard(found, now)
            count += data is not None
        assert count <= 3


class Socket(asyncio.DatagramProtocol):
    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.transport: Any = None
        self.happened = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self.carrier.reply(data)
        if reply is not None:
            self.transport.sendto(reply, addr)
        self.happened.set()

    async def until(self, done: Any) -> None:
        async with asyncio.timeout(30):
            while not done():
                self.happened.clear()
                await self.happened.wait()


@pytest.mark.sip
@pytest.mark.timeout(300)
async def test_a_trunk_that_demands_a_password_has_it_for_registrations_and_calls(
    server: Open, programs: Programs
) -> None:
    carrier = Carrier()
    transport, peer = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Socket(carrier), local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")
    trunk, anna = f"{host}:{port}", free_port()
    s = server(
        Dial((f"sip:+33699000000@{trunk}",), 10, OURS),
        trunk=trunk,
        trunk_register=True,
        username=USER,
        password=PASSWORD,
        users=(f"sip:anna@127.0.0.2:{anna}",),
    )
    try:
        await s.line.start()
        await peer.until(lambda: carrier.registered)
        assert carrier.registered[0].get("Contact") == f"<sip:{USER}@127.0.0.1:{s.port}>"
        async with asyncio.timeout(30):
            while s.line.last is None or s.line.last.health.trunk != REGISTERED:
                await asyncio.sleep(0.05)
        caller = programs.sipp(
            "caller_refused",
            anna,
            (f"127.0.0.1:{s.port}", "-s", "+33699000000", "-i", "127.0.0.2"),
            {"STATUS": "603", "+33612345678": "anna"},
        )
        await programs.succeeds(caller)
        await s.until("ended")
    finally:
        transport.close()
    assert len(carrier.invites) == 1
    ended = next(fact for fact in s.facts if isinstance(fact, LegEnded) and fact.leg != "caller")
    assert ended.cause is EndCause.DECLINED

"""Texts through a carrier over SMPP, on real sockets: another implementation of it, and one that misbehaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import smpp34

from switchhook.clock import ManualClock, SystemClock
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import StorageError
from switchhook.telephony.smpp import carrier as carrying_module
from switchhook.telephony.smpp.carrier import Settings, Smpp
from switchhook.telephony.smpp.letters import Wire, outgoing
from switchhook.telephony.smpp.pdu import Address, Command, Message, Status, frame, message_body
from switchhook.telephony.smpp.session import QUIET, WAIT, Access, LoginRefused, Lost, Session
from switchhook.workspace.messaging import Texts
from switchhook.workspace.text_sender import Sender
from switchhook.workspace.texts import (
    Doubtful,
    Later,
    Outcome,
    Outgoing,
    Progress,
    Refused,
    Taken,
)
from switchhook.workspace.texts import Status as Stage
from tests.telephony.smsc_peer import SmscPeer
from tests.workspace.carrying import MARIE, OURS, WORKSPACE, item, items, settle_in, told, write

TEXT = Outgoing("msg_1", OURS, MARIE, "Hello")
LONG = Outgoing("msg_2", OURS, MARIE, "x" * 400)


class Line:
    """A workspace whose texts go over SMPP to `port`."""

    def __init__(self, store: SqliteStore, port: int, **more: object) -> None:
        self.store = store
        clock = SystemClock()
        access = Access("127.0.0.1", port, "acme", "secret")
        self.carrier = Smpp(Settings(access, rate=1e6, **more), store, clock)  # type: ignore[arg-type]
        self.texts = Texts(store, clock, WORKSPACE, "FR", carrier=self.carrier)
        self.carrier.serve(self.texts)
        self.sender = Sender(store, clock, self.texts, self.carrier)

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(30):
            while not await true():
                await asyncio.sleep(0.01)

    async def up(self) -> None:
        async def true() -> bool:
            return self.carrier.state == "up"

        await self.carrier.attend(ours=True)
        await self.until(true)

    async def status(self, id_: str) -> tuple[str | None, str | None]:
        ((_, _, reason),) = await self.store.read(lambda reader: reader.fetch("text", WORKSPACE, id_))
        return (await item(self.store, id_)).status, reason

    async def until_status(self, id_: str, status: str) -> None:
        async def true() -> bool:
            return (await self.status(id_))[0] == status

        await self.until(true)


@pytest.fixture
async def peer() -> AsyncIterator[SmscPeer]:
    made = SmscPeer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def store(tmp_path: object) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "x.db")  # type: ignore[operator]
    await settle_in(made)
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def a_line(store: SqliteStore, port: int, **more: object) -> AsyncIterator[Line]:
    line = Line(store, port, **more)
    await line.up()
    try:
        yield line
    finally:
        await line.carrier.close()


@pytest.fixture
async def line(store: SqliteStore, peer: SmscPeer) -> AsyncIterator[Line]:
    async with a_line(store, peer.port) as made:
        yield made


def a_receipt(message_id: str, word: str) -> Message:
    return Message(
        source=Address("33612345678", 1, 1),
        destination=Address("33112345678", 1, 1),
        octets=f"id:{message_id} sub:001 dlvrd:001 stat:{word} err:000 text:x".encode(),
        esm_class=4,
    )


def incoming(content: str) -> list[Message]:
    return outgoing(Outgoing("", MARIE, OURS, content), Wire(), 1)


async def test_texts_go_and_come_through_another_implementation(store: SqliteStore) -> None:
    server, port = await _foreign()
    events: asyncio.Queue[object] = asyncio.Queue()

    async def pump() -> None:
        while True:
            await events.put(await server.next())

    pumping = asyncio.create_task(pump())
    try:
        async with a_line(store, port) as line:
            esme = await asyncio.wait_for(events.get(), 30)
            assert isinstance(esme, smpp34.Esme)
            assert esme.system_id == "acme"
            long = "Ça coûte 5 €, n'est-ce pas ? " * 5
            one = await write(store, line.texts, long)
            sending = asyncio.create_task(line.sender.send())
            said = b""
            for number in range(1, 4):
                event = await asyncio.wait_for(events.get(), 30)
                assert isinstance(event, smpp34.SubmitSmEvent)
                assert (event.source_addr, event.destination_addr) == (OURS[1:], MARIE[1:])
                assert (event.source_addr_ton, event.dest_addr_npi, event.data_coding) == (1, 1, 8)
                said += event.short_message[6:]
                event.accept(f"m{number}")
            assert said.decode("utf-16-be") == long
            assert await sending == 1
            assert await line.status(one.id) == ("SENT", None)
            for number in range(1, 4):
                answer = await esme.deliver_sm(
                    OURS[1:],
                    f"id:m{number} sub:001 dlvrd:001 stat:DELIVRD err:000 text:".encode(),
                    source_addr=MARIE[1:],
                    esm_class=4,
                )
                assert answer.is_success
                assert (await line.status(one.id))[0] == ("DELIVERED" if number == 3 else "SENT")
            assert len(await told(store, "sms.sent")) == 1
            answer = await esme.deliver_sm(
                OURS[1:], "Été".encode("utf-16-be"), source_addr=MARIE[1:], source_addr_ton=1, data_coding=8
            )
            assert answer.is_success
            (received,) = await told(store, "sms.received")
            data: Any = received.data
            assert (data.content, data.from_number) == ("Été", MARIE)
    finally:
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
        await server.stop()


async def _foreign() -> tuple[smpp34.Server, int]:
    """A server of the other implementation. It cannot say which port it took, so a free one is found for it."""
    for _ in range(20):
        probe = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
        server = smpp34.Server("127.0.0.1", port, system_id="smsc")
        try:
            await server.start()
        except Exception:  # somebody else took the port meanwhile
            continue
        return server, port
    raise AssertionError("no port is free")


@pytest.mark.parametrize(
    ("how", "outcome", "taken"),
    [
        ("well", Taken("m1", Progress(Stage.SENT)), 1),
        ("nameless", Taken("- msg_1", Progress(Stage.SENT)), 1),
        ("drop", Doubtful("the carrier closed the connection"), 1),
        ("refuse", Refused("the carrier answers invalid destination (0x0000000b)"), 0),
        ("throttle", Later("the carrier answers throttled (0x00000058)"), 0),
    ],
)
async def test_what_an_answer_says_of_a_text(
    peer: SmscPeer, line: Line, how: str, outcome: Outcome, taken: int
) -> None:
    peer.behave = lambda number: how
    found = await line.carrier.submit(TEXT)
    if isinstance(outcome, Doubtful):
        assert isinstance(found, Doubtful)
        assert found.why.startswith(outcome.why)
    else:
        assert found == outcome
    assert (len(peer.submitted), peer.submits) == (taken, 1)


async def test_without_a_connection_nothing_is_sent(peer: SmscPeer, line: Line) -> None:
    await line.carrier.attend(ours=False)
    assert peer.unbound == 1
    assert await line.carrier.submit(TEXT) == Later("the carrier is not connected: standing by")
    assert peer.submits == 0


async def test_an_answer_that_does_not_come_leaves_it_in_doubt(peer: SmscPeer) -> None:
    peer.behave = lambda number: "silent"
    clock = ManualClock()
    session = await a_session(peer, clock)
    (message,) = outgoing(TEXT, Wire(), 0)
    asked = asyncio.create_task(session.ask(Command.SUBMIT_SM, message_body(message)))
    await peer.until(lambda: peer.submits == 1)
    await clock.advance(31)
    with pytest.raises(Lost, match="no answer to submit_sm in 30 s") as lost:
        await asked
    assert lost.value.sent
    await session.close()


async def test_later_parts_are_tried_again_and_a_refused_one_fails_the_text(
    peer: SmscPeer, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying_module, "PART_PAUSE", 0)
    peer.behave = lambda number: "throttle" if number in (1, 2) else "well"
    assert await line.carrier.submit(LONG) == Taken("m1 m2 m3", Progress(Stage.SENT))
    assert peer.submits == 5
    peer.behave = lambda number: "refuse" if number == 6 else "well"
    assert await line.carrier.submit(LONG) == Refused(
        "part 2 of 3: the carrier answers invalid destination (0x0000000b)"
    )
    peer.behave = lambda number: "drop" if number == 8 else "well"
    found = await line.carrier.submit(LONG)
    assert isinstance(found, Doubtful)
    assert found.why.startswith("part 2 of 3: the carrier closed")


async def test_the_parts_of_texts_that_follow_each_other_are_told_apart(peer: SmscPeer, line: Line) -> None:
    for _ in range(2):
        await line.carrier.submit(LONG)
    references = [message.octets[3] for message in peer.submitted]
    assert references[:3] == [references[0]] * 3
    assert references[3:] == [(references[0] + 1) % 256] * 3


async def test_a_receipt_in_the_same_breath_as_the_answer_finds_its_text(
    peer: SmscPeer, store: SqliteStore, line: Line
) -> None:
    one = await write(store, line.texts)
    take = peer._take

    def both(message: Message, answer: Callable[..., bytes], writer: asyncio.StreamWriter) -> bytes:
        return take(message, answer, writer) + frame(
            Command.DELIVER_SM, 77, message_body(a_receipt("m1", "DELIVRD"))
        )

    peer._take = both  # type: ignore[method-assign]
    await line.sender.send()
    assert await peer.answered(77) == Status.OK
    await line.until_status(one.id, "DELIVERED")
    assert len(await told(store, "sms.sent")) == 1


async def test_a_long_text_has_arrived_when_all_of_it_has(
    peer: SmscPeer, store: SqliteStore, line: Line
) -> None:
    one = await write(store, line.texts, "x" * 400)
    peer.behave = lambda number: "silent" if number == 2 else "well"
    sending = asyncio.create_task(line.sender.send())
    await peer.until(lambda: peer.submits == 3)
    for part in ("m1", "m2"):  # the third one is under way: what arrived is not the text
        assert await peer.answered(await peer.deliver(a_receipt(part, "DELIVRD"))) == Status.OK
    assert (await line.status(one.id))[0] == "PENDING"
    await peer.hang_up()
    await sending
    assert (await line.status(one.id))[0] == "PENDING"  # in doubt


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["DELIVRD", "DELIVRD", "DELIVRD"], ("DELIVERED", None)),
        (["DELIVRD", "ACCEPTD", "DELIVRD"], ("SENT", None)),
        (["DELIVRD", "UNDELIV", "DELIVRD"], ("FAILED", "UNDELIV")),
        (["UNDELIV", "DELIVRD", "DELIVRD"], ("FAILED", "UNDELIV")),
    ],
)
async def test_receipts_of_parts_make_the_state_of_the_text(
    peer: SmscPeer, store: SqliteStore, line: Line, words: list[str], end: tuple[str, str | None]
) -> None:
    one = await write(store, line.texts, "x" * 400)
    await line.sender.send()
    for number, word in enumerate(words, 1):
        for _ in range(2):  # and each of them twice
            assert await peer.answered(await peer.deliver(a_receipt(f"m{number}", word))) == Status.OK
    assert await line.status(one.id) == end
    left = await store.read(lambda reader: reader.fetch("text_parts", WORKSPACE, one.id))
    assert (left == []) == (end[0] in ("DELIVERED", "FAILED"))


async def test_receipts_may_spell_ids_in_decimal(peer: SmscPeer, store: SqliteStore) -> None:
    async with a_line(store, peer.port, decimal_receipts=True) as line:
        peer._take = lambda message, answer, writer: answer(b"1A2B\0")  # type: ignore[method-assign]
        one = await write(store, line.texts)
        await line.sender.send()
        await peer.answered(await peer.deliver(a_receipt(str(0x1A2B), "DELIVRD")))
        assert (await line.status(one.id))[0] == "DELIVERED"


async def test_what_it_can_be_asked_it_is_asked(peer: SmscPeer, store: SqliteStore, line: Line) -> None:
    assert await line.carrier.ask(TEXT, 0, "m1") == ()
    assert await line.carrier.ask(TEXT, 0, None) == ()
    async with a_line(store, peer.port, query=True) as asking:
        assert await asking.carrier.ask(TEXT, 0, "m1 m2") == [Taken("m1 m2", Progress(Stage.DELIVERED))]
        peer.query_state = 7
        assert await asking.carrier.ask(TEXT, 0, "m1") == ()


async def test_a_text_that_comes_in_is_answered_when_it_is_durable(
    peer: SmscPeer, store: SqliteStore, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying_module, "AFTER_ERROR", 0)
    run, failures = store.run, iter([True, True])

    async def failing(work: object) -> object:
        if next(failures, False):
            raise StorageError("the disk is full")
        assert not peer.answers
        return await run(work)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "run", failing)
    (message,) = incoming("Good morning")
    assert await peer.answered(await peer.deliver(message)) == Status.OK
    assert [one.content for one in await items(store)] == ["Good morning"]


async def test_texts_keep_their_order_and_a_data_sm_is_one(
    peer: SmscPeer, store: SqliteStore, line: Line
) -> None:
    for number in range(20):
        last = await peer.deliver(incoming(f"{number}")[0])
    await peer.answered(last)
    assert [one.content for one in await items(store)] == [f"{number}" for number in range(20)]
    body = b"\0\1\1336\0\1\1331\0\0\0\0" + b"\x04\x24\x00\x02hi"
    assert await peer.answered(await peer.send(Command.DATA_SM, body)) == Status.OK
    assert (await items(store))[-1].content == "hi"


async def test_nonsense_is_refused_and_the_connection_stays(peer: SmscPeer, line: Line) -> None:
    number = await peer.send(Command.DELIVER_SM, b"\0")
    assert await peer.answered(number) == Status.INVALID_LENGTH
    number = await peer.send(0x00001234)
    assert await peer.answered(number) == Status.INVALID_COMMAND
    await peer.send(0x80000004, b"", 999)  # an answer to nothing
    assert await line.carrier.submit(TEXT) == Taken("m1", Progress(Stage.SENT))
    number = await peer.send(Command.ENQUIRE_LINK)
    assert await peer.answered(number) == Status.OK


async def test_it_connects_again_after_whatever_ends_a_connection(
    peer: SmscPeer, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying_module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(carrying_module, "LONGEST_PAUSE", 0.01)
    endings: list[Callable[[], Awaitable[object]]] = [
        peer.hang_up,
        lambda: peer.send(Command.UNBIND),
        lambda: peer.raw(b"\xff" * 16),
    ]
    for times, end in enumerate(endings, 2):
        await end()
        await peer.until_bound(times)
        await line.up()
        assert isinstance(await line.carrier.submit(TEXT), Taken)


async def test_separate_connections_send_and_receive(peer: SmscPeer, store: SqliteStore) -> None:
    async with a_line(store, peer.port, separate=True) as line:
        assert [command for command, _ in peer.binds] == [Command.BIND_TRANSMITTER, Command.BIND_RECEIVER]
        assert isinstance(await line.carrier.submit(TEXT), Taken)
        assert await peer.answered(await peer.deliver(incoming("hi")[0])) == Status.OK
    assert peer.unbound == 2


async def a_session(peer: SmscPeer, clock: ManualClock, take: Status = Status.OK) -> Session:
    async def taken(_: Message) -> Status:
        return take

    session = Session(Access("127.0.0.1", peer.port, "acme", "secret"), "transceiver", clock, taken)
    await session.open()
    return session


async def test_a_carrier_that_is_silent_is_asked_and_then_given_up(peer: SmscPeer) -> None:
    clock = ManualClock()
    session = await a_session(peer, clock)
    await clock.advance(QUIET + 1)
    for _ in range(3):  # it answers, over a real socket: that takes as long as it takes
        number = await peer.send(Command.ENQUIRE_LINK)
        await peer.answered(number)
        assert not session.over.is_set()
    peer.alive = False
    await clock.advance(QUIET + 1)
    await clock.advance(WAIT + 1)
    async with asyncio.timeout(30):
        await session.over.wait()
    assert session.why == "the carrier is silent: no answer to enquire_link in 10 s"
    await session.close()


async def test_a_wrong_login_is_told_apart_and_names_the_fix_without_the_password(peer: SmscPeer) -> None:
    peer.bind_status = Status.INVALID_PASSWORD
    with pytest.raises(LoginRefused, match="check system_id, password") as refused:
        await a_session(peer, ManualClock())
    assert "secret" not in str(refused.value)
    peer.bind_status = Status.SYSTEM_ERROR
    with pytest.raises(Lost, match="system error"):
        await a_session(peer, ManualClock())
    await peer.stop()
    with pytest.raises(Lost, match="cannot reach"):
        await a_session(peer, ManualClock())


async def test_who_is_not_there_is_shown(store: SqliteStore, peer: SmscPeer) -> None:
    peer.bind_status = Status.INVALID_PASSWORD
    line = Line(store, peer.port)
    await line.carrier.attend(ours=True)
    await line.until(lambda: _said(line, "invalid password"))
    await line.carrier.close()
    assert line.carrier.state == "standing by"


async def _said(line: Line, words: str) -> bool:
    return words in line.carrier.state

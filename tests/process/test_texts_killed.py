"""kill -9 of a server while texts go and come: none is sent twice, none that was answered is lost or told twice."""

import asyncio
import json
import random
import sqlite3
from pathlib import Path
from urllib.error import URLError

import pytest

from bench.serving import Server
from switchhook.telephony.smpp.letters import Wire, outgoing
from switchhook.telephony.smpp.pdu import Message, Status
from switchhook.workspace.texts import Outgoing
from tests.telephony.smsc_peer import SmscPeer

pytestmark = pytest.mark.process

OURS = "+33112345678"
KILLS, EACH = 3, 40
UNDER_WAY = 16  # texts that a process hands over at a time


def contact(number: int) -> str:
    return f"+3361234{number:04d}"


def coming(number: int) -> Message:
    (message,) = outgoing(Outgoing("", contact(number), OURS, f"in {number}"), Wire(), 0)
    return message


def serve(folder: Path, port: int) -> Server:
    return Server(
        folder / "data",
        texts_carrier="smpp",
        texts_smpp=json.dumps({"host": "127.0.0.1", "port": port, "system_id": "acme"}),
        texts_password="secret",
        texts_rate=1000,
        numbers=json.dumps([{"number": OURS}]),
    )


def send(server: Server, numbers: range) -> list[str]:
    """Write texts until the server is gone; those that it took."""
    taken = []
    for number in numbers:
        said = f"out {number}"
        try:
            server.call("POST", "/v1/api/sms", {"from": OURS, "to": contact(number), "message": said})
        except (URLError, OSError):
            break
        taken.append(said)
    return taken


async def bring(peer: SmscPeer, waiting: list[Message]) -> list[Message]:
    """Bring texts over this connection; those that are to come again over the next, as carriers do it."""
    given: dict[int, Message] = {}
    for message in waiting:
        try:
            given[await peer.deliver(message)] = message
        except (OSError, IndexError):
            break  # the server is gone

    def answered() -> set[int]:
        return {number for number, status in peer.answers if status == Status.OK}

    await peer.until(lambda: not peer.connected or answered() >= set(given))
    left = [message for number, message in given.items() if number not in answered()]
    return left + waiting[len(given) :]


async def test_killed_again_and_again_no_text_is_sent_twice_and_none_that_came_is_lost(
    tmp_path: Path,
) -> None:
    dice = random.Random(7)
    peer = SmscPeer()
    await peer.start()
    taken: list[str] = []
    waiting: list[Message] = []
    server = None
    try:
        for turn in range(KILLS + 1):
            binds = len(peer.binds)
            server = await asyncio.to_thread(serve, tmp_path, peer.port)
            await peer.until_bound(binds + 1)
            numbers = range(turn * EACH, (turn + 1) * EACH)
            waiting += map(coming, numbers)
            bringing = asyncio.create_task(bring(peer, waiting))
            sending = asyncio.create_task(asyncio.to_thread(send, server, numbers))
            if turn < KILLS:
                goal = peer.submits + dice.randrange(3, EACH // 2)
                await peer.until(lambda goal=goal: peer.submits >= goal)  # type: ignore[misc]
                await asyncio.to_thread(server.kill)
            waiting = await bringing
            taken += await sending
        assert waiting == []
        assert server is not None
        last = f"out {(KILLS + 1) * EACH - 1}"
        await peer.until(lambda: any(message.octets == last.encode() for message in peer.submitted))
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        if server is not None and server.child.poll() is None:
            server.kill()
        await peer.stop()
    sent = [message.octets.decode() for message in peer.submitted]
    assert len(sent) == len(set(sent))
    doubtful = set(taken) - set(sent)
    assert len(doubtful) <= KILLS * UNDER_WAY
    with sqlite3.connect(tmp_path / "data" / "switchhook.db") as database:
        rows = database.execute("SELECT direction, content, status FROM items").fetchall()
    database.close()
    assert sorted(content for direction, content, _ in rows if direction == "INBOUND") == sorted(
        f"in {number}" for number in range((KILLS + 1) * EACH)
    )
    states = {content: status for direction, content, status in rows if direction == "OUTBOUND"}
    assert set(taken) <= set(states)
    assert set(sent) <= set(states)
    assert {states[said] for said in doubtful} <= {"PENDING"}  # asked about in a minute, and never sent again

"""What `switchhook doctor` says of a carrier over SMPP."""

import json
from collections.abc import AsyncIterator

import pytest

from switchhook.clock import SystemClock
from switchhook.findings.smpp import examine_smpp
from switchhook.settings.config import load
from switchhook.telephony.smpp.pdu import Command, Status
from tests.telephony.smsc_peer import SmscPeer


@pytest.fixture
async def peer() -> AsyncIterator[SmscPeer]:
    made = SmscPeer()
    await made.start()
    yield made
    await made.stop()


async def said(peer: SmscPeer) -> tuple[str, str]:
    settings = {"host": "127.0.0.1", "port": peer.port, "system_id": "acme"}
    given = {"texts_carrier": "smpp", "texts_smpp": json.dumps(settings), "texts_password": "sesame"}
    (found,) = [one async for one in examine_smpp(load(given, {}), SystemClock())]
    assert "sesame" not in f"{found.found} {found.advice}"
    assert (found.state == "ok") == (found.advice == "")
    return found.state, found.found


async def test_a_carrier_that_lets_us_in_is_left_as_it_was(peer: SmscPeer) -> None:
    assert await said(peer) == ("ok", f"127.0.0.1:{peer.port} lets 'acme' in")
    assert [command for command, _ in peer.binds] == [Command.BIND_TRANSMITTER]
    assert (peer.submits, peer.unbound) == (0, 1)


async def test_one_that_allows_no_second_connection_is_well(peer: SmscPeer) -> None:
    peer.bind_status = Status.ALREADY_BOUND
    state, found = await said(peer)
    assert (state, "no second connection" in found) == ("ok", True)


async def test_one_that_refuses_us_and_one_that_is_not_there(peer: SmscPeer) -> None:
    peer.bind_status = Status.INVALID_PASSWORD
    state, found = await said(peer)
    assert (state, "check system_id" in found) == ("error", True)
    await peer.stop()
    state, found = await said(peer)
    assert (state, "cannot reach" in found) == ("error", True)


async def test_without_one_there_is_nothing_to_say() -> None:
    assert [one async for one in examine_smpp(load({}, {}), SystemClock())] == []

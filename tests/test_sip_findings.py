"""What `switchhook doctor` says of the SIP line and its trunk; of a line that runs see `test_trial_calls`."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from switchhook.clock import SystemClock
from switchhook.findings.installation import Finding
from switchhook.findings.sip import examine_sip
from switchhook.settings.config import load
from tests.ports import free_port


@contextmanager
def listening(answer: bytes = b"") -> Iterator[int]:
    """Somebody at a UDP port, who gives each datagram that answer and the headers it must echo, or none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))

        def answers() -> None:
            while True:
                request, sender = ours.recvfrom(65_536)
                if request == b"end":
                    return
                if answer:
                    head = [
                        line
                        for line in request.split(b"\r\n")
                        if line[:3] in (b"Via", b"Fro", b"To:", b"Cal", b"CSe")
                    ]
                    ours.sendto(b"\r\n".join([answer, *head, b"Content-Length: 0", b"", b""]), sender)

        thread = threading.Thread(target=answers, daemon=True)
        thread.start()
        yield ours.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", ours.getsockname())
        thread.join()


async def found(tmp_path: Path, line: int, trunk: str = "") -> list[Finding]:
    config = load({"data": str(tmp_path), "sip_listen": f"127.0.0.1:{line}", "sip_trunk": trunk or None})
    return [one async for one in examine_sip(config, SystemClock())]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for long."""
    monkeypatch.setattr("switchhook.findings.sip.SECONDS", 0.2)


async def test_a_line_and_a_trunk_that_answer(tmp_path: Path) -> None:
    with listening(b"SIP/2.0 200 OK") as line, listening(b"SIP/2.0 403 Who are you") as trunk:
        ours, theirs = await found(tmp_path, line, f"localhost:{trunk}")
    assert (ours.what, ours.state, ours.found) == ("SIP line", "ok", f"127.0.0.1:{line} answers: 200 OK")
    assert (theirs.what, theirs.state) == ("SIP trunk", "ok")  # it is there, whatever it says to strangers
    assert "403 Who are you" in theirs.found


async def test_what_answers_no_sip(tmp_path: Path, silent: None) -> None:
    with listening() as line, listening(b"hello") as trunk:
        ours, theirs = await found(tmp_path, line, f"127.0.0.1:{trunk}")
    assert (ours.state, theirs.state) == ("error", "warning")
    assert "[sip] allow" in ours.advice
    assert "ask the operator" in theirs.advice


async def test_nobody_is_there(tmp_path: Path) -> None:
    with closing(socket.socket()) as tcp:
        tcp.bind(("127.0.0.1", 0))  # and does not listen
        free, closed = free_port(), tcp.getsockname()[1]
        (theirs,) = await found(tmp_path, free, f"127.0.0.1:{free}")
        assert (theirs.state, "nothing listens" in theirs.found) == ("error", True)
        (theirs,) = await found(tmp_path, free, f"127.0.0.1:{closed};transport=tcp")
        assert theirs.state == "error"
        (theirs,) = await found(tmp_path, free, "nobody.invalid:5060")
        assert (theirs.state, "nobody.invalid is not found" in theirs.found) == ("error", True)
        with socket.create_server(("127.0.0.1", 0)) as door:
            (theirs,) = await found(tmp_path, free, f"127.0.0.1:{door.getsockname()[1]};transport=tcp")
        assert theirs.state == "ok"


async def test_without_a_line_nothing_is_asked(tmp_path: Path) -> None:
    assert [one async for one in examine_sip(load({"data": str(tmp_path)}), SystemClock())] == []

"""Sound that is not plain G.711: Opus and encrypted calls over the real line, and what is on the wire of one."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import os
import re
import socket
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from switchhook.telephony.sip import Mailbox, Ring, SipConfig
from tests.telephony.conftest import Open
from tests.telephony.sip_world import OURS, PATIENCE, Programs, free_port, power, tone_ulaw, tone_wav
from tests.telephony.test_sip_line import keep_part, tracks

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

CALLER_HZ, OUR_HZ = 440.0, 1250.0
SILENCE = {0xFF, 0x7F}  # of PCMU


@pytest.mark.parametrize(
    ("ours", "phone"),
    [
        ({"codecs": ("opus", "pcmu")}, ("--codecs", "opus")),
        ({"srtp": "offer"}, ("--srtp", "offer")),
    ],
    ids=["opus", "srtp"],
)
async def test_a_telephone_talks_to_a_plain_trunk_and_both_are_recorded(
    server: Open, programs: Programs, tmp_path: Path, ours: dict[str, object], phone: tuple[str, str]
) -> None:
    speech = str(tone_wav(tmp_path / "a.wav", OUR_HZ))
    s = server(Ring((programs.phone("--answer", "0.1", "--say", speech, *phone),), 10), **ours)
    await s.line.start()
    caller = programs.calls(
        s.port, "caller", "-d", "1500", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", CALLER_HZ))
    )
    await keep_part(s.data, tmp_path / "kept.wav")
    await programs.succeeds(caller)
    await s.until("ended")
    assert "answered:leg1" in s.story
    left, right = tracks(tmp_path / "kept.wav")
    assert len(left) == len(right) == round(s.recorded.seconds * 8000)
    assert power(left, CALLER_HZ) > 20 * power(left, OUR_HZ)
    assert power(right, OUR_HZ) > 20 * power(right, CALLER_HZ)
    assert min(power(left, CALLER_HZ), power(right, OUR_HZ)) > 0.05


@pytest.mark.parametrize(("ours", "theirs"), [("require", "off"), ("off", "require")])
async def test_who_requires_encryption_does_not_talk_without(
    server: Open, programs: Programs, tmp_path: Path, ours: str, theirs: str
) -> None:
    phone = programs.phone("--answer", "0.1", "--srtp", theirs)
    s = server(Ring((phone,), 10), srtp=ours, users=(phone,))
    await s.line.start()
    programs.phone("--dial", f"sip:{OURS}@127.0.0.1:{s.port}", "--srtp", ours)
    await s.until("ended")
    assert "leg_ended:leg1=failed" in s.story
    assert "answered:leg1" not in s.story


def derived(key: bytes, salt: bytes, label: int, size: int) -> bytes:
    """A session key of RFC 3711, 4.3, for a key derivation rate of 0."""
    block = (int.from_bytes(salt) ^ label << 48).to_bytes(14) + b"\0\0"
    return Cipher(algorithms.AES(key), modes.CTR(block)).encryptor().update(bytes(size))


def opened(packet: bytes, inline: str) -> bytes:
    """The sound in an SRTP packet of AES_CM_128_HMAC_SHA1_80, whose tag must be right."""
    master = base64.b64decode(inline)
    key, salt = master[:16], master[16:30]
    sequence, _, ssrc = struct.unpack_from(">HII", packet, 2)
    body, tag = packet[:-10], packet[-10:]
    auth = derived(key, salt, 1, 20)
    assert hmac.new(auth, body + bytes(4), hashlib.sha1).digest()[:10] == tag
    start = int.from_bytes(derived(key, salt, 2, 14)) << 16 ^ ssrc << 64 ^ sequence << 16
    cipher = Cipher(algorithms.AES(derived(key, salt, 0, 16)), modes.CTR(start.to_bytes(16)))
    return cipher.encryptor().update(body[12:])


class Wire:
    """A caller made of two sockets, who looks at what is on them."""

    def __init__(self, line: int) -> None:
        self.line = ("127.0.0.1", line)
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind(("127.0.0.1", free_port()))
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", free_port()))
        for one in (self.sip, self.rtp):
            one.settimeout(PATIENCE)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.sip.close()
        self.rtp.close()

    def call(self, proto: str, lines: str, format: int = 0) -> str:
        """Call our number; the SDP of the answer."""
        sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        sdp += f"m=audio {self.rtp.getsockname()[1]} {proto} {format}\r\n{lines}"
        self.send("INVITE", 1, "", sdp)
        while True:
            answer = self.sip.recv(65_535).decode()
            status = int(answer.split(" ")[1]) if answer.startswith("SIP/2.0") else 0
            if status >= 200:
                tag = re.search(r"(?im)^to:.*(;tag=[^;\s]+)", answer)
                assert tag is not None
                self.send("ACK", 1, tag[1], "")
                assert status == 200, answer
                self.tag = tag[1]
                return answer.partition("\r\n\r\n")[2]

    def send(self, method: str, number: int, tag: str, body: str) -> None:
        host, port = self.sip.getsockname()
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.sip.sendto(
            (
                f"{method} sip:{OURS}@127.0.0.1:{self.line[1]} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{method}{number}\r\n"
                f"From: <sip:+33612345678@{host}>;tag=wire\r\nTo: <sip:{OURS}@127.0.0.1>{tag}\r\n"
                f"Call-ID: wire-{port}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n"
                f"Contact: <sip:wire@{host}:{port}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode(),
            self.line,
        )

    def packets(self, count: int) -> list[bytes]:
        return [self.rtp.recv(65_535) for _ in range(count)]


@pytest.mark.parametrize(("srtp", "proto"), [("require", "RTP/SAVP"), ("offer", "RTP/AVP")])
async def test_what_is_on_the_wire_is_encrypted_with_the_keys_of_the_answer(
    server: Open, srtp: str, proto: str
) -> None:
    s = server(Ring((), 0.1, Mailbox()), srtp=srtp)
    await s.line.start()
    key = base64.b64encode(os.urandom(30)).decode()
    with Wire(s.port) as wire:
        asked = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"
        answer = await asyncio.to_thread(wire.call, proto, asked)
        found = re.search(r"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/=]+)", answer)
        assert found is not None, answer
        assert f"{proto} " in answer
        packets = await asyncio.to_thread(wire.packets, 10)
        wire.send("BYE", 2, wire.tag, "")
    # The greeting begins with silence, which nobody could take for random bytes.
    assert {byte for packet in packets for byte in opened(packet, found[1])} <= SILENCE
    assert len({byte for packet in packets for byte in packet[12:-10]}) > 200


async def test_opus_is_offered_and_taken_as_any_opus_is(server: Open) -> None:
    s = server(Ring((), 0.1, Mailbox()), codecs=("opus", "pcma"))
    await s.line.start()
    with Wire(s.port) as wire:
        asked = "a=rtpmap:96 opus/48000/2\r\n"
        answer = await asyncio.to_thread(wire.call, "RTP/AVP", asked, 96)
        assert "a=rtpmap:96 opus/48000/2" in answer
        packets = await asyncio.to_thread(wire.packets, 60)
        wire.send("BYE", 2, wire.tag, "")
    assert {packet[1] & 0x7F for packet in packets} == {96}
    stamps = [int.from_bytes(packet[4:8]) for packet in packets]
    steps = {(later - earlier) % 2**32 for earlier, later in itertools.pairwise(stamps)}
    assert steps == {960}  # 20 ms of the 48 kHz that Opus counts in
    assert max(map(len, packets)) < 12 + 160, "it is packed better than G.711 is"


async def test_a_plain_call_is_plain(server: Open) -> None:
    s = server(Ring((), 0.1, Mailbox()), srtp="offer")
    await s.line.start()
    with Wire(s.port) as wire:
        answer = await asyncio.to_thread(wire.call, "RTP/AVP", "")
        assert "RTP/AVP " in answer
        packets = await asyncio.to_thread(wire.packets, 10)
        wire.send("BYE", 2, wire.tag, "")
    assert {byte for packet in packets for byte in packet[12:]} <= SILENCE


@pytest.mark.parametrize(
    "wrong", [{"codecs": ("g729",)}, {"codecs": ()}, {"codecs": ("opus", "opus")}, {"srtp": "on"}]
)
def test_what_the_stack_does_not_have_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        SipConfig(**wrong).check()  # type: ignore[arg-type]

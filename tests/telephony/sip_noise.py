"""SIP that is broken at random: what a fuzzer sends."""

import random

from tests.telephony.sip_torture import SDP, SDP_TYPE, TORTURE, request

METHODS = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "REGISTER",
    "OPTIONS",
    "INFO",
    "REFER",
    "NOTIFY",
    "UPDATE",
    "PRACK",
    "X",
)
WORDS = (
    b"\r\n", b"\r\n\r\n", b"\0", b"\xff\xfe\xfd", b"%00", b'"', b"<", b">", b";", b",", b"\\", b"9" * 40, b"-1", b" ",
    b"Content-Length: 99999\r\n", b"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\n", b"Max-Forwards: 0\r\n",
    b"Route: <sip:127.0.0.1;lr>\r\n", b"Contact: *\r\n", b"To: <sip:camille@registered>\r\n", b"tag=", b"A" * 3000,
    b"Require: 100rel\r\n", b"Replaces: a;from-tag=b;to-tag=c\r\n", b"Authorization: Digest ", b"SIP/2.0 200 OK\r\n",
)  # fmt: skip


def whole(random_: random.Random, host: str, port: int) -> bytes:
    """A message that is as it should be, or one of the torture messages."""
    if random_.random() < 0.2:
        return random_.choice(TORTURE).data
    method, mark = random_.choice(METHODS), f"{random_.getrandbits(48):x}"
    body, more = (SDP, (SDP_TYPE,)) if random_.random() < 0.5 else ("", ())
    if method == "INFO":
        body, more = "Signal=1\r\n", ("Content-Type: application/dtmf-relay",)
    first = (
        f"SIP/2.0 {random_.choice((100, 180, 200, 302, 401, 486, 603))} X"
        if random_.random() < 0.15
        else None
    )
    return request(
        method,
        *more,
        uri=f"sip:+33{random_.randrange(10**9)}@127.0.0.1",
        first=first,
        body=body,
        Via=f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{mark};rport",
        From=f"<sip:caller@{host}>;tag={mark}",
        Call_ID=f"fuzz-{mark}",
        Contact=f"<sip:caller@{host}:{port}>",
    )


def spoiled(random_: random.Random, data: bytes) -> bytes:
    """The message with some of it broken; one in four stays as it is."""
    if random_.random() < 0.03:
        return random_.randbytes(random_.randrange(1, 1500))
    for _ in range(random_.choice((0, 1, 1, 2, 3, 8))):
        at = random_.randrange(len(data) + 1)
        end = min(len(data), at + random_.randrange(1, 60))
        kind = random_.randrange(5)
        put = (b"", data[at:end] * 2, random_.choice(WORDS), random_.randbytes(2), data[end:at:-1])[kind]
        data = data[:at] + put + data[end if kind in {0, 3} else at :]
    return data[:60_000]

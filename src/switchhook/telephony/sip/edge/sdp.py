"""Where sound goes, as SDP says it (RFC 8866): read, and changed for the way through our sockets. Pure."""

import re
from ipaddress import AddressValueError, IPv4Address

_SOUND = re.compile(rb"m=audio ([0-9]{1,5})(?:/[0-9]+)? ")
_ADDRESS = re.compile(rb"c=IN IP4 ([0-9.]+)")


def _parts(body: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The lines before the sound's, the sound's (the first of them), and those of other media."""
    lines = body.splitlines()
    marks = [number for number, line in enumerate(lines) if line.startswith(b"m=")]
    first = next((number for number in marks if _SOUND.match(lines[number])), len(lines))
    after = next((number for number in marks if number > first), len(lines))
    return lines[:first], lines[first:after], lines[after:]


def sound_at(body: bytes) -> tuple[str, int] | None:
    """The address and port that sound is wanted at; None when it is wanted nowhere, or not over IPv4."""
    before, sound, _ = _parts(body)
    if not sound:
        return None
    session = []
    for line in before:
        if line.startswith(b"m="):
            break
        session.append(line)
    found = [match for line in (*sound, *session) if (match := _ADDRESS.match(line))]
    first = _SOUND.match(sound[0])
    port = int(first.group(1)) if first else 0
    if not found or not 0 < port < 65_535:
        return None
    try:
        host = IPv4Address(found[0].group(1).decode())
    except AddressValueError:
        return None
    return None if host.is_unspecified else (str(host), port)


def moved(body: bytes, host: str, port: int) -> bytes:
    """The same with sound wanted there instead; RTCP on the next port, as is usual."""
    before, sound, after = _parts(body)
    if not sound:
        return body
    kept = [line for line in sound[1:] if not line.startswith((b"c=", b"a=rtcp:"))]
    titles = [line for line in kept if line.startswith(b"i=")]
    others = [line for line in kept if not line.startswith(b"i=")]
    first = _SOUND.sub(b"m=audio %d " % port, sound[0], count=1)
    address = b"c=IN IP4 " + host.encode()
    return b"".join(line + b"\r\n" for line in (*before, first, *titles, address, *others, *after))

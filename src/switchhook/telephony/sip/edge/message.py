"""SIP messages as they travel: read from bytes, changed by name, written back (RFC 3261, 7 and 25).

Pure, and bounded: whatever the bytes, `parse` answers with a message or with `Malformed`. What is written back was
taken apart before, so that nothing hides between two readings of the same bytes: one line is one header.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_BYTES = 65_535
MAX_HEADERS = 200
MAX_LINE = 8_192

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+").fullmatch
_DIGITS = re.compile(r"[0-9]{1,20}").fullmatch
# White space and brackets do not belong into a Request-URI, and control characters nowhere.
_URI = re.compile(r"[^\x00-\x20\x7f<>\"]+").fullmatch
_BAD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_PAIR = re.compile(r"\\[^\r\n]")  # in quotes a backslash allows for any character
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:").match

SCHEMES = ("sip:", "sips:", "tel:")

_COMPACT = {
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "l": "Content-Length",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "k": "Supported",
    "s": "Subject",
    "r": "Refer-To",
    "b": "Referred-By",
    "o": "Event",
    "u": "Allow-Events",
    "a": "Accept-Contact",
    "j": "Reject-Contact",
    "d": "Request-Disposition",
    "x": "Session-Expires",
}
_ONCE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")
_MUST = ("via", "from", "to", "call-id", "cseq")

REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    488: "Not Acceptable Here",
    489: "Bad Event",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
    603: "Decline",
}


class Malformed(ValueError):
    """These bytes are no message that can be used.

    `status` is what a request of this kind is answered with, and `message` what could be read of it, if that is enough
    to answer at all.
    """

    def __init__(self, why: str, status: int = 400, message: "Message | None" = None) -> None:
        super().__init__(why)
        self.status = status
        self.message = message


@dataclass
class Message:
    """A request (`method` is not empty) or a response. Headers are in order, their names as they were or spelled out.

    Bytes that are no UTF-8 survive as surrogates, and go out as they came in.
    """

    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        """Whether it asks."""
        return bool(self.method)

    def get(self, name: str) -> str | None:
        """The first header of that name."""
        wanted = name.lower()
        return next((value for known, value in self.headers if known.lower() == wanted), None)

    def all(self, name: str) -> list[str]:
        """Every element of a header that is a list, whether it stands in one line or in many."""
        wanted = name.lower()
        return [
            part for known, value in self.headers if known.lower() == wanted for part in split_list(value)
        ]

    def lines(self, name: str) -> list[str]:
        """Every header of that name, where commas mean something else."""
        wanted = name.lower()
        return [value for known, value in self.headers if known.lower() == wanted]

    def put(self, name: str, *values: str) -> None:
        """Let the header have these values, where it stood, or else at the end; none removes it."""
        wanted = name.lower()
        at = next((i for i, (known, _) in enumerate(self.headers) if known.lower() == wanted), None)
        kept = [(known, value) for known, value in self.headers if known.lower() != wanted]
        at = len(kept) if at is None else at
        kept[at:at] = [(name, value) for value in values]
        self.headers = kept

    def drop(self, *names: str) -> None:
        """Remove these headers."""
        gone = {name.lower() for name in names}
        self.headers = [(name, value) for name, value in self.headers if name.lower() not in gone]

    def push(self, name: str, value: str) -> None:
        """Put a header before all others."""
        self.headers.insert(0, (name, value))

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.get("Call-ID") or ""

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq."""
        words = (self.get("CSeq") or "").split()
        number, method = words if len(words) == 2 else ("", "")
        return (int(number) if _DIGITS(number) else -1), method

    def encode(self) -> bytes:
        """The bytes, with a Content-Length that is so."""
        first = (
            f"{self.method} {self.uri} SIP/2.0" if self.is_request else f"SIP/2.0 {self.status} {self.reason}"
        )
        lines = [first]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() != "content-length"]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body

    def copy(self) -> "Message":
        """One that may be changed while this one stays."""
        return Message(self.method, self.uri, self.status, self.reason, list(self.headers), self.body)


def parse(data: bytes) -> Message:
    """Read one datagram, or one message that a stream's framing has cut out.

    Raises:
        Malformed: it is none.
    """
    if len(data) > MAX_BYTES:
        raise Malformed("too long", 513)
    data = data.lstrip(b"\r\n")
    head, gap, body = data.partition(b"\r\n\r\n")
    if not gap:
        raise Malformed("no empty line after the headers")
    first, *lines = _unfold(head.decode("utf-8", "surrogateescape").split("\r\n"))
    message, wrong = _start(first)
    for line in lines:
        if len(message.headers) >= MAX_HEADERS or len(line) > MAX_LINE:
            raise Malformed("too many headers or too long a one", 513)
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _TOKEN(name):
            wrong = wrong or Malformed("a line that is no header")
            continue
        if _BAD(value) and _BAD(_PAIR.sub("", value)):
            wrong = wrong or Malformed(f"control characters in {name}")
            continue
        message.headers.append((_COMPACT.get(name.lower(), name), value.strip(" \t")))
    message.body = body
    _check(message, wrong)
    return message


def _unfold(lines: list[str]) -> list[str]:
    found: list[list[str]] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and len(found) > 1:
            found[-1].append(line.strip(" \t"))
        else:
            found.append([line])
    return [" ".join(parts) for parts in found]


def _start(line: str) -> tuple[Message, Malformed | None]:
    """The first line; what is wrong with it is told once the headers are known, so that it can be answered.

    Raises:
        Malformed: it is the beginning of neither a request nor a response.
    """
    line = line.rstrip(" \t") if line[:4].upper() != "SIP/" else line
    if len(line) > MAX_LINE or _BAD(line):
        raise Malformed("no first line")
    if line[:4].upper() == "SIP/" and " " in line:
        version, _, rest = line.partition(" ")
        code, _, reason = rest.partition(" ")
        if not (version.upper() == "SIP/2.0" and len(code) == 3 and code.isascii() and code.isdigit()):
            raise Malformed("no status line")
        if not 100 <= int(code) < 700:
            raise Malformed("no SIP status")
        return Message(status=int(code), reason=reason), None
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not _TOKEN(method) or len(method) > 64 or version.strip()[:4].upper() != "SIP/":
        raise Malformed("no request line")
    message = Message(method=method, uri=uri)
    if version.upper() != "SIP/2.0":
        numbers = re.fullmatch(r"[0-9]+\.[0-9]+", version[4:])
        return message, Malformed(f"version {version[:16]!r}", 505 if numbers else 400)
    if not _URI(uri):
        return message, Malformed("the Request-URI")
    scheme = _SCHEME(uri)
    if scheme is None or scheme.group(0).lower() not in SCHEMES:
        return message, Malformed("the scheme of the Request-URI", 416)
    if "?" in uri.rpartition("@")[2]:
        return message, Malformed("headers in the Request-URI")
    return message, None


def _check(message: Message, wrong: Malformed | None) -> None:
    """What every message must have.

    Raises:
        Malformed: it does not. Requests that can be answered say so.
    """
    names = [name.lower() for name, _ in message.headers]
    missing = [name for name in _MUST if name not in names or not message.all(name)]
    twice = [name for name in _ONCE if names.count(name) > 1]
    wrong = wrong or (Malformed(f"no {missing[0]}") if missing else None)
    wrong = wrong or (Malformed(f"{twice[0]} stands there twice") if twice else None)
    for name in twice:
        message.put(name, message.get(name) or "")
    number, method = message.cseq
    if not missing:
        if not 0 <= number < 2**31:
            wrong = wrong or Malformed("CSeq")
        elif message.is_request and method != message.method:
            wrong = wrong or Malformed("CSeq names another method")
        wrong = wrong or _wrong_addresses(message)
    length = message.get("Content-Length")
    if length is not None:
        if not _DIGITS(length):
            wrong = wrong or Malformed("Content-Length")
        elif int(length) > len(message.body):
            wrong = wrong or Malformed("the body is shorter than it says")
        else:
            message.body = message.body[: int(length)]
    hops = message.get("Max-Forwards")
    if hops is not None and not (_DIGITS(hops) and int(hops) <= 255):
        wrong = wrong or Malformed("Max-Forwards")
    if wrong is not None:
        # An answer goes where Via says and is known by CSeq.
        answerable = message.is_request and message.method != "ACK" and not {"via", "cseq"} & set(missing)
        raise Malformed(str(wrong), wrong.status, message if answerable else None)


def _wrong_addresses(message: Message) -> Malformed | None:
    if not all(map(readable_via, message.all("Via"))):
        return Malformed("Via")
    for name in ("From", "To"):
        if not readable_address(message.get(name) or ""):
            return Malformed(name)
    for contact in message.all("Contact"):
        if contact != "*" and not readable_address(contact):
            return Malformed("Contact")
    return None


# Quoted or made of words; a bracketed URI without blanks in it; parameters after it.
_NAME_ADDR = re.compile(
    r"""(?:"(?:[^"\\]|\\.)*"[ \t]*|[^"<>,;@:]*)<([^\x00-\x20<>"]+)>[ \t]*((?:;[^<>]*)?)"""
).fullmatch
_ADDR_SPEC = re.compile(r"([^\x00-\x20<>\",;?]+)[ \t]*((?:;[^<>]*)?)").fullmatch


_VIA = re.compile(
    r"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Za-z0-9.!%*_+`'~-]+)[ \t]+"  # transport
    r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])[ \t]*(?::[ \t]*([0-9]{1,5})[ \t]*)?((?:;.*)?)",  # sent-by, parameters
    re.IGNORECASE,
).fullmatch


def readable_via(value: str) -> re.Match[str] | None:
    """Transport, host, port and parameters of one element of Via; None when it is none."""
    found = _VIA(value)
    return None if found is None or int(found.group(3) or 1) > 65_535 else found


def readable_address(value: str) -> bool:
    """Whether it is a `From`, `To` or one `Contact` as the grammar has it."""
    return split_address(value) is not None


def split_address(value: str) -> tuple[str, str] | None:
    """URI and parameters (`;tag=x`, or nothing) of such a header; None when it is none."""
    found = _NAME_ADDR(value) or _ADDR_SPEC(value)
    if found is None or _SCHEME(found.group(1)) is None:
        return None
    parameters = found.group(2)
    return None if parameters.count('"') % 2 else (found.group(1), parameters)


def split_list(value: str) -> list[str]:
    """The elements of a list with commas; those in quotes and in angle brackets do not count."""
    if "," not in value:
        return [value] if value else []
    parts, begin, quoted, bracket, at = [], 0, False, False, 0
    while at < len(value):
        c = value[at]
        if quoted:
            if c == "\\":
                at += 1
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c == "<":
            bracket = True
        elif c == ">":
            bracket = False
        elif c == "," and not bracket:
            parts.append(value[begin:at].strip())
            begin = at + 1
        at += 1
    parts.append(value[begin:].strip())
    return [part for part in parts if part]


def parameter(text: str, name: str) -> str | None:
    """The value of `;name=value` in `text`; empty when it has none, None when the parameter is not there."""
    for part in _semicolons(text):
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip()
    return None


_PARAMETER = re.compile(r';((?:[^;"]|"(?:[^"\\]|\\.)*")*)')


def _semicolons(text: str) -> Iterable[str]:
    if '"' not in text:
        return text.split(";")[1:]
    return [str(part) for part in _PARAMETER.findall(text)]


def tag(value: str | None) -> str:
    """The tag of a From or To header, empty when it has none."""
    found = split_address(value or "")
    return (parameter(found[1], "tag") or "") if found else ""


def answer(request: Message, status: int, *extra: tuple[str, str], to_tag: str = "") -> Message:
    """A response to `request` (RFC 3261, 8.2.6); `to_tag` is set when there is none yet."""
    reply = Message(status=status, reason=REASONS.get(status, "Refused"))
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        for known, value in request.headers:
            if known.lower() != name.lower():
                continue
            tagged = f"{value};tag={to_tag}" if name == "To" and to_tag and not tag(value) else value
            reply.headers.append((name, tagged))
    reply.headers += extra
    return reply

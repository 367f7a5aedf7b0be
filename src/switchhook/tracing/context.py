"""Which trace something belongs to. Pure.

    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01       (W3C Trace Context, level 1)
                    └─ trace ─────────────────────┘ └─ span ───────┘ └─ 01: sampled

An id of ours has a trace of its own that follows from it, so that it is the same in every process and after every
restart without anybody having written it down.
"""

import os
import re
from hashlib import blake2b

import msgspec

_TRACEPARENT = re.compile(
    r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
).fullmatch
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_BOUND = 1 << 64


class SpanContext(msgspec.Struct, frozen=True):
    """A span as others name it: 16 bytes of its trace, 8 of its own, and whether it is recorded."""

    trace: bytes
    span: bytes
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace.hex()}-{self.span.hex()}-{'01' if self.sampled else '00'}"


def parse_traceparent(text: str) -> SpanContext | None:
    """The context that a `traceparent` names; None when it names none, which is then as if it were not there.

    A later version is read as far as this one goes, as its specification asks for.
    """
    found = _TRACEPARENT(text)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    context = SpanContext(bytes.fromhex(trace), bytes.fromhex(span), bool(int(flags, 16) & 1))
    return None if context.trace == _NO_TRACE or context.span == _NO_SPAN else context


def trace_of(id_: str) -> bytes:
    """The trace of an id of ours. Ids made one after the other have traces that have nothing in common."""
    return blake2b(id_.encode(), digest_size=16, person=b"trace").digest()


def span_of(id_: str) -> bytes:
    """The span that stands for an id of ours: an event's acceptance, a call as a whole."""
    return blake2b(id_.encode(), digest_size=8, person=b"span").digest()


def new_span() -> bytes:
    """The id of a span that nobody will have to find again."""
    return os.urandom(8)


def new_trace() -> bytes:
    """The id of a trace that nothing of ours stands for."""
    return os.urandom(16)


def bound_of(share: float) -> int:
    """What `chosen` compares with, for a share from 0 to 1."""
    return round(share * _BOUND)


def chosen(trace: bytes, bound: int) -> bool:
    """Whether a trace is among the share that is recorded: by its lower half, as OpenTelemetry's samplers decide."""
    return int.from_bytes(trace[8:], "big") < bound

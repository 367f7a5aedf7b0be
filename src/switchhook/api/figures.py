"""Figures and how Prometheus wants them written: text format 0.0.4. Pure.

A server of several workers shows those of all of them on one page, each with the label `worker`, so that counters of
one that was started anew begin anew alone.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

Sample: TypeAlias = tuple[str, dict[str, str], int | float]
"""What is added to the name of the family, labels, value."""

is_name = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*").fullmatch


class Family(msgspec.Struct, frozen=True, array_like=True):
    """Samples that belong together."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(list[Family]).decode


def page(parts: Mapping[str, Sequence[Family]]) -> bytes:
    """The page of these workers; a worker named "" is the only one and gets no label."""
    heads: dict[str, Family] = {}
    rows: dict[str, list[str]] = {}
    for worker, families in parts.items():
        own = {"worker": worker} if worker else {}
        for family in families:
            heads.setdefault(family.name, family)
            rows.setdefault(family.name, []).extend(
                f"{family.name}{suffix}{labels({**own, **values})} {value!r}"
                for suffix, values, value in family.samples
            )
    lines: list[str] = []
    for name, head in heads.items():
        escaped = head.help.replace("\\", r"\\").replace("\n", r"\n")
        lines += [f"# HELP {name} {escaped}", f"# TYPE {name} {head.kind}", *rows[name]]
    return "\n".join([*lines, ""]).encode()


def labels(values: Mapping[str, str]) -> str:
    """`{name="value",…}` with the three characters escaped that the format wants escaped; nothing without labels."""
    inner = ",".join(
        '{}="{}"'.format(name, value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\""))
        for name, value in values.items()
    )
    return f"{{{inner}}}" if inner else ""

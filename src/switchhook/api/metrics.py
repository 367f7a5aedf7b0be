"""Figures for Prometheus, in its text format 0.0.4."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping

from switchhook.api.services import Services

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*").fullmatch
_HELP = {
    "deliveries_succeeded_total": "Attempts that a receiver answered with 2xx in time.",
    "deliveries_retrying_total": "Attempts that failed and will be repeated.",
    "deliveries_failed_total": "Deliveries given up after their last attempt.",
    "deliveries_parked_total": "Deliveries handed to the schedule because memory would not hold them.",
    "deliveries_recovered_total": "Deliveries that a restart found without an outcome.",
    "deliveries_in_flight": "Requests to receivers under way.",
    "deliveries_queued": "Deliveries waiting in memory.",
    "events_above_low_water": "Accepted events of which not every delivery has left a trace.",
}


class Metrics:
    """What the API counts. The event routes count on the way, so this stays at a few dictionary steps."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.accepted = 0
        self.duplicates = 0
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0

    def took(self, seconds: float) -> None:
        """Count how long an accepted publish took, from its head to its commit."""
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds

    def render(self, services: Services) -> bytes:
        """The whole page."""
        lines: list[str] = []
        _family(
            lines,
            "switchhook_info",
            "gauge",
            "The version that serves.",
            [(labels({"version": services.version}), 1)],
        )
        _family(
            lines,
            "switchhook_http_requests_total",
            "counter",
            "Requests answered, by route and status.",
            [
                (labels({"route": route, "status": str(status)}), count)
                for (route, status), count in sorted(self.requests.items())
            ],
        )
        _family(
            lines,
            "switchhook_events_accepted_total",
            "counter",
            "Events made durable for a publisher.",
            [("", self.accepted)],
        )
        _family(
            lines,
            "switchhook_events_duplicate_total",
            "counter",
            "Publishes of a fact that was known already.",
            [("", self.duplicates)],
        )
        self._histogram(lines)
        for name, value in services.dispatcher.snapshot().items():
            if _NAME(name):
                kind = "counter" if name.endswith("_total") else "gauge"
                _family(
                    lines, f"switchhook_{name}", kind, _HELP.get(name, "Of the dispatcher."), [("", value)]
                )
        _family(
            lines,
            "switchhook_dispatcher_up",
            "gauge",
            "1 while deliveries go out.",
            [("", int(services.dispatcher.alive))],
        )
        return "\n".join([*lines, ""]).encode()

    def _histogram(self, lines: list[str]) -> None:
        name = "switchhook_publish_seconds"
        lines += [f"# HELP {name} From the head of a publish to its commit.", f"# TYPE {name} histogram"]
        total = 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
        lines += [f"{name}_sum {self._seconds!r}", f"{name}_count {total}"]


def labels(values: Mapping[str, str]) -> str:
    """`{name="value",…}` with the three characters escaped that the format wants escaped."""
    inner = ",".join(
        '{}="{}"'.format(name, value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\""))
        for name, value in values.items()
    )
    return f"{{{inner}}}"


def _family(lines: list[str], name: str, kind: str, help_: str, samples: Iterable[tuple[str, float]]) -> None:
    escaped = help_.replace("\\", r"\\").replace("\n", r"\n")
    lines += [f"# HELP {name} {escaped}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{label} {value!r}" for label, value in samples]

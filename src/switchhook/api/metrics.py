"""What this process counts, and the page of figures."""

from bisect import bisect_left
from collections import Counter

from switchhook.api import figures
from switchhook.api.figures import Family, Sample
from switchhook.api.services import Services

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
HELP = {
    "deliveries_succeeded_total": "Attempts that a receiver answered with 2xx in time.",
    "deliveries_retrying_total": "Attempts that failed and will be repeated.",
    "deliveries_failed_total": "Deliveries given up after their last attempt.",
    "deliveries_parked_total": "Deliveries handed to the schedule because memory would not hold them.",
    "deliveries_recovered_total": "Deliveries that a restart found without an outcome.",
    "deliveries_in_flight": "Requests to receivers under way.",
    "deliveries_queued": "Deliveries waiting in memory.",
    "endpoints_locked": "Endpoints that nothing is sent to because their sealed secrets do not open.",
    "events_above_low_water": "Accepted events of which not every delivery has left a trace.",
    "retention_events_removed_total": "Events removed because they were over and old.",
    "retention_attempts_removed_total": "Attempts removed with their events.",
    "retention_events_kept": "Old events that are kept because they are not over.",
    "retention_oldest_event_seconds": "Age of the oldest event.",
    "mirror_events_total": "Published events that the workspace has learned of.",
    "mirror_left_out_total": "Published events that the workspace could not learn of.",
    "mirror_behind_seconds": "Age of the oldest event that the workspace has not looked at; 0 when there is none.",
    "retention_last_run_timestamp_seconds": "When old events were looked for last.",
    "texts_submitted_total": "Texts that the carrier took.",
    "texts_refused_total": "Texts that the carrier will not send.",
    "texts_under_way": "Texts that are being handed to the carrier.",
    "transcripts_total": "Recordings that were transcribed.",
    "transcript_attempts_failed_total": "Attempts at a transcript that failed.",
    "transcripts_given_up_total": "Recordings that could not be transcribed.",
    "transcribed_seconds_total": "Seconds of sound that were transcribed.",
    "transcript_seconds": "Seconds of the recording that is being transcribed; 0 when there is none.",
    "transcript_seconds_done": "Seconds of it that are done.",
    "traces_spans_sent_total": "Spans that the collector of traces took.",
    "traces_spans_dropped_total": "Spans that were not sent and never will be.",
    "traces_spans_waiting": "Spans that wait to be sent.",
    "traces_requests_failed_total": "Requests to the collector of traces that failed.",
    "recordings_stored_total": "Recordings put into the object store.",
    "recordings_removed_total": "Recordings removed from the object store.",
    "recordings_refused_total": "Times that the object store did not take or remove a recording.",
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
        """The whole page, with the figures of the workers beside this one."""
        others = {worker: figures.decode(told) for worker, told in services.others().items()}
        parts = {services.worker: self.families(services), **others}
        return figures.page(dict(sorted(parts.items())))

    def families(self, services: Services) -> list[Family]:
        """The figures of this process."""
        found = [
            Family(
                "switchhook_info",
                "gauge",
                "The version that serves.",
                [("", {"version": services.version}, 1)],
            ),
            Family(
                "switchhook_http_requests_total",
                "counter",
                "Requests answered, by route and status.",
                [
                    ("", {"route": route, "status": str(status)}, count)
                    for (route, status), count in sorted(self.requests.items())
                ],
            ),
            _one(
                "switchhook_events_accepted_total",
                "counter",
                "Events made durable for a publisher.",
                self.accepted,
            ),
            _one(
                "switchhook_events_duplicate_total",
                "counter",
                "Publishes of a fact that was known already.",
                self.duplicates,
            ),
            self._histogram(),
        ]
        for name, value in {**services.dispatcher.snapshot(), **services.chores()}.items():
            if figures.is_name(name):
                kind = "counter" if name.endswith("_total") else "gauge"
                found.append(_one(f"switchhook_{name}", kind, HELP[name], value))
        up = int(services.dispatcher.alive)
        found.append(_one("switchhook_dispatcher_up", "gauge", "1 while deliveries go out.", up))
        return found

    def _histogram(self) -> Family:
        samples: list[Sample] = []
        total = 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._buckets, strict=True):
            total += count
            samples.append(("_bucket", {"le": bound}, total))
        samples += [("_sum", {}, self._seconds), ("_count", {}, total)]
        return Family(
            "switchhook_publish_seconds", "histogram", "From the head of a publish to its commit.", samples
        )


def _one(name: str, kind: str, help_: str, value: float) -> Family:
    return Family(name, kind, help_, [("", {}, value)])

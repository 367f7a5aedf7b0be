"""Publishers that never give an event up, and the count at the end: what was accepted against what arrived, by id.

An event counts as accepted when its 202 was read (or the 200 that a repeated dedupe key gets). A publisher whose
connection breaks, or who is refused, asks again with the same dedupe key, at the next server when there are several.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.serving import Sink

DATA = {"call_id": "cll_0", "tag_key": "urgent", "tag_name": "Urgent", "user_email": None}
TOPIC = "tag.added"
AGAIN = 0.02  # seconds

Place = tuple[str, int]  # host and port
Arrival = tuple[str, int, str]


@dataclass(frozen=True)
class Count:
    """What became of what was accepted."""

    accepted: int
    delivered: int
    lost: int
    duplicated: int
    changed: int  # ids that arrived with more than one body
    unknown: int  # ids that arrived although nobody was told of them


class Publisher(threading.Thread):
    """Publishes `share` numbered events, through every crash, `pause` seconds after each answer."""

    def __init__(
        self,
        number: int,
        places: Sequence[Place],
        key: str,
        share: int,
        *,
        pause: float = 0.0,
        timeout: float = 20.0,
    ) -> None:
        super().__init__(daemon=True)
        self.number, self.places, self.key, self.share = number, list(places), key, share
        self.pause, self.timeout = pause, timeout
        self.accepted: dict[str, str] = {}  # dedupe key → id
        self.asked: dict[
            str, int
        ] = {}  # id → when the request began that was confirmed, in monotonic nanoseconds
        self.answers: Counter[int] = Counter()
        self.broken = 0
        self.stopping = False
        self._turn = 0

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        for n in range(self.share):
            dedupe = f"{self.number}-{n}"
            body = json.dumps(
                {"topic": TOPIC, "data": {**DATA, "call_id": f"cll_{dedupe}"}, "dedupe_key": dedupe}
            )
            while not self.stopping:
                try:
                    connection = connection or self._connect()
                    asked = time.monotonic_ns()
                    connection.request(
                        "POST",
                        "/v2/api/events",
                        body,
                        {"Authorization": f"Api-Key {self.key}", "Content-Type": "application/json"},
                    )
                    answer = connection.getresponse()
                    content = answer.read()
                    self.answers[answer.status] += 1
                    if answer.status in (200, 202):
                        self.accepted[dedupe] = id_ = json.loads(content)["data"]["id"]
                        self.asked[id_] = asked
                        break
                except (OSError, http.client.HTTPException):
                    self.broken += 1
                    if connection is not None:
                        connection.close()
                    connection = None
                time.sleep(AGAIN)
            if self.pause:
                time.sleep(self.pause)
        if connection is not None:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self.places[self._turn % len(self.places)]
        self._turn += 1
        return http.client.HTTPConnection(host, port, timeout=self.timeout)


class Crowd:
    """Several publishers at once, which share `events`."""

    def __init__(
        self,
        places: Sequence[Place],
        key: str,
        events: int,
        *,
        publishers: int = 8,
        pause: float = 0.0,
        timeout: float = 20.0,
    ) -> None:
        self.events = events
        shift = [*places, *places]
        self.members = [
            Publisher(
                n,
                shift[n % len(places) :][: len(places)],
                key,
                (events + n) // publishers,
                pause=pause,
                timeout=timeout,
            )
            for n in range(publishers)
        ]
        for publisher in self.members:
            publisher.start()

    @property
    def count(self) -> int:
        """How many events were accepted so far."""
        return sum(len(p.accepted) for p in self.members)

    @property
    def refused(self) -> int:
        """How many requests were answered with an error."""
        return sum(n for p in self.members for status, n in p.answers.items() if status not in (200, 202))

    @property
    def accepted(self) -> set[str]:
        """The ids of everything accepted."""
        return {id_ for publisher in self.members for id_ in publisher.accepted.values()}

    def until(self, events: int, seconds: float = 120) -> None:
        """Return when so many were accepted.

        Raises:
            TimeoutError: they were not, in that time.
        """
        deadline = time.monotonic() + seconds
        while self.count < events:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.count} of {events} events were accepted in {seconds} s")
            time.sleep(0.001)

    def finish(self, seconds: float = 240) -> set[str]:
        """Wait until everything is accepted, or for `seconds`; the ids of what was."""
        deadline = time.monotonic() + seconds
        for publisher in self.members:
            publisher.join(max(0.0, deadline - time.monotonic()))
        for publisher in self.members:
            publisher.stopping = True
        return self.accepted


def wait_for(sink: Sink, accepted: set[str], quiet: float = 60.0) -> list[Arrival]:
    """What arrived when everything has, or when nothing new came for `quiet` seconds."""
    last, since = -1, time.monotonic()
    while True:
        rows = sink.received()
        if accepted <= {id_ for id_, _, _ in rows}:
            time.sleep(1.0)  # a duplicate may still be under way
            return sink.received()
        if len(rows) != last:
            last, since = len(rows), time.monotonic()
        elif time.monotonic() - since > quiet:
            return rows
        time.sleep(0.05)


def reconcile(accepted: set[str], rows: Iterable[Arrival]) -> Count:
    """Count by id and by digest."""
    digests: dict[str, set[str]] = {}
    arrivals = 0
    for id_, _, digest in rows:
        arrivals += 1
        digests.setdefault(id_, set()).add(digest)
    return Count(
        accepted=len(accepted),
        delivered=len(accepted & digests.keys()),
        lost=len(accepted - digests.keys()),
        duplicated=arrivals - len(digests),
        changed=sum(len(found) > 1 for found in digests.values()),
        unknown=len(digests.keys() - accepted),
    )

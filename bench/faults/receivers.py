"""Receivers that misbehave, beside one that does not: the neighbour feels nothing, the server stays small, and what was
accepted for the bad one arrives as soon as it is good.
"""

import signal
import statistics

from bench.faults.receiver import WAYS
from bench.faults.world import BOTH, SQLITE, Tally, World, fault, peak_memory, subscribe
from bench.serving import Sink
from bench.traffic import Crowd

EVENTS = 600
MEMORY = 300  # MB


def latencies(crowd: Crowd, sink: Sink) -> list[float]:
    """Milliseconds from the begin of each request to the arrival at `sink`, sorted."""
    asked: dict[str, int] = {}
    for publisher in crowd.members:
        asked |= publisher.asked
    first: dict[str, int] = {}
    for id_, at, _ in sink.received():
        first.setdefault(id_, at)
    return sorted((first[id_] - at) / 1e6 for id_, at in asked.items() if id_ in first)


def beside(world: World, how: str, *options: str) -> Tally:
    """One bad and one good receiver; the bad one improves when everything was accepted."""
    good = world.sink("good")
    bad = world.receiver(how, "bad", options=options)
    server = world.serve()
    subscribe(server, good.url, bad.url)
    crowd = world.crowd(server, events=EVENTS, pause=0.02)
    crowd.finish()
    bad.child.send_signal(signal.SIGUSR1)
    tally = world.conclude(crowd, good, bad)
    waited = latencies(crowd, good)
    memory = peak_memory(server)
    p50, p99 = statistics.median(waited), waited[int(len(waited) * 0.99)]
    tally.notes.append(f"neighbour p50 {p50:.1f} ms, p99 {p99:.1f} ms; {memory:.0f} MB")
    tally.expect(memory < MEMORY, f"the server took {memory:.0f} MB")
    doubled = len(good.received()) - len(crowd.accepted)
    tally.expect(doubled == 0, f"the good receiver got {doubled} too many")
    return tally


ABOUT = {
    "refuse": "Refuses connections",
    "close": "Closes at once",
    "reset-request": "Resets while it is sent to",
    "reset-answer": "Resets in the middle of its answer",
    "silent": "Never answers",
    "unread": "Takes connections and never reads",
    "drip": "Answers a byte a second",
    "endless": "Never ends its answer",
    "gigabyte": "Answers 1 GB",
    "headers": "Answers endless headers",
    "garbage": "Answers garbage",
}


def _enter(how: str) -> None:
    def run(world: World) -> Tally:
        return beside(world, how)

    run.__doc__ = ABOUT[how]
    # What a receiver does never reaches the store; one that hangs and one that refuses say so for the other one too.
    fault(f"receiver-{how}", BOTH if how in ("refuse", "silent") else (SQLITE,))(run)


for _how in ("refuse", *WAYS):
    _enter(_how)


@fault("receiver-redirect", (SQLITE,))
def redirect(world: World) -> Tally:
    """Redirects to loopback."""
    trap = world.sink("trap")
    tally = beside(world, "redirect", "--trap", trap.url)
    tally.expect(not trap.received(), "a redirect was followed")
    return tally

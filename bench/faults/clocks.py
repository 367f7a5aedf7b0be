"""Wall clocks that are stepped, and that differ. (What a process sees of the wall clock is stepped; a machine's cannot
be, without all others on it.)
"""

import signal
import time

from bench.faults.kills import victim
from bench.faults.victim import HOUR
from bench.faults.world import BOTH, POSTGRESQL, Tally, World, fault, subscribe
from bench.traffic import reconcile

EVENTS = 1600


@fault("clock-forward", BOTH)
def forward(world: World) -> Tally:
    """Set an hour forward in the middle of traffic with retries."""
    sink = world.sink(fail_rate=0.1)
    server = world.serve(program=victim("clock", 0))
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=EVENTS)
    crowd.until(EVENTS // 2)
    server.child.send_signal(signal.SIGUSR1)
    return world.conclude(crowd, sink)


@fault("clock-back", BOTH)
def back(world: World) -> Tally:
    """Set an hour back: what is new goes on, what waited then waits as much longer, or until it is set right."""
    sink = world.sink(fail_rate=0.1)
    server = world.serve(program=victim("clock", 0))
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=EVENTS)
    crowd.until(EVENTS // 2)
    server.child.send_signal(signal.SIGUSR2)
    accepted = crowd.finish()
    time.sleep(4)
    waiting = reconcile(accepted, sink.received()).lost
    server.child.send_signal(signal.SIGUSR1)
    tally = world.conclude(crowd, sink, quiet=75)  # a look at the clock is taken once a minute
    tally.notes.append(f"{waiting} waited for the clock to be right again")
    tally.expect(waiting < EVENTS * 0.2, f"{waiting} waited: not only those that had failed before")
    return tally


@fault("clocks-differ", (POSTGRESQL,))
def differ(world: World) -> Tally:
    """Two servers an hour apart either way; the slow one is killed under load."""
    sink = world.sink(fail_rate=0.1)
    fast = world.serve(program=victim("clock", HOUR))
    slow = world.serve(program=victim("clock", -HOUR))
    subscribe(fast, sink.url)
    crowd = world.crowd(fast, slow, events=EVENTS)
    crowd.until(EVENTS // 2)
    slow.kill()
    return world.conclude(crowd, sink)

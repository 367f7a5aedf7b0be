"""A name server that lies, hangs and changes its mind, asked by the system's own resolver."""

import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.faults.namespaces import mounts
from bench.faults.world import SQLITE, Receiver, Tally, World, fault, subscribe
from bench.serving import Sink
from bench.traffic import Crowd

NAME = "hook.faults.test"
SERVER = "127.53.53.53"
EVENTS = 400
HANG, UNKNOWN = "hang", "unknown"


class NameServer(threading.Thread):
    """Answers every question for an IPv4 address with `says`: addresses, or HANG, or UNKNOWN."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.says: list[str] | str = []
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(0.1)
        self.socket.bind((SERVER, 53))
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            try:
                question, who = self.socket.recvfrom(512)
            except TimeoutError:
                continue
            self.asked += 1
            if self.says != HANG:
                self.socket.sendto(self._answer(question), who)
        self.socket.close()

    def _answer(self, question: bytes) -> bytes:
        end = question.index(b"\0", 12) + 5
        (kind,) = struct.unpack("!H", question[end - 4 : end - 2])
        addresses = self.says if kind == 1 and not isinstance(self.says, str) else []
        code = 3 if self.says == UNKNOWN else 0
        head = struct.pack(
            "!HHHHHH", *struct.unpack("!H", question[:2]), 0x8180 | code, 1, len(addresses), 0, 0
        )
        records = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(a) for a in addresses
        )
        return head + question[12:end] + records


@contextmanager
def name_server() -> Iterator[NameServer]:
    """A name server at work."""
    made = NameServer()
    made.start()
    try:
        yield made
    finally:
        made.stopping = True
        made.join()


def begin(world: World, *says: str, how: str = "") -> tuple[NameServer, Sink, Crowd]:
    """A server that asks our name server, with an endpoint of our name, and traffic to it."""
    names = world.enter(name_server())
    names.says = how or list(says)
    resolv, switch = world.folder / "resolv.conf", world.folder / "nsswitch.conf"
    resolv.write_text(f"nameserver {SERVER}\noptions timeout:1 attempts:1\n")
    switch.write_text("hosts: dns\n")
    inside = world.enter(
        mounts(f"mount --bind {resolv} /etc/resolv.conf\nmount --bind {switch} /etc/nsswitch.conf")
    )
    sink = world.sink()
    server = world.serve(program=inside.enter(sys.executable, "-m", "switchhook", "serve"))
    subscribe(server, f"http://{NAME}:{sink.port}/hook")
    return names, sink, world.crowd(server, events=EVENTS, pause=0.02)


def then_right(names: NameServer, sink: Sink, world: World, crowd: Crowd, seconds: float = 5) -> Tally:
    """See that nothing arrives while the name is wrong; set it right, and count."""
    crowd.finish()
    arrived = len(sink.received())
    time.sleep(seconds)
    quiet = len(sink.received()) == arrived
    names.says = ["127.0.0.1"]
    tally = world.conclude(crowd, sink, quiet=30)
    tally.expect(quiet, "something arrived while the name was wrong")
    tally.notes.append(f"asked {names.asked} times")
    return tally


@fault("dns-lies", (SQLITE,), root=True)
def lies(world: World) -> Tally:
    """Names a metadata service and a private address instead, then the truth."""
    names, sink, crowd = begin(world, "169.254.169.254", "10.1.2.3")
    return then_right(names, sink, world, crowd)


@fault("dns-mixed", (SQLITE,), root=True)
def mixed(world: World) -> Tally:
    """Names a forbidden address beside the good one."""
    names, sink, crowd = begin(world, "127.0.0.1", "10.1.2.3")
    return then_right(names, sink, world, crowd)


@fault("dns-hangs", (SQLITE,), root=True)
def hangs(world: World) -> Tally:
    """Does not answer for a while."""
    names, sink, crowd = begin(world, how=HANG)
    return then_right(names, sink, world, crowd)


@fault("dns-unknown", (SQLITE,), root=True)
def unknown(world: World) -> Tally:
    """Knows no such name for a while."""
    names, sink, crowd = begin(world, how=UNKNOWN)
    return then_right(names, sink, world, crowd)


@fault("dns-changes", (SQLITE,), root=True)
def changes(world: World) -> Tally:
    """The name moves to another machine and the first one goes away: traffic follows."""
    names, sink, crowd = begin(world, "127.0.0.1")
    crowd.until(EVENTS // 2)
    names.says = ["127.0.0.2"]
    sink.kill()
    second = world.add(Receiver(world.folder / "sink.log", "good", host="127.0.0.2", port=sink.port))
    return world.conclude(crowd, second)


@fault("dns-rebinds", (SQLITE,), root=True)
def rebinds(world: World) -> Tally:
    """Names the good address once and a private one at every later look, until the end."""
    names, sink, crowd = begin(world, "127.0.0.1")
    crowd.until(EVENTS // 4)
    names.says = ["10.1.2.3"]
    sink.kill()  # every connection is to be made anew
    crowd.finish()
    time.sleep(6)  # longer than what was looked up is remembered
    again = world.sink(port=sink.port)
    before = len(again.received())
    time.sleep(4)
    quiet = len(again.received()) == before
    names.says = ["127.0.0.1"]
    tally = world.conclude(crowd, again, quiet=30)
    tally.expect(quiet, "something arrived although the name led elsewhere")
    return tally

"""Receivers whose certificate is no good, until it is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from bench.faults.world import SQLITE, Receiver, Tally, World, fault, subscribe
from bench.traffic import Crowd

EVENTS = 400


def write(folder: Path, certificate: trustme.LeafCert) -> Path:
    """Key and chain in one file."""
    path = folder / "receiver.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


def beside_a_bad_one(world: World, bad: trustme.LeafCert, good: trustme.CA) -> Tally:
    """Traffic to a receiver with `bad`, which then gets a certificate of `good`."""
    trusted = world.folder / "trusted.pem"
    good.cert_pem.write_to_path(str(trusted))
    options = ["--cert", str(write(world.folder, bad))]
    first: Receiver = world.receiver("good", options=options)
    server = world.serve(environment={"SSL_CERT_FILE": str(trusted)})
    subscribe(server, f"https://127.0.0.1:{first.port}/hook")
    crowd: Crowd = world.crowd(server, events=EVENTS, pause=0.02)
    crowd.finish()
    arrived = len(first.received())
    first.kill()
    write(world.folder, good.issue_cert("127.0.0.1"))
    second = world.receiver("good", port=first.port, options=options)
    tally = world.conclude(crowd, second)
    tally.expect(not arrived, f"{arrived} were sent to a receiver that could not prove who it is")
    return tally


@fault("tls-expired", (SQLITE,))
def expired(world: World) -> Tally:
    """A certificate that ran out yesterday, then a new one."""
    ca = trustme.CA()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    bad = ca.issue_cert("127.0.0.1", not_before=yesterday - timedelta(days=30), not_after=yesterday)
    return beside_a_bad_one(world, bad, ca)


@fault("tls-wrong-host", (SQLITE,))
def wrong_host(world: World) -> Tally:
    """A certificate for somebody else, then the right one."""
    ca = trustme.CA()
    return beside_a_bad_one(world, ca.issue_cert("other.example"), ca)


@fault("tls-self-signed", (SQLITE,))
def self_signed(world: World) -> Tally:
    """A certificate that nobody known has signed, then one of a trusted authority."""
    return beside_a_bad_one(world, trustme.CA().issue_cert("127.0.0.1"), trustme.CA())

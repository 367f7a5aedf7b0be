"""Look-ups and connected sockets: what dialling a receiver and dialling a proxy have in common."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv6Address

from switchhook.clock import Clock, Deadline
from switchhook.delivery.address import Address, Target
from switchhook.delivery.http.resolver import Resolver

NO_LIMIT = 3600.0  # seconds; asyncio insists on time-outs of its own, but ours (on the clock) come first


async def look_up(clock: Clock, resolver: Resolver, target: Target, seconds: float) -> Sequence[Address]:
    """Every address of `target`, perhaps none; the literal one without asking anybody.

    Raises:
        TimeoutError: no answer within `seconds`.
        OSError: the look-up failed.
    """
    if target.literal_ip is not None:
        return (target.literal_ip,)
    async with Deadline(clock, seconds):
        return await resolver.resolve(target.host)


async def connect(address: Address, port: int) -> socket.socket:
    """A socket connected to `address` itself.

    Raises:
        OSError: there is no connection to be had.
    """
    v6 = isinstance(address, IPv6Address)
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        place = (str(address), port, 0, 0) if v6 else (str(address), port)
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock

"""What the dispatcher sends with, and by which numbers."""

import random
from collections.abc import Callable
from typing import Protocol

import msgspec

from switchhook.delivery.exchange import Exchange, Request
from switchhook.delivery.lane import Delivery, Lane
from switchhook.delivery.membership import LEASE
from switchhook.delivery.schedule import DEFAULT_SCHEDULE, Schedule
from switchhook.delivery.traces import AttemptTraces


class Sender(Protocol):
    """Sends one request and tells what came of it; never raises for what a receiver does."""

    def begin(self, request: Request, then: Callable[[Exchange], None]) -> object:
        """Begin the exchange at once; `then` is called with what came of it within the request's time-out."""

    def forget(self, pool_key: str) -> None:
        """Nothing more is sent with this key for now: close its idle connections."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of the dispatcher. `timeout` and `lease` are seconds; `jitter` gives numbers in [0, 1)."""

    schedule: Schedule = DEFAULT_SCHEDULE
    timeout: float = 20.0
    in_flight_each: int = 32
    in_flight_all: int = 2_048
    jitter: Callable[[], float] = random.random
    lease: float = LEASE
    traces: AttemptTraces | None = None


class Sent:
    """A delivery in its lane, as the settler knows it."""

    __slots__ = ("delivery", "lane")

    def __init__(self, lane: Lane, delivery: Delivery) -> None:
        self.lane = lane
        self.delivery = delivery

    @property
    def seq(self) -> int | None:
        """See `settler.Tracked`."""
        return self.delivery.seq

    @seq.setter
    def seq(self, value: int | None) -> None:
        self.delivery.seq = value

"""What the API is handed at start: everything it serves from, and its limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from switchhook import __version__
from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy
from switchhook.media.s3 import S3
from switchhook.settings.members import NumberConfig
from switchhook.storage.store import Reader, Store, Transaction
from switchhook.workspace.messaging import Texts
from switchhook.workspace.orders import What


class Setting(Protocol):
    """A setting as it is shown to people: no secret, and a value that JSON can carry."""

    @property
    def name(self) -> str:
        """As in the configuration file."""

    @property
    def value(self) -> Any:
        """What is in force."""

    @property
    def source(self) -> str:
        """Where it was set."""


class Dispatcher(Protocol):
    """What the API wants to know of the dispatcher."""

    @property
    def alive(self) -> bool:
        """Whether deliveries go out and their outcomes can be recorded."""

    def snapshot(self) -> Mapping[str, float]:
        """Figures for `/metrics` by name; one that ends in `_total` only ever grows."""


class CarrierHooks(Protocol):
    """What takes the requests of a carrier; each returns when what was said is durable."""

    async def message(self, query: str, body: bytes, headers: Mapping[bytes, bytes]) -> bool:
        """A text came in; False when the signature is not the carrier's."""

    async def status(self, query: str, body: bytes, headers: Mapping[bytes, bytes]) -> bool:
        """Something became of a text; False when the signature is not the carrier's."""


class CallHooks(Protocol):
    """What takes the requests of a carrier of calls."""

    async def take(self, path: str, query: str, body: bytes, headers: Mapping[bytes, bytes]) -> bytes | None:
        """The document that answers a request, once what it says is durable; None when the signature is not good."""


class Orders(Protocol):
    """What takes orders for a line of telephones."""

    async def check(self, reader: Reader, workspace: str) -> None:
        """Raise `OrderFault` when nobody could carry an order of that workspace out."""

    async def give(self, tx: Transaction, call: str, what: What) -> None:
        """Write an order about a call down; it is carried out once `tx` is committed."""


@dataclass(frozen=True)
class Limits:
    """How much one key may ask for, and how large a request may be. A rate of None is no limit.

    A rate is a token bucket that holds one second's worth (at least one request).
    """

    read_per_second: float | None = 20
    write_per_second: float | None = 5
    ingest_per_second: float | None = None  # requests to /v2/api/events and /v2/api/events/batch
    body_bytes: int = 1024 * 1024
    batch_bytes: int = 16 * 1024 * 1024
    body_seconds: float = 60  # from the head of a request to the last byte of its body
    key_cache_seconds: float = 1  # how long a revoked key may still be taken
    check_seconds: float = 2  # how long /readyz waits for the store, and for the disks
    free_bytes: int = 0  # that must be free on every disk for /readyz to say yes


@dataclass(frozen=True)
class Written:
    """What the settings say of the users and numbers of one workspace: `users` are e-mail addresses, `numbers` the
    entries by what they are stored under."""

    workspace: str = ""
    users: frozenset[str] = frozenset()
    numbers: Mapping[str, NumberConfig] = field(default_factory=dict)


@dataclass(frozen=True)
class Services:
    """Everything the API serves from. `public_url` has no slash at its end.

    A process that `serves_api` not answers those who operate it only. `worker` names this one among several of one
    server, `others` gives the figures of the rest by their names. `disks` are the directories that grow, by what grows
    there.
    """

    store: Store
    clock: Clock
    policy: AddressPolicy
    data_dir: Path
    public_url: str
    recording_key: bytes = field(repr=False)
    dispatcher: Dispatcher
    objects: S3 | None = None  # the object store that recordings may lie in
    region: str = "FR"  # whose national spelling of numbers is understood
    texts: Texts | None = None
    twilio: CarrierHooks | None = None
    twilio_voice: CallHooks | None = None
    orders: Orders | None = None
    serves_api: bool = True
    worker: str = ""
    others: Callable[[], Mapping[str, bytes]] = dict
    disks: Mapping[str, Path] = field(default_factory=dict)
    chores: Callable[[], Mapping[str, float]] = dict  # figures for `/metrics`, named like the dispatcher's
    telephony: Callable[[], Mapping[str, Any]] = dict
    telephony_since: Callable[[], Mapping[str, int]] = dict  # wall ms
    settings: Sequence[Setting] = ()
    written: Written = field(default_factory=Written)
    version: str = __version__
    limits: Limits = field(default_factory=Limits)

"""How the server does, for who looks after it."""

from typing import Any

from msgspec import Struct


class Process(Struct, frozen=True):
    """One process and what it counts since it started; the names are those of `/metrics` without `switchhook_`."""

    worker: str
    figures: dict[str, float]


class Waiting(Struct, frozen=True):
    """Deliveries of the workspace that wait for an attempt. `complete`: no more than were counted."""

    count: int
    complete: bool
    oldest_event_at: str | None


class Disk(Struct, frozen=True):
    """A disk that something of ours grows on; null when it does not answer."""

    name: str
    free_bytes: int | None
    total_bytes: int | None


class Setting(Struct, frozen=True):
    """A setting in force. `source` is where it was set: `default`, or a flag, a variable or the file."""

    name: str
    value: Any
    source: str


class SystemState(Struct, frozen=True, kw_only=True):
    """Versions, queues, disks, lines and the settings that matter. No secret is in it."""

    version: str
    python: str
    database: str
    started_at: str
    waiting: Waiting
    processes: list[Process]
    disks: list[Disk]
    telephony: dict[str, Any]
    settings: list[Setting]

"""Waiting for something real: a process, a socket. It comes in a fraction of the patience, or something is wrong."""

import asyncio
import time
from collections.abc import Callable

PATIENCE = 120.0  # seconds


def until(met: Callable[[], object], what: object = "") -> None:
    """Wait until `met` is true; `what` is said of what never came, called when it can be.

    Raises:
        AssertionError: it did not come.
    """
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.02)


async def until_async(met: Callable[[], object], what: object = "") -> None:
    """The same where a loop goes on meanwhile."""
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end, what() if callable(what) else what
        await asyncio.sleep(0.02)

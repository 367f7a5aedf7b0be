"""A store that refuses somebody who asks again and again: one line in the log when that begins, one when it is over."""

import logging

from switchhook.storage.store import StorageError

log = logging.getLogger(__name__)


class Refusals:
    """What was refused to one who asks. `what` names what is asked for."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._count = 0

    def refused(self, error: StorageError) -> None:
        """It was refused, and will be asked for again."""
        self._count += 1
        if self._count == 1:
            log.error("cannot read %s, it is tried again: %s", self._what, error)

    def worked(self) -> None:
        """It was not."""
        if self._count:
            log.warning("%s can be read again; %d times it could not", self._what, self._count)
            self._count = 0

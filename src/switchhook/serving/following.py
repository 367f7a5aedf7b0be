"""Who has which number, looked at again and again: the page, the API and the command line change it while we serve."""

import logging

from switchhook.clock import Clock
from switchhook.storage.store import StorageError
from switchhook.workspace.switchboard import Switchboard

log = logging.getLogger(__name__)

FOLLOW = 3.0  # seconds


async def follow(switchboard: Switchboard, clock: Clock) -> None:
    """Keep what calls go by up to date, whichever process wrote it, for as long as it is not cancelled."""
    away = False  # said once, however long it lasts
    while True:
        await clock.sleep(FOLLOW)
        try:
            await switchboard.load()
            away = False
        except StorageError as error:
            if not away:
                log.warning(
                    "who has which number cannot be read, calls go by what was read before: %s", error
                )
            away = True
        except Exception:
            log.exception("reading who has which number failed; it is tried again")

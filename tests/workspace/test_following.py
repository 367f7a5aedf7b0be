"""Numbers that are set up while a server runs: who has which is looked at again and again."""

import asyncio
from pathlib import Path

from switchhook.clock import ManualClock
from switchhook.serving.following import FOLLOW, follow
from switchhook.settings.members import NumberConfig
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import StorageError
from switchhook.workspace import administration
from switchhook.workspace.switchboard import Switchboard


class Trying(Switchboard):
    """One whose store cannot be used at the first look."""

    def arm(self) -> None:
        self.looks = 0
        self.looked = asyncio.Event()

    async def load(self) -> None:
        self.looks += 1
        self.looked.set()
        if self.looks == 1:
            raise StorageError("away")
        await super().load()
        self.looked.set()


async def test_a_number_that_is_added_while_we_serve_is_ours_soon_also_after_a_fault(tmp_path: Path) -> None:
    clock = ManualClock()
    store = SqliteStore(tmp_path / "x.db")
    board = Trying(store, clock, "wsp_a", "FR", lambda recording: recording)
    board.arm()
    task = asyncio.create_task(follow(board, clock))
    await clock.advance(FOLLOW / 2)
    await store.run(lambda tx: administration.add_number(tx, "wsp_a", NumberConfig("+33123456789"), "FR"))
    assert board.directory.number("+33123456789") is None
    for look in (1, 2):
        board.looked.clear()
        await clock.advance(FOLLOW)
        await board.looked.wait()
        assert board.looks == look
    while board.directory.number("+33123456789") is None:
        assert not task.done()
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.close()

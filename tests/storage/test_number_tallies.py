"""How many items and conversations a number of ours has is kept, and is what counting says."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from switchhook.storage import conversations, item_search
from switchhook.storage.conversations import Item, ItemFilter
from switchhook.storage.store import Reader, Store, Transaction

Open = Callable[[], Awaitable[Store]]

WORKSPACES = ("wsp_a", "wsp_b")
OURS = ("+331", "+332")
THEIRS = ("+336", "+337", "+338")


class Fails(Exception):
    pass


def an_item(draw: random.Random) -> Item:
    number = draw.randrange(60)
    return Item(
        workspace=draw.choice(WORKSPACES),
        id=f"cll_{number:02}",
        kind="CALL",
        direction="INBOUND",
        own_number=OURS[number % 2],
        contact_number=THEIRS[number % 3],
        at=draw.randrange(-3, 20),
    )


async def step(tx: Transaction, draw: random.Random) -> None:
    item = an_item(draw)
    match draw.randrange(6):
        case 0 | 1:
            await conversations.add_item(tx, item)
        case 2:
            await conversations.touch_conversation(tx, item, unread=True, unresponded=False)
        case 3:
            own = draw.choice(("", item.own_number))
            archived = draw.choice((None, True, False))
            await conversations.mark_conversation(
                tx, item.workspace, item.contact_number, own, archived=archived
            )
        case 4:
            await conversations.pin(tx, item.workspace, item.own_number, item.contact_number, 5)
        case 5:
            await conversations.unpin(tx, item.workspace, item.own_number, item.contact_number)


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_kept_is_what_there_is(open_store: Open, seed: int) -> None:
    store = await open_store()
    draw = random.Random(seed)

    async def steps(tx: Transaction) -> None:
        for _ in range(draw.randrange(1, 5)):
            await step(tx, draw)
        if not draw.randrange(4):
            raise Fails

    async def check(reader: Reader) -> None:
        for workspace in WORKSPACES:
            for own in OURS:
                _, items = await item_search.find_items(
                    reader, workspace, ItemFilter(own_number=own), "DATE_DESC", limit=1, offset=0
                )
                ((counted,),) = await reader.fetch("count_items own_number :", workspace, own)
                assert items == counted
                shown, kept = await conversations.list_conversations(
                    reader, workspace, own, limit=100, offset=0
                )
                ((counted,),) = await reader.fetch("count_conversations", workspace, own)
                assert kept == counted == len(shown)

    for _ in range(60):
        try:
            await store.run(steps)
        except Fails:
            pass
        await store.read(check)
    await store.close()


async def test_filters_of_conversations_are_counted(open_store: Open) -> None:
    store = await open_store()
    item = msgspec.structs.replace(an_item(random.Random(1)), workspace="wsp_a", own_number="+331")

    async def fill(tx: Transaction) -> None:
        for n in range(6):
            one = msgspec.structs.replace(item, contact_number=f"+336{n}", at=n)
            await conversations.touch_conversation(tx, one, unread=n % 2 == 0, unresponded=False)
        await conversations.pin(tx, "wsp_a", "+331", "+3361", 5)

    await store.run(fill)

    async def found(**more: Any) -> tuple[list[str], int]:
        listed, count = await store.read(
            lambda reader: conversations.list_conversations(
                reader, "wsp_a", "+331", limit=2, offset=0, **more
            )
        )
        return [one.contact_number[-1] for one in listed], count

    assert await found() == (["5", "4"], 6)
    assert await found(unread=True) == (["4", "2"], 3)
    assert await found(unread=False, pinned=True) == (["1"], 1)
    assert await found(since=4) == (["5", "4"], 2)
    assert await found(pinned=False) == (["5", "4"], 5)
    await store.close()

"""Since when a line stands as it says."""

import asyncio

from switchhook.clock import ManualClock
from switchhook.serving.standing import LOOK, Standing


class Said:
    """A line that says what it is told to."""

    def __init__(self, **words: str) -> None:
        self.words = words

    def status(self) -> dict[str, str]:
        return self.words


async def test_since_when_is_the_first_look_that_saw_the_word() -> None:
    clock = ManualClock()
    began = clock.now()
    line, texts = Said(asterisk="connecting", sip_telephones="3"), Said(texts="up")
    standing = Standing(clock, line, texts)
    assert standing.told() == {"asterisk": "connecting", "sip_telephones": "3", "texts": "up"}
    assert standing.since() == {"asterisk": began, "texts": began}
    for word, at in (
        ("connecting", began),
        ("up", began + 2_000),
        ("up", began + 2_000),
        ("lost: no route", began + 4_000),
        ("lost: refused by the peer", began + 4_000),
        ("refused: wrong password", began + 6_000),
    ):
        await clock.advance(1)
        line.words = {"asterisk": word}
        assert standing.since() == {"asterisk": at, "texts": began}, word
    line.words = {}
    assert standing.since() == {"texts": began}


async def test_a_change_is_seen_also_while_nobody_asks() -> None:
    clock = ManualClock()
    line = Said(asterisk="up")
    standing = Standing(clock, line)
    task = asyncio.create_task(standing.watch())
    await clock.advance(LOOK)
    line.words = {"asterisk": "lost: x"}
    await clock.advance(LOOK)
    seen = clock.now()
    await clock.advance(100 * LOOK)
    assert standing.since() == {"asterisk": seen}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

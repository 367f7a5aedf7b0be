"""How fast a large workspace answers: who is calling, searches, and lists. Straight at the store, without HTTP.

    python bench/workspace.py [--people 1000000] [--items 1000000] [--rounds 200] [--postgresql] [--keep FILE_OR_URL]

The tables are filled as `workspace_data.py` says, or `--keep` names a file or a database that is filled already or is
to be kept. Each question is asked `--rounds` times, one after the other, each time about something else.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench import workspace_data as data
from switchhook.api.crm_search import people_filter
from switchhook.storage import conversations, item_search, search
from switchhook.storage.conversations import ItemFilter
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.search import Page, PeopleFilter
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Reader, Store
from switchhook.workspace.callers import identify
from tests.postgres import cluster

Question = Callable[[Reader, int], Awaitable[Any]]


def questions(persons: int) -> dict[str, tuple[Question, bool]]:
    """What is asked, by name, and whether it goes the way of long reads."""
    names = data.Words(7, 30_000, []).words
    words = data.Words(11, 40_000, list(data.COMMON)).words

    def person(n: int) -> str:
        return data.their_number(n * 7919 % persons)

    def people(text: Callable[[int], str], sort: search.Sort = "DATE_DESC") -> Question:
        async def ask(reader: Reader, n: int) -> Any:
            which = people_filter({}, tuple(text(n).split()), "FR")
            return await search.find_people(reader, data.WORKSPACE, which, Page(sort, 20, 0))

        return ask

    def items(text: Callable[[int], str] = lambda n: "", **more: Callable[[int], str]) -> Question:
        async def ask(reader: Reader, n: int) -> Any:
            given: dict[str, Any] = {name: value(n) for name, value in more.items()}
            which = ItemFilter(words=tuple(text(n).split()), **given)
            return await item_search.find_items(
                reader, data.WORKSPACE, which, "DATE_DESC", limit=20, offset=0
            )

        return ask

    async def list_people(reader: Reader, n: int) -> Any:
        return await search.find_people(
            reader, data.WORKSPACE, PeopleFilter(), Page("CREATED_DESC", 20, n * 20)
        )

    async def list_talks(reader: Reader, n: int) -> Any:
        own = data.OWN[n % len(data.OWN)]
        return await conversations.list_conversations(reader, data.WORKSPACE, own, limit=20, offset=0)

    return {
        "who is calling": (lambda reader, n: identify(reader, data.WORKSPACE, person(n)), False),
        "people, a whole name": (people(lambda n: f"{data.FIRST[n % 35]} {names[n % 3000]}"), True),
        "people, a rare name": (people(lambda n: names[20_000 + n]), True),
        "people, a number": (people(lambda n: person(n)[4:]), True),
        "people, a frequent first name": (people(lambda n: data.FIRST[n % 35]), True),
        "items, a rare word": (items(lambda n: words[20_000 + n]), True),
        "items, two words": (items(lambda n: f"{words[n % 25]} {words[200 + n]}"), True),
        "items, a frequent word": (items(lambda n: words[n % 25]), True),
        "list of conversations": (list_talks, True),
        "list of contacts": (list_people, True),
        "items of a number of theirs": (items(contact_number=person), True),
        "items of a number of ours": (items(own_number=lambda n: data.OWN[n % 20]), True),
    }


async def timed(question: Awaitable[Any]) -> float:
    """How long a question took in the middle of a transaction, as the switchboard asks it (ms)."""
    began = time.perf_counter()
    await question
    return (time.perf_counter() - began) * 1000


async def measure(store: Store, persons: int, rounds: int, only: str) -> None:
    """Ask everything, and print how long it took."""
    for name, (question, heavy) in questions(persons).items():
        if only not in name:
            continue
        times = rounds * 10 if not heavy else rounds
        took = []
        for n in range(times):
            began = time.perf_counter()
            if heavy:
                await store.read(lambda reader, n=n: question(reader, n), heavy=True)  # type: ignore[misc]  # noqa: B023
                took.append((time.perf_counter() - began) * 1000)
            else:
                took.append(await store.run(lambda tx, n=n: timed(question(tx, n))))  # type: ignore[misc]  # noqa: B023
            if sum(took) > 15_000:
                break  # seconds a question: the answer is known
        points = statistics.quantiles(took, n=100) if len(took) > 1 else took * 99
        print(
            f"{name:32} p50 {points[49]:8.2f}  p95 {points[94]:8.2f}  p99 {points[98]:8.2f} ms  ({len(took)})",
            flush=True,
        )


async def run(args: argparse.Namespace, where: str) -> None:
    shared = where.startswith("postgresql://")
    store: Store = await PostgresStore.open(where) if shared else SqliteStore(Path(where))
    try:
        known = await store.read(lambda reader: reader.fetch("tally_people", data.WORKSPACE))
        if known == [(0,)]:
            began = time.perf_counter()
            if shared:
                await data.fill_postgres(where, args.people, args.items)
            else:
                data.fill_sqlite(Path(where), args.people, args.items)
            print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
        await measure(store, args.people, args.rounds, args.only)
    finally:
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", default="", help="questions whose name holds this")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--keep", default="", help="a file, or the URL of a database")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        where = args.keep
        if not where and args.postgresql:
            where = stack.enter_context(cluster()).database()
        elif not where:
            where = str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "x.db")
        uvloop.run(run(args, where))


if __name__ == "__main__":
    main()

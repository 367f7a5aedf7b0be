"""A large workspace: people with companies, calls and texts, put into the real tables with their search indexes.

Names and words are drawn as they come in life: a few very often, most of them rarely.
"""

import itertools
import json
import random
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import apsw
import asyncpg

from switchhook.events.ids import IdSource
from switchhook.storage.conversations import Item, words_text
from switchhook.storage.people import Contact, fold, search_text
from switchhook.storage.sql import queries

WORKSPACE = "wsp_bench"
NOW = 1_742_049_000_000
YEAR_MS = 365 * 86_400_000
OWN = tuple(f"+331{n:08}" for n in range(20))
CHUNK = 20_000

FIRST = tuple(
    """
Marie Jean Léa Paul Anna Hugo Emma Louis Chloé Jules Inès Adam Zoé Gabriel Jade Raphaël Sarah Arthur Camille
Nathan Laura Ethan Julie Maxime Claire Thomas Élodie Antoine Sophie Nicolas Élise François Noémie Théo Manon
""".split()  # noqa: SIM905
)
COMMON = tuple(
    """
appointment tomorrow thanks please call back price invoice order delivery question morning afternoon monday
friday insurance repair quote meeting contract payment address number office doctor cleaning window kitchen
""".split()  # noqa: SIM905
)


class Words:
    """Names and words; the one of rank n is drawn about n times as rarely as the first."""

    def __init__(self, seed: int, count: int, head: list[str]) -> None:
        self.random = random.Random(seed)
        parts = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "an", "er", "on", "il")]
        made = {"".join(self.random.choices(parts, k=self.random.choice((2, 3, 3, 4)))) for _ in range(count)}
        self.words = [*head, *sorted(made - set(head))]
        tail = self.words[len(head) :]
        self.random.shuffle(tail)
        self.words[len(head) :] = tail
        self._weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(self.words))))

    def draw(self, count: int) -> list[str]:
        return self.random.choices(self.words, cum_weights=self._weights, k=count)


folded = lru_cache(maxsize=200_000)(fold)


def company_id(number: int) -> str:
    return f"cmp_{number:06}"


def company_name(number: int, words: list[str]) -> str:
    return f"{words[number % len(words)].title()} {number % 97}"


def their_number(person: int) -> str:
    return f"+336{person:08}"


def companies(count: int, names: Words) -> Iterator[tuple[Any, ...]]:
    """A company for every tenth person."""
    for n in range(count // 10):
        name = company_name(n, names.words)
        yield (
            *(WORKSPACE, company_id(n), name, None, "Trade", 0, None, NOW, NOW),
            *(fold(name), NOW, search_text((name, None, "Trade"))),
        )


def deals(count: int) -> Iterator[tuple[Any, ...]]:
    """A deal for every second company."""
    for n in range(0, count // 10, 2):
        yield (
            *(WORKSPACE, f"dea_{n:06}", f"Plan {n}", "open" if n % 4 else "won", "1200", "EUR", "2026-01-31"),
            *(company_id(n), NOW, NOW, f"plan {n}"),
        )


def people(count: int, names: Words) -> Iterator[tuple[Any, ...]]:
    """Rows of `people`: each with a name, a number, an address and mostly a company."""
    ids = IdSource()
    draw = names.random
    for n in range(count):
        at = NOW - YEAR_MS + n * YEAR_MS // count
        first, last = draw.choice(FIRST), names.draw(1)[0].title()
        company = n // 10 if n % 3 else None
        email = f"{folded(first)}.{last.lower()}{n % 1000}@{names.words[n % 500]}.example"
        active = at + draw.randrange(0, NOW - at + 1)
        searched = (
            *(folded(first), folded(last), "manager", "", ""),
            *(email, their_number(n)),
        )
        if company is not None:
            searched = (*searched[:4], folded(company_name(company, names.words)), *searched[5:])
        marks = "".join(f"{chr(mark)}{text}" for mark, text in enumerate(searched, 1)) + "\x08"
        yield (
            *(WORKSPACE, ids.new("con", at), first, last, "Manager", None, None),
            None if company is None else company_id(company),
            *(json.dumps([their_number(n)]), json.dumps([email]), "{}", 3, active, at, at),
            *(f"{folded(first)} {folded(last)}", active, marks),
        )


def items(count: int, persons: int, words: Words) -> Iterator[tuple[Any, ...]]:
    """Rows of `items`, in the order of time: three calls, with summary and transcript, on two texts."""
    ids = IdSource()
    draw = words.random
    for n in range(count):
        at = NOW - YEAR_MS + n * YEAR_MS // count
        call = n % 5 < 3
        inbound = draw.random() < 0.6
        said = words.draw(45 if call else 10)
        text = " ".join(said[:15]) if call else " ".join(said)
        lines = [" ".join(said[i : i + 6]) for i in range(15, 45, 6)] if call else []
        transcript = [{"source": "USER", "time": "2026-01-31T08:00:00Z", "text": line} for line in lines]
        # The squares of even draws: some people are talked to every week, most of them once.
        person = int(draw.random() ** 2 * persons)
        yield (
            *(WORKSPACE, ids.new("cll" if call else "msg", at), "CALL" if call else "SMS"),
            *("INBOUND" if inbound else "OUTBOUND", draw.choice(OWN), their_number(person)),
            f"user{draw.randrange(20)}@bench.example",
            *(at, 61.0 if call else None, draw.choice(("ANSWERED", "FAILED")) if call else None),
            f"https://phone.example/{n}.mp3" if call and n % 2 else None,
            *(None if call else text, None if call else "DELIVERED", None if call else "SMS"),
            *(text if call else None, int(call), None, None, json.dumps(transcript), "{}"),
            " ".join(dict.fromkeys(said)),
        )


def conversations(rows: Iterator[tuple[Any, ...]], found: dict[tuple[str, str], tuple[int, str]]) -> Any:
    """Pass items on, and remember the last one of each conversation."""
    for row in rows:
        found[row[4], row[5]] = (row[7], row[1])
        yield row


def check() -> None:
    """That what is written here is what the server would have written."""
    names = Words(1, 1_000, list(COMMON))
    row = next(people(1, names))
    contact = Contact(
        workspace=WORKSPACE,
        id=row[1],
        name=row[2],
        last_name=row[3],
        job_title=row[4],
        created_at=0,
        updated_at=0,
    )
    values = (row[2], row[3], row[4], None, None, " ".join(json.loads(row[9])), " ".join(json.loads(row[8])))
    assert row[17] == search_text(values), (row[17], search_text(values))
    assert row[15] == fold(contact.full_name)
    item = next(items(1, 1, names))
    texts = [said["text"] for said in json.loads(item[18])]
    whole = Item(
        workspace=WORKSPACE,
        id=item[1],
        kind="CALL",
        direction="INBOUND",
        own_number="",
        contact_number="",
        at=0,
        summary=item[14],
        content=" ".join(texts),
    )
    assert sorted(words_text(whole).split()) == sorted(item[20].split())


def tables(persons: int, said: int) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
    """Every table by the query that fills it, and its rows."""
    check()
    names = Words(7, 30_000, [])
    yield "add_company", companies(persons, names)
    yield "add_deal", deals(persons)
    known: list[str] = []

    def remembered() -> Iterator[tuple[Any, ...]]:
        for row in people(persons, names):
            known.append(row[1])
            yield row

    yield "add_person", remembered()
    yield (
        "add_person_number",
        ((WORKSPACE, their_number(n), id_, 0) for n, id_ in enumerate(known)),
    )
    talks: dict[tuple[str, str], tuple[int, str]] = {}
    yield "add_item", conversations(items(said, persons, Words(11, 40_000, list(COMMON))), talks)
    yield (
        "touch_conversation",
        ((WORKSPACE, own, their, at, id_, at % 2, 0) for (own, their), (at, id_) in talks.items()),
    )


def fill_sqlite(path: Path, persons: int, said: int) -> None:
    """Put them into a file that is migrated already."""
    connection = apsw.Connection(str(path))
    connection.pragma("synchronous", 0)
    connection.pragma("cache_size", -400_000)
    known = queries("sqlite")
    for query, rows in tables(persons, said):
        for chunk in _chunks(rows):
            with connection:
                connection.executemany(known[query], chunk)
    connection.pragma("wal_checkpoint(TRUNCATE)")
    connection.close()


async def fill_postgres(url: str, persons: int, said: int) -> None:
    """The same, with the indexes for searching made afterwards, as a restored backup makes them."""
    connection = await asyncpg.connect(url)
    later = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE indexdef LIKE '%USING gin%'"
    )
    for name, _ in later:
        await connection.execute(f"DROP INDEX {name}")
    for query, rows in tables(persons, said):
        head = re.search(r"INSERT INTO (\w+) \(([^)]*)\)", queries("postgresql")[query])
        assert head is not None
        columns = [name.strip() for name in head.group(2).split(",")]
        extra = (0,) * (len(columns) - (7 if query == "touch_conversation" else len(columns)))
        for chunk in _chunks(rows):
            records = [(*row, *extra) for row in chunk]
            await connection.copy_records_to_table(head.group(1), columns=columns, records=records)
    await connection.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in later:
        await connection.execute(definition, timeout=1800)
    await connection.execute("VACUUM ANALYZE", timeout=1800)
    await connection.close()


def _chunks(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while chunk := list(itertools.islice(rows, CHUNK)):
        yield chunk

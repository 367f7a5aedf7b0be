"""The two databases have the same schema, and every query is one that its database understands."""

import re
from pathlib import Path

import apsw
import asyncpg
import pytest

from switchhook.storage.sql import marked, migrations, queries
from switchhook.storage.sqlite import SqliteStore
from tests.postgres import Cluster, name_of

SHARED_ONLY = {"processes", "leases"}
SHARED_ONLY_COLUMNS = {("events", "owner"), ("schedule", "claimed_by"), ("items", "lexemes")}
WITHOUT_WORKSPACE = {"meta", "workspaces", "api_keys", *SHARED_ONLY}


async def columns_of_postgresql(url: str) -> set[tuple[str, str]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
    finally:
        await connection.close()
    return {(table, column) for table, column in rows}


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_migrations_are_numbered_without_gaps_or_doubles(dialect: str) -> None:
    numbers = [number for number, _ in migrations(dialect)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_both_have_the_same_tables_and_columns(tmp_path: Path, database: str) -> None:
    await SqliteStore(tmp_path / "x.db").close()
    connection = apsw.Connection(str(tmp_path / "x.db"))
    embedded = set(
        connection.execute(
            "SELECT m.name, c.name FROM pragma_table_list m JOIN pragma_table_xinfo(m.name) c "
            "WHERE m.schema = 'main' AND m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        ).fetchall()
    )
    connection.close()
    shared = {(t, c) for t, c in await columns_of_postgresql(database) if t not in SHARED_ONLY}
    assert shared - SHARED_ONLY_COLUMNS == embedded


def test_every_key_leads_with_the_workspace(cluster: Cluster, database: str) -> None:
    name = name_of(database)
    rows = cluster.execute(
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'", database=name
    )
    assert rows
    for table, index, text in rows:
        if table in WITHOUT_WORKSPACE or index == "events_seq":
            continue
        if "USING gin" in str(text):
            continue  # of words or letters; the workspace is asked for in each of its queries
        assert re.search(r"\(workspace_id[,)]", str(text)), (table, index, text)


async def test_postgresql_understands_every_query(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        for name, text in queries("postgresql").items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}")
    finally:
        await connection.close()


async def test_sqlite_understands_every_query(tmp_path: Path) -> None:
    await SqliteStore(tmp_path / "x.db").close()
    connection = apsw.Connection(str(tmp_path / "x.db"))
    for name, text in queries("sqlite").items():
        numbers = {int(n) for n in re.findall(r"\?(\d+)", text)}
        assert numbers == set(range(1, len(numbers) + 1)), name
        connection.execute(f"EXPLAIN {text}", (None,) * len(numbers)).fetchall()
    connection.close()


def test_marks_stand_on_queries_of_postgresql_only() -> None:
    assert marked("sqlite", "each") == marked("sqlite", "owned") == frozenset()
    assert marked("postgresql", "each") <= queries("postgresql").keys()


def test_what_sqlite_has_postgresql_has() -> None:
    # All but how one process alone numbers a group of events.
    alone = {"newest_seq", "subscribers", "add_event", "seqs_after"}
    assert queries("sqlite").keys() - queries("postgresql").keys() == alone

"""The law of the tables: every key leads with the workspace, and no query crosses workspaces."""

import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from switchhook.storage.sql import migrations, queries

# Asked before a workspace is known.
WITHOUT_WORKSPACE = {"meta", "workspaces", "api_keys"}

# Tables whose rowid is a key of its own: the order of acceptance.
ORDERED = {"events": "seq", "people": "seq", "companies": "seq", "deals": "seq", "items": "seq"}

# Questions of the whole installation, each with its reason. Everything else asks one workspace.
ACROSS_WORKSPACES = {
    "endpoint_keys": "the dispatcher opens a lane for every endpoint when it starts",
    "deleted_endpoints": "tidying up",
    "oldest_events": "retention, in the order of acceptance",
    "unsettled": "after a crash, everything above the low-water mark",
    "newest_seq": "events of all workspaces are numbered in one series",
    "seqs_after": "the same series",
    "to_mirror": "the same series: one cursor for all workspaces",
}

# Of these, the ones that may walk through a whole table.
WALKS = {"endpoint_keys", "deleted_endpoints"}

QUERIES = queries("sqlite")


@pytest.fixture
def schema(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(tmp_path / "x.db"))
    for _, script in migrations("sqlite"):
        connection.execute(script)
    yield connection
    connection.close()


def tables(schema: apsw.Connection) -> list[str]:
    return [
        name
        for (name,) in schema.execute(
            # Not the tables of an index of words or letters: their rows are numbers of rows of the tables proper.
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    ]


def keyed(schema: apsw.Connection) -> set[str]:
    return set(tables(schema)) - WITHOUT_WORKSPACE


def indexes(schema: apsw.Connection, table: str) -> dict[str, tuple[bool, list[str]]]:
    """By name: whether it is unique, and its columns."""
    found: dict[str, tuple[bool, list[str]]] = {}
    for _, name, unique, _, _ in schema.execute(f"PRAGMA index_list({table})").fetchall():
        columns = [str(column) for _, _, column in schema.execute(f"PRAGMA index_info({name})")]
        found[str(name)] = (bool(unique), columns)
    return found


def primary_key(schema: apsw.Connection, table: str) -> list[str]:
    columns = [
        (place, name) for _, name, _, _, _, place in schema.execute(f"PRAGMA table_info({table})") if place
    ]
    return [name for _, name in sorted(columns)]


def test_there_are_tables(schema: apsw.Connection) -> None:
    assert {"events", "attempts", "schedule", "endpoints", "calls", *WITHOUT_WORKSPACE} <= set(tables(schema))


def test_every_key_leads_with_the_workspace(schema: apsw.Connection) -> None:
    wrong = []
    for table in keyed(schema):
        key = primary_key(schema, table)
        if table in ORDERED:
            assert key == [ORDERED[table]]
        elif key[:1] != ["workspace_id"]:
            wrong.append(f"{table}: primary key {key}")
        wrong += [
            f"{table}: {name} {columns}"
            for name, (_, columns) in indexes(schema, table).items()
            if columns[:1] != ["workspace_id"]
        ]
    assert wrong == []


def test_every_table_with_a_workspace_has_a_unique_key_that_leads_with_it(schema: apsw.Connection) -> None:
    for table in keyed(schema):
        unique = [columns for is_unique, columns in indexes(schema, table).values() if is_unique]
        assert any(columns[0] == "workspace_id" for columns in unique), table


def test_every_column_of_a_key_must_be_there(schema: apsw.Connection) -> None:
    for table in keyed(schema):
        required = {
            name for _, name, _, needed, _, place in schema.execute(f"PRAGMA table_info({table})") if needed
        }
        assert "workspace_id" in required, table


def test_every_query_is_understood(schema: apsw.Connection) -> None:
    assert len(QUERIES) > 50
    for name, sql in QUERIES.items():
        count = max([int(number) for number in re.findall(r"\?(\d+)", sql)], default=0)
        try:
            schema.execute(f"EXPLAIN {sql}", (None,) * count)
        except apsw.Error as error:
            pytest.fail(f"{name}: {error}")


def mentions(sql: str, table: str) -> bool:
    return re.search(rf"\b(FROM|JOIN|INTO|UPDATE)\s+{table}\b", sql) is not None


def test_no_query_crosses_workspaces(schema: apsw.Connection) -> None:
    crossing = set()
    for name, sql in QUERIES.items():
        touched = [table for table in keyed(schema) if mentions(sql, table)]
        if not touched:
            continue
        # One condition or one first column for each place where such a table stands; a join on it counts as one.
        bound = len(re.findall(r"workspace_id = \?1", sql))
        bound += len(re.findall(r"workspace_id = \w+\.workspace_id", sql))
        bound += len(re.findall(r"INSERT INTO \w+ \(workspace_id,", sql))
        places = len(re.findall(rf"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:{'|'.join(touched)})\b", sql))
        if bound < places:
            crossing.add(name)
    assert crossing == QUERIES.keys() & ACROSS_WORKSPACES.keys()


def test_no_query_walks_through_a_whole_table(schema: apsw.Connection) -> None:
    walking = {}
    for name, sql in QUERIES.items():
        count = max([int(number) for number in re.findall(r"\?(\d+)", sql)], default=0)
        plan = [row[3] for row in schema.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * count)]
        names = dict(re.findall(r"\b(?:FROM|JOIN)\s+(\w+) (?:AS )?(\w)\b", sql))
        names = {alias: table for table, alias in names.items()}
        for step in plan:
            scanned = re.match(r"SCAN (\w+)", step)
            if scanned and names.get(scanned.group(1), scanned.group(1)) in keyed(schema):
                walking[name] = step
    assert walking.keys() == QUERIES.keys() & WALKS, walking


def test_the_queries_of_an_event_on_its_way_use_their_keys(schema: apsw.Connection) -> None:
    def plan(name: str) -> str:
        count = max(int(number) for number in re.findall(r"\?(\d+)", QUERIES[name]))
        return "\n".join(
            row[3] for row in schema.execute(f"EXPLAIN QUERY PLAN {QUERIES[name]}", (None,) * count)
        )

    assert "schedule_due (workspace_id=? AND endpoint_id=? AND next_at<?)" in plan("due")
    assert "schedule_due (workspace_id=? AND endpoint_id=? AND next_at>?)" in plan("next_due")
    assert "PRIMARY KEY (workspace_id=? AND topic=?)" in plan("subscribers")
    assert "INTEGER PRIMARY KEY (rowid>?)" in plan("seqs_after")
    assert "events_dedupe (workspace_id=? AND topic=? AND dedupe_key=?)" in plan("event_by_dedupe_key")
    assert "INTEGER PRIMARY KEY (rowid>?)" in plan("unsettled")
    assert "INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan("oldest_events")
    for name in ("due", "next_due"):
        assert "TEMP B-TREE" not in plan(name)  # millions that wait are not sorted for a hundred


def test_both_databases_know_the_same_queries() -> None:
    assert not [name for name, sql in QUERIES.items() if re.search(r"\$\d", sql)]
    assert not [name for name, sql in queries("postgresql").items() if re.search(r"\?\d", sql)]


def test_every_query_uses_all_its_arguments() -> None:
    for name, sql in QUERIES.items():
        numbers = {int(number) for number in re.findall(r"\?(\d+)", sql)}
        assert numbers == set(range(1, len(numbers) + 1)), name

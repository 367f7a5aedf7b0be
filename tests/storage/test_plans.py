"""Completed history does not slow down what is hot: no query on the way of an event reads what is over."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from switchhook.storage.pg_connection import Connection
from switchhook.storage.sql import queries
from switchhook.storage.sqlite import SqliteStore

HISTORY = {"events", "attempts", "schedule"}

# Who asks: accepting, sending, settling, looking for what is due, taking over, retention, recovery, one delivery.
HOT = [
    *("accept_event", "accept_event_for", "event_by_dedupe_key", "add_event", "newest_seq", "seqs_after"),
    *(
        "add_attempt",
        "put_schedule",
        "put_schedule_once",
        "leave_to_others",
        "drop_schedule",
        "still_claimed",
    ),
    *("due", "claim_due", "next_due", "first_in_turn", "in_turn", "claim_in_turn"),
    *("release_claims", "release_other_claims", "release_all_claims"),
    *("unsettled", "has_trace", "take_unsettled", "waiting_lanes"),
    *("oldest_events", "trace_of", "prune_attempts", "prune_event", "expunge_event", "expunge_attempts"),
    *(
        "replay",
        "failed_after",
        "tried_after",
        "first_tried",
        "waiting_after",
        "first_waiting",
        "hasten",
        "event",
        "event_shown",
        "attempts_of",
        "schedule_of",
    ),
]

# What only a store of one process asks.
ALONE = {"due", "in_turn"}

NARROW = ("event_id", "id", "seq", "rowid", "dedupe_key", "owner", "next_at", "ctid", "claimed_by")
CONDITIONS = ("Index Cond", "TID Cond", "Recheck Cond")

FILL = """
INSERT INTO events (owner, workspace_id, id, topic, dedupe_key, targets, accepted_at, body)
  SELECT 1, 'wsp_a', 'msg_' || lpad(n::text, 8, '0'), 'tag.added', 'key ' || n, 'ep_1 ep_2', n, repeat('x', 200)::bytea
  FROM generate_series(1, 30000) AS n;
INSERT INTO attempts (workspace_id, endpoint_id, event_id, number, state, started_at, latency_ms, kind)
  SELECT workspace_id, p, id, 1, CASE WHEN seq % 50 = 0 THEN 'failed' ELSE 'succeeded' END, seq, 1, 'delivered'
  FROM events, unnest(ARRAY['ep_1', 'ep_2']) AS p;
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, base, seq, claimed_by)
  SELECT workspace_id, p, id, 1, seq, 0, seq, CASE WHEN seq % 100 = 0 THEN 7 END
  FROM events, unnest(ARRAY['ep_1', 'ep_2']) AS p WHERE seq % 2 = 0;
INSERT INTO endpoints (workspace_id, id, url, enabled, secrets, created_at, updated_at)
  SELECT 'wsp_a', 'ep_' || n, '', 1, '[]', 0, 0 FROM generate_series(1, 20) AS n;
"""


def test_the_queries_that_are_looked_at_exist() -> None:
    assert set(HOT) <= queries("sqlite").keys() | queries("postgresql").keys()


@pytest.fixture
async def full(database: str) -> AsyncIterator[Connection]:
    """A database in which most is over, and PostgreSQL knows that."""
    connection = await asyncpg.connect(database)
    await connection.execute(FILL)
    for table in (*HISTORY, "endpoints"):
        await connection.execute(f"ANALYZE {table}")
    # The plan that holds whatever the arguments are.
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    yield connection
    await connection.close()


def narrow(table: str, condition: str) -> bool:
    """Whether what `condition` looks up is little: not all of a workspace, nor all there ever was of an endpoint."""
    if table == "schedule" and "endpoint_id" in condition:
        return True
    return any(re.search(rf"\b{column}\b", condition) for column in NARROW)


def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan that reads a table of the history."""
    if "Scan" in node["Node Type"] and node.get("Relation Name") in HISTORY:
        yield node
    for child in node.get("Plans", ()):
        yield from scans(child)


async def test_postgresql_reads_no_history_for_what_is_hot(full: Connection) -> None:
    wrong = []
    for name in HOT:
        text = queries("postgresql").get(name)
        if text is None or name in ALONE:
            continue
        count = max([int(number) for number in re.findall(r"\$(\d+)", text)], default=0)
        await full.execute(f"PREPARE hot AS {text}")
        given = f"({', '.join(['NULL'] * count)})" if count else ""
        plan = json.loads(await full.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE hot{given}"))
        wrong += [
            f"{name}: {node['Node Type']} of {node['Relation Name']}"
            for node in scans(plan[0]["Plan"])
            if not narrow(node["Relation Name"], " ".join(str(node.get(c)) for c in CONDITIONS))
        ]
        await full.execute("DEALLOCATE hot")
    assert not wrong, wrong


def test_sqlite_reads_no_history_for_what_is_hot(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "x.db")._connection.close()
    connection = apsw.Connection(str(tmp_path / "x.db"))
    wrong = []
    for name in HOT:
        text = queries("sqlite").get(name)
        if text is None:
            continue
        count = max([int(number) for number in re.findall(r"\?(\d+)", text)], default=0)
        names = {alias: table for table, alias in re.findall(r"\b(?:FROM|JOIN)\s+(\w+) (?:AS )?(\w)\b", text)}
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * count).fetchall():
            # A search without anything to look up finds the least or the greatest, which is one row.
            found = re.match(r"(?:SCAN (\w+)|SEARCH (\w+) .*\((.*)\))", str(step))
            table = (found[1] or found[2]) if found else ""
            table = names.get(table, table)
            if found and table in HISTORY and not narrow(table, found[3] or ""):
                wrong.append(f"{name}: {step}")
    connection.close()
    assert not wrong, wrong

"""Plans that must not depend on statistics: a backlog that has just grown has none, and that is when it is claimed."""

import asyncpg
import pytest

from switchhook.storage.sql import queries

ROWS = 5_000
ARGUMENTS = "'wsp', 'ep', 1000000, 128, 0"


@pytest.mark.parametrize("query", ["claim_due", "claim_in_turn"])
async def test_a_claim_looks_at_what_it_takes_and_at_nothing_else(database: str, query: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(
        "ALTER TABLE schedule SET (autovacuum_enabled = false); ALTER TABLE events SET (autovacuum_enabled = false);"
        "INSERT INTO endpoints (workspace_id, id, url, enabled, secrets, created_at, updated_at)"
        " VALUES ('wsp', 'ep', '', 1, '[]', 0, 0);"
        "INSERT INTO events (owner, workspace_id, id, topic, targets, accepted_at, body)"
        f" SELECT 0, 'wsp', 'msg_' || n, '', 'ep', 0, '' FROM generate_series(1, {ROWS}) n;"
        "INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, seq)"
        f" SELECT 'wsp', 'ep', 'msg_' || n, n % 2, n, n FROM generate_series(1, {ROWS}) n"
    )
    text = queries("postgresql")[query]
    await connection.execute(
        f"PREPARE claim (text, text, bigint, bigint, bigint) AS {text}; SET plan_cache_mode = force_generic_plan"
    )
    plan = "\n".join(
        row[0]
        for row in await connection.fetch(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE claim ({ARGUMENTS})"
        )
    )
    await connection.close()
    assert "Tid Scan on schedule" in plan
    assert f"rows={ROWS}" not in plan, plan

-- What is old enough to go, in the order of acceptance.

-- name: oldest_events
-- Above $1 and up to $2 (both `seq`). The body is not read.
SELECT seq, workspace_id, id, accepted_at, targets FROM events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3

-- name: trace_of
-- What there is of a delivery: number and state of its last attempt, whether it waits, and whether its endpoint is there.
SELECT (SELECT number FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3
    ORDER BY number DESC LIMIT 1),
  (SELECT state FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3
    ORDER BY number DESC LIMIT 1),
  EXISTS (SELECT 1 FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3),
  EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL)

-- name: trace_of (postgresql each)
-- Lateral and limited, so that no plan reads a whole table to answer for a few rows.
SELECT a.n - 1, t.number, t.state, s.it IS NOT NULL, p.it IS NOT NULL
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (w, p, e, n)
LEFT JOIN LATERAL (SELECT number, state FROM attempts
  WHERE workspace_id = a.w AND endpoint_id = a.p AND event_id = a.e ORDER BY number DESC LIMIT 1) AS t ON true
LEFT JOIN LATERAL (SELECT 1 AS it FROM schedule
  WHERE workspace_id = a.w AND endpoint_id = a.p AND event_id = a.e LIMIT 1) AS s ON true
LEFT JOIN LATERAL (SELECT 1 AS it FROM endpoints
  WHERE workspace_id = a.w AND id = a.p AND deleted_at IS NULL LIMIT 1) AS p ON true

-- name: open_spans
-- The events that unfinished recoveries of a workspace have still to look at: above the second, up to the third; and which
-- deliveries each of them means.
SELECT endpoint_id, cursor, upto, selection FROM recoveries WHERE workspace_id = $1 AND finished_at IS NULL

-- name: prune_attempts
DELETE FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3

-- name: prune_attempts (postgresql each)
DELETE FROM attempts t USING unnest($1::text[], $2::text[], $3::text[]) AS a (w, p, e)
WHERE t.workspace_id = a.w AND t.endpoint_id = a.p AND t.event_id = a.e

-- name: prune_event
DELETE FROM events WHERE workspace_id = $1 AND id = $2

-- name: prune_event (postgresql each)
DELETE FROM events t USING unnest($1::text[], $2::text[]) AS a (w, e) WHERE t.workspace_id = a.w AND t.id = a.e

-- name: prune_recoveries
-- Finished ones with an id before $2; $3 at a time.
DELETE FROM recoveries WHERE workspace_id = $1 AND id IN (
  SELECT id FROM recoveries WHERE workspace_id = $1 AND id < $2 AND finished_at IS NOT NULL ORDER BY id LIMIT $3)

-- name: claim_pruning (postgresql owned)
-- For $1 seconds nobody else prunes. One row when it is ours.
INSERT INTO meta (key, value)
VALUES ('pruning', format('%s %s', $2::bigint, extract(epoch FROM clock_timestamp() + make_interval(secs => $1))))
ON CONFLICT (key) DO UPDATE SET value = excluded.value
WHERE split_part(meta.value, ' ', 1)::bigint = $2
   OR split_part(meta.value, ' ', 2)::numeric < extract(epoch FROM clock_timestamp())
RETURNING 1

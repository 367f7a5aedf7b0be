-- The rules of an endpoint: its health, its secrets, what is sent to it again.

-- name: health
-- Of an endpoint that is enabled: what outcomes come after it was disabled say nothing about it.
SELECT failing_first, failing_last, failing_clock FROM endpoints
WHERE workspace_id = $1 AND id = $2 AND enabled = 1 AND deleted_at IS NULL

-- name: health (postgresql)
-- Held until the verdict is written: processes that follow one endpoint do so one after the other.
SELECT failing_first, failing_last, failing_clock FROM endpoints
WHERE workspace_id = $1 AND id = $2 AND enabled = 1 AND deleted_at IS NULL FOR UPDATE

-- name: failed_deliveries
-- What is told of a delivery ($2 event, $3 endpoint) that has failed for good.
SELECT e.topic, p.url FROM events e JOIN endpoints p ON p.workspace_id = e.workspace_id
WHERE e.workspace_id = $1 AND e.id = $2 AND p.id = $3 AND p.deleted_at IS NULL

-- name: failed_deliveries (postgresql each)
SELECT a.n - 1, e.topic, p.url
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (w, e, p, n)
JOIN events e ON e.workspace_id = a.w AND e.id = a.e
JOIN endpoints p ON p.workspace_id = a.w AND p.id = a.p AND p.deleted_at IS NULL

-- name: save_health
UPDATE endpoints SET failing_first = $3, failing_last = $4, failing_clock = $5
WHERE workspace_id = $1 AND id = $2 AND enabled = 1

-- name: rotate_secret
UPDATE endpoints SET secrets = $3, updated_at = $4 WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL

-- name: replay
-- Put a delivery into the schedule for now, with a series of attempts of its own.
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, base, seq)
SELECT $1, $2, $3, $4, $5, $4, seq FROM events WHERE workspace_id = $1 AND id = $3 AND expunged_at IS NULL
ON CONFLICT (workspace_id, endpoint_id, event_id) DO UPDATE SET next_at = excluded.next_at, base = excluded.base

-- name: hasten
-- What was never attempted is due now.
UPDATE schedule SET next_at = $4
WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3 AND attempts = 0 AND next_at > $4

-- name: waiting_after
-- Deliveries that wait, in the order of their events. Also those that were attempted: passing them over here would be a
-- walk without a bound.
SELECT event_id, attempts, next_at FROM schedule
WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id > $3 AND event_id <= $4 ORDER BY event_id LIMIT $5

-- name: tried_after
-- Deliveries that were attempted, in the order of their events, with their last attempt and when the next one is due. What
-- is asked of each is a subquery with one value, which no plan turns into a look at all that waits.
SELECT c.event_id, a.number, a.state, a.kind, a.status,
  (SELECT e.topic FROM events e WHERE e.workspace_id = $1 AND e.id = c.event_id AND e.expunged_at IS NULL),
  (SELECT s.next_at FROM schedule s WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.event_id = c.event_id)
FROM (SELECT DISTINCT event_id FROM attempts
  WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id > $3 AND event_id <= $4 ORDER BY event_id LIMIT $5) AS c
JOIN attempts a ON a.workspace_id = $1 AND a.endpoint_id = $2 AND a.event_id = c.event_id
  AND a.number = (SELECT max(number) FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = c.event_id)
ORDER BY c.event_id

-- name: failed_after
-- The same of those that have failed for good at least once: few among many.
SELECT c.event_id, a.number, a.state, a.kind, a.status,
  (SELECT e.topic FROM events e WHERE e.workspace_id = $1 AND e.id = c.event_id AND e.expunged_at IS NULL),
  (SELECT s.next_at FROM schedule s WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.event_id = c.event_id)
FROM (SELECT DISTINCT event_id FROM attempts
  WHERE workspace_id = $1 AND endpoint_id = $2 AND state = 'failed' AND event_id > $3 AND event_id <= $4
  ORDER BY event_id LIMIT $5) AS c
JOIN attempts a ON a.workspace_id = $1 AND a.endpoint_id = $2 AND a.event_id = c.event_id
  AND a.number = (SELECT max(number) FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = c.event_id)
ORDER BY c.event_id

-- name: first_tried
-- The oldest event from $3 (an id) on that was attempted.
SELECT event_id FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id >= $3 ORDER BY event_id LIMIT 1

-- name: newest_event
SELECT coalesce(max(id), '') FROM events WHERE workspace_id = $1

-- name: first_waiting
-- The oldest event from $3 (an id) on that waits.
SELECT event_id FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id >= $3 ORDER BY event_id LIMIT 1

-- name: add_recovery
INSERT INTO recoveries (workspace_id, id, endpoint_id, since, until, upto, selection, first, cursor, looked_at, queued,
  created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: recovery
SELECT workspace_id, id, endpoint_id, since, until, upto, selection, first, cursor, looked_at, queued, created_at,
  finished_at, cancelled
FROM recoveries WHERE workspace_id = $1 AND id = $2

-- name: open_recoveries
SELECT workspace_id, id, endpoint_id, since, until, upto, selection, first, cursor, looked_at, queued, created_at,
  finished_at, cancelled
FROM recoveries WHERE workspace_id = $1 AND finished_at IS NULL ORDER BY created_at LIMIT 100

-- name: recoveries_of
SELECT workspace_id, id, endpoint_id, since, until, upto, selection, first, cursor, looked_at, queued, created_at,
  finished_at, cancelled
FROM recoveries WHERE workspace_id = $1 AND endpoint_id = $2 ORDER BY id DESC LIMIT $3 OFFSET $4

-- name: count_recoveries_of
SELECT count(*) FROM recoveries WHERE workspace_id = $1 AND endpoint_id = $2

-- name: advance_recovery
UPDATE recoveries SET cursor = $3, looked_at = $4, queued = $5, finished_at = $6, cancelled = $7
WHERE workspace_id = $1 AND id = $2

-- name: recent_attempts
SELECT state, latency_ms FROM attempts
WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id >= $3 ORDER BY event_id DESC LIMIT $4

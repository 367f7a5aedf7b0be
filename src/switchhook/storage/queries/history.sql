-- The history of deliveries, and how many there are.

-- name: deliveries
-- $3 low-water mark, $4 rows, $5 offset. Each branch is cut first, so that a long history is not read for one page.
SELECT event_id FROM (
  SELECT event_id FROM (SELECT event_id FROM attempts
    WHERE workspace_id = $1 AND endpoint_id = $2 AND number = 1 ORDER BY event_id DESC LIMIT CAST($4 AS bigint) + CAST($5 AS bigint)) AS tried
  UNION
  SELECT event_id FROM (SELECT event_id FROM schedule
    WHERE workspace_id = $1 AND endpoint_id = $2 ORDER BY event_id DESC LIMIT CAST($4 AS bigint) + CAST($5 AS bigint)) AS waiting
  UNION
  SELECT id FROM events
    WHERE seq > $3 AND workspace_id = $1 AND replace(' ' || targets || ' ', ' ' || $2 || ' ', '') <> ' ' || targets || ' '
) AS found ORDER BY event_id DESC LIMIT $4 OFFSET $5

-- name: deliveries_pending
SELECT event_id FROM (
  SELECT event_id FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2
  UNION
  SELECT e.id FROM events e
    WHERE e.seq > $3 AND e.workspace_id = $1 AND replace(' ' || e.targets || ' ', ' ' || $2 || ' ', '') <> ' ' || e.targets || ' '
      AND NOT EXISTS (SELECT 1 FROM attempts a
        WHERE a.workspace_id = $1 AND a.endpoint_id = $2 AND a.event_id = e.id)
) AS found ORDER BY event_id DESC LIMIT $4 OFFSET $5

-- name: deliveries_failed
SELECT a.event_id FROM attempts a
WHERE a.workspace_id = $1 AND a.endpoint_id = $2 AND a.state = 'failed' AND CAST($3 AS bigint) = $3
  AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.workspace_id = $1 AND b.endpoint_id = $2
    AND b.event_id = a.event_id AND b.number > a.number)
  AND NOT EXISTS (SELECT 1 FROM schedule s WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.event_id = a.event_id)
ORDER BY a.event_id DESC LIMIT $4 OFFSET $5

-- name: deliveries_succeeded
SELECT a.event_id FROM attempts a
WHERE a.workspace_id = $1 AND a.endpoint_id = $2 AND a.state = 'succeeded' AND CAST($3 AS bigint) = $3
  AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.workspace_id = $1 AND b.endpoint_id = $2
    AND b.event_id = a.event_id AND b.number > a.number)
  AND NOT EXISTS (SELECT 1 FROM schedule s WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.event_id = a.event_id)
ORDER BY a.event_id DESC LIMIT $4 OFFSET $5

-- name: attempts_of
SELECT number, state, started_at, latency_ms, kind, status, fault, message_customer, message_operator, next_at, response
FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3 ORDER BY number

-- name: schedule_of
SELECT attempts, next_at FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3

-- name: count_deliveries
SELECT count(*) FROM (
  SELECT event_id FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND number = 1
  UNION
  SELECT event_id FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2
  UNION
  SELECT id FROM events
    WHERE seq > $3 AND workspace_id = $1 AND replace(' ' || targets || ' ', ' ' || $2 || ' ', '') <> ' ' || targets || ' '
) AS found

-- name: count_deliveries_pending
SELECT count(*) FROM (
  SELECT event_id FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2
  UNION
  SELECT e.id FROM events e
    WHERE e.seq > $3 AND e.workspace_id = $1 AND replace(' ' || e.targets || ' ', ' ' || $2 || ' ', '') <> ' ' || e.targets || ' '
      AND NOT EXISTS (SELECT 1 FROM attempts a
        WHERE a.workspace_id = $1 AND a.endpoint_id = $2 AND a.event_id = e.id)
) AS found

-- name: count_deliveries_failed
SELECT count(*) FROM attempts a
WHERE a.workspace_id = $1 AND a.endpoint_id = $2 AND a.state = 'failed' AND CAST($3 AS bigint) = $3
  AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.workspace_id = $1 AND b.endpoint_id = $2
    AND b.event_id = a.event_id AND b.number > a.number)
  AND NOT EXISTS (SELECT 1 FROM schedule s WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.event_id = a.event_id)

-- name: count_deliveries_succeeded
SELECT count(*) FROM attempts a
WHERE a.workspace_id = $1 AND a.endpoint_id = $2 AND a.state = 'succeeded' AND CAST($3 AS bigint) = $3
  AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.workspace_id = $1 AND b.endpoint_id = $2
    AND b.event_id = a.event_id AND b.number > a.number)
  AND NOT EXISTS (SELECT 1 FROM schedule s WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.event_id = a.event_id)

-- name: newest_events
-- At most $3 after $2 (an id), the newest first; without the body of one that is large.
SELECT id, topic, accepted_at, CASE WHEN length(body) <= 16384 THEN body END
FROM events WHERE workspace_id = $1 AND id > $2 ORDER BY id DESC LIMIT $3

-- name: attempts_over_time
-- The newest $4 attempts for events from $3 (an id) on.
SELECT started_at, state, latency_ms FROM attempts
WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id >= $3 ORDER BY event_id DESC, number DESC LIMIT $4

-- name: active_calls
SELECT id, state FROM calls WHERE workspace_id = $1 AND ended_at IS NULL AND started_at > $2
ORDER BY started_at DESC LIMIT $3

-- name: count_waiting
-- How many deliveries wait in the schedule, up to $2.
SELECT count(*) FROM (SELECT 1 FROM schedule WHERE workspace_id = $1 LIMIT $2) AS waiting

-- name: oldest_waiting
-- The oldest event that waits for each endpoint: one look into the key for each.
SELECT (SELECT s.event_id FROM schedule s WHERE s.workspace_id = $1 AND s.endpoint_id = e.id ORDER BY s.event_id LIMIT 1)
FROM endpoints e WHERE e.workspace_id = $1 AND e.deleted_at IS NULL

-- name: event_of_key
SELECT id, accepted_at FROM events WHERE workspace_id = $1 AND topic = $2 AND dedupe_key = $3 AND dedupe_key IS NOT NULL

-- name: source_of_call
SELECT source, source_call FROM calls WHERE workspace_id = $1 AND id = $2

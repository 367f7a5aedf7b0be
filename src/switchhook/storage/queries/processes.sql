-- The processes of a shared store.

-- name: last_number (postgresql)
-- Every event accepted after this was read gets a greater `seq`.
SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM events_seq_seq

-- name: join_process (postgresql)
WITH made AS (INSERT INTO processes (name) VALUES ($1) RETURNING id),
marks AS (INSERT INTO meta (key, value)
  SELECT format('commit %s %s', id, lane), '' FROM made, unnest(ARRAY['rules', 'accepts', 'outcomes']) AS lane)
INSERT INTO leases (process, expires_at, delivers, low_water)
SELECT made.id, clock_timestamp() + make_interval(secs => $2), $3, CASE WHEN is_called THEN last_value ELSE last_value - 1 END
FROM made, events_seq_seq
RETURNING process, low_water

-- name: hold_own (postgresql)
SELECT 1 FROM processes WHERE id = $1 AND NOT lost FOR KEY SHARE

-- name: mark_commit (postgresql)
-- The same, and a mark ($3) in the row of a lane ($2). Not an UPDATE: that may read the whole table, and then every two
-- serializable transactions would stand in each other's way.
WITH own AS (SELECT 1 FROM processes WHERE id = $1 AND NOT lost FOR KEY SHARE)
INSERT INTO meta (key, value) SELECT $2, $3 FROM own
ON CONFLICT (key) DO UPDATE SET value = excluded.value
RETURNING 1

-- name: marked_commit (postgresql)
-- The mark of the last transaction that was committed. Waits for one that may still be.
SELECT value FROM meta WHERE key = $1 FOR SHARE

-- name: renew_lease (postgresql owned)
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $1), low_water = greatest(low_water, $2)
WHERE process = $3

-- name: end_lease (postgresql owned)
UPDATE leases SET expires_at = '-infinity' WHERE process = $1

-- name: end_lease_of (postgresql)
UPDATE leases SET expires_at = '-infinity' WHERE process = $1

-- name: expired_processes (postgresql owned)
SELECT process FROM leases WHERE expires_at < clock_timestamp() AND process <> $1 ORDER BY process

-- name: count_processes (postgresql)
-- Those in force that deliver.
SELECT count(*) FROM leases WHERE delivers AND process <> 0 AND expires_at > clock_timestamp()

-- name: hold_process (postgresql)
-- Waits for nobody: a process that is just writing shares a lock on its row, and is asked about again later.
SELECT l.low_water FROM leases l JOIN processes p ON p.id = l.process
WHERE l.process = $1 AND l.expires_at < clock_timestamp() FOR UPDATE SKIP LOCKED

-- name: take_unsettled (postgresql)
-- Deliveries of a process ($1), above a mark ($2), that have left no trace: into the schedule, due at $4.
WITH taken AS (
  SELECT seq, workspace_id, id, targets FROM events WHERE owner = $1 AND seq > $2 ORDER BY seq LIMIT $3
), put AS (
  INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, seq)
  SELECT t.workspace_id, target, t.id, 0, $4, t.seq
  FROM taken t CROSS JOIN LATERAL unnest(string_to_array(t.targets, ' ')) AS target
  WHERE EXISTS (SELECT 1 FROM endpoints e
      WHERE e.workspace_id = t.workspace_id AND e.id = target AND e.deleted_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM attempts a
      WHERE a.workspace_id = t.workspace_id AND a.endpoint_id = target AND a.event_id = t.id)
  ON CONFLICT (workspace_id, endpoint_id, event_id) DO NOTHING
  RETURNING 1
)
SELECT count(*), coalesce(max(seq), $2), (SELECT count(*) FROM put) FROM taken

-- name: mark_lost (postgresql)
UPDATE processes SET lost = true WHERE id = $1 AND id <> 0 AND NOT lost

-- name: mark_taken (postgresql)
UPDATE leases SET low_water = $2 WHERE process = $1

-- name: release_all_claims (postgresql)
UPDATE schedule SET claimed_by = NULL WHERE claimed_by = $1

-- name: forget_process (postgresql)
WITH gone AS (DELETE FROM leases WHERE process = $1),
marks AS (DELETE FROM meta WHERE key = ANY (
  SELECT format('commit %s %s', $1::bigint, lane) FROM unnest(ARRAY['rules', 'accepts', 'outcomes']) AS lane))
DELETE FROM processes WHERE id = $1

-- name: take_line (postgresql owned)
-- A line of telephones ($1) is one process's until that is gone, lost, or lets go of it.
INSERT INTO meta (key, value) VALUES ('line ' || $1::text, ($2::bigint)::text)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
WHERE meta.value = excluded.value OR NOT EXISTS (SELECT 1 FROM processes p WHERE p.id::text = meta.value AND NOT p.lost)

-- name: leave_line (postgresql owned)
DELETE FROM meta WHERE key = 'line ' || $1::text AND value = ($2::bigint)::text

-- name: has_line (postgresql owned)
SELECT 1 FROM meta WHERE key = 'line ' || $1::text AND value = ($2::bigint)::text

-- name: who_has_line (postgresql)
SELECT p.name FROM meta m JOIN processes p ON p.id::text = m.value WHERE m.key = 'line ' || $1::text

-- name: waiting_lanes (postgresql)
-- When the first delivery of each endpoint that nobody has claimed is due.
SELECT e.workspace_id, e.id, s.next_at
FROM endpoints e CROSS JOIN LATERAL (SELECT next_at FROM schedule
  WHERE workspace_id = e.workspace_id AND endpoint_id = e.id AND claimed_by IS NULL ORDER BY next_at LIMIT 1) AS s
WHERE e.deleted_at IS NULL AND e.enabled = 1 AND e.paused = 0

-- name: endpoint_versions (postgresql)
-- The database's own version of each row: it changes with every change, whoever's clock is wrong.
SELECT workspace_id, id, xmin::text FROM endpoints

-- name: notify (postgresql)
SELECT pg_notify('switchhook', $1)

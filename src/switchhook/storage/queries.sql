-- Every query of Switchhook, by name. `$1` is the first argument.
--
-- A name with `(sqlite)` or `(postgresql)` is that database's own form, where one text will not do. `each` after it: every
-- argument is an array with one element for each row, and the first column that comes back is the number of the row it
-- answers, from 0. `owned`: the number of the process that runs it is added as the last argument.

-- ===== installation ==================================================================================================

-- name: get_meta
SELECT value FROM meta WHERE key = $1

-- name: set_meta
INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: set_meta_once
INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING

-- name: workspaces
SELECT id, name, created_at FROM workspaces ORDER BY created_at, id

-- name: add_workspace
INSERT INTO workspaces (id, name, created_at) VALUES ($1, $2, $3)

-- ===== keys ==========================================================================================================

-- name: add_key
INSERT INTO api_keys (digest, workspace_id, id, name, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: key_by_digest
SELECT k.workspace_id, w.name, k.id, k.name, k.scopes, k.created_at, k.revoked_at
FROM api_keys k JOIN workspaces w ON w.id = k.workspace_id
WHERE k.digest = $1

-- name: keys
SELECT k.workspace_id, w.name, k.id, k.name, k.scopes, k.created_at, k.revoked_at
FROM api_keys k JOIN workspaces w ON w.id = k.workspace_id
ORDER BY k.created_at, k.id

-- name: revoke_key
UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL

-- ===== endpoints =====================================================================================================

-- name: add_endpoint
INSERT INTO endpoints (workspace_id, id, url, description, enabled, secrets, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)

-- name: endpoints
SELECT workspace_id, id, url, description, enabled, secrets, disabled_why, created_at, updated_at,
  failing_first, failing_last, failing_clock
FROM endpoints WHERE workspace_id = $1 AND deleted_at IS NULL ORDER BY id

-- name: endpoint
SELECT workspace_id, id, url, description, enabled, secrets, disabled_why, created_at, updated_at,
  failing_first, failing_last, failing_clock
FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL

-- name: endpoint_keys
-- Every endpoint that may have deliveries waiting.
SELECT workspace_id, id FROM endpoints WHERE deleted_at IS NULL

-- name: change_endpoint
-- One that is enabled again begins healthy: what it failed before says nothing about it any more.
UPDATE endpoints SET url = $3, description = $4, enabled = $5, disabled_why = $6, updated_at = $7,
  failing_first = CASE WHEN enabled < $5 THEN NULL ELSE failing_first END,
  failing_last = CASE WHEN enabled < $5 THEN NULL ELSE failing_last END,
  failing_clock = CASE WHEN enabled < $5 THEN NULL ELSE failing_clock END
WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL

-- name: disable_endpoint
UPDATE endpoints SET enabled = 0, disabled_why = $3, updated_at = $4,
  failing_first = NULL, failing_last = NULL, failing_clock = NULL
WHERE workspace_id = $1 AND id = $2 AND enabled = 1 AND deleted_at IS NULL

-- name: delete_endpoint
-- The secrets go at once; the history goes in small steps afterwards.
UPDATE endpoints SET deleted_at = $3, enabled = 0, secrets = '[]'
WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL

-- name: deleted_endpoints
SELECT workspace_id, id FROM endpoints WHERE deleted_at IS NOT NULL LIMIT 100

-- name: forget_attempts
DELETE FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND (event_id, number) IN (
  SELECT event_id, number FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 LIMIT $3)

-- name: forget_schedule
DELETE FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id IN (
  SELECT event_id FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 LIMIT $3)

-- name: forget_endpoint
DELETE FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NOT NULL

-- name: endpoint_topics
SELECT topic FROM endpoint_topics WHERE workspace_id = $1 AND endpoint_id = $2 ORDER BY position, topic

-- name: topics_of_all
SELECT endpoint_id, topic FROM endpoint_topics WHERE workspace_id = $1 ORDER BY position, topic

-- name: add_endpoint_topic
INSERT INTO endpoint_topics (workspace_id, topic, endpoint_id, position) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: clear_endpoint_topics
DELETE FROM endpoint_topics WHERE workspace_id = $1 AND endpoint_id = $2

-- ===== accepting =====================================================================================================

-- name: accept_event
-- One statement makes the event, its dedupe key and the snapshot of the subscribed endpoints. A known key gives no row.
INSERT INTO events (workspace_id, id, topic, dedupe_key, targets, accepted_at, body)
VALUES ($1, $2, $3, $4,
  coalesce((SELECT group_concat(endpoint_id, ' ') FROM endpoint_topics WHERE workspace_id = $1 AND topic = $3), ''),
  $5, $6)
ON CONFLICT (workspace_id, topic, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
RETURNING seq, targets

-- name: accept_event (postgresql each owned)
-- In the order of the unique key, so that two groups at once wait for each other in one direction only.
WITH asked AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[])
    WITH ORDINALITY AS a (workspace_id, id, topic, dedupe_key, accepted_at, body, n)
), made AS (
  INSERT INTO events (workspace_id, id, topic, dedupe_key, targets, accepted_at, body, owner)
  SELECT a.workspace_id, a.id, a.topic, a.dedupe_key,
    coalesce((SELECT string_agg(t.endpoint_id, ' ') FROM endpoint_topics t
      WHERE t.workspace_id = a.workspace_id AND t.topic = a.topic), ''),
    a.accepted_at, a.body, $7::bigint
  FROM asked a ORDER BY a.workspace_id COLLATE "C", a.topic COLLATE "C", a.dedupe_key COLLATE "C", a.n
  ON CONFLICT (workspace_id, topic, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
  RETURNING workspace_id, id, seq, targets
)
SELECT a.n - 1, m.seq, m.targets FROM made m JOIN asked a ON a.workspace_id = m.workspace_id AND a.id = m.id

-- name: accept_event_for
-- An event that goes to one endpoint only, subscribed or not (a test event).
INSERT INTO events (workspace_id, id, topic, dedupe_key, targets, accepted_at, body)
VALUES ($1, $2, $3, NULL, $4, $5, $6)
RETURNING seq, targets

-- name: accept_event_for (postgresql owned)
INSERT INTO events (workspace_id, id, topic, dedupe_key, targets, accepted_at, body, owner)
VALUES ($1, $2, $3, NULL, $4, $5, $6, $7)
RETURNING seq, targets

-- name: event_by_dedupe_key
SELECT id FROM events WHERE workspace_id = $1 AND topic = $2 AND dedupe_key = $3

-- name: event_by_dedupe_key (postgresql each)
SELECT a.n - 1, e.id
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (workspace_id, topic, dedupe_key, n)
JOIN events e ON e.workspace_id = a.workspace_id AND e.topic = a.topic AND e.dedupe_key = a.dedupe_key
  AND e.dedupe_key IS NOT NULL

-- name: event
SELECT seq, workspace_id, id, topic, body, targets, accepted_at FROM events WHERE workspace_id = $1 AND id = $2

-- ===== delivering ====================================================================================================

-- The three that follow write nothing for an endpoint that was deleted while an attempt was under way: its history has
-- gone, or goes, and nobody would come again for what is added now.

-- name: add_attempt
INSERT INTO attempts (workspace_id, endpoint_id, event_id, number, state, started_at, latency_ms, kind, status, fault,
  message_customer, message_operator, next_at, response)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
WHERE EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL)
ON CONFLICT DO NOTHING

-- name: add_attempt (postgresql each)
INSERT INTO attempts (workspace_id, endpoint_id, event_id, number, state, started_at, latency_ms, kind, status, fault,
  message_customer, message_operator, next_at, response)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::float8[], $8::text[],
  $9::bigint[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bytea[]) AS a (w, p)
WHERE EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = a.w AND id = a.p AND deleted_at IS NULL)
ON CONFLICT DO NOTHING

-- name: put_schedule
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, base) SELECT $1, $2, $3, $4, $5, $6
WHERE EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL)
ON CONFLICT (workspace_id, endpoint_id, event_id) DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at

-- name: put_schedule (postgresql each)
-- In the order of the key, as every group that writes here; the claim ends with the attempt.
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, base)
SELECT DISTINCT ON (1, 2, 3) w COLLATE "C", p COLLATE "C", e COLLATE "C", tried, at, base
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) AS a (w, p, e, tried, at, base)
WHERE EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = a.w AND id = a.p AND deleted_at IS NULL)
ORDER BY 1, 2, 3, 4 DESC
ON CONFLICT (workspace_id, endpoint_id, event_id)
DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at, claimed_by = NULL

-- name: put_schedule_once
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at) SELECT $1, $2, $3, $4, $5
WHERE EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL)
ON CONFLICT (workspace_id, endpoint_id, event_id) DO NOTHING

-- name: put_schedule_once (postgresql each)
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS a (w, p, e, tried, at)
WHERE EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = a.w AND id = a.p AND deleted_at IS NULL)
ORDER BY w COLLATE "C", p COLLATE "C", e COLLATE "C"
ON CONFLICT (workspace_id, endpoint_id, event_id) DO NOTHING

-- name: drop_schedule
DELETE FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3

-- name: drop_schedule (postgresql each)
DELETE FROM schedule s USING unnest($1::text[], $2::text[], $3::text[]) AS a (w, p, e)
WHERE s.workspace_id = a.w AND s.endpoint_id = a.p AND s.event_id = a.e

-- name: due
SELECT s.event_id, s.attempts, s.base, s.next_at, e.topic, e.body, e.accepted_at
FROM schedule s JOIN events e ON e.workspace_id = s.workspace_id AND e.id = s.event_id
WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.next_at <= $3
ORDER BY s.next_at LIMIT $4

-- name: claim_due (postgresql owned)
-- Takes deliveries out of everybody else's sight. The claim holds until its outcome is recorded, it is released, or the
-- process is taken over.
WITH chosen AS (
  SELECT event_id FROM schedule
  WHERE workspace_id = $1 AND endpoint_id = $2 AND next_at <= $3 AND claimed_by IS NULL
  ORDER BY next_at LIMIT $4 FOR UPDATE SKIP LOCKED
), mine AS (
  UPDATE schedule s SET claimed_by = $5 FROM chosen c
  WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.event_id = c.event_id
  RETURNING s.event_id, s.attempts, s.base, s.next_at
)
SELECT m.event_id, m.attempts, m.base, m.next_at, e.topic, e.body, e.accepted_at
FROM mine m JOIN events e ON e.workspace_id = $1 AND e.id = m.event_id ORDER BY m.next_at

-- name: release_claims (postgresql owned)
UPDATE schedule SET claimed_by = NULL
WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = ANY($3::text[]) AND claimed_by = $4

-- name: still_claimed (postgresql each owned)
SELECT a.n - 1, 1
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (w, p, e, n)
JOIN schedule s ON s.workspace_id = a.w AND s.endpoint_id = a.p AND s.event_id = a.e
WHERE s.claimed_by = $4 FOR UPDATE OF s

-- name: next_due
SELECT next_at FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND next_at > $3 ORDER BY next_at LIMIT 1

-- name: next_due (postgresql)
SELECT next_at FROM schedule
WHERE workspace_id = $1 AND endpoint_id = $2 AND next_at > $3 AND claimed_by IS NULL ORDER BY next_at LIMIT 1

-- name: unsettled
-- Events above the low-water mark: some of their deliveries may have left no trace before a crash.
SELECT seq, workspace_id, id, targets, accepted_at FROM events WHERE seq > $1 ORDER BY seq LIMIT $2

-- name: has_trace
-- Whether a delivery has an attempt or waits in the schedule.
SELECT 1 WHERE EXISTS (SELECT 1 FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3)
            OR EXISTS (SELECT 1 FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3)

-- name: low_water (sqlite)
SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'low_water'

-- name: low_water (postgresql)
SELECT min(low_water) FROM leases

-- name: set_low_water (sqlite)
INSERT INTO meta (key, value) VALUES ('low_water', CAST($1 AS TEXT)) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: set_low_water (postgresql owned)
UPDATE leases SET low_water = greatest(low_water, $1) WHERE process = $2

-- ===== the processes of a shared store ===============================================================================

-- name: last_number (postgresql)
-- Every event accepted after this was read gets a greater `seq`.
SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM events_seq_seq

-- name: join_process (postgresql)
WITH made AS (INSERT INTO processes (name) VALUES ($1) RETURNING id)
INSERT INTO leases (process, expires_at, low_water)
SELECT made.id, clock_timestamp() + make_interval(secs => $2), CASE WHEN is_called THEN last_value ELSE last_value - 1 END
FROM made, events_seq_seq
RETURNING process, low_water

-- name: renew_lease (postgresql owned)
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $1), low_water = greatest(low_water, $2)
WHERE process = $3

-- name: end_lease (postgresql owned)
UPDATE leases SET expires_at = '-infinity' WHERE process = $1

-- name: expired_processes (postgresql owned)
SELECT process FROM leases WHERE expires_at < clock_timestamp() AND process <> $1 ORDER BY process

-- name: hold_process (postgresql)
-- Waits for nobody: a process that is just writing shares a lock on its row, and is asked about again later.
SELECT l.low_water FROM leases l JOIN processes p ON p.id = l.process
WHERE l.process = $1 AND l.expires_at < clock_timestamp() FOR UPDATE SKIP LOCKED

-- name: take_unsettled (postgresql)
-- Deliveries of a process ($1), above a mark ($2), that have left no trace: into the schedule, due at $4.
WITH taken AS (
  SELECT seq, workspace_id, id, targets FROM events WHERE owner = $1 AND seq > $2 ORDER BY seq LIMIT $3
), put AS (
  INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at)
  SELECT t.workspace_id, target, t.id, 0, $4
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
WITH gone AS (DELETE FROM leases WHERE process = $1)
DELETE FROM processes WHERE id = $1

-- name: waiting_lanes (postgresql)
-- When the first delivery of each endpoint that nobody has claimed is due.
SELECT e.workspace_id, e.id, s.next_at
FROM endpoints e CROSS JOIN LATERAL (SELECT next_at FROM schedule
  WHERE workspace_id = e.workspace_id AND endpoint_id = e.id AND claimed_by IS NULL ORDER BY next_at LIMIT 1) AS s
WHERE e.deleted_at IS NULL AND e.enabled = 1

-- name: endpoint_versions (postgresql)
-- The database's own version of each row: it changes with every change, whoever's clock is wrong.
SELECT workspace_id, id, xmin::text FROM endpoints

-- name: notify (postgresql)
SELECT pg_notify('switchhook', $1)

-- ===== the history of deliveries =====================================================================================

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

-- ===== the workspace =================================================================================================

-- name: put_user
INSERT INTO users (workspace_id, id, email, name, sip) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (workspace_id, email) DO UPDATE SET name = excluded.name, sip = excluded.sip

-- name: take_telephones
UPDATE users SET sip = '[]' WHERE workspace_id = $1 AND id = $2

-- name: drop_number
DELETE FROM numbers WHERE workspace_id = $1 AND number = $2

-- name: users
SELECT id, email, name, sip FROM users WHERE workspace_id = $1 ORDER BY id

-- name: put_number
INSERT INTO numbers (workspace_id, number, name, country, users, settings) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (workspace_id, number) DO UPDATE SET name = excluded.name, country = excluded.country,
  users = excluded.users, settings = excluded.settings

-- name: numbers
SELECT number, name, country, users, settings FROM numbers WHERE workspace_id = $1 ORDER BY number

-- name: call_by_source
SELECT id, state FROM calls WHERE workspace_id = $1 AND source = $2 AND source_call = $3

-- name: add_call
INSERT INTO calls (workspace_id, id, source, source_call, started_at, ended_at, state)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: save_call
UPDATE calls SET started_at = $3, ended_at = $4, state = $5 WHERE workspace_id = $1 AND id = $2

-- name: open_calls
SELECT id, source, source_call, state FROM calls WHERE workspace_id = $1 AND ended_at IS NULL ORDER BY started_at

-- name: add_recording
INSERT INTO recordings (workspace_id, id, call_id, path, seconds, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING

-- name: recording
SELECT id, call_id, path, seconds, created_at FROM recordings WHERE workspace_id = $1 AND id = $2

-- ===== counting deliveries ===========================================================================================

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

-- ===== answers to writes with an idempotency key =====================================================================

-- name: answer
SELECT route, status, body FROM answers WHERE workspace_id = $1 AND key = $2 AND answered_at > $3

-- name: keep_answer
INSERT INTO answers (workspace_id, key, route, status, body, answered_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: forget_answers
DELETE FROM answers WHERE workspace_id = $1 AND answered_at <= $2

-- ===== the rules of an endpoint ======================================================================================

-- name: save_health
-- Outcomes are recorded a little late: those that come after their endpoint was disabled must not bring its clock back.
UPDATE endpoints SET failing_first = $3, failing_last = $4, failing_clock = $5
WHERE workspace_id = $1 AND id = $2 AND enabled = 1

-- name: rotate_secret
UPDATE endpoints SET secrets = $3, updated_at = $4 WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL

-- name: replay
-- Put a delivery into the schedule for now, with a series of attempts of its own.
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, base) VALUES ($1, $2, $3, $4, $5, $4)
ON CONFLICT (workspace_id, endpoint_id, event_id) DO UPDATE SET next_at = excluded.next_at, base = excluded.base

-- name: hasten
-- What was never attempted since $3 (an event id) is due now.
UPDATE schedule SET next_at = $4
WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id >= $3 AND attempts = 0 AND next_at > $4

-- name: failed_after
-- Deliveries that have failed for good, in the order of their events.
SELECT a.event_id, a.number FROM attempts a
WHERE a.workspace_id = $1 AND a.endpoint_id = $2 AND a.state = 'failed' AND a.event_id > $3 AND a.event_id <= $4
  AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.workspace_id = $1 AND b.endpoint_id = $2
    AND b.event_id = a.event_id AND b.number > a.number)
  AND NOT EXISTS (SELECT 1 FROM schedule s WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.event_id = a.event_id)
ORDER BY a.event_id LIMIT $5

-- name: newest_event
SELECT coalesce(max(id), '') FROM events WHERE workspace_id = $1

-- name: count_untried
SELECT count(*) FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id >= $3 AND attempts = 0

-- name: add_recovery
INSERT INTO recoveries (workspace_id, id, endpoint_id, since, upto, cursor, queued, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: recovery
SELECT workspace_id, id, endpoint_id, since, upto, cursor, queued, created_at, finished_at
FROM recoveries WHERE workspace_id = $1 AND id = $2

-- name: open_recoveries
SELECT workspace_id, id, endpoint_id, since, upto, cursor, queued, created_at, finished_at
FROM recoveries WHERE workspace_id = $1 AND finished_at IS NULL ORDER BY created_at LIMIT 100

-- name: advance_recovery
UPDATE recoveries SET cursor = $3, queued = $4, finished_at = $5 WHERE workspace_id = $1 AND id = $2

-- name: recent_attempts
SELECT state, latency_ms FROM attempts
WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id >= $3 ORDER BY event_id DESC LIMIT $4

-- What is sent, and what became of it.

-- The three that follow write nothing for an endpoint that was deleted while an attempt was under way: its history has
-- gone, or goes, and nobody would come again for what is added now. In the schedule, every row carries its event's place
-- in the order of acceptance, and no event that was expunged has any.

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
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, base, seq)
SELECT $1, $2, $3, $4, $5, $6, seq FROM events WHERE workspace_id = $1 AND id = $3 AND expunged_at IS NULL
  AND EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL)
ON CONFLICT (workspace_id, endpoint_id, event_id) DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at

-- name: put_schedule (postgresql each)
-- In the order of the key, as every group that writes here; the claim ends with the attempt.
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, base, seq)
SELECT DISTINCT ON (1, 2, 3) w COLLATE "C", p COLLATE "C", e COLLATE "C", tried, at, base, v.seq
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) AS a (w, p, e, tried, at, base)
JOIN events v ON v.workspace_id = a.w AND v.id = a.e AND v.expunged_at IS NULL
WHERE EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = a.w AND id = a.p AND deleted_at IS NULL)
ORDER BY 1, 2, 3, 4 DESC
ON CONFLICT (workspace_id, endpoint_id, event_id)
DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at, claimed_by = NULL

-- name: put_schedule_once
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, seq)
SELECT $1, $2, $3, $4, $5, seq FROM events WHERE workspace_id = $1 AND id = $3 AND expunged_at IS NULL
  AND EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL)
ON CONFLICT (workspace_id, endpoint_id, event_id) DO NOTHING

-- name: put_schedule_once (postgresql each)
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, seq)
SELECT a.*, v.seq FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS a (w, p, e, tried, at)
JOIN events v ON v.workspace_id = a.w AND v.id = a.e AND v.expunged_at IS NULL
WHERE EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = a.w AND id = a.p AND deleted_at IS NULL)
ORDER BY w COLLATE "C", p COLLATE "C", e COLLATE "C"
ON CONFLICT (workspace_id, endpoint_id, event_id) DO NOTHING

-- name: leave_to_others (postgresql each)
-- What a process that delivers nothing has accepted. Due by the clock of the database if the one of that process is ahead
-- of it: a wrong clock makes nobody wait.
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at, seq)
SELECT w, p, e, tried, least(at, (extract(epoch FROM clock_timestamp()) * 1000)::bigint), v.seq
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS a (w, p, e, tried, at)
JOIN events v ON v.workspace_id = a.w AND v.id = a.e AND v.expunged_at IS NULL
WHERE EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = a.w AND id = a.p AND deleted_at IS NULL)
ORDER BY w COLLATE "C", p COLLATE "C", e COLLATE "C"
ON CONFLICT (workspace_id, endpoint_id, event_id) DO NOTHING

-- name: drop_schedule
DELETE FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3

-- name: drop_schedule (postgresql each)
DELETE FROM schedule s USING unnest($1::text[], $2::text[], $3::text[]) AS a (w, p, e)
WHERE s.workspace_id = a.w AND s.endpoint_id = a.p AND s.event_id = a.e

-- name: due
-- Nothing of an endpoint that wants its events in order: whoever asks has not heard of that yet.
SELECT s.event_id, s.attempts, s.base, s.next_at, e.topic, e.body, e.accepted_at, e.variant, e.trace
FROM schedule s JOIN events e ON e.workspace_id = s.workspace_id AND e.id = s.event_id
WHERE s.workspace_id = $1 AND s.endpoint_id = $2 AND s.next_at <= $3
  AND NOT EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND ordered = 1)
ORDER BY s.next_at LIMIT $4

-- name: claim_due (postgresql owned)
-- Takes deliveries out of everybody else's sight. The claim holds until its outcome is recorded, it is released, or the
-- process is taken over. Half the room is kept for what was never tried: new events must not wait for a long backlog.
-- By the place of the rows, with nothing beside it that an index knows: joined by their keys, a table that has just filled
-- is walked through once for each.
WITH fresh AS (
  SELECT s.ctid AS place FROM schedule s
  WHERE workspace_id = $1 AND endpoint_id = $2 AND next_at <= $3 AND claimed_by IS NULL AND attempts = 0
    AND NOT EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND ordered = 1)
  ORDER BY next_at LIMIT $4::bigint / 2 FOR UPDATE SKIP LOCKED
), rest AS (
  SELECT s.ctid AS place FROM schedule s
  WHERE workspace_id = $1 AND endpoint_id = $2 AND next_at <= $3 AND claimed_by IS NULL
    AND s.ctid NOT IN (SELECT place FROM fresh)
    AND NOT EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND ordered = 1)
  ORDER BY next_at LIMIT $4::bigint - (SELECT count(*) FROM fresh) FOR UPDATE SKIP LOCKED
), mine AS (
  UPDATE schedule s SET claimed_by = $5
  WHERE s.ctid = ANY (ARRAY(SELECT place FROM fresh UNION ALL SELECT place FROM rest))
    AND coalesce(s.claimed_by, -1) = -1
  RETURNING s.event_id, s.attempts, s.base, s.next_at
)
SELECT m.event_id, m.attempts, m.base, m.next_at, e.topic, e.body, e.accepted_at, e.variant, e.trace
FROM mine m CROSS JOIN LATERAL
  (SELECT topic, body, accepted_at, variant, trace FROM events WHERE workspace_id = $1 AND id = m.event_id LIMIT 1) AS e
ORDER BY m.next_at

-- name: first_in_turn
-- When what stands first in line at an endpoint that wants its events in order is due. What was never attempted is at
-- once, even if the clock was set back since.
SELECT CASE WHEN attempts = 0 THEN 0 ELSE next_at END FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2
  AND EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND ordered = 1)
ORDER BY seq LIMIT 1

-- name: first_in_turn (postgresql)
-- The same, and nothing while anything of it is claimed: one process at a time has the line.
SELECT CASE WHEN attempts = 0 THEN 0 ELSE next_at END FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2
  AND EXISTS (SELECT 1 FROM endpoints WHERE workspace_id = $1 AND id = $2 AND ordered = 1)
  AND NOT EXISTS (SELECT 1 FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND claimed_by IS NOT NULL)
ORDER BY seq LIMIT 1

-- name: in_turn
-- The first in line, due or not, in the order of acceptance.
SELECT s.event_id, s.attempts, s.base, s.next_at, e.topic, e.body, e.accepted_at, e.variant, e.trace
FROM schedule s JOIN events e ON e.workspace_id = s.workspace_id AND e.id = s.event_id
WHERE s.workspace_id = $1 AND s.endpoint_id = $2 ORDER BY s.seq LIMIT $3

-- name: lock_turns (postgresql)
-- Until the transaction ends nobody else looks at the same line.
SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2::text, 0))

-- name: claim_in_turn (postgresql owned)
-- Takes what stands first in line, up to what is not due yet.
WITH first AS (
  SELECT s.ctid AS place, attempts, next_at, seq FROM schedule s
  WHERE workspace_id = $1 AND endpoint_id = $2 ORDER BY seq LIMIT $4
), mine AS (
  UPDATE schedule s SET claimed_by = $5
  WHERE s.ctid = ANY (ARRAY(SELECT place FROM first
      WHERE seq < coalesce((SELECT min(seq) FROM first WHERE next_at > $3 AND attempts > 0), seq + 1)))
    AND coalesce(s.claimed_by, -1) = -1
  RETURNING s.event_id, s.attempts, s.base, s.next_at, s.seq
)
SELECT m.event_id, m.attempts, m.base, m.next_at, e.topic, e.body, e.accepted_at, e.variant, e.trace
FROM mine m CROSS JOIN LATERAL
  (SELECT topic, body, accepted_at, variant, trace FROM events WHERE workspace_id = $1 AND id = m.event_id LIMIT 1) AS e
ORDER BY m.seq

-- name: release_claims (postgresql owned)
UPDATE schedule SET claimed_by = NULL
WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = ANY($3::text[]) AND claimed_by = $4

-- name: release_other_claims (postgresql owned)
UPDATE schedule SET claimed_by = NULL
WHERE workspace_id = $1 AND endpoint_id = $2 AND NOT (event_id = ANY($3::text[])) AND claimed_by = $4

-- name: still_claimed (postgresql each owned)
SELECT a.n - 1, 1
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (w, p, e, n)
JOIN schedule s ON s.workspace_id = a.w AND s.endpoint_id = a.p AND s.event_id = a.e
WHERE s.claimed_by = $4 FOR UPDATE OF s

-- name: series
-- What was asked for while an attempt was under way: another series of them, and when it begins.
SELECT base, next_at FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3

-- name: series (postgresql each)
SELECT a.n - 1, s.base, s.next_at
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (w, p, e, n)
JOIN schedule s ON s.workspace_id = a.w AND s.endpoint_id = a.p AND s.event_id = a.e

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

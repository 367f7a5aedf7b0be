-- An event on its way in.

-- In a store of one process a group is numbered by its writer and goes in as plain rows, which costs half of what one
-- statement does that looks up the subscribers and answers for each event.

-- name: newest_seq (sqlite)
SELECT coalesce(max(seq), 0) FROM events

-- name: subscribers (sqlite)
SELECT endpoint_id, ordered, own_number FROM endpoint_topics WHERE workspace_id = $1 AND topic = $2 ORDER BY endpoint_id

-- name: add_event (sqlite)
-- A known key adds nothing.
INSERT INTO events (workspace_id, id, topic, dedupe_key, targets, accepted_at, body, seq)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (workspace_id, topic, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING

-- name: seqs_after (sqlite)
SELECT seq FROM events WHERE seq > $1

-- name: accept_event (postgresql each owned)
-- One statement makes the events, their dedupe keys and the snapshots of the subscribed endpoints. A known key gives no
-- row. Those that want their events in order come back once more: the event waits in line for them from the beginning.
-- Who is bound to a number gets what is about that one.
-- Numbered in the order they came, and written in the order of the unique key, so that two groups at once wait for each
-- other in one direction only.
WITH asked AS MATERIALIZED (
  SELECT a.*, nextval('events_seq_seq') AS seq FROM (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::text[])
      WITH ORDINALITY AS a (workspace_id, id, topic, dedupe_key, accepted_at, body, own_number, n) ORDER BY n) AS a
), made AS (
  INSERT INTO events (seq, workspace_id, id, topic, dedupe_key, targets, accepted_at, body, owner)
  OVERRIDING SYSTEM VALUE
  SELECT a.seq, a.workspace_id, a.id, a.topic, a.dedupe_key,
    coalesce((SELECT string_agg(t.endpoint_id, ' ') FROM endpoint_topics t
      WHERE t.workspace_id = a.workspace_id AND t.topic = a.topic
        AND (t.own_number IS NULL OR t.own_number = a.own_number)), ''),
    a.accepted_at, a.body, $8::bigint
  FROM asked a ORDER BY a.workspace_id COLLATE "C", a.topic COLLATE "C", a.dedupe_key COLLATE "C", a.n
  ON CONFLICT (workspace_id, topic, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
  RETURNING workspace_id, id, seq, targets
)
SELECT a.n - 1, m.seq, m.targets, (SELECT string_agg(t.endpoint_id, ' ') FROM endpoint_topics t
  WHERE t.workspace_id = a.workspace_id AND t.topic = a.topic AND t.ordered = 1
    AND (t.own_number IS NULL OR t.own_number = a.own_number))
FROM made m JOIN asked a ON a.workspace_id = m.workspace_id AND a.id = m.id

-- name: accept_event_for
-- An event that goes to one endpoint only, subscribed or not (a test event).
INSERT INTO events (workspace_id, id, topic, dedupe_key, targets, accepted_at, body)
VALUES ($1, $2, $3, NULL, $4, $5, $6)
RETURNING seq, targets, (SELECT id FROM endpoints WHERE workspace_id = $1 AND id = $4 AND ordered = 1)

-- name: accept_event_for (postgresql owned)
INSERT INTO events (workspace_id, id, topic, dedupe_key, targets, accepted_at, body, owner)
VALUES ($1, $2, $3, NULL, $4, $5, $6, $7)
RETURNING seq, targets, (SELECT e.id FROM endpoints e WHERE e.workspace_id = $1 AND e.id = $4 AND e.ordered = 1)

-- name: accept_wanted
-- For whoever asked for it but the endpoint it is about ($7). What nobody asked for is not stored. Nobody who is bound to
-- a number can ask for any of these.
INSERT INTO events (workspace_id, id, topic, dedupe_key, targets, accepted_at, body)
SELECT $1, $2, $3, $4, asked.targets, $5, $6
FROM (SELECT group_concat(endpoint_id, ' ') AS targets FROM endpoint_topics
  WHERE workspace_id = $1 AND topic = $3 AND endpoint_id <> $7) AS asked
WHERE asked.targets IS NOT NULL
ON CONFLICT (workspace_id, topic, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
RETURNING seq, targets, (SELECT group_concat(endpoint_id, ' ') FROM endpoint_topics
  WHERE workspace_id = $1 AND topic = $3 AND endpoint_id <> $7 AND ordered = 1)

-- name: accept_wanted (postgresql each owned)
WITH asked AS (
  SELECT a.*, (SELECT string_agg(t.endpoint_id, ' ') FROM endpoint_topics t
    WHERE t.workspace_id = a.workspace_id AND t.topic = a.topic AND t.endpoint_id <> a.without) AS targets
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::text[])
    WITH ORDINALITY AS a (workspace_id, id, topic, dedupe_key, accepted_at, body, without, n)
), made AS (
  INSERT INTO events (workspace_id, id, topic, dedupe_key, targets, accepted_at, body, owner)
  SELECT a.workspace_id, a.id, a.topic, a.dedupe_key, a.targets, a.accepted_at, a.body, $8::bigint
  FROM asked a WHERE a.targets IS NOT NULL
  ORDER BY a.workspace_id COLLATE "C", a.topic COLLATE "C", a.dedupe_key COLLATE "C", a.n
  ON CONFLICT (workspace_id, topic, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
  RETURNING workspace_id, id, seq, targets
)
SELECT a.n - 1, m.seq, m.targets, (SELECT string_agg(t.endpoint_id, ' ') FROM endpoint_topics t
  WHERE t.workspace_id = a.workspace_id AND t.topic = a.topic AND t.endpoint_id <> a.without AND t.ordered = 1)
FROM made m JOIN asked a ON a.workspace_id = m.workspace_id AND a.id = m.id

-- name: event_by_dedupe_key
SELECT id FROM events WHERE workspace_id = $1 AND topic = $2 AND dedupe_key = $3

-- name: event_by_dedupe_key (postgresql each)
SELECT a.n - 1, e.id
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (workspace_id, topic, dedupe_key, n)
JOIN events e ON e.workspace_id = a.workspace_id AND e.topic = a.topic AND e.dedupe_key = a.dedupe_key
  AND e.dedupe_key IS NOT NULL

-- name: additive_subscribers
SELECT endpoint_id FROM endpoint_topics WHERE workspace_id = $1 AND topic = $2 AND additive = 1 ORDER BY endpoint_id

-- name: set_variant
UPDATE events SET variant = $3 WHERE workspace_id = $1 AND id = $2

-- name: set_trace
UPDATE events SET trace = $3 WHERE workspace_id = $1 AND id = $2

-- name: set_trace (postgresql each)
UPDATE events e SET trace = a.t FROM unnest($1::text[], $2::text[], $3::text[]) AS a (w, id, t)
WHERE e.workspace_id = a.w AND e.id = a.id

-- name: event
SELECT seq, workspace_id, id, topic, body, targets, accepted_at, variant FROM events WHERE workspace_id = $1 AND id = $2

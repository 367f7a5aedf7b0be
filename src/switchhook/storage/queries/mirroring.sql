-- What the workspace learns of events that others published.

-- name: mirrored_upto
SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'mirrored'

-- name: mirror_moved
UPDATE meta SET value = CAST($1 AS TEXT) WHERE key = 'mirrored'

-- name: mirror_moved (postgresql)
UPDATE meta SET value = CAST($1::bigint AS TEXT) WHERE key = 'mirrored'

-- name: to_mirror
-- Above $1 and up to $2 (both `seq`); the last column says whether the workspace made it itself.
SELECT e.seq, e.workspace_id, e.id, e.topic, e.body, e.accepted_at, CASE WHEN o.event_id IS NULL THEN 0 ELSE 1 END
FROM events e LEFT JOIN own_events o ON o.workspace_id = e.workspace_id AND o.event_id = e.id
WHERE e.seq > $1 AND e.seq <= $2 ORDER BY e.seq LIMIT $3

-- name: add_own_event
INSERT INTO own_events (workspace_id, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: forget_own_event
DELETE FROM own_events WHERE workspace_id = $1 AND event_id = $2

-- name: mirrored_person
SELECT person_id FROM mirrored_people WHERE workspace_id = $1 AND source_id = $2

-- name: add_mirrored_person
INSERT INTO mirrored_people (workspace_id, source_id, person_id) VALUES ($1, $2, $3)

-- name: claim_mirroring (postgresql owned)
-- For $1 seconds nobody else mirrors. One row when it is ours.
INSERT INTO meta (key, value)
VALUES ('mirroring', format('%s %s', $2::bigint, extract(epoch FROM clock_timestamp() + make_interval(secs => $1))))
ON CONFLICT (key) DO UPDATE SET value = excluded.value
WHERE split_part(meta.value, ' ', 1)::bigint = $2
   OR split_part(meta.value, ' ', 2)::numeric < extract(epoch FROM clock_timestamp())
RETURNING 1

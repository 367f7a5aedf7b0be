-- One event: shown as a whole, and without its content.

-- name: event_shown
SELECT seq, workspace_id, id, topic, accepted_at, expunged_at, body, targets FROM events
WHERE workspace_id = $1 AND id = $2

-- name: expunge_event
UPDATE events SET body = $3, variant = NULL, expunged_at = $4 WHERE workspace_id = $1 AND id = $2

-- name: expunge_attempts
UPDATE attempts SET response = NULL WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id = $3

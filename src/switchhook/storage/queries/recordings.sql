-- Where recordings lie, and what is left to do about them.

-- name: add_recording
INSERT INTO recordings (workspace_id, id, call_id, path, seconds, created_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT DO NOTHING

-- name: recording
SELECT id, call_id, path, seconds, created_at, object_key, size FROM recordings
WHERE workspace_id = $1 AND id = $2 AND doomed = 0

-- name: recordings_due
SELECT id, path, created_at, due_at, object_key, local, doomed, tries FROM recordings
WHERE workspace_id = $1 AND due_at <= $2 AND (due_at, id) > ($3, $4) ORDER BY due_at, id LIMIT $5

-- name: claim_recording
UPDATE recordings SET due_at = $4, tries = tries + 1 WHERE workspace_id = $1 AND id = $2 AND due_at = $3

-- name: recording_stored
UPDATE recordings SET object_key = $3, size = $4, due_at = $5, tries = 0
WHERE workspace_id = $1 AND id = $2 AND doomed = 0

-- name: recording_dropped
UPDATE recordings SET local = 0, due_at = NULL, tries = 0 WHERE workspace_id = $1 AND id = $2 AND doomed = 0

-- name: recording_settled
UPDATE recordings SET due_at = NULL, tries = 0 WHERE workspace_id = $1 AND id = $2 AND due_at = $3

-- name: recording_removed
DELETE FROM recordings WHERE workspace_id = $1 AND id = $2 AND doomed = 1

-- name: offer_recordings
UPDATE recordings SET due_at = $2
WHERE workspace_id = $1 AND created_at > 0 AND due_at IS NULL AND local = 1 AND object_key = ''

-- name: retry_recordings
UPDATE recordings SET due_at = $2 WHERE workspace_id = $1 AND due_at > $2 AND tries > 0

-- name: old_recordings
SELECT id, call_id FROM recordings WHERE workspace_id = $1 AND created_at < $2 AND doomed = 0
ORDER BY created_at LIMIT $3

-- name: doom_recording
UPDATE recordings SET doomed = 1, due_at = $3, tries = 0 WHERE workspace_id = $1 AND id = $2

-- name: doom_recordings_of
UPDATE recordings SET doomed = 1, due_at = $3, tries = 0 WHERE workspace_id = $1 AND call_id = $2 AND doomed = 0

-- name: unlink_recording
UPDATE items SET recording_url = NULL WHERE workspace_id = $1 AND id = $2

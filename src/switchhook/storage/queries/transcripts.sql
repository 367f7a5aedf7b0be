-- Recordings that wait to be transcribed.

-- name: queue_transcript
INSERT INTO transcript_queue (workspace_id, recording_id, call_id, source, source_call, path, seconds, late, queued_at, due_at,
  attempts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 0) ON CONFLICT DO NOTHING

-- name: await_transcript
-- Until when the end of a call waits for its transcript.
UPDATE transcript_queue SET await_until = $3 WHERE workspace_id = $1 AND call_id = $2

-- name: await_transcript_no_longer
UPDATE transcript_queue SET late = 1, await_until = NULL WHERE workspace_id = $1 AND call_id = $2

-- name: awaited_transcripts
-- Those that were waited for long enough.
SELECT recording_id, call_id, source, source_call, path, seconds, attempts, queued_at FROM transcript_queue
WHERE workspace_id = $1 AND await_until <= $2 ORDER BY await_until, recording_id LIMIT $3

-- name: database_ms (postgresql)
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint

-- name: next_transcripts
-- What nobody is at, those first that a call waits for.
SELECT recording_id, call_id, source, source_call, path, seconds, attempts, queued_at FROM transcript_queue
WHERE workspace_id = $1 AND due_at <= $2 AND (leased_until IS NULL OR leased_until <= $4)
ORDER BY late, queued_at, recording_id LIMIT $3

-- name: claim_transcript
UPDATE transcript_queue SET holder = $3, leased_until = $4, attempts = attempts + 1
WHERE workspace_id = $1 AND recording_id = $2 AND (leased_until IS NULL OR leased_until <= $5)

-- name: renew_transcript
UPDATE transcript_queue SET leased_until = $4 WHERE workspace_id = $1 AND recording_id = $2 AND holder = $3

-- name: put_transcript_back
UPDATE transcript_queue SET holder = NULL, leased_until = NULL, due_at = $4, attempts = $5
WHERE workspace_id = $1 AND recording_id = $2 AND holder = $3

-- name: release_transcripts
UPDATE transcript_queue SET holder = NULL, leased_until = NULL WHERE workspace_id = $1 AND holder IS NOT NULL

-- name: finish_transcript
DELETE FROM transcript_queue WHERE workspace_id = $1 AND recording_id = $2 AND holder = $3

-- name: forget_transcripts
DELETE FROM transcript_queue WHERE workspace_id = $1 AND call_id = $2

-- name: queued_transcript
SELECT call_id FROM transcript_queue WHERE workspace_id = $1 AND recording_id = $2

-- name: count_transcripts
SELECT count(*) FROM transcript_queue WHERE workspace_id = $1

-- What is still to be fetched from a carrier.

-- name: add_fetch
INSERT INTO fetches (workspace_id, id, kind, what, since, due_at, attempts) VALUES ($1, $2, $3, $4, $5, $5, 0)
ON CONFLICT DO NOTHING

-- name: due_fetches
SELECT id, kind, what, since, attempts FROM fetches
WHERE workspace_id = $1 AND kind = $2 AND due_at <= $3 ORDER BY due_at, id LIMIT $4

-- name: put_off_fetch
UPDATE fetches SET due_at = $3, attempts = $4 WHERE workspace_id = $1 AND id = $2

-- name: drop_fetch
DELETE FROM fetches WHERE workspace_id = $1 AND id = $2

-- name: count_fetches
SELECT count(*) FROM fetches WHERE workspace_id = $1

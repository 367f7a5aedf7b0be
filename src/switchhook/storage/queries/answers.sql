-- Answers to writes with an idempotency key.

-- name: answer
SELECT route, status, body FROM answers WHERE workspace_id = $1 AND key = $2 AND answered_at > $3

-- name: keep_answer
INSERT INTO answers (workspace_id, key, route, status, body, answered_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: forget_answers
DELETE FROM answers WHERE workspace_id = $1 AND answered_at <= $2

-- name: answers_to_seal
SELECT key, body FROM answers WHERE workspace_id = $1 AND key > $2 AND substr(body, 1, $4) <> $3 ORDER BY key LIMIT $5

-- name: seal_answer
UPDATE answers SET body = $3 WHERE workspace_id = $1 AND key = $2 AND body = $4

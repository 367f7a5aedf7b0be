-- Who is signed in on the page.

-- name: add_session
INSERT INTO sessions (workspace_id, digest, kind, key_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: session
SELECT s.key_id, w.name, s.created_at, s.expires_at
FROM sessions s JOIN workspaces w ON w.id = s.workspace_id
WHERE s.workspace_id = $1 AND s.digest = $2 AND s.kind = 'session' AND s.expires_at > $3

-- name: use_link
DELETE FROM sessions WHERE workspace_id = $1 AND digest = $2 AND kind = 'link' AND expires_at > $3

-- name: end_session
DELETE FROM sessions WHERE workspace_id = $1 AND digest = $2 AND kind = 'session'

-- name: forget_sessions
DELETE FROM sessions WHERE workspace_id = $1 AND expires_at <= $2

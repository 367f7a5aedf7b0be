-- Users, numbers and calls.

-- name: put_user
INSERT INTO users (workspace_id, id, email, name, sip, role, status) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (workspace_id, email) DO UPDATE SET name = excluded.name, sip = excluded.sip,
  role = excluded.role, status = excluded.status

-- name: take_telephones
UPDATE users SET sip = '[]' WHERE workspace_id = $1 AND id = $2

-- name: drop_number
DELETE FROM numbers WHERE workspace_id = $1 AND number = $2

-- name: users
SELECT id, email, name, sip, role, status FROM users WHERE workspace_id = $1 ORDER BY id

-- name: team
SELECT id, email, name, role, status, image_url FROM users WHERE workspace_id = $1 ORDER BY id

-- name: team_member
SELECT id, email, name, role, status, image_url FROM users WHERE workspace_id = $1 AND id = $2

-- name: put_number
INSERT INTO numbers (workspace_id, number, name, country, users, settings, type, capabilities, configured)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (workspace_id, number) DO UPDATE SET name = excluded.name, country = excluded.country,
  users = excluded.users, settings = excluded.settings, type = excluded.type, capabilities = excluded.capabilities,
  configured = excluded.configured

-- name: numbers
SELECT number, name, country, users, settings, type, capabilities, configured FROM numbers
WHERE workspace_id = $1 ORDER BY number

-- name: call_by_source
SELECT id, state FROM calls WHERE workspace_id = $1 AND source = $2 AND source_call = $3

-- name: add_call
INSERT INTO calls (workspace_id, id, source, source_call, started_at, ended_at, state)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: save_call
UPDATE calls SET started_at = $3, ended_at = $4, state = $5 WHERE workspace_id = $1 AND id = $2

-- name: call
SELECT id, state FROM calls WHERE workspace_id = $1 AND id = $2

-- name: open_calls
SELECT id, source, source_call, state FROM calls WHERE workspace_id = $1 AND ended_at IS NULL ORDER BY started_at

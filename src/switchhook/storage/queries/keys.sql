-- API keys.

-- name: add_key
INSERT INTO api_keys (digest, workspace_id, id, name, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: key_by_digest
SELECT k.workspace_id, w.name, k.id, k.name, k.scopes, k.created_at, k.revoked_at
FROM api_keys k JOIN workspaces w ON w.id = k.workspace_id
WHERE k.digest = $1

-- name: key_by_id
SELECT k.workspace_id, w.name, k.id, k.name, k.scopes, k.created_at, k.revoked_at
FROM api_keys k JOIN workspaces w ON w.id = k.workspace_id
WHERE k.workspace_id = $1 AND k.id = $2

-- name: keys
SELECT k.workspace_id, w.name, k.id, k.name, k.scopes, k.created_at, k.revoked_at
FROM api_keys k JOIN workspaces w ON w.id = k.workspace_id
ORDER BY k.created_at, k.id

-- name: revoke_key
UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL

-- name: keys_of
SELECT k.workspace_id, w.name, k.id, k.name, k.scopes, k.created_at, k.revoked_at
FROM api_keys k JOIN workspaces w ON w.id = k.workspace_id
WHERE k.workspace_id = $1 ORDER BY k.created_at, k.id

-- name: revoke_key_of
UPDATE api_keys SET revoked_at = $3 WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL

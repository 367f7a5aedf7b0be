-- What stands once for the installation: settings and workspaces.

-- name: get_meta
SELECT value FROM meta WHERE key = $1

-- name: set_meta
INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: set_meta_once
INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING

-- name: replace_meta
UPDATE meta SET value = $2 WHERE key = $1 AND value = $3

-- name: workspaces
SELECT id, name, created_at FROM workspaces ORDER BY created_at, id

-- name: add_workspace
INSERT INTO workspaces (id, name, created_at) VALUES ($1, $2, $3)

-- name: database_version
SELECT 'SQLite ' || sqlite_version()

-- name: database_version (postgresql)
SELECT 'PostgreSQL ' || current_setting('server_version')

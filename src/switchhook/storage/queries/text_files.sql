-- The files that came with texts.

-- name: add_text_file
INSERT INTO text_files (workspace_id, id, text_id, position, carrier_id, content_type, path, size, gone)
VALUES ($1, $2, $3, $4, $5, $6, NULL, NULL, 0)

-- name: text_file
SELECT id, text_id, carrier_id, content_type, path, size, gone FROM text_files WHERE workspace_id = $1 AND id = $2

-- name: files_of_text
SELECT id, text_id, carrier_id, content_type, path, size, gone FROM text_files
WHERE workspace_id = $1 AND text_id = $2 AND gone = 0 ORDER BY position

-- name: text_file_kept
UPDATE text_files SET path = $3, size = $4 WHERE workspace_id = $1 AND id = $2 AND gone = 0

-- name: text_file_gone
UPDATE text_files SET gone = 1 WHERE workspace_id = $1 AND id = $2

-- name: drop_text_file
DELETE FROM text_files WHERE workspace_id = $1 AND id = $2

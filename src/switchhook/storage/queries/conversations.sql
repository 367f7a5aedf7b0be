-- Calls and texts, the conversations they belong to, and the tags of calls.

-- name: add_item
INSERT INTO items (workspace_id, id, kind, direction, own_number, contact_number, user_email, at, duration, result,
  recording_url, content, status, message_type, summary, summary_version, summary_updated_at, summary_updated_by, transcript,
  details, words)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
ON CONFLICT (workspace_id, id) DO NOTHING

-- name: item
SELECT {item}
FROM items i WHERE i.workspace_id = $1 AND i.id = $2

-- name: save_summary
UPDATE items SET summary = $3, summary_version = $4, summary_updated_at = $5, summary_updated_by = $6, words = $7
WHERE workspace_id = $1 AND id = $2

-- name: save_transcript
UPDATE items SET transcript = $3, details = $4, words = $5 WHERE workspace_id = $1 AND id = $2

-- name: silence_item
UPDATE items SET content = NULL, summary = NULL, recording_url = NULL, transcript = $4, details = $5, words = $6
WHERE workspace_id = $1 AND id = $2 AND kind = $3

-- name: save_item_status
UPDATE items SET status = $3 WHERE workspace_id = $1 AND id = $2

-- name: save_recording_url
-- Of a call whose recording came after its end was told.
UPDATE items SET recording_url = $3 WHERE workspace_id = $1 AND id = $2 AND recording_url IS NULL

-- name: tags_of_call
SELECT t.tag_key, g.name, g.color, t.user_email, t.added_at FROM call_tags t
LEFT JOIN tags g ON g.workspace_id = t.workspace_id AND g.key = t.tag_key
WHERE t.workspace_id = $1 AND t.call_id = $2 ORDER BY t.position

-- name: add_call_tag
INSERT INTO call_tags (workspace_id, call_id, tag_key, position, user_email, added_at)
SELECT $1, $2, $3, coalesce(max(position), 0) + 1, $4, $5 FROM call_tags WHERE workspace_id = $1 AND call_id = $2
ON CONFLICT (workspace_id, call_id, tag_key) DO NOTHING

-- name: drop_call_tag
DELETE FROM call_tags WHERE workspace_id = $1 AND call_id = $2 AND tag_key = $3

-- name: tags
SELECT key, name, color, created_at FROM tags WHERE workspace_id = $1 AND deleted_at IS NULL ORDER BY created_at, key

-- name: tag
SELECT key, name, color, created_at, deleted_at FROM tags WHERE workspace_id = $1 AND key = $2

-- name: put_tag
INSERT INTO tags (workspace_id, key, name, color, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (workspace_id, key) DO UPDATE SET name = excluded.name, color = excluded.color, created_at = excluded.created_at, deleted_at = NULL

-- name: delete_tag
UPDATE tags SET deleted_at = $3 WHERE workspace_id = $1 AND key = $2 AND deleted_at IS NULL

-- name: touch_conversation
-- Something was said. What comes late does not stand in front of what is newer.
INSERT INTO conversations (workspace_id, own_number, contact_number, active_at, last_item, unread, unresponded, archived)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
ON CONFLICT (workspace_id, own_number, contact_number) DO UPDATE SET
  last_item = CASE WHEN excluded.active_at >= conversations.active_at THEN excluded.last_item ELSE conversations.last_item END,
  unread = CASE WHEN excluded.active_at >= conversations.active_at THEN excluded.unread ELSE conversations.unread END,
  unresponded = CASE WHEN excluded.active_at >= conversations.active_at THEN excluded.unresponded ELSE conversations.unresponded END,
  archived = CASE WHEN excluded.active_at >= conversations.active_at THEN 0 ELSE conversations.archived END,
  active_at = CASE WHEN excluded.active_at >= conversations.active_at THEN excluded.active_at ELSE conversations.active_at END

-- piece: active_since
c.active_at >= $a

-- piece: has_unread
c.unread = $a

-- piece: is_pinned
CASE WHEN c.pinned_at IS NULL THEN 0 ELSE 1 END = $a

-- frame: conversations
SELECT c.own_number, c.contact_number, c.active_at, c.last_item, c.unread, c.pinned_at FROM conversations c
WHERE c.workspace_id = $1 AND c.own_number = $2 AND c.archived = 0 {more} ORDER BY c.active_at DESC LIMIT $3 OFFSET $4

-- frame: count_conversations
SELECT count(*) FROM conversations c WHERE c.workspace_id = $1 AND c.own_number = $2 AND c.archived = 0 {more}

-- name: mark_conversation
-- $3 is one of our numbers, or empty for all of them; a flag below 0 stays as it is.
UPDATE conversations SET unread = CASE WHEN $4 < 0 THEN unread ELSE $4 END,
  archived = CASE WHEN $5 < 0 THEN archived ELSE $5 END
WHERE workspace_id = $1 AND contact_number = $2 AND ($3 = '' OR own_number = $3)

-- name: pin_conversation
-- $4: when it was pinned, or null to take the pin off. One that nothing was said in yet can be pinned as well.
INSERT INTO conversations (workspace_id, own_number, contact_number, active_at, last_item, unread, unresponded, archived, pinned_at)
VALUES ($1, $2, $3, 0, '', 0, 0, 0, $4)
ON CONFLICT (workspace_id, own_number, contact_number) DO UPDATE SET pinned_at = excluded.pinned_at

-- name: unpin_conversation
UPDATE conversations SET pinned_at = NULL WHERE workspace_id = $1 AND own_number = $2 AND contact_number = $3

-- name: pinned
SELECT own_number, contact_number FROM conversations WHERE workspace_id = $1 AND pinned_at IS NOT NULL

-- Endpoints and what they subscribe to.

-- name: add_endpoint
INSERT INTO endpoints (workspace_id, id, url, description, enabled, secrets, created_at, updated_at,
  headers, rate_limit, max_in_flight, timeout_seconds, ordered, paused, additive_fields, own_number)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12, $13, $14, $15)

-- name: endpoints
SELECT workspace_id, id, url, description, enabled, secrets, disabled_why, created_at, updated_at,
  failing_first, failing_last, failing_clock,
  headers, rate_limit, max_in_flight, timeout_seconds, ordered, paused, additive_fields, own_number
FROM endpoints WHERE workspace_id = $1 AND deleted_at IS NULL ORDER BY id

-- name: endpoint
SELECT workspace_id, id, url, description, enabled, secrets, disabled_why, created_at, updated_at,
  failing_first, failing_last, failing_clock,
  headers, rate_limit, max_in_flight, timeout_seconds, ordered, paused, additive_fields, own_number
FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL

-- name: endpoint_keys
-- Every endpoint that may have deliveries waiting.
SELECT workspace_id, id FROM endpoints WHERE deleted_at IS NULL

-- name: change_endpoint
-- One that is enabled again, or resumed, begins healthy: what it failed before says nothing about it any more.
UPDATE endpoints SET url = $3, description = $4, enabled = $5, disabled_why = $6, updated_at = $7,
  headers = $8, rate_limit = $9, max_in_flight = $10, timeout_seconds = $11, ordered = $12, paused = $13,
  additive_fields = $14,
  failing_first = CASE WHEN enabled < $5 OR paused > $13 THEN NULL ELSE failing_first END,
  failing_last = CASE WHEN enabled < $5 OR paused > $13 THEN NULL ELSE failing_last END,
  failing_clock = CASE WHEN enabled < $5 OR paused > $13 THEN NULL ELSE failing_clock END
WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL

-- name: disable_endpoint
UPDATE endpoints SET enabled = 0, disabled_why = $3, updated_at = $4,
  failing_first = NULL, failing_last = NULL, failing_clock = NULL
WHERE workspace_id = $1 AND id = $2 AND enabled = 1 AND deleted_at IS NULL

-- name: delete_endpoint
-- The secrets go at once, and headers may hold some; the history goes in small steps afterwards.
UPDATE endpoints SET deleted_at = $3, enabled = 0, secrets = '[]', headers = '{}'
WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL

-- name: deleted_endpoints
SELECT workspace_id, id FROM endpoints WHERE deleted_at IS NOT NULL LIMIT 100

-- name: forget_attempts
DELETE FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND (event_id, number) IN (
  SELECT event_id, number FROM attempts WHERE workspace_id = $1 AND endpoint_id = $2 LIMIT $3)

-- name: forget_schedule
DELETE FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 AND event_id IN (
  SELECT event_id FROM schedule WHERE workspace_id = $1 AND endpoint_id = $2 LIMIT $3)

-- name: forget_endpoint
DELETE FROM endpoints WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NOT NULL

-- name: endpoint_topics
SELECT topic FROM endpoint_topics WHERE workspace_id = $1 AND endpoint_id = $2 ORDER BY position, topic

-- name: topics_of_all
SELECT endpoint_id, topic FROM endpoint_topics WHERE workspace_id = $1 ORDER BY position, topic

-- name: add_endpoint_topic
INSERT INTO endpoint_topics (workspace_id, topic, endpoint_id, position, ordered, additive, own_number)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING

-- name: clear_endpoint_topics
DELETE FROM endpoint_topics WHERE workspace_id = $1 AND endpoint_id = $2

-- name: sealed_beginnings
-- Of each key that sealed something: the beginning of a sealed text, to the end of the key's name.
SELECT substr(secrets, 1, 18) FROM endpoints WHERE workspace_id = $1 AND secrets LIKE 'sealed:%'
UNION SELECT substr(headers, 1, 18) FROM endpoints WHERE workspace_id = $1 AND headers LIKE 'sealed:%'

-- name: endpoints_to_seal
-- Deleted ones have nothing left to seal.
SELECT id, secrets, headers FROM endpoints
WHERE workspace_id = $1 AND id > $2 AND (secrets NOT LIKE $3 OR headers NOT LIKE $3) AND deleted_at IS NULL
ORDER BY id LIMIT $4

-- name: seal_endpoint
UPDATE endpoints SET secrets = $3, headers = $4
WHERE workspace_id = $1 AND id = $2 AND secrets = $5 AND headers = $6

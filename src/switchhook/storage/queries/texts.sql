-- Texts on their way through a carrier, and who wants none.

-- name: add_text
INSERT INTO texts (workspace_id, id, carrier, carrier_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: text
SELECT carrier, carrier_id, reason FROM texts WHERE workspace_id = $1 AND id = $2

-- name: text_by_carrier
SELECT id FROM texts WHERE workspace_id = $1 AND carrier = $2 AND carrier_id = $3

-- name: save_text
UPDATE texts SET carrier_id = $3, reason = $4 WHERE workspace_id = $1 AND id = $2

-- name: queue_text
INSERT INTO text_queue (workspace_id, id, state, due_at, attempts) VALUES ($1, $2, 'WAITING', $3, 0)

-- name: queued_texts
-- Of one state, those that are due, in order, with what they say.
SELECT q.id, t.carrier, t.carrier_id, i.own_number, i.contact_number, i.content, i.at, q.attempts, q.claimed_at
FROM text_queue q
JOIN texts t ON t.workspace_id = q.workspace_id AND t.id = q.id
JOIN items i ON i.workspace_id = q.workspace_id AND i.id = q.id
WHERE q.workspace_id = $1 AND q.state = $2 AND q.due_at <= $3 ORDER BY q.due_at, q.id LIMIT $4

-- name: count_queued_texts
SELECT count(*) FROM text_queue WHERE workspace_id = $1 AND state = $2

-- name: move_text
-- From one of two states ($3, $4) to another ($5).
UPDATE text_queue SET state = $5, due_at = $6, attempts = $7, claimed_at = $8
WHERE workspace_id = $1 AND id = $2 AND (state = $3 OR state = $4)

-- name: unqueue_text
DELETE FROM text_queue WHERE workspace_id = $1 AND id = $2

-- name: opt_out
INSERT INTO opt_outs (workspace_id, own_number, contact_number, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: opt_in
DELETE FROM opt_outs WHERE workspace_id = $1 AND own_number = $2 AND contact_number = $3

-- name: opted_out
SELECT at FROM opt_outs WHERE workspace_id = $1 AND own_number = $2 AND contact_number = $3

-- name: add_text_part
INSERT INTO text_parts (workspace_id, carrier, part_id, text_id, total, status) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING

-- name: text_of_part
SELECT text_id FROM text_parts WHERE workspace_id = $1 AND carrier = $2 AND part_id = $3

-- name: text_parts
SELECT part_id, total, status, reason FROM text_parts WHERE workspace_id = $1 AND text_id = $2 ORDER BY part_id

-- name: save_text_part
UPDATE text_parts SET status = $4, reason = $5 WHERE workspace_id = $1 AND carrier = $2 AND part_id = $3

-- name: drop_text_parts
DELETE FROM text_parts WHERE workspace_id = $1 AND text_id = $2

-- name: text_fragments
SELECT number, total, digest, content, at, done_at FROM text_fragments
WHERE workspace_id = $1 AND carrier = $2 AND sender = $3 AND recipient = $4 AND reference = $5 ORDER BY number

-- name: add_text_fragment
INSERT INTO text_fragments (workspace_id, carrier, sender, recipient, reference, number, total, digest, content, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: finish_text_fragments
-- What it said stands in the item, and goes from here; the digests stay.
UPDATE text_fragments SET content = '', done_at = $6
WHERE workspace_id = $1 AND carrier = $2 AND sender = $3 AND recipient = $4 AND reference = $5

-- name: drop_text_fragments
DELETE FROM text_fragments
WHERE workspace_id = $1 AND carrier = $2 AND sender = $3 AND recipient = $4 AND reference = $5

-- name: stale_text_fragments
SELECT carrier, sender, recipient, reference FROM text_fragments
WHERE workspace_id = $1 GROUP BY carrier, sender, recipient, reference
HAVING min(at) < $2 AND max(done_at) IS NULL OR max(done_at) < $3
ORDER BY min(at) LIMIT $4

-- name: text_arrivals
SELECT carrier_id FROM texts WHERE workspace_id = $1 AND carrier = $2 AND carrier_id >= $3 AND carrier_id < $4
ORDER BY carrier_id

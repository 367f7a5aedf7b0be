-- What the line is to do, until the process that has it takes the order.

-- name: add_order
INSERT INTO line_orders (workspace_id, id, call_id, ordered_at, body) VALUES ($1, $2, $3, $4, $5)

-- name: orders
-- The oldest ones: ids sort by time.
SELECT id, call_id, ordered_at, body FROM line_orders WHERE workspace_id = $1 ORDER BY id LIMIT $2

-- name: take_order
DELETE FROM line_orders WHERE workspace_id = $1 AND id = $2

-- name: line_is_taken (postgresql)
-- Whether a process in force has a line of telephones.
SELECT 1 FROM meta m JOIN processes p ON p.id::text = m.value WHERE m.key = 'line ' || $1::text

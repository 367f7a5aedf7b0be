-- What the line is to do, until the process that has it takes the order; see workspace/orders.py.
CREATE TABLE line_orders (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  call_id      TEXT NOT NULL,
  ordered_at   INTEGER NOT NULL,
  body         TEXT NOT NULL,
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;

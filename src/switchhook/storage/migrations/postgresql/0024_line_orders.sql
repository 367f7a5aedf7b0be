-- What the line is to do, until the process that has it takes the order; see workspace/orders.py.
CREATE TABLE line_orders (
  workspace_id TEXT COLLATE "C" NOT NULL,
  id           TEXT COLLATE "C" NOT NULL,
  call_id      TEXT COLLATE "C" NOT NULL,
  ordered_at   BIGINT NOT NULL,
  body         TEXT NOT NULL,
  PRIMARY KEY (workspace_id, id)
);

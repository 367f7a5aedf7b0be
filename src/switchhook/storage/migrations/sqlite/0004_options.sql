-- What an endpoint asked for beside its URL and topics; NULL is the installation's own.
ALTER TABLE endpoints ADD COLUMN headers         TEXT NOT NULL DEFAULT '{}';  -- JSON, name to value
ALTER TABLE endpoints ADD COLUMN rate_limit      REAL;                        -- deliveries a second
ALTER TABLE endpoints ADD COLUMN max_in_flight   INTEGER;
ALTER TABLE endpoints ADD COLUMN timeout_seconds REAL;
ALTER TABLE endpoints ADD COLUMN ordered         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN paused          INTEGER NOT NULL DEFAULT 0;

-- The same `ordered`, where accepting an event asks for it.
ALTER TABLE endpoint_topics ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0;
CREATE INDEX endpoint_topics_ordered ON endpoint_topics (workspace_id, topic, endpoint_id) WHERE ordered = 1;

-- The event's place in the order of acceptance. A column that must be there can only be added to a new table.
CREATE TABLE schedule_new (
  workspace_id TEXT NOT NULL,
  endpoint_id  TEXT NOT NULL,
  event_id     TEXT NOT NULL,
  attempts     INTEGER NOT NULL,           -- made so far
  next_at      INTEGER NOT NULL,
  base         INTEGER NOT NULL DEFAULT 0, -- attempts made before the present series of them
  seq          INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, endpoint_id, event_id)
) WITHOUT ROWID;
INSERT INTO schedule_new (workspace_id, endpoint_id, event_id, attempts, next_at, base, seq)
SELECT s.workspace_id, s.endpoint_id, s.event_id, s.attempts, s.next_at, s.base, e.seq
FROM schedule s JOIN events e ON e.workspace_id = s.workspace_id AND e.id = s.event_id;
DROP TABLE schedule;
ALTER TABLE schedule_new RENAME TO schedule;
CREATE INDEX schedule_due ON schedule (workspace_id, endpoint_id, next_at);
CREATE INDEX schedule_order ON schedule (workspace_id, endpoint_id, seq);

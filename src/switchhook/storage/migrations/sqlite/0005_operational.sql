-- What is sent again is chosen by a filter, its progress shown, and somebody may end it.
ALTER TABLE recoveries ADD COLUMN until INTEGER;                      -- events before it; NULL: all there were
ALTER TABLE recoveries ADD COLUMN selection TEXT;                     -- JSON, see selection.Selection; NULL: recover
ALTER TABLE recoveries ADD COLUMN first TEXT NOT NULL DEFAULT '';     -- the oldest event id it may look at
ALTER TABLE recoveries ADD COLUMN looked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recoveries ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
CREATE INDEX recoveries_endpoint ON recoveries (workspace_id, endpoint_id, id);

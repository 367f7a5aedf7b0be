-- What is sent again is chosen by a filter, its progress shown, and somebody may end it.
ALTER TABLE recoveries ADD COLUMN until BIGINT;                       -- events before it; NULL: all there were
ALTER TABLE recoveries ADD COLUMN selection TEXT;                     -- JSON, see selection.Selection; NULL: recover
ALTER TABLE recoveries ADD COLUMN first TEXT COLLATE "C" NOT NULL DEFAULT ''; -- the oldest event id it may look at
ALTER TABLE recoveries ADD COLUMN looked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE recoveries ADD COLUMN cancelled BIGINT NOT NULL DEFAULT 0;
CREATE INDEX recoveries_endpoint ON recoveries (workspace_id, endpoint_id, id);

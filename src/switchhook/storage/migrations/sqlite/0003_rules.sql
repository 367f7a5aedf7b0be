-- Where a series of attempts began: a replay starts the schedule anew while attempts are numbered on.
ALTER TABLE schedule ADD COLUMN base INTEGER NOT NULL DEFAULT 0;

-- Topics are shown in the order in which they were given.
ALTER TABLE endpoint_topics ADD COLUMN position INTEGER NOT NULL DEFAULT 0;

-- The breaker: failures of an endpoint without a success between them (wall ms).
ALTER TABLE endpoints ADD COLUMN failing_first INTEGER;
ALTER TABLE endpoints ADD COLUMN failing_last INTEGER;
ALTER TABLE endpoints ADD COLUMN failing_clock INTEGER;

-- Recover: replay everything that failed or was never attempted since a date.
CREATE TABLE recoveries (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  endpoint_id  TEXT NOT NULL,
  since        INTEGER NOT NULL,
  upto         TEXT NOT NULL,              -- the newest event id when it was asked for
  cursor       TEXT NOT NULL,              -- the last event id that was looked at
  queued       INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  finished_at  INTEGER,
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;
CREATE INDEX recoveries_open ON recoveries (workspace_id, created_at) WHERE finished_at IS NULL;

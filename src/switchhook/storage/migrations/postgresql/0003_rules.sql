-- Where a series of attempts began: a replay starts the schedule anew while attempts are numbered on.
ALTER TABLE schedule ADD COLUMN base BIGINT NOT NULL DEFAULT 0;

-- Topics are shown in the order in which they were given.
ALTER TABLE endpoint_topics ADD COLUMN position BIGINT NOT NULL DEFAULT 0;

-- The breaker: failures of an endpoint without a success between them (wall ms).
ALTER TABLE endpoints ADD COLUMN failing_first BIGINT;
ALTER TABLE endpoints ADD COLUMN failing_last BIGINT;
ALTER TABLE endpoints ADD COLUMN failing_clock BIGINT;

-- Recover: replay everything that failed or was never attempted since a date.
CREATE TABLE recoveries (
  workspace_id TEXT COLLATE "C" NOT NULL,
  id           TEXT COLLATE "C" NOT NULL,
  endpoint_id  TEXT COLLATE "C" NOT NULL,
  since        BIGINT NOT NULL,
  upto         TEXT COLLATE "C" NOT NULL,  -- the newest event id when it was asked for
  cursor       TEXT COLLATE "C" NOT NULL,  -- the last event id that was looked at
  queued       BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  finished_at  BIGINT,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX recoveries_open ON recoveries (workspace_id, created_at) WHERE finished_at IS NULL;

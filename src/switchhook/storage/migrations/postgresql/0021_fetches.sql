-- What a carrier has for us and we have not yet; a row goes when it is here, or will not be.
CREATE TABLE fetches (
  workspace_id TEXT COLLATE "C" NOT NULL,
  id           TEXT COLLATE "C" NOT NULL,   -- the carrier's own
  kind         TEXT NOT NULL,
  what         TEXT NOT NULL,               -- JSON: what must be known to fetch it
  since        BIGINT NOT NULL,
  due_at       BIGINT NOT NULL,
  attempts     BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX fetches_due ON fetches (workspace_id, due_at, id);

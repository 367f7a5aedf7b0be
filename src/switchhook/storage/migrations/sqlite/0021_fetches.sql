-- What a carrier has for us and we have not yet; a row goes when it is here, or will not be.
CREATE TABLE fetches (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,               -- the carrier's own
  kind         TEXT NOT NULL,
  what         TEXT NOT NULL,               -- JSON: what must be known to fetch it
  since        INTEGER NOT NULL,
  due_at       INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;
CREATE INDEX fetches_due ON fetches (workspace_id, due_at, id);

-- Answers to writes that carried an Idempotency-Key, kept for an hour.
CREATE TABLE answers (
  workspace_id TEXT NOT NULL,
  key          TEXT NOT NULL,
  route        TEXT NOT NULL,              -- method and path
  status       INTEGER NOT NULL,
  body         BLOB NOT NULL,
  answered_at  INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, key)
) WITHOUT ROWID;
CREATE INDEX answers_age ON answers (workspace_id, answered_at);

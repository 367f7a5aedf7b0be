-- Answers to writes that carried an Idempotency-Key, kept for an hour.
CREATE TABLE answers (
  workspace_id TEXT COLLATE "C" NOT NULL,
  key          TEXT COLLATE "C" NOT NULL,
  route        TEXT NOT NULL,              -- method and path
  status       BIGINT NOT NULL,
  body         BYTEA NOT NULL,
  answered_at  BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, key)
);
CREATE INDEX answers_age ON answers (workspace_id, answered_at);

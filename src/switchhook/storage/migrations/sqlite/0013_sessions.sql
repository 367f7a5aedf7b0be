-- Who is signed in on the page, and the links that sign in once. Only the SHA-256 of what the browser holds is here.
CREATE TABLE sessions (
  workspace_id TEXT NOT NULL,
  digest       BLOB NOT NULL,
  kind         TEXT NOT NULL,              -- session or link
  key_id       TEXT,                       -- the API key it was opened with; NULL: a link of the command line
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, digest)
) WITHOUT ROWID;
CREATE INDEX sessions_expiry ON sessions (workspace_id, expires_at);

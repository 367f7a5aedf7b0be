-- Every key leads with the workspace, so that a workspace can live on a shard of its own. The three tables that cannot
-- (they are asked before a workspace is known) are `meta`, `workspaces` and `api_keys`.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE workspaces (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
  digest       BLOB PRIMARY KEY,           -- SHA-256 of the key; the key itself is nowhere
  workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  id           TEXT NOT NULL UNIQUE,
  name         TEXT NOT NULL,
  scopes       TEXT NOT NULL,              -- comma-separated, or ALL
  created_at   INTEGER NOT NULL,
  revoked_at   INTEGER
) WITHOUT ROWID;

CREATE TABLE endpoints (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  url          TEXT NOT NULL,
  description  TEXT,
  enabled      INTEGER NOT NULL,
  secrets      TEXT NOT NULL,              -- JSON [{secret, until}], the newest first
  disabled_why TEXT,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  deleted_at   INTEGER,
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;

CREATE TABLE endpoint_topics (
  workspace_id TEXT NOT NULL,
  topic        TEXT NOT NULL,
  endpoint_id  TEXT NOT NULL,
  PRIMARY KEY (workspace_id, topic, endpoint_id)
) WITHOUT ROWID;

-- What happened, as it will be sent. `seq` is the order of acceptance and carries the low-water mark.
CREATE TABLE events (
  seq          INTEGER PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  topic        TEXT NOT NULL,
  dedupe_key   TEXT,
  targets      TEXT NOT NULL,              -- ids of the endpoints subscribed at acceptance, space-separated
  accepted_at  INTEGER NOT NULL,
  body         BLOB NOT NULL
);
CREATE UNIQUE INDEX events_id ON events (workspace_id, id);
CREATE UNIQUE INDEX events_dedupe ON events (workspace_id, topic, dedupe_key) WHERE dedupe_key IS NOT NULL;

-- One row for each attempt that ended; a delivery's first own row is its first attempt.
CREATE TABLE attempts (
  workspace_id     TEXT NOT NULL,
  endpoint_id      TEXT NOT NULL,
  event_id         TEXT NOT NULL,
  number           INTEGER NOT NULL,
  state            TEXT NOT NULL,          -- what the delivery was after it: succeeded, retrying, failed
  started_at       INTEGER NOT NULL,
  latency_ms       REAL NOT NULL,
  kind             TEXT NOT NULL,
  status           INTEGER,
  fault            TEXT,
  message_customer TEXT,
  message_operator TEXT,
  next_at          INTEGER,
  response         BLOB,                   -- msgpack, see outbox.StoredResponse
  PRIMARY KEY (workspace_id, endpoint_id, event_id, number)
) WITHOUT ROWID;
CREATE INDEX attempts_failed ON attempts (workspace_id, endpoint_id, event_id) WHERE state = 'failed';

-- Only what must be tried (again) later; the row goes when the delivery is done.
CREATE TABLE schedule (
  workspace_id TEXT NOT NULL,
  endpoint_id  TEXT NOT NULL,
  event_id     TEXT NOT NULL,
  attempts     INTEGER NOT NULL,           -- made so far
  next_at      INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, endpoint_id, event_id)
) WITHOUT ROWID;
CREATE INDEX schedule_due ON schedule (workspace_id, endpoint_id, next_at);

CREATE TABLE users (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  email        TEXT NOT NULL,
  name         TEXT NOT NULL,
  sip          TEXT NOT NULL,              -- JSON list of SIP addresses
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX users_email ON users (workspace_id, email);

CREATE TABLE numbers (
  workspace_id TEXT NOT NULL,
  number       TEXT NOT NULL,              -- E.164
  name         TEXT NOT NULL,
  country      TEXT NOT NULL,
  users        TEXT NOT NULL,              -- JSON list of user ids, the first one answers for the number
  settings     TEXT NOT NULL,              -- JSON
  PRIMARY KEY (workspace_id, number)
) WITHOUT ROWID;

CREATE TABLE calls (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  source       TEXT NOT NULL,
  source_call  TEXT NOT NULL,              -- the source's own id of the call
  started_at   INTEGER NOT NULL,
  ended_at     INTEGER,
  state        TEXT NOT NULL,              -- JSON
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX calls_source ON calls (workspace_id, source, source_call);
CREATE INDEX calls_open ON calls (workspace_id, started_at) WHERE ended_at IS NULL;

CREATE TABLE recordings (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  call_id      TEXT NOT NULL,
  path         TEXT NOT NULL,              -- below the data directory
  seconds      REAL NOT NULL,
  created_at   INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;

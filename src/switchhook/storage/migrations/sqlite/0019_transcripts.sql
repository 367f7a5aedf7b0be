-- Recordings that wait to be transcribed, each until its transcript is told or given up; see storage/transcripts.py.
CREATE TABLE transcript_queue (
  workspace_id TEXT NOT NULL,
  recording_id TEXT NOT NULL,
  call_id      TEXT NOT NULL,
  source       TEXT NOT NULL,
  source_call  TEXT NOT NULL,
  path         TEXT NOT NULL,           -- below the data directory
  seconds      REAL NOT NULL,
  late         INTEGER NOT NULL,         -- 1: the end of its call was told without it
  await_until  INTEGER,                  -- how long the end of its call waits for it; null while that is not known
  queued_at    INTEGER NOT NULL,
  due_at       INTEGER NOT NULL,         -- not to be tried before
  attempts     INTEGER NOT NULL,
  holder       TEXT,                    -- who is at it, until leased_until
  leased_until INTEGER,
  PRIMARY KEY (workspace_id, recording_id)
) WITHOUT ROWID;
CREATE INDEX transcript_queue_next ON transcript_queue (workspace_id, late, queued_at, recording_id);
CREATE INDEX transcript_queue_call ON transcript_queue (workspace_id, call_id);
CREATE INDEX transcript_queue_await ON transcript_queue (workspace_id, await_until);

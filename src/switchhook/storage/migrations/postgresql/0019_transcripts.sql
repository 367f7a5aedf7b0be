-- Recordings that wait to be transcribed, each until its transcript is told or given up; see storage/transcripts.py.
CREATE TABLE transcript_queue (
  workspace_id TEXT COLLATE "C" NOT NULL,
  recording_id TEXT COLLATE "C" NOT NULL,
  call_id      TEXT COLLATE "C" NOT NULL,
  source       TEXT COLLATE "C" NOT NULL,
  source_call  TEXT COLLATE "C" NOT NULL,
  path         TEXT COLLATE "C" NOT NULL,           -- below the data directory
  seconds      DOUBLE PRECISION NOT NULL,
  late         BIGINT NOT NULL,         -- 1: the end of its call was told without it
  await_until  BIGINT,                  -- how long the end of its call waits for it; null while that is not known
  queued_at    BIGINT NOT NULL,
  due_at       BIGINT NOT NULL,         -- not to be tried before
  attempts     BIGINT NOT NULL,
  holder       TEXT COLLATE "C",                    -- who is at it, until leased_until
  leased_until BIGINT,
  PRIMARY KEY (workspace_id, recording_id)
);
CREATE INDEX transcript_queue_next ON transcript_queue (workspace_id, late, queued_at, recording_id);
CREATE INDEX transcript_queue_call ON transcript_queue (workspace_id, call_id);
CREATE INDEX transcript_queue_await ON transcript_queue (workspace_id, await_until);

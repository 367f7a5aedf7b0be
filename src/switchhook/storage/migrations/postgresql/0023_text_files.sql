-- The files that came with texts.
CREATE TABLE text_files (
  workspace_id TEXT COLLATE "C" NOT NULL,
  id           TEXT COLLATE "C" NOT NULL,
  text_id      TEXT COLLATE "C" NOT NULL,
  position     BIGINT NOT NULL,             -- in the text, from 0
  carrier_id   TEXT NOT NULL,               -- how the carrier finds it
  content_type TEXT NOT NULL,
  path         TEXT,                        -- below the data directory, once it is here
  size         BIGINT,
  gone         BIGINT NOT NULL,             -- 1: the words of its text were removed, and so is it
  PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX text_files_text ON text_files (workspace_id, text_id, position);

-- Fetched kind by kind.
DROP INDEX fetches_due;
CREATE INDEX fetches_due ON fetches (workspace_id, kind, due_at, id);

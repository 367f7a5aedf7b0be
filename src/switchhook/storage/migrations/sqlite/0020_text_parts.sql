-- Texts that a carrier takes and brings in parts.

-- Those that went out, by the carrier's ids, until nothing more is to be heard of their text.
CREATE TABLE text_parts (
  workspace_id TEXT NOT NULL,
  carrier      TEXT NOT NULL,
  part_id      TEXT NOT NULL,
  text_id      TEXT NOT NULL,
  total        INTEGER NOT NULL,            -- parts of the text
  status       TEXT NOT NULL,
  reason       TEXT,                        -- why it failed
  PRIMARY KEY (workspace_id, carrier, part_id)
) WITHOUT ROWID;
CREATE INDEX text_parts_text ON text_parts (workspace_id, text_id);

-- Those that came in: the digest of one stays for a while after its text was taken, to be known when it comes again.
CREATE TABLE text_fragments (
  workspace_id TEXT NOT NULL,
  carrier      TEXT NOT NULL,
  sender       TEXT NOT NULL,
  recipient    TEXT NOT NULL,
  reference    INTEGER NOT NULL,            -- the sender's number for the text
  number       INTEGER NOT NULL,            -- of the part, from 1
  total        INTEGER NOT NULL,
  digest       TEXT NOT NULL,
  content      TEXT NOT NULL,               -- empty once the text was taken
  at           INTEGER NOT NULL,
  done_at      INTEGER,                     -- when the text was taken
  PRIMARY KEY (workspace_id, carrier, sender, recipient, reference, number)
) WITHOUT ROWID;

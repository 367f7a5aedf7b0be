-- Texts that a carrier takes and brings in parts.

-- Those that went out, by the carrier's ids, until nothing more is to be heard of their text.
CREATE TABLE text_parts (
  workspace_id TEXT COLLATE "C" NOT NULL,
  carrier      TEXT COLLATE "C" NOT NULL,
  part_id      TEXT COLLATE "C" NOT NULL,
  text_id      TEXT COLLATE "C" NOT NULL,
  total        BIGINT NOT NULL,            -- parts of the text
  status       TEXT COLLATE "C" NOT NULL,
  reason       TEXT,                        -- why it failed
  PRIMARY KEY (workspace_id, carrier, part_id)
);
CREATE INDEX text_parts_text ON text_parts (workspace_id, text_id);

-- Those that came in: the digest of one stays for a while after its text was taken, to be known when it comes again.
CREATE TABLE text_fragments (
  workspace_id TEXT COLLATE "C" NOT NULL,
  carrier      TEXT COLLATE "C" NOT NULL,
  sender       TEXT COLLATE "C" NOT NULL,
  recipient    TEXT COLLATE "C" NOT NULL,
  reference    BIGINT NOT NULL,            -- the sender's number for the text
  number       BIGINT NOT NULL,            -- of the part, from 1
  total        BIGINT NOT NULL,
  digest       TEXT COLLATE "C" NOT NULL,
  content      TEXT COLLATE "C" NOT NULL,               -- empty once the text was taken
  at           BIGINT NOT NULL,
  done_at      BIGINT,                     -- when the text was taken
  PRIMARY KEY (workspace_id, carrier, sender, recipient, reference, number)
);

-- What was said: calls that are over and texts (items), the conversations they belong to, and the tags of calls.
CREATE TABLE items (
  seq            INTEGER PRIMARY KEY,
  workspace_id   TEXT NOT NULL,
  id             TEXT NOT NULL,
  kind           TEXT NOT NULL,            -- CALL or SMS
  direction      TEXT NOT NULL,            -- INBOUND or OUTBOUND
  own_number     TEXT NOT NULL,            -- ours, E.164 where it has such a spelling
  contact_number TEXT NOT NULL,            -- theirs
  user_email     TEXT,                     -- who of us it was
  at             INTEGER NOT NULL,         -- when it began
  duration       REAL,                     -- seconds; calls only
  result         TEXT,                     -- of a call, as the catalogue names it
  recording_url  TEXT,
  content        TEXT,                     -- of a text
  status         TEXT,                     -- of a text: PENDING, SENT, DELIVERED or FAILED
  message_type   TEXT,                     -- SMS or MMS
  summary        TEXT,
  summary_version    INTEGER NOT NULL,
  summary_updated_at INTEGER,
  summary_updated_by TEXT,                 -- a user's id; null when a machine wrote it
  transcript     TEXT NOT NULL,            -- JSON [{source, time, text}]
  details        TEXT NOT NULL,            -- JSON: what else call.completed said
  words          TEXT NOT NULL             -- what it is found by: transcript, summary and text, folded
);
CREATE UNIQUE INDEX items_id ON items (workspace_id, id);
CREATE INDEX items_at ON items (workspace_id, at, id);
CREATE INDEX items_own ON items (workspace_id, own_number, at, id);
CREATE INDEX items_contact ON items (workspace_id, contact_number, at, id);

CREATE VIRTUAL TABLE items_words USING fts5 (words, content='items', content_rowid='seq', tokenize='unicode61', prefix='2 3');
CREATE TRIGGER items_words_added AFTER INSERT ON items BEGIN
  INSERT INTO items_words (rowid, words) VALUES (new.seq, new.words);
END;
CREATE TRIGGER items_words_changed AFTER UPDATE OF words ON items WHEN old.words <> new.words BEGIN
  INSERT INTO items_words (items_words, rowid, words) VALUES ('delete', old.seq, old.words);
  INSERT INTO items_words (rowid, words) VALUES (new.seq, new.words);
END;
CREATE TRIGGER items_words_removed AFTER DELETE ON items BEGIN
  INSERT INTO items_words (items_words, rowid, words) VALUES ('delete', old.seq, old.words);
END;

-- One for each of our numbers and each number at the other end.
CREATE TABLE conversations (
  workspace_id   TEXT NOT NULL,
  own_number     TEXT NOT NULL,
  contact_number TEXT NOT NULL,
  active_at      INTEGER NOT NULL,
  last_item      TEXT NOT NULL,
  unread         INTEGER NOT NULL,
  unresponded    INTEGER NOT NULL,         -- the last word is theirs
  archived       INTEGER NOT NULL,
  pinned_at      INTEGER,
  PRIMARY KEY (workspace_id, own_number, contact_number)
) WITHOUT ROWID;
-- With all that a list asks for, so that counting it reads no row.
CREATE INDEX conversations_active
  ON conversations (workspace_id, own_number, active_at, archived, unread, pinned_at);
CREATE INDEX conversations_pinned ON conversations (workspace_id) WHERE pinned_at IS NOT NULL;
CREATE INDEX conversations_contact ON conversations (workspace_id, contact_number);

CREATE TABLE tags (
  workspace_id TEXT NOT NULL,
  key          TEXT NOT NULL,
  name         TEXT NOT NULL,
  color        TEXT,
  created_at   INTEGER NOT NULL,
  deleted_at   INTEGER,                    -- nobody can be given it any more; those who have it keep it
  PRIMARY KEY (workspace_id, key)
) WITHOUT ROWID;

-- `call_id` may be that of a call that is still going on.
CREATE TABLE call_tags (
  workspace_id TEXT NOT NULL,
  call_id      TEXT NOT NULL,
  tag_key      TEXT NOT NULL,
  position     INTEGER NOT NULL,           -- in the order in which they were added; the first one is the primary tag
  user_email   TEXT,
  added_at     INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, call_id, tag_key)
) WITHOUT ROWID;
CREATE INDEX call_tags_tag ON call_tags (workspace_id, tag_key, call_id);

ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'MEMBER';      -- ADMIN, MANAGER or MEMBER
ALTER TABLE users ADD COLUMN status TEXT NOT NULL DEFAULT 'ACTIVE';    -- ACTIVE or BLOCKED
ALTER TABLE users ADD COLUMN image_url TEXT;

-- What the workspace learns of the events that others publish; see workspace/mirror.py.

-- Events that the workspace made of its own changes, until the mirror has passed them by.
CREATE TABLE own_events (
  workspace_id TEXT NOT NULL,
  event_id     TEXT NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
) WITHOUT ROWID;

-- Whom the contacts of another system became here. The row stays when that person is removed, and they stay removed.
CREATE TABLE mirrored_people (
  workspace_id TEXT NOT NULL,
  source_id    TEXT NOT NULL,
  person_id    TEXT NOT NULL,
  PRIMARY KEY (workspace_id, source_id)
) WITHOUT ROWID;

-- Of what was accepted before, the workspace learns nothing: which of it was its own was not written down.
INSERT INTO meta (key, value) SELECT 'mirrored', CAST(coalesce(max(seq), 0) AS TEXT) FROM events;

-- Words that are taken out of an item leave the index of words at once, and with it the file.
INSERT INTO items_words (items_words, rank) VALUES ('secure-delete', 1);

-- Texts on their way through a carrier; see workspace/texts.py. What a text says stands in its item alone.

-- Every text that came or went through a carrier, by the carrier's own id of it once that is known.
CREATE TABLE texts (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  carrier      TEXT NOT NULL,
  carrier_id   TEXT,
  reason       TEXT,                        -- why it failed
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX texts_carrier ON texts (workspace_id, carrier, carrier_id);

-- What is left to do about those that go out; a row goes when nothing is.
CREATE TABLE text_queue (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  state        TEXT NOT NULL,               -- WAITING, CLAIMED (it may have been sent), or ACCEPTED by the carrier
  due_at       INTEGER NOT NULL,             -- when it is to be sent, or asked about
  attempts     INTEGER NOT NULL,             -- since the state last changed
  claimed_at   INTEGER,
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;
CREATE INDEX text_queue_due ON text_queue (workspace_id, state, due_at, id);

-- Who wants no texts from which of our numbers.
CREATE TABLE opt_outs (
  workspace_id   TEXT NOT NULL,
  own_number     TEXT NOT NULL,
  contact_number TEXT NOT NULL,
  at             INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, own_number, contact_number)
) WITHOUT ROWID;

-- Texts on their way through a carrier; see workspace/texts.py. What a text says stands in its item alone.

-- Every text that came or went through a carrier, by the carrier's own id of it once that is known.
CREATE TABLE texts (
  workspace_id TEXT COLLATE "C" NOT NULL,
  id           TEXT COLLATE "C" NOT NULL,
  carrier      TEXT COLLATE "C" NOT NULL,
  carrier_id   TEXT COLLATE "C",
  reason       TEXT,                        -- why it failed
  PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX texts_carrier ON texts (workspace_id, carrier, carrier_id);

-- What is left to do about those that go out; a row goes when nothing is.
CREATE TABLE text_queue (
  workspace_id TEXT COLLATE "C" NOT NULL,
  id           TEXT COLLATE "C" NOT NULL,
  state        TEXT NOT NULL,               -- WAITING, CLAIMED (it may have been sent), or ACCEPTED by the carrier
  due_at       BIGINT NOT NULL,             -- when it is to be sent, or asked about
  attempts     BIGINT NOT NULL,             -- since the state last changed
  claimed_at   BIGINT,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX text_queue_due ON text_queue (workspace_id, state, due_at, id);

-- Who wants no texts from which of our numbers.
CREATE TABLE opt_outs (
  workspace_id   TEXT COLLATE "C" NOT NULL,
  own_number     TEXT COLLATE "C" NOT NULL,
  contact_number TEXT COLLATE "C" NOT NULL,
  at             BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, own_number, contact_number)
);

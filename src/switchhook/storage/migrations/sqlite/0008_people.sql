-- Whom the workspace knows: people, their companies, and the deals of those. `numbers`, `emails` and `properties` are
-- JSON; the two tables beside `people` are how a number or an address finds its person.
CREATE TABLE people (
  seq              INTEGER PRIMARY KEY,
  workspace_id     TEXT NOT NULL,
  id               TEXT NOT NULL,
  name             TEXT,
  last_name        TEXT,
  job_title        TEXT,
  website          TEXT,
  address          TEXT,
  company_id       TEXT,
  numbers          TEXT NOT NULL,
  emails           TEXT NOT NULL,
  properties       TEXT NOT NULL,          -- the workspace's own, none of them null
  interactions     INTEGER NOT NULL,
  last_activity_at INTEGER,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  sort_name        TEXT NOT NULL,          -- the whole name without case, accents and double blanks
  active_at        INTEGER NOT NULL,       -- the last activity, or the creation without one
  search           TEXT NOT NULL           -- what they are found by, see people.search_text
);
CREATE UNIQUE INDEX people_id ON people (workspace_id, id);
CREATE INDEX people_name ON people (workspace_id, sort_name, id);
CREATE INDEX people_active ON people (workspace_id, active_at, id);
CREATE INDEX people_company ON people (workspace_id, company_id, id) WHERE company_id IS NOT NULL;

-- Every three letters in a row, so that a part of a name is found without reading everybody.
CREATE VIRTUAL TABLE people_grams USING fts5 (search, content='people', content_rowid='seq', tokenize='trigram', detail='none');
CREATE TRIGGER people_grams_added AFTER INSERT ON people BEGIN
  INSERT INTO people_grams (rowid, search) VALUES (new.seq, new.search);
END;
CREATE TRIGGER people_grams_changed AFTER UPDATE OF search ON people WHEN old.search <> new.search BEGIN
  INSERT INTO people_grams (people_grams, rowid, search) VALUES ('delete', old.seq, old.search);
  INSERT INTO people_grams (rowid, search) VALUES (new.seq, new.search);
END;
CREATE TRIGGER people_grams_removed AFTER DELETE ON people BEGIN
  INSERT INTO people_grams (people_grams, rowid, search) VALUES ('delete', old.seq, old.search);
END;

-- One owner for each number; others may have it beside them when that was asked for (`shared`).
CREATE TABLE person_numbers (
  workspace_id TEXT NOT NULL,
  number       TEXT NOT NULL,              -- E.164
  person_id    TEXT NOT NULL,
  shared       INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, number, person_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX person_numbers_owner ON person_numbers (workspace_id, number) WHERE shared = 0;
CREATE INDEX person_numbers_person ON person_numbers (workspace_id, person_id);

CREATE TABLE person_emails (
  workspace_id TEXT NOT NULL,
  email        TEXT NOT NULL,              -- lower case
  person_id    TEXT NOT NULL,
  PRIMARY KEY (workspace_id, email, person_id)
) WITHOUT ROWID;
CREATE INDEX person_emails_person ON person_emails (workspace_id, person_id);

-- People who were merged into another one can still be asked for by their old id.
CREATE TABLE people_merged (
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  into_id      TEXT NOT NULL,
  PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;
CREATE INDEX people_merged_into ON people_merged (workspace_id, into_id);

-- What a workspace keeps of its people beyond the fields that everybody has.
CREATE TABLE properties (
  workspace_id TEXT NOT NULL,
  key          TEXT NOT NULL,
  label        TEXT NOT NULL,
  kind         TEXT NOT NULL,              -- text, number, boolean, date, url, choice
  choices      TEXT NOT NULL,              -- JSON list
  created_at   INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, key)
) WITHOUT ROWID;

CREATE TABLE companies (
  seq              INTEGER PRIMARY KEY,
  workspace_id     TEXT NOT NULL,
  id               TEXT NOT NULL,
  name             TEXT NOT NULL,
  website          TEXT,
  industry         TEXT,
  interactions     INTEGER NOT NULL,
  last_activity_at INTEGER,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  sort_name        TEXT NOT NULL,
  active_at        INTEGER NOT NULL,
  search           TEXT NOT NULL
);
CREATE UNIQUE INDEX companies_id ON companies (workspace_id, id);
CREATE INDEX companies_name ON companies (workspace_id, sort_name, id);
CREATE INDEX companies_active ON companies (workspace_id, active_at, id);

CREATE TABLE deals (
  seq          INTEGER PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  id           TEXT NOT NULL,
  name         TEXT NOT NULL,
  status       TEXT,
  amount       TEXT,                       -- a decimal, exact
  currency     TEXT,
  closed_at    TEXT,                       -- ISO 8601 date or date-time, as it was given
  company_id   TEXT,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  sort_name    TEXT NOT NULL
);
CREATE UNIQUE INDEX deals_id ON deals (workspace_id, id);
CREATE INDEX deals_name ON deals (workspace_id, sort_name, id);
CREATE INDEX deals_company ON deals (workspace_id, company_id, id) WHERE company_id IS NOT NULL;
CREATE INDEX deals_status ON deals (workspace_id, status, id);

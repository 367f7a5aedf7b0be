-- Where recordings lie, and what is left to do about them; see archive.py.

ALTER TABLE recordings ADD COLUMN object_key TEXT NOT NULL DEFAULT '';  -- in the object store; empty: it is not there
ALTER TABLE recordings ADD COLUMN size BIGINT NOT NULL DEFAULT 0;      -- bytes of that object
ALTER TABLE recordings ADD COLUMN local BIGINT NOT NULL DEFAULT 1;     -- whether there is a file
ALTER TABLE recordings ADD COLUMN doomed BIGINT NOT NULL DEFAULT 0;    -- it is to go, and nobody is given it any more
ALTER TABLE recordings ADD COLUMN due_at BIGINT;                       -- when something is to be done; NULL: nothing is
ALTER TABLE recordings ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;     -- how often that was begun
CREATE INDEX recordings_due ON recordings (workspace_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX recordings_age ON recordings (workspace_id, created_at);
CREATE INDEX recordings_call ON recordings (workspace_id, call_id);

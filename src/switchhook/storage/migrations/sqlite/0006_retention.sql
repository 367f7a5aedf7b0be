-- When the content of an event was removed on request; its body is empty since then.
ALTER TABLE events ADD COLUMN expunged_at INTEGER;

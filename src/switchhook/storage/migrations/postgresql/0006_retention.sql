-- When the content of an event was removed on request; its body is empty since then.
ALTER TABLE events ADD COLUMN expunged_at BIGINT;

-- By default a fifth of a table may be dead before it is vacuumed: of ten million rows that is far too much to walk over.
ALTER TABLE events SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE attempts SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE schedule SET (autovacuum_vacuum_scale_factor = 0.02);

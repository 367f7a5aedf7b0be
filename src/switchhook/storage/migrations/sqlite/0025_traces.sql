-- The trace of an event, where it does not follow from its id; see tracing/context.py.
ALTER TABLE events ADD COLUMN trace TEXT;

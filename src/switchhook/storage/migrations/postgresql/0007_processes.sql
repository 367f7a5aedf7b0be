-- What was accepted and never tried is found apart from what is tried again.
CREATE INDEX schedule_fresh ON schedule (workspace_id, endpoint_id, next_at) WHERE claimed_by IS NULL AND attempts = 0;

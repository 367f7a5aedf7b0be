-- What an endpoint asked for beside its URL and topics; NULL is the installation's own.
ALTER TABLE endpoints ADD COLUMN headers         TEXT NOT NULL DEFAULT '{}';  -- JSON, name to value
ALTER TABLE endpoints ADD COLUMN rate_limit      DOUBLE PRECISION;            -- deliveries a second
ALTER TABLE endpoints ADD COLUMN max_in_flight   BIGINT;
ALTER TABLE endpoints ADD COLUMN timeout_seconds DOUBLE PRECISION;
ALTER TABLE endpoints ADD COLUMN ordered         BIGINT NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN paused          BIGINT NOT NULL DEFAULT 0;

-- The same `ordered`, where accepting an event asks for it.
ALTER TABLE endpoint_topics ADD COLUMN ordered BIGINT NOT NULL DEFAULT 0;
CREATE INDEX endpoint_topics_ordered ON endpoint_topics (workspace_id, topic, endpoint_id) WHERE ordered = 1;

-- The event's place in the order of acceptance.
ALTER TABLE schedule ADD COLUMN seq BIGINT;
UPDATE schedule s SET seq = e.seq FROM events e WHERE e.workspace_id = s.workspace_id AND e.id = s.event_id;
ALTER TABLE schedule ALTER COLUMN seq SET NOT NULL;
CREATE INDEX schedule_order ON schedule (workspace_id, endpoint_id, seq);

-- Among those that deliver, what an endpoint limits is shared.
ALTER TABLE leases ADD COLUMN delivers BOOLEAN NOT NULL DEFAULT true;

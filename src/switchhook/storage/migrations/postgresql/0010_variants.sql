-- Fields beside the catalogue's, for the endpoints that want them; see variants.py.
ALTER TABLE endpoints ADD COLUMN additive_fields BIGINT NOT NULL DEFAULT 0;
ALTER TABLE endpoint_topics ADD COLUMN additive BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN variant TEXT;

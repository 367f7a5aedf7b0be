-- How many items, and conversations that are not archived, each of our numbers has.
CREATE TABLE number_tallies (
  workspace_id TEXT COLLATE "C" NOT NULL,
  own_number   TEXT COLLATE "C" NOT NULL,
  what         TEXT COLLATE "C" NOT NULL,  -- a table
  shard        BIGINT NOT NULL,            -- see `tallies`
  count        BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, own_number, what, shard)
) WITH (fillfactor = 50);
CREATE FUNCTION tally_number_more() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO number_tallies (workspace_id, own_number, what, shard, count)
    VALUES (NEW.workspace_id, NEW.own_number, TG_TABLE_NAME, pg_backend_pid() % 64, 1)
  ON CONFLICT (workspace_id, own_number, what, shard) DO UPDATE SET count = number_tallies.count + 1;
  RETURN NULL;
END $$;
CREATE FUNCTION tally_number_less() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO number_tallies (workspace_id, own_number, what, shard, count)
    VALUES (OLD.workspace_id, OLD.own_number, TG_TABLE_NAME, pg_backend_pid() % 64, -1)
  ON CONFLICT (workspace_id, own_number, what, shard) DO UPDATE SET count = number_tallies.count - 1;
  RETURN NULL;
END $$;
CREATE TRIGGER items_number_added AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION tally_number_more();
CREATE TRIGGER items_number_removed AFTER DELETE ON items FOR EACH ROW EXECUTE FUNCTION tally_number_less();
CREATE TRIGGER conversations_number_added AFTER INSERT ON conversations
  FOR EACH ROW WHEN (NEW.archived = 0) EXECUTE FUNCTION tally_number_more();
CREATE TRIGGER conversations_number_opened AFTER UPDATE OF archived ON conversations
  FOR EACH ROW WHEN (OLD.archived <> 0 AND NEW.archived = 0) EXECUTE FUNCTION tally_number_more();
CREATE TRIGGER conversations_number_archived AFTER UPDATE OF archived ON conversations
  FOR EACH ROW WHEN (OLD.archived = 0 AND NEW.archived <> 0) EXECUTE FUNCTION tally_number_less();
CREATE TRIGGER conversations_number_removed AFTER DELETE ON conversations
  FOR EACH ROW WHEN (OLD.archived = 0) EXECUTE FUNCTION tally_number_less();
INSERT INTO number_tallies (workspace_id, own_number, what, shard, count)
  SELECT workspace_id, own_number, 'items', 0, count(*) FROM items GROUP BY workspace_id, own_number;
INSERT INTO number_tallies (workspace_id, own_number, what, shard, count)
  SELECT workspace_id, own_number, 'conversations', 0, count(*) FROM conversations WHERE archived = 0 GROUP BY workspace_id, own_number;

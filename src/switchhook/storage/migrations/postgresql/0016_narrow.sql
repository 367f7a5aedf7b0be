-- All items are those of all our numbers: counted once.
DROP TRIGGER items_tally_added ON items;
DROP TRIGGER items_tally_removed ON items;
DELETE FROM tallies WHERE what = 'items';

-- Rows come one by one: a trigger for each is cheaper than one that gathers the rows of a statement.
DROP TRIGGER people_tally_added ON people;
DROP TRIGGER people_tally_removed ON people;
DROP FUNCTION tally_added();
DROP FUNCTION tally_removed();
CREATE FUNCTION tally_more() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tallies (workspace_id, what, shard, count) VALUES (NEW.workspace_id, TG_TABLE_NAME, pg_backend_pid() % 64, 1)
  ON CONFLICT (workspace_id, what, shard) DO UPDATE SET count = tallies.count + 1;
  RETURN NULL;
END $$;
CREATE FUNCTION tally_less() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tallies (workspace_id, what, shard, count) VALUES (OLD.workspace_id, TG_TABLE_NAME, pg_backend_pid() % 64, -1)
  ON CONFLICT (workspace_id, what, shard) DO UPDATE SET count = tallies.count - 1;
  RETURN NULL;
END $$;
CREATE TRIGGER people_tally_added AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION tally_more();
CREATE TRIGGER people_tally_removed AFTER DELETE ON people FOR EACH ROW EXECUTE FUNCTION tally_less();

-- How many people and items a workspace has: a page that shows it need not count them.
CREATE TABLE tallies (
  workspace_id TEXT NOT NULL,
  what         TEXT NOT NULL,              -- a table
  shard        INTEGER NOT NULL,           -- always 0 here; on PostgreSQL who counts at once counts in different rows
  count        INTEGER NOT NULL,           -- may be below 0 in one shard; the sum is what there is
  PRIMARY KEY (workspace_id, what, shard)
) WITHOUT ROWID;
CREATE TRIGGER people_tally_added AFTER INSERT ON people BEGIN
  INSERT INTO tallies (workspace_id, what, shard, count) VALUES (new.workspace_id, 'people', 0, 1)
  ON CONFLICT (workspace_id, what, shard) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER people_tally_removed AFTER DELETE ON people BEGIN
  UPDATE tallies SET count = count - 1 WHERE workspace_id = old.workspace_id AND what = 'people' AND shard = 0;
END;
CREATE TRIGGER items_tally_added AFTER INSERT ON items BEGIN
  INSERT INTO tallies (workspace_id, what, shard, count) VALUES (new.workspace_id, 'items', 0, 1)
  ON CONFLICT (workspace_id, what, shard) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER items_tally_removed AFTER DELETE ON items BEGIN
  UPDATE tallies SET count = count - 1 WHERE workspace_id = old.workspace_id AND what = 'items' AND shard = 0;
END;
INSERT INTO tallies (workspace_id, what, shard, count) SELECT workspace_id, 'people', 0, count(*) FROM people GROUP BY workspace_id;
INSERT INTO tallies (workspace_id, what, shard, count) SELECT workspace_id, 'items', 0, count(*) FROM items GROUP BY workspace_id;

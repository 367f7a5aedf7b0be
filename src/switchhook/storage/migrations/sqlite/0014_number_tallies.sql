-- How many items, and conversations that are not archived, each of our numbers has.
CREATE TABLE number_tallies (
  workspace_id TEXT NOT NULL,
  own_number   TEXT NOT NULL,
  what         TEXT NOT NULL,              -- a table
  shard        INTEGER NOT NULL,           -- always 0 here, see `tallies`
  count        INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, own_number, what, shard)
) WITHOUT ROWID;
CREATE TRIGGER items_number_added AFTER INSERT ON items BEGIN
  INSERT INTO number_tallies (workspace_id, own_number, what, shard, count) VALUES (new.workspace_id, new.own_number, 'items', 0, 1)
  ON CONFLICT (workspace_id, own_number, what, shard) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER items_number_removed AFTER DELETE ON items BEGIN
  UPDATE number_tallies SET count = count - 1
  WHERE workspace_id = old.workspace_id AND own_number = old.own_number AND what = 'items' AND shard = 0;
END;
CREATE TRIGGER conversations_number_added AFTER INSERT ON conversations WHEN new.archived = 0 BEGIN
  INSERT INTO number_tallies (workspace_id, own_number, what, shard, count)
  VALUES (new.workspace_id, new.own_number, 'conversations', 0, 1)
  ON CONFLICT (workspace_id, own_number, what, shard) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER conversations_number_changed AFTER UPDATE OF archived ON conversations
WHEN (old.archived = 0) <> (new.archived = 0) BEGIN
  INSERT INTO number_tallies (workspace_id, own_number, what, shard, count)
  VALUES (new.workspace_id, new.own_number, 'conversations', 0, CASE WHEN new.archived = 0 THEN 1 ELSE -1 END)
  ON CONFLICT (workspace_id, own_number, what, shard) DO UPDATE SET count = count + excluded.count;
END;
CREATE TRIGGER conversations_number_removed AFTER DELETE ON conversations WHEN old.archived = 0 BEGIN
  UPDATE number_tallies SET count = count - 1
  WHERE workspace_id = old.workspace_id AND own_number = old.own_number AND what = 'conversations' AND shard = 0;
END;
INSERT INTO number_tallies (workspace_id, own_number, what, shard, count)
  SELECT workspace_id, own_number, 'items', 0, count(*) FROM items GROUP BY workspace_id, own_number;
INSERT INTO number_tallies (workspace_id, own_number, what, shard, count)
  SELECT workspace_id, own_number, 'conversations', 0, count(*) FROM conversations WHERE archived = 0 GROUP BY workspace_id, own_number;

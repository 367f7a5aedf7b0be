-- Finding items: the newest or the oldest of what fits, walked through in order, or what an index of words finds.

-- piece: item
i.workspace_id, i.id, i.kind, i.direction, i.own_number, i.contact_number, i.user_email, i.at, i.duration, i.result,
  i.recording_url, i.content, i.status, i.message_type, i.summary, i.summary_version, i.summary_updated_at,
  i.summary_updated_by, i.transcript, i.details

-- piece: by_newest
i.at DESC, i.id DESC

-- piece: by_oldest
i.at, i.id

-- piece: own_number
i.own_number = $a

-- piece: contact_number
i.contact_number = $a

-- piece: user_email
i.user_email = $a

-- piece: direction
i.direction = $a

-- piece: kind
i.kind = $a

-- piece: result
i.result = $a

-- piece: since
i.at >= $a

-- piece: until
i.at < $a

-- piece: tags
-- Any of several, with blanks between them.
EXISTS (SELECT 1 FROM call_tags t WHERE t.workspace_id = $1 AND t.call_id = i.id
    AND replace(' ' || $a || ' ', ' ' || t.tag_key || ' ', '') <> ' ' || $a || ' ')

-- piece: unread
EXISTS (SELECT 1 FROM conversations c WHERE c.workspace_id = $1 AND c.own_number = i.own_number
    AND c.contact_number = i.contact_number AND c.unread = $a)

-- piece: unresponded
EXISTS (SELECT 1 FROM conversations c WHERE c.workspace_id = $1 AND c.own_number = i.own_number
    AND c.contact_number = i.contact_number AND c.unresponded = $a)

-- piece: recorded
CASE WHEN i.recording_url IS NULL THEN 0 ELSE 1 END = $a

-- piece: word (sqlite)
-- The beginning of a word, with the blank that stands before it.
instr(' ' || i.words, $a) > 0

-- piece: word (postgresql)
position($a IN ' ' || i.words) > 0

-- frame: items
-- A page, in order. What is passed over on the way to a late page is looked at in the index alone.
-- `CROSS JOIN`: SQLite takes the page first and then its rows, as it is written.
SELECT {item} FROM (SELECT i.id AS key FROM items i WHERE i.workspace_id = $1 {scope} {more}
  ORDER BY {order} LIMIT $2 OFFSET $3) k
CROSS JOIN items i WHERE i.workspace_id = $1 AND i.id = k.key ORDER BY {order}

-- frame: count_items
SELECT count(*) FROM items i WHERE i.workspace_id = $1 {scope} {more}

-- frame: sample_items
-- Of the newest $2: how many there are, and how many of them fit.
SELECT count(*), coalesce(sum(CASE WHEN 1 = 1 {more} THEN 1 ELSE 0 END), 0)
FROM (SELECT i.* FROM items i WHERE i.workspace_id = $1 {scope} ORDER BY i.at DESC, i.id DESC LIMIT $2) i

-- frame: found_items (sqlite)
-- A page of all that the index of words finds, and how many those are.
WITH found AS MATERIALIZED (SELECT i.id, i.at FROM items_words w CROSS JOIN items i INDEXED BY items_found ON i.seq = w.rowid
  WHERE w.words MATCH $4 AND i.workspace_id = $1 {scope} {more})
SELECT {item}, (SELECT count(*) FROM found)
FROM (SELECT i.id AS key FROM found i ORDER BY {order} LIMIT $2 OFFSET $3) k
CROSS JOIN items i WHERE i.workspace_id = $1 AND i.id = k.key ORDER BY {order}

-- frame: found_items (postgresql)
WITH found AS MATERIALIZED (SELECT i.id, i.at FROM items i
  WHERE i.lexemes @@ CAST($4 AS tsquery) AND i.workspace_id = $1 {scope} {more})
SELECT {item}, (SELECT count(*) FROM found)
FROM (SELECT i.id AS key FROM found i ORDER BY {order} LIMIT $2 OFFSET $3) k
CROSS JOIN items i WHERE i.workspace_id = $1 AND i.id = k.key ORDER BY {order}

-- frame: best_items (sqlite)
WITH found AS MATERIALIZED (SELECT i.id, w.rank AS place FROM items_words w CROSS JOIN items i INDEXED BY items_found ON i.seq = w.rowid
  WHERE w.words MATCH $4 AND i.workspace_id = $1 {scope} {more})
SELECT {item}, (SELECT count(*) FROM found)
FROM (SELECT f.id AS key, f.place FROM found f ORDER BY f.place, f.id DESC LIMIT $2 OFFSET $3) k
CROSS JOIN items i WHERE i.workspace_id = $1 AND i.id = k.key ORDER BY k.place, i.id DESC

-- frame: best_items (postgresql)
WITH found AS MATERIALIZED (SELECT i.id, - ts_rank(i.lexemes, CAST($4 AS tsquery)) AS place FROM items i
  WHERE i.lexemes @@ CAST($4 AS tsquery) AND i.workspace_id = $1 {scope} {more})
SELECT {item}, (SELECT count(*) FROM found)
FROM (SELECT f.id AS key, f.place FROM found f ORDER BY f.place, f.id DESC LIMIT $2 OFFSET $3) k
CROSS JOIN items i WHERE i.workspace_id = $1 AND i.id = k.key ORDER BY k.place, i.id DESC

-- frame: count_found_items (sqlite)
SELECT count(*) FROM items_words w CROSS JOIN items i INDEXED BY items_found ON i.seq = w.rowid
WHERE w.words MATCH $2 AND i.workspace_id = $1 {scope} {more}

-- frame: count_found_items (postgresql)
SELECT count(*) FROM items i WHERE i.lexemes @@ CAST($2 AS tsquery) AND i.workspace_id = $1 {scope} {more}

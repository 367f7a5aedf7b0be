-- Searching people, companies and deals. `search` holds what they are found by, see people.search_text.

-- piece: person
p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at

-- piece: by_name_asc
p.sort_name, p.id

-- piece: by_name_desc
p.sort_name DESC, p.id DESC

-- piece: by_date_asc
p.active_at, p.id

-- piece: by_date_desc
p.active_at DESC, p.id DESC

-- piece: by_created_asc
p.id

-- piece: by_created_desc
p.id DESC

-- piece: pattern
p.search LIKE $a

-- piece: deal_status
EXISTS (SELECT 1 FROM deals d WHERE d.workspace_id = $1 AND d.company_id = p.company_id AND d.status = $a)

-- frame: people
-- A page, in order. What is passed over on the way to a late page is looked at in the index alone.
-- `CROSS JOIN`: SQLite takes the page first and then its rows, as it is written.
SELECT {person} FROM (SELECT p.id AS key FROM people p WHERE p.workspace_id = $1 {more}
  ORDER BY {order} LIMIT $2 OFFSET $3) k
CROSS JOIN people p WHERE p.workspace_id = $1 AND p.id = k.key ORDER BY {order}

-- frame: count_people
SELECT count(*) FROM people p WHERE p.workspace_id = $1 {more}

-- frame: sample_people
-- Of the newest $2: how many there are, and how many of them fit.
SELECT count(*), coalesce(sum(CASE WHEN 1 = 1 {more} THEN 1 ELSE 0 END), 0)
FROM (SELECT p.* FROM people p WHERE p.workspace_id = $1 ORDER BY p.id DESC LIMIT $2) p

-- frame: found_people (sqlite)
-- A page of all that the index of letters finds, and how many those are.
WITH found AS MATERIALIZED (SELECT p.id, p.sort_name, p.active_at FROM people_grams JOIN people p ON p.seq = people_grams.rowid
  WHERE people_grams MATCH $4 AND p.workspace_id = $1 {more})
SELECT {person}, (SELECT count(*) FROM found)
FROM (SELECT p.id AS key FROM found p ORDER BY {order} LIMIT $2 OFFSET $3) k
CROSS JOIN people p WHERE p.workspace_id = $1 AND p.id = k.key ORDER BY {order}

-- frame: found_people (postgresql)
WITH found AS MATERIALIZED (SELECT p.id, p.sort_name, p.active_at FROM people p
  WHERE p.search LIKE $4 AND p.workspace_id = $1 {more})
SELECT {person}, (SELECT count(*) FROM found)
FROM (SELECT p.id AS key FROM found p ORDER BY {order} LIMIT $2 OFFSET $3) k
CROSS JOIN people p WHERE p.workspace_id = $1 AND p.id = k.key ORDER BY {order}

-- frame: count_found_people (sqlite)
SELECT count(*) FROM people_grams JOIN people p ON p.seq = people_grams.rowid
WHERE people_grams MATCH $2 AND p.workspace_id = $1 {more}

-- frame: count_found_people (postgresql)
SELECT count(*) FROM people p WHERE p.search LIKE $2 AND p.workspace_id = $1 {more}

-- frame: people_of_number
-- `CROSS JOIN`: the few of the number first, not everybody in order.
SELECT {person} FROM person_numbers n CROSS JOIN people p
WHERE n.workspace_id = $1 AND n.number = $3 AND p.workspace_id = n.workspace_id AND p.id = n.person_id {more}
ORDER BY {order} LIMIT $2

-- name: tally_people
-- Triggers keep it; several processes have a row each.
SELECT coalesce(sum(count), 0) FROM tallies WHERE workspace_id = $1 AND what = 'people'

-- name: tally_items
SELECT coalesce(sum(count), 0) FROM number_tallies WHERE workspace_id = $1 AND what = 'items'

-- name: number_tally
-- The same for one of our numbers ($2): its items, or its conversations that are not archived ($3).
SELECT coalesce(sum(count), 0) FROM number_tallies WHERE workspace_id = $1 AND own_number = $2 AND what = $3

-- name: search_companies
SELECT workspace_id, id, name, website, industry, interactions, last_activity_at, created_at, updated_at
FROM companies WHERE workspace_id = $1 AND search LIKE $2 AND search LIKE $3 AND search LIKE $4 AND search LIKE $5 AND search LIKE $6
ORDER BY CASE $7 WHEN 'NAME_ASC' THEN sort_name END, CASE $7 WHEN 'NAME_DESC' THEN sort_name END DESC,
  CASE $7 WHEN 'DATE_ASC' THEN active_at END, CASE $7 WHEN 'DATE_DESC' THEN active_at END DESC,
  CASE $7 WHEN 'CREATED_DESC' THEN id END DESC, id
LIMIT $8 OFFSET $9

-- name: count_search_companies
SELECT count(*) FROM companies WHERE workspace_id = $1 AND search LIKE $2 AND search LIKE $3 AND search LIKE $4 AND search LIKE $5 AND search LIKE $6

-- name: search_deals
SELECT workspace_id, id, name, status, amount, currency, closed_at, company_id, created_at, updated_at
FROM deals WHERE workspace_id = $1 AND ($2 = '' OR status = $2) AND sort_name LIKE $3
ORDER BY CASE $4 WHEN 'NAME_ASC' THEN sort_name END, CASE $4 WHEN 'NAME_DESC' THEN sort_name END DESC,
  CASE $4 WHEN 'DATE_ASC' THEN updated_at END, CASE $4 WHEN 'DATE_DESC' THEN updated_at END DESC,
  CASE $4 WHEN 'CREATED_DESC' THEN id END DESC, id
LIMIT $5 OFFSET $6

-- name: count_search_deals
SELECT count(*) FROM deals WHERE workspace_id = $1 AND ($2 = '' OR status = $2) AND sort_name LIKE $3

-- Searching people, companies and deals. `search` holds what they are found by, see people.search_text.


-- Nine patterns at most; those that are not needed are `%`. The first one is the most telling, and its letters lead the way.

-- name: search_people (sqlite)
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM people_grams g JOIN people p ON p.seq = g.rowid
WHERE p.workspace_id = $1 AND g.search LIKE $2
  AND p.search LIKE $3 AND p.search LIKE $4 AND p.search LIKE $5 AND p.search LIKE $6 AND p.search LIKE $7 AND p.search LIKE $8 AND p.search LIKE $9
  AND ($10 = '' OR EXISTS (SELECT 1 FROM deals d WHERE d.workspace_id = $1 AND d.company_id = p.company_id AND d.status = $10))
ORDER BY CASE $11 WHEN 'NAME_ASC' THEN p.sort_name END, CASE $11 WHEN 'NAME_DESC' THEN p.sort_name END DESC,
  CASE $11 WHEN 'DATE_ASC' THEN p.active_at END, CASE $11 WHEN 'DATE_DESC' THEN p.active_at END DESC,
  CASE $11 WHEN 'CREATED_DESC' THEN p.id END DESC, p.id
LIMIT $12 OFFSET $13

-- name: count_search_people (sqlite)
SELECT count(*) FROM people_grams g JOIN people p ON p.seq = g.rowid
WHERE p.workspace_id = $1 AND g.search LIKE $2
  AND p.search LIKE $3 AND p.search LIKE $4 AND p.search LIKE $5 AND p.search LIKE $6 AND p.search LIKE $7 AND p.search LIKE $8 AND p.search LIKE $9
  AND ($10 = '' OR EXISTS (SELECT 1 FROM deals d WHERE d.workspace_id = $1 AND d.company_id = p.company_id AND d.status = $10))

-- name: search_people (postgresql)
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM people p
WHERE p.workspace_id = $1
  AND p.search LIKE $2 AND p.search LIKE $3 AND p.search LIKE $4 AND p.search LIKE $5 AND p.search LIKE $6 AND p.search LIKE $7 AND p.search LIKE $8 AND p.search LIKE $9
  AND ($10 = '' OR EXISTS (SELECT 1 FROM deals d WHERE d.workspace_id = $1 AND d.company_id = p.company_id AND d.status = $10))
ORDER BY CASE $11 WHEN 'NAME_ASC' THEN p.sort_name END, CASE $11 WHEN 'NAME_DESC' THEN p.sort_name END DESC,
  CASE $11 WHEN 'DATE_ASC' THEN p.active_at END, CASE $11 WHEN 'DATE_DESC' THEN p.active_at END DESC,
  CASE $11 WHEN 'CREATED_DESC' THEN p.id END DESC, p.id
LIMIT $12 OFFSET $13

-- name: count_search_people (postgresql)
SELECT count(*) FROM people p
WHERE p.workspace_id = $1
  AND p.search LIKE $2 AND p.search LIKE $3 AND p.search LIKE $4 AND p.search LIKE $5 AND p.search LIKE $6 AND p.search LIKE $7 AND p.search LIKE $8 AND p.search LIKE $9
  AND ($10 = '' OR EXISTS (SELECT 1 FROM deals d WHERE d.workspace_id = $1 AND d.company_id = p.company_id AND d.status = $10))

-- name: scan_people
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM people p
WHERE p.workspace_id = $1
  AND p.search LIKE $2 AND p.search LIKE $3 AND p.search LIKE $4 AND p.search LIKE $5 AND p.search LIKE $6 AND p.search LIKE $7 AND p.search LIKE $8 AND p.search LIKE $9
  AND ($10 = '' OR EXISTS (SELECT 1 FROM deals d WHERE d.workspace_id = $1 AND d.company_id = p.company_id AND d.status = $10))
ORDER BY CASE $11 WHEN 'NAME_ASC' THEN p.sort_name END, CASE $11 WHEN 'NAME_DESC' THEN p.sort_name END DESC,
  CASE $11 WHEN 'DATE_ASC' THEN p.active_at END, CASE $11 WHEN 'DATE_DESC' THEN p.active_at END DESC,
  CASE $11 WHEN 'CREATED_DESC' THEN p.id END DESC, p.id
LIMIT $12 OFFSET $13

-- name: count_scan_people
SELECT count(*) FROM people p
WHERE p.workspace_id = $1
  AND p.search LIKE $2 AND p.search LIKE $3 AND p.search LIKE $4 AND p.search LIKE $5 AND p.search LIKE $6 AND p.search LIKE $7 AND p.search LIKE $8 AND p.search LIKE $9
  AND ($10 = '' OR EXISTS (SELECT 1 FROM deals d WHERE d.workspace_id = $1 AND d.company_id = p.company_id AND d.status = $10))

-- name: search_people_of_number
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM person_numbers n JOIN people p ON p.workspace_id = n.workspace_id AND p.id = n.person_id
WHERE n.workspace_id = $1 AND n.number = $14
  AND p.search LIKE $2 AND p.search LIKE $3 AND p.search LIKE $4 AND p.search LIKE $5 AND p.search LIKE $6 AND p.search LIKE $7 AND p.search LIKE $8 AND p.search LIKE $9
  AND ($10 = '' OR EXISTS (SELECT 1 FROM deals d WHERE d.workspace_id = $1 AND d.company_id = p.company_id AND d.status = $10))
ORDER BY CASE $11 WHEN 'NAME_ASC' THEN p.sort_name END, CASE $11 WHEN 'NAME_DESC' THEN p.sort_name END DESC,
  CASE $11 WHEN 'DATE_ASC' THEN p.active_at END, CASE $11 WHEN 'DATE_DESC' THEN p.active_at END DESC,
  CASE $11 WHEN 'CREATED_DESC' THEN p.id END DESC, p.id
LIMIT $12 OFFSET $13

-- name: people_name_asc
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM people p WHERE p.workspace_id = $1 ORDER BY p.sort_name, p.id LIMIT $2 OFFSET $3

-- name: people_name_desc
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM people p WHERE p.workspace_id = $1 ORDER BY p.sort_name DESC, p.id DESC LIMIT $2 OFFSET $3

-- name: people_date_asc
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM people p WHERE p.workspace_id = $1 ORDER BY p.active_at, p.id LIMIT $2 OFFSET $3

-- name: people_date_desc
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM people p WHERE p.workspace_id = $1 ORDER BY p.active_at DESC, p.id DESC LIMIT $2 OFFSET $3

-- name: people_created_asc
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM people p WHERE p.workspace_id = $1 ORDER BY p.id LIMIT $2 OFFSET $3

-- name: people_created_desc
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers,
  p.emails, p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM people p WHERE p.workspace_id = $1 ORDER BY p.id DESC LIMIT $2 OFFSET $3

-- name: count_people
SELECT count(*) FROM people WHERE workspace_id = $1

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

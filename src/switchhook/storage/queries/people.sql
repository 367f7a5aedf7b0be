-- People, companies, deals, and the properties that a workspace keeps of its people.

-- name: add_person
INSERT INTO people (workspace_id, id, name, last_name, job_title, website, address, company_id, numbers, emails, properties,
  interactions, last_activity_at, created_at, updated_at, sort_name, active_at, search)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)

-- name: save_person
UPDATE people SET name = $3, last_name = $4, job_title = $5, website = $6, address = $7, company_id = $8, numbers = $9,
  emails = $10, properties = $11, interactions = $12, last_activity_at = $13, created_at = $14, updated_at = $15,
  sort_name = $16, active_at = $17, search = $18
WHERE workspace_id = $1 AND id = $2

-- name: person
SELECT workspace_id, id, name, last_name, job_title, website, address, company_id, numbers, emails, properties,
  interactions, last_activity_at, created_at, updated_at
FROM people WHERE workspace_id = $1 AND id = $2

-- name: people_after
SELECT workspace_id, id, name, last_name, job_title, website, address, company_id, numbers, emails, properties,
  interactions, last_activity_at, created_at, updated_at
FROM people WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3

-- name: person_by_number
-- The owner of a number, or whoever had it first when it has none.
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers, p.emails,
  p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at
FROM person_numbers n JOIN people p ON p.workspace_id = n.workspace_id AND p.id = n.person_id
WHERE n.workspace_id = $1 AND n.number = $2 ORDER BY n.shared, n.person_id LIMIT 1

-- name: caller
-- The owner of a number (whoever had it first when it has none), their company, and its $3 oldest deals: a row for each.
SELECT p.workspace_id, p.id, p.name, p.last_name, p.job_title, p.website, p.address, p.company_id, p.numbers, p.emails,
  p.properties, p.interactions, p.last_activity_at, p.created_at, p.updated_at,
  c.workspace_id, c.id, c.name, c.website, c.industry, c.interactions, c.last_activity_at, c.created_at, c.updated_at,
  d.workspace_id, d.id, d.name, d.status, d.amount, d.currency, d.closed_at, d.company_id, d.created_at, d.updated_at
FROM (SELECT n.person_id FROM person_numbers n WHERE n.workspace_id = $1 AND n.number = $2
  ORDER BY n.shared, n.person_id LIMIT 1) o
JOIN people p ON p.workspace_id = $1 AND p.id = o.person_id
LEFT JOIN companies c ON c.workspace_id = $1 AND c.id = p.company_id
LEFT JOIN deals d ON d.workspace_id = $1 AND d.company_id = p.company_id
ORDER BY d.id LIMIT $3

-- name: people_by_number
SELECT person_id FROM person_numbers WHERE workspace_id = $1 AND number = $2 ORDER BY shared, person_id

-- name: people_by_email
SELECT person_id FROM person_emails WHERE workspace_id = $1 AND email = $2 ORDER BY person_id

-- name: people_of_company
SELECT id FROM people WHERE workspace_id = $1 AND company_id = $2 AND id > $3 ORDER BY id LIMIT $4

-- name: count_people_of_company
SELECT count(*) FROM people WHERE workspace_id = $1 AND company_id = $2

-- name: touch_person
-- Somebody called, was called, wrote or was written to.
UPDATE people SET interactions = interactions + 1,
  last_activity_at = CASE WHEN last_activity_at > $3 THEN last_activity_at ELSE $3 END,
  active_at = CASE WHEN last_activity_at > $3 THEN active_at ELSE $3 END
WHERE workspace_id = $1 AND id = $2

-- name: touch_company
UPDATE companies SET interactions = interactions + 1,
  last_activity_at = CASE WHEN last_activity_at > $3 THEN last_activity_at ELSE $3 END,
  active_at = CASE WHEN last_activity_at > $3 THEN active_at ELSE $3 END
WHERE workspace_id = $1 AND id = $2

-- name: remove_person
DELETE FROM people WHERE workspace_id = $1 AND id = $2

-- name: owner_of_number
SELECT person_id FROM person_numbers WHERE workspace_id = $1 AND number = $2 AND shared = 0

-- name: add_person_number
INSERT INTO person_numbers (workspace_id, number, person_id, shared) VALUES ($1, $2, $3, $4)

-- name: drop_person_number
DELETE FROM person_numbers WHERE workspace_id = $1 AND number = $2 AND person_id = $3

-- name: own_number
-- Make somebody who has a number beside others its owner.
UPDATE person_numbers SET shared = 0 WHERE workspace_id = $1 AND number = $2 AND person_id = $3

-- name: numbers_of_person
SELECT number, shared FROM person_numbers WHERE workspace_id = $1 AND person_id = $2 ORDER BY number

-- name: add_person_email
INSERT INTO person_emails (workspace_id, email, person_id) VALUES ($1, $2, $3)

-- name: drop_person_email
DELETE FROM person_emails WHERE workspace_id = $1 AND email = $2 AND person_id = $3

-- name: add_merged
INSERT INTO people_merged (workspace_id, id, into_id) VALUES ($1, $2, $3)

-- name: move_merged
UPDATE people_merged SET into_id = $3 WHERE workspace_id = $1 AND into_id = $2

-- name: merged_into
SELECT into_id FROM people_merged WHERE workspace_id = $1 AND id = $2

-- name: properties
SELECT key, label, kind, choices, created_at FROM properties WHERE workspace_id = $1 ORDER BY created_at, key

-- name: add_property
INSERT INTO properties (workspace_id, key, label, kind, choices, created_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: save_property
UPDATE properties SET label = $3, choices = $4 WHERE workspace_id = $1 AND key = $2

-- name: drop_property
DELETE FROM properties WHERE workspace_id = $1 AND key = $2

-- name: add_company
INSERT INTO companies (workspace_id, id, name, website, industry, interactions, last_activity_at, created_at, updated_at,
  sort_name, active_at, search)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: save_company
UPDATE companies SET name = $3, website = $4, industry = $5, interactions = $6, last_activity_at = $7, created_at = $8,
  updated_at = $9, sort_name = $10, active_at = $11, search = $12
WHERE workspace_id = $1 AND id = $2

-- name: company
SELECT workspace_id, id, name, website, industry, interactions, last_activity_at, created_at, updated_at
FROM companies WHERE workspace_id = $1 AND id = $2

-- name: companies_by_name
SELECT id FROM companies WHERE workspace_id = $1 AND sort_name = $2 ORDER BY id

-- name: add_deal
INSERT INTO deals (workspace_id, id, name, status, amount, currency, closed_at, company_id, created_at, updated_at, sort_name)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: save_deal
UPDATE deals SET name = $3, status = $4, amount = $5, currency = $6, closed_at = $7, company_id = $8, created_at = $9,
  updated_at = $10, sort_name = $11
WHERE workspace_id = $1 AND id = $2

-- name: deal
SELECT workspace_id, id, name, status, amount, currency, closed_at, company_id, created_at, updated_at
FROM deals WHERE workspace_id = $1 AND id = $2

-- name: deals_of_company
SELECT workspace_id, id, name, status, amount, currency, closed_at, company_id, created_at, updated_at
FROM deals WHERE workspace_id = $1 AND company_id = $2 ORDER BY id LIMIT $3

-- name: remove_deal
DELETE FROM deals WHERE workspace_id = $1 AND id = $2

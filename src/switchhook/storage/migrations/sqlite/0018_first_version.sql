-- Endpoints of the first version of the API are bound to one number of the business; null: to none. The topics about no
-- number are null as well.
ALTER TABLE endpoints ADD COLUMN own_number TEXT;
ALTER TABLE endpoint_topics ADD COLUMN own_number TEXT;

-- What a number is and can do, and whether the settings named it: such a number goes when they name it no more.
ALTER TABLE numbers ADD COLUMN type TEXT NOT NULL DEFAULT 'NUMBER';            -- NUMBER or SENDER_ID
ALTER TABLE numbers ADD COLUMN capabilities TEXT NOT NULL DEFAULT '["VOICE"]'; -- JSON list of VOICE, SMS, MMS
ALTER TABLE numbers ADD COLUMN configured INTEGER NOT NULL DEFAULT 1;

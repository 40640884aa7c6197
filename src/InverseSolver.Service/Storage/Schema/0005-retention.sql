-- When a final job and its files are deleted, the days that its owner asked for, and whether its inputs are gone already. Bytes of its files.
ALTER TABLE jobs ADD COLUMN expires INTEGER;
ALTER TABLE jobs ADD COLUMN retain INTEGER;
ALTER TABLE jobs ADD COLUMN expiry_warned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN inputs_deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_expiry ON jobs (expires) WHERE expires IS NOT NULL;

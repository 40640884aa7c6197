-- Starts of a job since its checkpoints last advanced, the newest checkpoint (the name of its file), its SHA-256, and the steps that were done then.
ALTER TABLE jobs ADD COLUMN stalls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN checkpoint TEXT;
ALTER TABLE jobs ADD COLUMN checkpoint_hash TEXT;
ALTER TABLE jobs ADD COLUMN checkpoint_steps INTEGER NOT NULL DEFAULT 0;

-- The model and version whose network calls a job may share with other jobs; NULL where its result is to be reproducible.
ALTER TABLE jobs ADD COLUMN sharing TEXT;

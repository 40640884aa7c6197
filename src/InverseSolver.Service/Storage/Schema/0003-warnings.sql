-- What the reader of a result should know, a JSON list of sentences.
ALTER TABLE jobs ADD COLUMN warnings TEXT;

-- The changes of each job, of which the newest 1000 are kept. seq is the job's version: the number is taken in the transaction of the change.
CREATE TABLE job_events (
    job_id           TEXT    NOT NULL,
    seq              INTEGER NOT NULL,
    state            TEXT    NOT NULL,
    started          INTEGER,
    attempts         INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL,
    progress         TEXT,
    PRIMARY KEY (job_id, seq)
) WITHOUT ROWID;

INSERT INTO job_events (job_id, seq, state, started, attempts, cancel_requested, progress)
SELECT id, version, state, started, attempts, cancel_requested, progress FROM jobs;

CREATE TRIGGER job_events_first AFTER INSERT ON jobs
BEGIN
    INSERT INTO job_events (job_id, seq, state, started, attempts, cancel_requested, progress)
    VALUES (NEW.id, NEW.version, NEW.state, NEW.started, NEW.attempts, NEW.cancel_requested, NEW.progress);
END;

CREATE TRIGGER job_events_next AFTER UPDATE OF version ON jobs WHEN NEW.version > OLD.version
BEGIN
    INSERT INTO job_events (job_id, seq, state, started, attempts, cancel_requested, progress)
    VALUES (NEW.id, NEW.version, NEW.state, NEW.started, NEW.attempts, NEW.cancel_requested, NEW.progress);
    DELETE FROM job_events WHERE job_id = NEW.id AND seq <= NEW.version - 1000;
END;

CREATE TRIGGER job_events_end AFTER DELETE ON jobs
BEGIN
    DELETE FROM job_events WHERE job_id = OLD.id;
END;

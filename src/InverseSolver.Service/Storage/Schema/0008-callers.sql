-- Who sent a job, when its present run began, and the solver-seconds of each caller by hour (hours since 1970).
ALTER TABLE jobs ADD COLUMN caller TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN claimed INTEGER;
CREATE INDEX jobs_of_caller ON jobs (caller, state);
CREATE TABLE usage (
    caller  TEXT    NOT NULL,
    hour    INTEGER NOT NULL,
    seconds REAL    NOT NULL,
    PRIMARY KEY (caller, hour)
) WITHOUT ROWID;

-- A run counts for its caller when it ends, however it ends.
CREATE TRIGGER usage_of_run AFTER UPDATE OF state, epoch ON jobs WHEN OLD.state = 'running' AND (NEW.state <> 'running' OR NEW.epoch <> OLD.epoch)
BEGIN
    INSERT INTO usage (caller, hour, seconds)
    VALUES (
        OLD.caller, CAST(strftime('%s', 'now') AS INTEGER) / 3600,
        MAX(MIN((julianday('now') - 2440587.5) * 86400000, COALESCE(OLD.lease_until, 0)) - COALESCE(OLD.claimed, OLD.lease_until), 0) / 1000.0)
    ON CONFLICT (caller, hour) DO UPDATE SET seconds = seconds + excluded.seconds;
    DELETE FROM usage WHERE hour < CAST(strftime('%s', 'now') AS INTEGER) / 3600 - 48;
END;

-- Who did what, when, to what, with what outcome, from where. mac is the HMAC of the record and of the mac before it; time is unix milliseconds.
CREATE TABLE audit (
    seq     INTEGER NOT NULL PRIMARY KEY,
    time    INTEGER NOT NULL,
    account TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    object  TEXT,
    outcome INTEGER NOT NULL,
    address TEXT    NOT NULL,
    trace   TEXT,
    mac     TEXT    NOT NULL
);

-- The newest record that was deleted because its time was over: the chain goes on from it.
CREATE TABLE audit_anchor (
    seq INTEGER NOT NULL,
    mac TEXT    NOT NULL
);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'The audit trail is never changed.');
END;

CREATE TRIGGER audit_is_deleted_by_age_only BEFORE DELETE ON audit WHEN OLD.seq > COALESCE((SELECT MAX(seq) FROM audit_anchor), 0)
BEGIN
    SELECT RAISE(ABORT, 'The audit trail is deleted by age only.');
END;

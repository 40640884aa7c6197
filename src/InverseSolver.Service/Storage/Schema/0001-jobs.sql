-- Times are unix milliseconds by the database's clock; request, progress, result and error are JSON.
CREATE TABLE jobs (
    id               TEXT    NOT NULL PRIMARY KEY,
    state            TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    version          INTEGER NOT NULL DEFAULT 1,
    priority         INTEGER NOT NULL DEFAULT 0,
    created          INTEGER NOT NULL,
    started          INTEGER,
    finished         INTEGER,
    epoch            INTEGER NOT NULL DEFAULT 0,
    attempts         INTEGER NOT NULL DEFAULT 0,
    lease_owner      TEXT,
    lease_until      INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    request          TEXT    NOT NULL,
    progress         TEXT,
    result           TEXT,
    error            TEXT,
    idempotency_key  TEXT    UNIQUE,
    body_hash        TEXT    NOT NULL
);
CREATE INDEX jobs_waiting ON jobs (priority DESC, created, id) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';

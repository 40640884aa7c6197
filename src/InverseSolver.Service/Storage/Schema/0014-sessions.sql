-- Sessions of browsers that were ended by signing out before their time, until then (unix milliseconds).
CREATE TABLE ended_sessions (
    id      TEXT    NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL
) WITHOUT ROWID;

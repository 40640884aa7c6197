-- Quotas of single accounts (tenant/name, or the name alone). NULL: the configuration's; 0: no limit.
CREATE TABLE quotas (
    caller  TEXT    NOT NULL PRIMARY KEY,
    weight  REAL,
    waiting INTEGER,
    running INTEGER,
    seconds REAL,
    bytes   INTEGER
) WITHOUT ROWID;

-- Keys of accounts. Of the secret only the SHA-256 is stored; scopes are words with a space between them, times unix milliseconds.
CREATE TABLE api_keys (
    id        TEXT    NOT NULL PRIMARY KEY,
    account   TEXT    NOT NULL,
    tenant    TEXT    NOT NULL,
    scopes    TEXT    NOT NULL,
    hash      TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER,
    revoked   INTEGER,
    last_used INTEGER
) WITHOUT ROWID;

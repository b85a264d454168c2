-- +goose Up

-- Times are Unix seconds, 0 where there is none.
CREATE TABLE access_accounts (
    name     TEXT    PRIMARY KEY,
    role     TEXT    NOT NULL,
    password TEXT    NOT NULL, -- argon2id
    created  INTEGER NOT NULL
) WITHOUT ROWID;

-- Only the SHA-256 of a token is kept.
CREATE TABLE access_tokens (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    digest  BLOB    NOT NULL UNIQUE,
    label   TEXT    NOT NULL,
    agency  TEXT    NOT NULL,
    account TEXT    REFERENCES access_accounts (name) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX access_tokens_account ON access_tokens (account);

CREATE TABLE access_sessions (
    digest  TEXT    PRIMARY KEY, -- of the cookie
    content BLOB    NOT NULL,
    until   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX access_sessions_until ON access_sessions (until);

-- Wrong tries to sign in, under a digest of the name that was typed.
CREATE TABLE access_tries (
    name   TEXT    PRIMARY KEY,
    wrong  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    locked INTEGER NOT NULL -- until
) WITHOUT ROWID;
CREATE INDEX access_tries_last ON access_tries (last);

-- +goose Down
DROP TABLE access_tries;
DROP TABLE access_sessions;
DROP TABLE access_tokens;
DROP TABLE access_accounts;

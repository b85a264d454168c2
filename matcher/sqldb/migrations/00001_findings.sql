-- +goose Up

-- The findings of the last judgement, to tell what a new one opens, refreshes and closes.
CREATE TABLE findings (
    code        TEXT    NOT NULL,
    person      TEXT    NOT NULL,
    unit        TEXT    NOT NULL,
    month       INTEGER NOT NULL,
    detail      TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    as_of       INTEGER NOT NULL, -- days since 1970-01-01
    parameters  TEXT    NOT NULL, -- JSON
    provisional INTEGER NOT NULL,
    evidence    BLOB    NOT NULL, -- references into the log, eight bytes each
    evidence_rows INTEGER NOT NULL,
    PRIMARY KEY (code, person, unit, month, detail)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE findings;

-- +goose Up

-- One row a case. Times are nanoseconds since 1970, 0: none.
CREATE TABLE cases (
    id            INTEGER NOT NULL PRIMARY KEY, -- the 16 digits, so that their order is kept
    code          TEXT    NOT NULL,
    person        TEXT    NOT NULL,
    unit          TEXT    NOT NULL,
    month         INTEGER NOT NULL,
    detail        TEXT    NOT NULL,
    opened        INTEGER NOT NULL,
    state         TEXT    NOT NULL,
    present       INTEGER NOT NULL,
    provisional   INTEGER NOT NULL,
    severity      INTEGER NOT NULL, -- 0 is the worst
    agency        TEXT    NOT NULL,
    updated       INTEGER NOT NULL,
    officer       TEXT    NOT NULL,
    lease         INTEGER NOT NULL,
    outcome       TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    recipient     TEXT    NOT NULL,
    decisions     INTEGER NOT NULL,
    relapses      INTEGER NOT NULL,
    events        INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    as_of         INTEGER NOT NULL, -- days since 1970-01-01
    parameters    TEXT    NOT NULL, -- JSON
    evidence      BLOB    NOT NULL, -- references into the log, eight bytes each
    evidence_rows INTEGER NOT NULL
) WITHOUT ROWID; -- else a list could not go on within cases opened at one time: no index has the row's number in its order
-- A case list is of one state, in the order of severity, opened, id. What filters look at stands behind, so that lists and counts
-- walk along the index alone. More indexes would make lists with rare filters faster, and every step of a case slower.
CREATE INDEX cases_list    ON cases (state, severity, opened, id, code, agency, month, officer, unit);
CREATE INDEX cases_officer ON cases (officer, state, severity, opened) WHERE officer <> '';
-- Those that a ruling could close, and those whose lease will run out.
CREATE INDEX cases_present ON cases (id) WHERE present = 1;
CREATE INDEX cases_lease   ON cases (lease) WHERE state = 'claimed';

-- What happened to a case, line by line.
CREATE TABLE events (
    case_id    INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    state      TEXT    NOT NULL, -- afterwards
    officer    TEXT    NOT NULL,
    delivery   INTEGER NOT NULL, -- that brought it about; 0: none
    outcome    TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    recipient  TEXT    NOT NULL,
    correction TEXT    NOT NULL,
    PRIMARY KEY (case_id, n)
) WITHOUT ROWID;

-- Corrections from the decision on; they stay when they are sent.
CREATE TABLE outbox (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT    NOT NULL,
    case_id  INTEGER NOT NULL,
    decision INTEGER NOT NULL, -- which of the case's
    agency   TEXT    NOT NULL,
    content  TEXT    NOT NULL, -- JSON, as schemas.Correction
    logged   INTEGER NOT NULL DEFAULT 0, -- whether it is in the log
    sent     INTEGER NOT NULL DEFAULT 0 -- when the agency had it
);
CREATE UNIQUE INDEX outbox_id ON outbox (id);
CREATE INDEX outbox_waiting ON outbox (agency, number) WHERE sent = 0;

-- Deliveries that the matcher has folded, with the rows of a subject that they brought, less those they took back.
CREATE TABLE judged (
    delivery INTEGER NOT NULL,
    subject  TEXT    NOT NULL,
    rows     INTEGER NOT NULL,
    PRIMARY KEY (delivery, subject)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE judged;
DROP TABLE outbox;
DROP TABLE events;
DROP TABLE cases;

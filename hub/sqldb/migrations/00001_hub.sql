-- +goose Up

-- The log: a row holds a run of records of one delivery in one partition (package sqllog).
CREATE TABLE batches (
    topic     TEXT    NOT NULL,
    part      INTEGER NOT NULL,
    base      INTEGER NOT NULL, -- offset of the first record
    records   INTEGER NOT NULL,
    delivery  INTEGER NOT NULL,
    content   BLOB    NOT NULL
);
CREATE UNIQUE INDEX batches_position ON batches (topic, part, base);

-- Settings that hold for the life of a data folder: how many partitions it has.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Schema ids as they stand in the framing of records. An id is never given twice.
CREATE TABLE schemas (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    content TEXT NOT NULL
);
CREATE UNIQUE INDEX schemas_content ON schemas (subject, content);

-- One row a delivery. finished is empty while rows are being taken in; such a delivery counts for nothing yet.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    agency      TEXT    NOT NULL,
    file        TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    started     TEXT    NOT NULL,
    finished    TEXT    NOT NULL DEFAULT '',
    outcome     TEXT    NOT NULL DEFAULT 'open',
    spans       TEXT    NOT NULL,            -- where its records lie in the log: JSON, as hub.Span
    receipt     TEXT    NOT NULL DEFAULT '' -- JSON, as hub.Receipt
);
CREATE INDEX deliveries_file ON deliveries (agency, file, id);

-- +goose Down
DROP TABLE deliveries;
DROP TABLE schemas;
DROP TABLE settings;
DROP TABLE batches;

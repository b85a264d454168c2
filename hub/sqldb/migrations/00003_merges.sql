-- +goose Up

-- Whether the IDs of a delivery's rows are made of the rows' keys, the month that the rows are of, and the connector that
-- fetched them.
ALTER TABLE deliveries ADD COLUMN keyed     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN period    INTEGER NOT NULL DEFAULT 0; -- YYYYMM
ALTER TABLE deliveries ADD COLUMN connector TEXT    NOT NULL DEFAULT '';

-- A file may have many thousand deliveries: the newest that counts and the open ones are found without looking at the others.
CREATE INDEX deliveries_newest ON deliveries (agency, file, id DESC) WHERE outcome = 'complete';
CREATE INDEX deliveries_open   ON deliveries (agency, file, id)      WHERE outcome = 'open';

-- Lists of receipts. Nearly all deliveries are complete: those need no index of their own.
CREATE INDEX deliveries_agency    ON deliveries (agency, id);
CREATE INDEX deliveries_connector ON deliveries (connector, id) WHERE connector <> '';
CREATE INDEX deliveries_outcome   ON deliveries (outcome, id)   WHERE outcome <> 'complete';

-- One row a numbered delivery of records to a partner. Until it is sent, a connector has no other.
CREATE TABLE dispatches (
    connector  TEXT    NOT NULL,
    number     INTEGER NOT NULL, -- grows by one within a connector, from 1
    feed       TEXT    NOT NULL,
    agency     TEXT    NOT NULL,
    after      TEXT    NOT NULL, -- cursors between which its records lie
    next       TEXT    NOT NULL,
    records    INTEGER NOT NULL,
    digest     TEXT    NOT NULL,
    created    TEXT    NOT NULL,
    sent       TEXT    NOT NULL DEFAULT '',
    answer     TEXT    NOT NULL DEFAULT '',
    tries      INTEGER NOT NULL DEFAULT 0,
    error      TEXT    NOT NULL DEFAULT '', -- of the last try
    PRIMARY KEY (connector, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX dispatches_unsent ON dispatches (connector) WHERE sent = '';

-- What a connector knows between two runs: JSON of package connectors.
CREATE TABLE connectors (
    name  TEXT PRIMARY KEY,
    state TEXT NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE connectors;
DROP TABLE dispatches;
DROP INDEX deliveries_outcome;
DROP INDEX deliveries_connector;
DROP INDEX deliveries_agency;
DROP INDEX deliveries_open;
DROP INDEX deliveries_newest;
ALTER TABLE deliveries DROP COLUMN connector;
ALTER TABLE deliveries DROP COLUMN period;
ALTER TABLE deliveries DROP COLUMN keyed;

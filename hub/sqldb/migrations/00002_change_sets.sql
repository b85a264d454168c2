-- +goose Up

-- How a delivery changes its file, the sender's idempotency key, and how many rows of the file count after it:
-- accepted ones (live) and those in quarantine (refused). Beside them, of the rows read how many were accepted and
-- how many went to quarantine.
ALTER TABLE deliveries ADD COLUMN mode    TEXT    NOT NULL DEFAULT 'full';
ALTER TABLE deliveries ADD COLUMN key     TEXT    NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN live    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN accepted    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;

-- Until now every delivery was of a whole file. A damaged receipt stays as it is: reading it says so.
UPDATE deliveries SET live = json_extract(receipt, '$.accepted'), refused = json_extract(receipt, '$.quarantined'),
    accepted = json_extract(receipt, '$.accepted'), quarantined = json_extract(receipt, '$.quarantined')
WHERE outcome = 'complete' AND json_valid(receipt);
UPDATE deliveries SET receipt = json_set(receipt, '$.mode', 'full', '$.live', live, '$.refused', refused)
WHERE outcome <> 'open' AND json_valid(receipt);

-- A key stands for one delivery that counts.
CREATE UNIQUE INDEX deliveries_key ON deliveries (agency, key) WHERE key <> '' AND outcome = 'complete';
CREATE INDEX deliveries_held ON deliveries (id) WHERE outcome = 'held';
CREATE INDEX deliveries_waited ON deliveries (agency, key) WHERE key <> '' AND outcome IN ('held', 'discarded');

-- One row a month that an agency declared complete.
CREATE TABLE periods (
    agency      TEXT    NOT NULL,
    month       INTEGER NOT NULL, -- YYYYMM
    kind        TEXT    NOT NULL, -- full or changes
    empty       TEXT    NOT NULL, -- files without rows for it: JSON, a list of names
    declared    TEXT    NOT NULL,
    declared_by TEXT    NOT NULL,
    PRIMARY KEY (agency, month)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE periods;
DROP INDEX deliveries_waited;
DROP INDEX deliveries_held;
DROP INDEX deliveries_key;
ALTER TABLE deliveries DROP COLUMN quarantined;
ALTER TABLE deliveries DROP COLUMN accepted;
ALTER TABLE deliveries DROP COLUMN refused;
ALTER TABLE deliveries DROP COLUMN live;
ALTER TABLE deliveries DROP COLUMN key;
ALTER TABLE deliveries DROP COLUMN mode;

-- +goose Up

-- Cases of legal entities. A case may be of several agencies: their names, the main one first, with a blank before, between and
-- behind, so that one is found as ' tax '. unit is the code that officers search by, of a unit or a legal entity.
ALTER TABLE cases RENAME COLUMN agency TO agencies;
UPDATE cases SET agencies = ' ' || agencies || ' ' WHERE agencies <> '';
ALTER TABLE cases ADD COLUMN entity       TEXT    NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN title        TEXT    NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN division     TEXT    NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN sides        TEXT    NOT NULL DEFAULT ''; -- JSON, a list; empty: none
ALTER TABLE cases ADD COLUMN right_agency TEXT    NOT NULL DEFAULT '';
-- Days since 1970-01-01, 0: none.
ALTER TABLE cases ADD COLUMN due          INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cases ADD COLUMN until        INTEGER NOT NULL DEFAULT 0;
-- Among cases of one severity the escalated come first: they have the even ranks.
ALTER TABLE cases RENAME COLUMN severity TO rank;
UPDATE cases SET rank = 2 * rank + 1;

DROP INDEX cases_list;
DROP INDEX cases_officer;
CREATE INDEX cases_list    ON cases (state, rank, opened, id, code, agencies, month, officer, unit, title);
CREATE INDEX cases_officer ON cases (officer, state, rank, opened) WHERE officer <> '';
CREATE INDEX cases_entity  ON cases (entity, state, rank, opened) WHERE entity <> '';
-- Those that time takes on.
CREATE INDEX cases_due   ON cases (due) WHERE state = 'sent' AND due <> 0 AND rank & 1; -- those escalated have passed theirs
CREATE INDEX cases_until ON cases (until) WHERE until <> 0;

-- Whether a correction reminds of another, and since when it lies in the outbox.
ALTER TABLE outbox ADD COLUMN reminder INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN since    INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET since = unixepoch(content ->> 'decided') * 1000000000 WHERE sent = 0 AND json_valid(content);
CREATE INDEX outbox_case ON outbox (case_id, decision);

-- What officers decided on two registrations, in the order of the decisions. One that was taken back stays.
CREATE TABLE links (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id  INTEGER NOT NULL,
    a_source TEXT    NOT NULL, -- the registration under review
    a_key    TEXT    NOT NULL,
    b_source TEXT    NOT NULL, -- one of the candidate's
    b_key    TEXT    NOT NULL,
    same     INTEGER NOT NULL,
    officer  TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    revoked  INTEGER NOT NULL DEFAULT 0 -- when it was taken back
);
CREATE INDEX links_case ON links (case_id, number) WHERE revoked = 0;

-- +goose Down
DROP TABLE links;
DROP INDEX outbox_case;
ALTER TABLE outbox DROP COLUMN since;
ALTER TABLE outbox DROP COLUMN reminder;
DROP INDEX cases_entity;
DROP INDEX cases_until;
DROP INDEX cases_due;
DROP INDEX cases_officer;
DROP INDEX cases_list;
DELETE FROM events WHERE case_id IN (SELECT id FROM cases WHERE entity <> '');
DELETE FROM cases WHERE entity <> '';
ALTER TABLE cases DROP COLUMN until;
ALTER TABLE cases DROP COLUMN due;
ALTER TABLE cases DROP COLUMN right_agency;
ALTER TABLE cases DROP COLUMN sides;
ALTER TABLE cases DROP COLUMN division;
ALTER TABLE cases DROP COLUMN title;
ALTER TABLE cases DROP COLUMN entity;
UPDATE cases SET agencies = trim(agencies), rank = rank / 2;
ALTER TABLE cases RENAME COLUMN rank TO severity;
ALTER TABLE cases RENAME COLUMN agencies TO agency;
CREATE INDEX cases_list    ON cases (state, severity, opened, id, code, agency, month, officer, unit);
CREATE INDEX cases_officer ON cases (officer, state, severity, opened) WHERE officer <> '';

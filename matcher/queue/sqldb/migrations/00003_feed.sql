-- +goose Up

-- The lines of all histories in the order they were written, for those who follow what becomes of cases.
CREATE TABLE case_feed (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id INTEGER NOT NULL,
    n       INTEGER NOT NULL
);
INSERT INTO case_feed (case_id, n) SELECT case_id, n FROM events ORDER BY at, case_id, n;
-- +goose StatementBegin
CREATE TRIGGER events_feed AFTER INSERT ON events BEGIN
    INSERT INTO case_feed (case_id, n) VALUES (NEW.case_id, NEW.n);
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER events_feed;
DROP TABLE case_feed;

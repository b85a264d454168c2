-- +goose Up

-- What an agency's token is for, with blanks between; empty: all of it. And whether it opens the sandbox only.
ALTER TABLE access_tokens ADD COLUMN scopes  TEXT    NOT NULL DEFAULT '';
ALTER TABLE access_tokens ADD COLUMN sandbox INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE access_tokens DROP COLUMN sandbox;
ALTER TABLE access_tokens DROP COLUMN scopes;

// Package sqldb keeps accounts, tokens and sessions in the hub's database. It holds no logic of access.
package sqldb

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"hebian/hub/sqldb"
	"hebian/ops/access"
)

//go:embed migrations/*.sql
var migrations embed.FS

// maxListed bounds the accounts and the tokens that are listed: a county has some dozen.
const maxListed = 10_000

// Store is access.Store in this database.
type Store struct{ db *sql.DB }

// Open brings the tables of access up to date.
func Open(ctx context.Context, db *sql.DB) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(ctx, db, files, "access_db_version"); err != nil {
		return nil, fmt.Errorf("open access: %w", err)
	}
	return &Store{db}, nil
}

// ChangeTries replaces what is known of wrong tries under a key and forgets stale ones.
func (s *Store) ChangeTries(ctx context.Context, key string, stale time.Time, change func(access.Tries) access.Tries) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, `DELETE FROM access_tries WHERE last < ?`, seconds(stale)); err != nil {
		return err
	}
	var before access.Tries
	var last, until int64
	err = tx.QueryRowContext(ctx, `SELECT wrong, last, locked FROM access_tries WHERE name = ?`, key).Scan(&before.Wrong, &last, &until)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	before.Last, before.Until = instant(last), instant(until)
	switch after := change(before); after {
	case before:
		return tx.Commit()
	case access.Tries{}:
		_, err = tx.ExecContext(ctx, `DELETE FROM access_tries WHERE name = ?`, key)
	default:
		_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO access_tries (name, wrong, last, locked) VALUES (?, ?, ?, ?)`,
			key, after.Wrong, seconds(after.Last), seconds(after.Until))
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

// changed turns a change of no row into access.ErrUnknown.
func changed(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(access.ErrUnknown, err)
	}
	return nil
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func instant(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

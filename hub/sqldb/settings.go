package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Setting reads a setting of the data folder; empty if it was never made.
func (db *DB) Setting(ctx context.Context, name string) (value string, err error) {
	err = db.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = ?`, name).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read setting %s: %w", name, err)
	}
	return value, nil
}

// Set makes a setting.
func (db *DB) Set(ctx context.Context, name, value string) error {
	if _, err := db.ExecContext(ctx, `INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)`, name, value); err != nil {
		return fmt.Errorf("make setting %s: %w", name, err)
	}
	return nil
}

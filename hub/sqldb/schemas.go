package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// SchemaID gives the id of a subject's schema text, a new one if the text is new.
func (db *DB) SchemaID(ctx context.Context, subject, text string) (id uint32, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT id FROM schemas WHERE subject = ? AND content = ?`, subject, text).Scan(&id)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return tx.QueryRowContext(ctx, `INSERT INTO schemas (subject, content) VALUES (?, ?) RETURNING id`, subject, text).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("look up schema id of %s: %w", subject, err)
	}
	return id, nil
}

package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrOtherSchema says that a data folder holds records of another version of a schema. Reading them by
// this one would misread them.
var ErrOtherSchema = errors.New("the data folder was made by a version of hebian that has another schema of these records; use that version")

// SchemaID gives the id of a subject's schema text, a new one for a subject that has none.
func (db *DB) SchemaID(ctx context.Context, subject, text string) (id uint32, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		var known string
		err := tx.QueryRowContext(ctx, `SELECT id, content FROM schemas WHERE subject = ? ORDER BY id DESC LIMIT 1`, subject).Scan(&id, &known)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return tx.QueryRowContext(ctx, `INSERT INTO schemas (subject, content) VALUES (?, ?) RETURNING id`, subject, text).Scan(&id)
		case err == nil && known != text:
			return ErrOtherSchema
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look up schema id of %s: %w", subject, err)
	}
	return id, nil
}

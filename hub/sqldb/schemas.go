package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrOtherSchema says that a data folder holds records of another version of a schema. Reading them by
// this one would misread them.
var ErrOtherSchema = errors.New("the data folder was made by a version of hebian that has another schema of these records; use that version")

// SchemaIDs gives the ids of subjects' schema texts, new ones for subjects that have none.
func (db *DB) SchemaIDs(ctx context.Context, texts map[string]string) (ids map[string]uint32, err error) {
	ids = map[string]uint32{}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		for _, subject := range slices.Sorted(maps.Keys(texts)) {
			id, err := schemaID(ctx, tx, subject, texts[subject])
			if err != nil {
				return fmt.Errorf("look up schema id of %s: %w", subject, err)
			}
			ids[subject] = id
		}
		return nil
	})
	return ids, err
}

func schemaID(ctx context.Context, tx *sql.Tx, subject, text string) (id uint32, err error) {
	var known string
	err = tx.QueryRowContext(ctx, `SELECT id, content FROM schemas WHERE subject = ? ORDER BY id DESC LIMIT 1`, subject).Scan(&id, &known)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = tx.QueryRowContext(ctx, `INSERT INTO schemas (subject, content) VALUES (?, ?) RETURNING id`, subject, text).Scan(&id)
	case err == nil && known != text:
		err = ErrOtherSchema
	}
	return id, err
}

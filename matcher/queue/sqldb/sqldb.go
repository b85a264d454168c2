// Package sqldb keeps cases, their history, the outbox and the deliveries judged in the hub's database. It decides nothing.
package sqldb

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/matcher/queue"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is a queue.Store in the hub's database.
type Store struct{ db *sql.DB }

var _ queue.Store = (*Store)(nil)

// Open brings the queue's tables up to date.
func Open(ctx context.Context, db *sql.DB) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(ctx, db, files, "queue_db_version"); err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	return &Store{db}, nil
}

// Write runs fn in a transaction that is on disk when Write returns nil.
func (s *Store) Write(ctx context.Context, fn func(queue.Tx) error) error {
	return s.transact(ctx, nil, func(tx *sql.Tx) error { return fn(transaction{ctx, tx}) })
}

// read runs fn in a transaction that sees one moment and keeps no writer waiting.
func (s *Store) read(ctx context.Context, fn func(*sql.Tx) error) error {
	return s.transact(ctx, &sql.TxOptions{ReadOnly: true}, fn)
}

func (s *Store) transact(ctx context.Context, options *sql.TxOptions, fn func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		tx.Rollback() //nolint:errcheck // the error that made us roll back is the one to report
		return err
	}
	return tx.Commit()
}

// transaction is a queue.Tx.
type transaction struct {
	ctx context.Context
	tx  *sql.Tx
}

// Judged notes which deliveries were folded. One that was folded again after a crash is noted again.
func (t transaction) Judged(judged []queue.Judged) error {
	for _, j := range judged {
		if _, err := t.tx.ExecContext(t.ctx, `INSERT INTO judged (delivery, subject, rows) VALUES (?, ?, ?)
			ON CONFLICT (delivery, subject) DO UPDATE SET rows = excluded.rows`, j.Delivery, j.Subject, j.Rows); err != nil {
			return fmt.Errorf("note delivery %d as judged: %w", j.Delivery, err)
		}
	}
	return nil
}

// pageRows bounds how many rows a query reads at a time.
const pageRows = 1000

// JudgedDeliveries lists the deliveries that were folded.
func (s *Store) JudgedDeliveries(ctx context.Context) (map[int64]bool, error) {
	judged := map[int64]bool{}
	for after := int64(0); ; {
		n := 0
		rows, err := s.db.QueryContext(ctx, `SELECT DISTINCT delivery FROM judged WHERE delivery > ? ORDER BY delivery LIMIT ?`, after, pageRows)
		if err != nil {
			return nil, err
		}
		for ; rows.Next(); n++ {
			if err := rows.Scan(&after); err != nil {
				rows.Close()
				return nil, err
			}
			judged[after] = true
		}
		if err := rows.Err(); err != nil || n < pageRows {
			return judged, err
		}
	}
}

// Ledger gives the complete deliveries, and how many rows the matcher folded of each subject, all of one moment.
func (s *Store) Ledger(ctx context.Context, delivery func(d hub.Delivery, judged bool), folded func(subject string, rows int64)) error {
	return s.read(ctx, func(tx *sql.Tx) error {
		return errors.Join(eachDelivery(ctx, tx, delivery), eachSubject(ctx, tx, folded))
	})
}

func eachDelivery(ctx context.Context, tx *sql.Tx, fn func(d hub.Delivery, judged bool)) error {
	for after, n := int64(0), pageRows; n == pageRows; {
		n = 0
		rows, err := tx.QueryContext(ctx, `SELECT id, agency, file, subject, live, accepted, quarantined, EXISTS (SELECT 1 FROM judged WHERE delivery = id)
			FROM deliveries WHERE id > ? AND outcome = ? ORDER BY id LIMIT ?`, after, hub.Complete, pageRows)
		if err != nil {
			return err
		}
		for ; rows.Next(); n++ {
			var d hub.Delivery
			var judged bool
			if err := rows.Scan(&d.ID, &d.Agency, &d.File, &d.Subject, &d.Live, &d.Accepted, &d.Quarantined, &judged); err != nil {
				rows.Close()
				return err
			}
			after = d.ID
			fn(d, judged)
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

func eachSubject(ctx context.Context, tx *sql.Tx, fn func(subject string, rows int64)) error {
	rows, err := tx.QueryContext(ctx, `SELECT subject, SUM(rows) FROM judged GROUP BY subject`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var subject string
		var n int64
		if err := rows.Scan(&subject, &n); err != nil {
			return err
		}
		fn(subject, n)
	}
	return rows.Err()
}

// nanoseconds is how times are kept; 0 is no time.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}

func marshal(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"hebian/hub"
)

// pageRows bounds how many deliveries a query reads at a time.
const pageRows = 1000

// Deliveries is hub.Deliveries in this database.
type Deliveries struct{ *DB }

// Begin writes down an open delivery and gives it its ID.
func (db Deliveries) Begin(ctx context.Context, d *hub.Delivery) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO deliveries (agency, file, subject, started) VALUES (?, ?, ?, ?)`,
			d.Agency, d.File, d.Subject, timestamp(d.Started))
		if err != nil {
			return err
		}
		if d.ID, err = result.LastInsertId(); err != nil {
			return err
		}
		for _, s := range d.Spans {
			if _, err := tx.ExecContext(ctx, `INSERT INTO spans (delivery, topic, part, first) VALUES (?, ?, ?, ?)`,
				d.ID, s.Topic, s.Partition, s.First); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin delivery of %s: %w", d.File, err)
	}
	return nil
}

// Of lists the deliveries of a file in the order they came.
func (db Deliveries) Of(ctx context.Context, agency, file string) ([]hub.Delivery, error) {
	var all []hub.Delivery
	for after := int64(0); ; {
		page, err := db.page(ctx, agency, file, after)
		if err != nil {
			return nil, fmt.Errorf("look up deliveries of %s: %w", file, err)
		}
		all = append(all, page...)
		if len(page) < pageRows {
			break
		}
		after = page[len(page)-1].ID
	}
	for i := range all {
		if err := db.spans(ctx, &all[i]); err != nil {
			return nil, fmt.Errorf("look up positions of delivery %d: %w", all[i].ID, err)
		}
	}
	return all, nil
}

func (db Deliveries) page(ctx context.Context, agency, file string, after int64) ([]hub.Delivery, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, subject, outcome, started, finished FROM deliveries
		WHERE agency = ? AND file = ? AND id > ? ORDER BY id LIMIT ?`, agency, file, after, pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []hub.Delivery
	for rows.Next() {
		d := hub.Delivery{Agency: agency, File: file}
		var started, finished string
		if err := rows.Scan(&d.ID, &d.Subject, &d.Outcome, &started, &finished); err != nil {
			return nil, err
		}
		if d.Started, err = parseTimestamp(started); err != nil {
			return nil, err
		}
		if d.Finished, err = parseTimestamp(finished); err != nil {
			return nil, err
		}
		page = append(page, d)
	}
	return page, rows.Err()
}

func (db Deliveries) spans(ctx context.Context, d *hub.Delivery) error {
	const maxSpans = 4096 // topics of a delivery × partitions
	rows, err := db.QueryContext(ctx, `SELECT topic, part, first, coalesce(next, -1) FROM spans WHERE delivery = ? ORDER BY topic, part LIMIT ?`, d.ID, maxSpans)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s hub.Span
		if err := rows.Scan(&s.Topic, &s.Partition, &s.First, &s.Next); err != nil {
			return err
		}
		d.Spans = append(d.Spans, s)
	}
	return rows.Err()
}

// Finish closes a delivery with its receipt, both or neither.
func (db Deliveries) Finish(ctx context.Context, r hub.Receipt) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write receipt of %s: %w", r.File, err)
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE deliveries SET finished = ?, outcome = ?, receipt = ? WHERE id = ? AND outcome = ?`,
			timestamp(r.Finished), r.Outcome, string(text), r.Delivery, hub.Open)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return cmp.Or(err, fmt.Errorf("delivery %d is not open", r.Delivery))
		}
		for _, s := range r.Spans {
			if _, err := tx.ExecContext(ctx, `UPDATE spans SET next = ? WHERE delivery = ? AND topic = ? AND part = ?`,
				s.Next, r.Delivery, s.Topic, s.Partition); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write receipt of %s: %w", r.File, err)
	}
	return nil
}

// Each calls fn for every delivery with a receipt, in the order they came.
func (db Deliveries) Each(ctx context.Context, fn func(hub.Receipt) error) error {
	for after := int64(0); ; {
		page, err := db.receipts(ctx, after)
		if err != nil {
			return fmt.Errorf("read receipts: %w", err)
		}
		for _, r := range page {
			if err := fn(r); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
		after = page[len(page)-1].Delivery
	}
}

func (db Deliveries) receipts(ctx context.Context, after int64) ([]hub.Receipt, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, outcome, receipt FROM deliveries WHERE id > ? AND outcome <> ? ORDER BY id LIMIT ?`, after, hub.Open, pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []hub.Receipt
	for rows.Next() {
		var id int64
		var outcome hub.Outcome
		var text string
		if err := rows.Scan(&id, &outcome, &text); err != nil {
			return nil, err
		}
		var r hub.Receipt
		if err := json.Unmarshal([]byte(text), &r); err != nil || r.Delivery != id || r.Outcome != outcome || r.Outcome != hub.Complete && r.Outcome != hub.Failed {
			return nil, fmt.Errorf("receipt of delivery %d is damaged; restore the database from a backup", id)
		}
		page = append(page, r)
	}
	return page, rows.Err()
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func parseTimestamp(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}

package sqldb

import (
	"cmp"
	"context"
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
	spans, err := json.Marshal(d.Spans)
	if err != nil {
		return fmt.Errorf("begin delivery of %s: %w", d.File, err)
	}
	err = db.QueryRowContext(ctx, `INSERT INTO deliveries (agency, file, subject, started, spans) VALUES (?, ?, ?, ?, ?) RETURNING id`,
		d.Agency, d.File, d.Subject, timestamp(d.Started), string(spans)).Scan(&d.ID)
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
	return all, nil
}

func (db Deliveries) page(ctx context.Context, agency, file string, after int64) ([]hub.Delivery, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, subject, outcome, started, finished, spans FROM deliveries
		WHERE agency = ? AND file = ? AND id > ? ORDER BY id LIMIT ?`, agency, file, after, pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []hub.Delivery
	for rows.Next() {
		d := hub.Delivery{Agency: agency, File: file}
		var started, finished, spans string
		if err := rows.Scan(&d.ID, &d.Subject, &d.Outcome, &started, &finished, &spans); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(spans), &d.Spans); err != nil {
			return nil, fmt.Errorf("positions of delivery %d are damaged; restore the database from a backup", d.ID)
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

// Finish closes a delivery with its receipt, both or neither.
func (db Deliveries) Finish(ctx context.Context, r hub.Receipt) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write receipt of %s: %w", r.File, err)
	}
	spans, err := json.Marshal(r.Spans)
	if err != nil {
		return fmt.Errorf("write receipt of %s: %w", r.File, err)
	}
	result, err := db.ExecContext(ctx, `UPDATE deliveries SET finished = ?, outcome = ?, spans = ?, receipt = ? WHERE id = ? AND outcome = ?`,
		timestamp(r.Finished), r.Outcome, string(spans), string(text), r.Delivery, hub.Open)
	if err != nil {
		return fmt.Errorf("write receipt of %s: %w", r.File, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("write receipt of %s: %w", r.File, cmp.Or(err, fmt.Errorf("delivery %d is not open", r.Delivery)))
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

package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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
	err = db.QueryRowContext(ctx, `INSERT INTO deliveries (agency, file, subject, mode, started, spans) VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
		d.Agency, d.File, d.Subject, d.Mode, timestamp(d.Started), string(spans)).Scan(&d.ID)
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
	rows, err := db.QueryContext(ctx, `SELECT id, subject, mode, outcome, started, finished, live, refused, accepted, quarantined, spans FROM deliveries
		WHERE agency = ? AND file = ? AND id > ? ORDER BY id LIMIT ?`, agency, file, after, pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []hub.Delivery
	for rows.Next() {
		d := hub.Delivery{Agency: agency, File: file}
		var started, finished, spans string
		if err := rows.Scan(&d.ID, &d.Subject, &d.Mode, &d.Outcome, &started, &finished, &d.Live, &d.Refused, &d.Accepted, &d.Quarantined, &spans); err != nil {
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
	result, err := db.ExecContext(ctx, `UPDATE deliveries SET finished = ?, outcome = ?, key = ?, live = ?, refused = ?, accepted = ?, quarantined = ?, spans = ?, receipt = ?
		WHERE id = ? AND outcome = ?`, timestamp(r.Finished), r.Outcome, r.Key, r.Live, r.Refused, r.Accepted, r.Quarantined, string(spans), string(text), r.Delivery, hub.Open)
	if err != nil {
		return fmt.Errorf("write receipt of %s: %w", r.File, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("write receipt of %s: %w", r.File, cmp.Or(err, fmt.Errorf("delivery %d is not open", r.Delivery)))
	}
	return nil
}

// Get gives the receipt of a delivery; an open one's says what is known. hub.ErrUnknown if there is none.
func (db Deliveries) Get(ctx context.Context, id int64) (hub.Receipt, error) {
	open := hub.Receipt{Delivery: id}
	var started, text string
	err := db.QueryRowContext(ctx, `SELECT agency, file, subject, mode, outcome, started, receipt FROM deliveries WHERE id = ?`, id).
		Scan(&open.Agency, &open.File, &open.Subject, &open.Mode, &open.Outcome, &started, &text)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return hub.Receipt{}, fmt.Errorf("receipt %d: %w", id, hub.ErrUnknown)
	case err != nil:
		return hub.Receipt{}, fmt.Errorf("read receipt %d: %w", id, err)
	case open.Outcome != hub.Open:
		return receipt(id, open.Outcome, text)
	}
	if open.Started, err = parseTimestamp(started); err != nil {
		return hub.Receipt{}, fmt.Errorf("read receipt %d: %w", id, err)
	}
	return open, nil
}

// ByKey finds the complete delivery of an agency's idempotency key.
func (db Deliveries) ByKey(ctx context.Context, agency, key string) (hub.Receipt, bool, error) {
	var id int64
	var text string
	err := db.QueryRowContext(ctx, `SELECT id, receipt FROM deliveries WHERE agency = ? AND key = ? AND key <> '' AND outcome = 'complete'`, agency, key).
		Scan(&id, &text)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return hub.Receipt{}, false, nil
	case err != nil:
		return hub.Receipt{}, false, fmt.Errorf("look up a delivery of %s by its key: %w", agency, err)
	}
	r, err := receipt(id, hub.Complete, text)
	return r, err == nil, err
}

// Each calls fn for every delivery with a receipt, in the order they came.
func (db Deliveries) Each(ctx context.Context, fn func(hub.Receipt) error) error {
	for after := int64(0); ; {
		page, err := db.some(ctx, `SELECT id, outcome, receipt FROM deliveries WHERE id > ? AND outcome <> ? ORDER BY id LIMIT ?`, after, hub.Open, pageRows)
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

// receipt reads the receipt of a delivery that ended, and holds it against the delivery's row.
func receipt(id int64, outcome hub.Outcome, text string) (r hub.Receipt, err error) {
	ended := outcome == hub.Complete || outcome == hub.Failed || outcome == hub.Held || outcome == hub.Discarded
	if err := json.Unmarshal([]byte(text), &r); err != nil || !ended || r.Delivery != id || r.Outcome != outcome {
		return hub.Receipt{}, fmt.Errorf("receipt of delivery %d is damaged; restore the database from a backup", id)
	}
	return r, nil
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func parseTimestamp(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}

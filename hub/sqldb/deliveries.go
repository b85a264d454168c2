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
	err = db.QueryRowContext(ctx, `INSERT INTO deliveries (agency, file, subject, mode, keyed, period, connector, started, spans)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		d.Agency, d.File, d.Subject, d.Mode, d.Keyed, int64(d.Period), d.Connector, timestamp(d.Started), string(spans)).Scan(&d.ID)
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
	return db.versions(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE agency = ? AND file = ? AND id > ? ORDER BY id LIMIT ?`,
		agency, file, after, pageRows)
}

const deliveryColumns = `id, agency, file, subject, mode, keyed, period, connector, outcome, started, finished, live, refused, accepted, quarantined, spans`

// versions reads the deliveries that a query for deliveryColumns gives.
func (db Deliveries) versions(ctx context.Context, query string, args ...any) ([]hub.Delivery, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []hub.Delivery
	for rows.Next() {
		var d hub.Delivery
		var started, finished, spans string
		if err := rows.Scan(&d.ID, &d.Agency, &d.File, &d.Subject, &d.Mode, &d.Keyed, &d.Period, &d.Connector, &d.Outcome,
			&started, &finished, &d.Live, &d.Refused, &d.Accepted, &d.Quarantined, &spans); err != nil {
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

// Standing gives the newest complete delivery of a file and the open ones, each by an index of its own.
func (db Deliveries) Standing(ctx context.Context, agency, file string) (s hub.Standing, err error) {
	newest, err := db.versions(ctx, `SELECT `+deliveryColumns+` FROM deliveries INDEXED BY deliveries_newest
		WHERE agency = ? AND file = ? AND outcome = 'complete' ORDER BY id DESC LIMIT 1`, agency, file)
	if err == nil {
		s.Open, err = db.versions(ctx, `SELECT `+deliveryColumns+` FROM deliveries INDEXED BY deliveries_open
			WHERE agency = ? AND file = ? AND outcome = 'open' ORDER BY id LIMIT ?`, agency, file, pageRows)
	}
	if err != nil {
		return hub.Standing{}, fmt.Errorf("look up what %s is based on: %w", file, err)
	}
	if len(newest) > 0 {
		s.Newest = newest[0]
	}
	return s, nil
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
	result, err := db.ExecContext(ctx, `UPDATE deliveries SET period = ?, connector = ?, finished = ?, outcome = ?, key = ?,
			live = ?, refused = ?, accepted = ?, quarantined = ?, spans = ?, receipt = ? WHERE id = ? AND outcome = ?`,
		int64(r.Period), r.Connector, timestamp(r.Finished), r.Outcome, r.Key, r.Live, r.Refused, r.Accepted, r.Quarantined,
		string(spans), string(text), r.Delivery, hub.Open)
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
	found, err := db.some(ctx, `SELECT `+receiptColumns+` FROM deliveries WHERE id = ?`, id)
	switch {
	case err != nil:
		return hub.Receipt{}, fmt.Errorf("read receipt %d: %w", id, err)
	case len(found) == 0:
		return hub.Receipt{}, fmt.Errorf("receipt %d: %w", id, hub.ErrUnknown)
	}
	return found[0], nil
}

// ByKey finds the complete delivery of an agency's idempotency key.
func (db Deliveries) ByKey(ctx context.Context, agency, key string) (hub.Receipt, bool, error) {
	found, err := db.some(ctx, `SELECT `+receiptColumns+` FROM deliveries WHERE agency = ? AND key = ? AND key <> '' AND outcome = 'complete'`, agency, key)
	switch {
	case err != nil:
		return hub.Receipt{}, false, fmt.Errorf("look up a delivery of %s by its key: %w", agency, err)
	case len(found) == 0:
		return hub.Receipt{}, false, nil
	}
	return found[0], true, nil
}

// Each calls fn for every delivery with a receipt, in the order they came.
func (db Deliveries) Each(ctx context.Context, fn func(hub.Receipt) error) error {
	for after := int64(0); ; {
		page, err := db.some(ctx, `SELECT `+receiptColumns+` FROM deliveries WHERE id > ? AND outcome <> ? ORDER BY id LIMIT ?`, after, hub.Open, pageRows)
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

const receiptColumns = `id, agency, file, subject, mode, keyed, period, connector, outcome, started, receipt`

// some reads the receipts that a query for receiptColumns gives. An open delivery's says what is known.
func (db Deliveries) some(ctx context.Context, query string, args ...any) ([]hub.Receipt, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var receipts []hub.Receipt
	for rows.Next() {
		var r hub.Receipt
		var started, text string
		if err := rows.Scan(&r.Delivery, &r.Agency, &r.File, &r.Subject, &r.Mode, &r.Keyed, &r.Period, &r.Connector, &r.Outcome, &started, &text); err != nil {
			return nil, err
		}
		if r.Outcome == hub.Open {
			r.Started, err = parseTimestamp(started)
		} else {
			r, err = receipt(r.Delivery, r.Outcome, text)
		}
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, r)
	}
	return receipts, rows.Err()
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

package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"hebian/hub"
)

// Files names the files of an agency that stand as they were sent last, sorted: the newest delivery of each counts. One
// whose newest delivery is open, held or failed is not among them.
func (db Deliveries) Files(ctx context.Context, agency string) ([]string, error) {
	var files []string
	for after := ""; ; {
		page, err := db.newest(ctx, agency, after)
		if err != nil {
			return nil, fmt.Errorf("list files of %s: %w", agency, err)
		}
		for _, d := range page {
			if d.Outcome == hub.Complete {
				files = append(files, d.File)
			}
		}
		if len(page) < pageRows {
			return files, nil
		}
		after = page[len(page)-1].File
	}
}

// newest lists the newest delivery of each file that follows a name, those discarded left out.
func (db Deliveries) newest(ctx context.Context, agency, after string) ([]hub.Delivery, error) {
	rows, err := db.QueryContext(ctx, `SELECT MAX(id), file, outcome FROM deliveries WHERE agency = ? AND file > ? AND outcome <> ?
		GROUP BY file ORDER BY file LIMIT ?`, agency, after, hub.Discarded, pageRows) // SQLite takes outcome from the row of MAX(id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []hub.Delivery
	for rows.Next() {
		d := hub.Delivery{Agency: agency}
		if err := rows.Scan(&d.ID, &d.File, &d.Outcome); err != nil {
			return nil, err
		}
		page = append(page, d)
	}
	return page, rows.Err()
}

// maxHeld bounds how many held deliveries are listed: far more than anybody lets wait.
const maxHeld = 1000

// Held lists the deliveries that wait for an operator's yes, by agency and file; of one agency if it is named.
func (db Deliveries) Held(ctx context.Context, agency string) ([]hub.Receipt, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, outcome, receipt FROM deliveries WHERE outcome = 'held' AND (? = '' OR agency = ?)
		ORDER BY agency, file, id LIMIT ?`, agency, agency, maxHeld)
	if err != nil {
		return nil, fmt.Errorf("list held deliveries: %w", err)
	}
	defer rows.Close()
	var held []hub.Receipt
	for rows.Next() {
		var id int64
		var outcome hub.Outcome
		var text string
		if err := rows.Scan(&id, &outcome, &text); err != nil {
			return nil, fmt.Errorf("list held deliveries: %w", err)
		}
		r, err := receipt(id, outcome, text)
		if err != nil {
			return nil, err
		}
		held = append(held, r)
	}
	return held, rows.Err()
}

// Discard says of a held delivery that it waits no more, and why.
func (db Deliveries) Discard(ctx context.Context, id int64, why string) error {
	r, err := db.Get(ctx, id)
	if err != nil {
		return err
	}
	r.Outcome, r.Error = hub.Discarded, why
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("discard delivery %d: %w", id, err)
	}
	result, err := db.ExecContext(ctx, `UPDATE deliveries SET outcome = ?, receipt = ? WHERE id = ? AND outcome = ?`, hub.Discarded, string(text), id, hub.Held)
	if err != nil {
		return fmt.Errorf("discard delivery %d: %w", id, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, fmt.Errorf("discard delivery %d: it is not held", id))
	}
	return nil
}

// IsFull says whether an error is the database's word for a disk without room.
func IsFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL
}

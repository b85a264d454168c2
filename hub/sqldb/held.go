package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"hebian/hub"
)

// Files names the files of an agency that stand as they were sent last, sorted: the newest delivery of each counts, and so
// does the newest of the whole file. One whose newest is open, held or failed is not among them.
func (db Deliveries) Files(ctx context.Context, agency string) ([]string, error) {
	var files []string
	for after := ""; ; {
		page, err := db.newest(ctx, agency, after)
		if err != nil {
			return nil, fmt.Errorf("list files of %s: %w", agency, err)
		}
		for _, f := range page {
			if f.stands {
				files = append(files, f.name)
			}
		}
		if len(page) < pageRows {
			return files, nil
		}
		after = page[len(page)-1].name
	}
}

type standing struct {
	name   string
	stands bool
}

// newest says of each file that follows a name whether it stands. What was discarded is as if it had never come.
func (db Deliveries) newest(ctx context.Context, agency, after string) ([]standing, error) {
	rows, err := db.QueryContext(ctx, `SELECT file, MAX(CASE outcome WHEN 'complete' THEN id END) = MAX(id)
			AND COALESCE(MAX(CASE WHEN mode = 'full' AND outcome = 'complete' THEN id END) = MAX(CASE mode WHEN 'full' THEN id END), 1)
		FROM deliveries WHERE agency = ? AND file > ? AND outcome <> 'discarded' GROUP BY file ORDER BY file LIMIT ?`, agency, after, pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []standing
	for rows.Next() {
		var s standing
		var stands sql.NullBool
		if err := rows.Scan(&s.name, &stands); err != nil {
			return nil, err
		}
		s.stands = stands.Bool
		page = append(page, s)
	}
	return page, rows.Err()
}

// Held lists the deliveries that wait for an operator's yes, in the order they came; of one agency if it is named.
func (db Deliveries) Held(ctx context.Context, agency string) ([]hub.Receipt, error) {
	var held []hub.Receipt
	for after := int64(0); ; after = held[len(held)-1].Delivery {
		page, err := db.some(ctx, `SELECT `+receiptColumns+` FROM deliveries WHERE outcome = 'held' AND id > ? AND (? = '' OR agency = ?)
			ORDER BY id LIMIT ?`, after, agency, agency, pageRows)
		if err != nil {
			return nil, fmt.Errorf("list held deliveries: %w", err)
		}
		if held = append(held, page...); len(page) < pageRows {
			return held, nil
		}
	}
}

// Waited finds what came under an agency's idempotency key and was held: it waits still, or was discarded.
func (db Deliveries) Waited(ctx context.Context, agency, key string) (hub.Receipt, bool, error) {
	found, err := db.some(ctx, `SELECT `+receiptColumns+` FROM deliveries WHERE agency = ? AND key = ? AND key <> '' AND outcome IN ('held', 'discarded')
		ORDER BY id DESC LIMIT 1`, agency, key)
	if err != nil || len(found) == 0 {
		return hub.Receipt{}, false, err
	}
	return found[0], true, nil
}

// Superseded says whether a file was taken in with these bytes before, and with others, or by change sets, since.
func (db Deliveries) Superseded(ctx context.Context, agency, file, digest string) (bool, error) {
	var superseded bool
	err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(CASE json_extract(receipt, '$.digest') WHEN ? THEN id END) < MAX(id), 0)
		FROM deliveries WHERE agency = ? AND file = ? AND outcome = 'complete' LIMIT 1`, digest, agency, file).Scan(&superseded)
	if err != nil {
		return false, fmt.Errorf("look up versions of %s: %w", file, err)
	}
	return superseded, nil
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

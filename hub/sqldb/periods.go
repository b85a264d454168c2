package sqldb

import (
	"context"
	"encoding/json"
	"fmt"

	"hebian/hub"
	"hebian/schemas"
)

// Periods is hub.Periods in this database.
type Periods struct{ *DB }

// Declare writes a period down. Declared before, it stays as it was.
func (db Periods) Declare(ctx context.Context, p hub.Period) error {
	empty, err := json.Marshal(p.Empty)
	if err == nil {
		_, err = db.ExecContext(ctx, `INSERT INTO periods (agency, month, kind, empty, declared, declared_by) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`,
			p.Agency, int64(p.Month), p.Kind, string(empty), timestamp(p.Declared), p.By)
	}
	if err != nil {
		return fmt.Errorf("declare %s of %s complete: %w", p.Month, p.Agency, err)
	}
	return nil
}

// All lists every period by agency and month.
func (db Periods) All(ctx context.Context) ([]hub.Period, error) {
	var all []hub.Period
	for after := (hub.Period{}); ; {
		page, err := db.page(ctx, after.Agency, after.Month)
		if err != nil {
			return nil, fmt.Errorf("read periods: %w", err)
		}
		all = append(all, page...)
		if len(page) < pageRows {
			return all, nil
		}
		after = page[len(page)-1]
	}
}

func (db Periods) page(ctx context.Context, agency string, month schemas.Month) ([]hub.Period, error) {
	rows, err := db.QueryContext(ctx, `SELECT agency, month, kind, empty, declared, declared_by FROM periods
		WHERE (agency, month) > (?, ?) ORDER BY agency, month LIMIT ?`, agency, int64(month), pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []hub.Period
	for rows.Next() {
		var p hub.Period
		var empty, declared string
		if err := rows.Scan(&p.Agency, &p.Month, &p.Kind, &empty, &declared, &p.By); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(empty), &p.Empty); err != nil {
			return nil, fmt.Errorf("period %s of %s is damaged; restore the database from a backup", p.Month, p.Agency)
		}
		if p.Declared, err = parseTimestamp(declared); err != nil {
			return nil, err
		}
		page = append(page, p)
	}
	return page, rows.Err()
}

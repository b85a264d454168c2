package sqldb

import (
	"context"
	"fmt"
	"math"
	"strings"

	"hebian/hub"
)

// List gives the receipts that a filter lets through, the newest first.
func (db Deliveries) List(ctx context.Context, f hub.ReceiptFilter) ([]hub.Receipt, error) {
	if f.File != "" && f.Agency == "" {
		return nil, fmt.Errorf("list receipts of %s: of which agency?", f.File)
	}
	query, args := listQuery(f)
	page, err := db.some(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list receipts: %w", err)
	}
	return page, nil
}

// listQuery leads SQLite by the index of the condition that lets least through. It counts nothing, and left to itself it may take another.
func listQuery(f hub.ReceiptFilter) (query string, args []any) {
	index := "NOT INDEXED" // by id
	where := []string{"id < ?"}
	args = []any{older(f.Before)}
	add := func(by, condition string, arg any) {
		where, args, index = append(where, condition), append(args, arg), "INDEXED BY "+by
	}
	if f.Agency != "" {
		add("deliveries_agency", "agency = ?", f.Agency)
	}
	if f.File != "" {
		add("deliveries_file", "file = ?", f.File)
	}
	if f.Connector != "" {
		add("deliveries_connector", "connector = ? AND connector <> ''", f.Connector)
	}
	switch f.Outcome {
	case "":
	case hub.Complete:
		where, args = append(where, "outcome = ?"), append(args, f.Outcome)
	default:
		add("deliveries_outcome", "outcome = ? AND outcome <> 'complete'", f.Outcome)
	}
	query = `SELECT ` + receiptColumns + ` FROM deliveries ` + index + ` WHERE ` + strings.Join(where, " AND ") + ` ORDER BY id DESC LIMIT ?`
	return query, append(args, pageOf(f.Limit))
}

// older is the bound below which the newest lie, if none is given.
func older(before int64) int64 {
	if before == 0 {
		return math.MaxInt64
	}
	return before
}

// pageOf keeps a limit within a page.
func pageOf(limit int) int {
	if limit < 1 || limit > pageRows {
		return pageRows
	}
	return limit
}

// RefusedFiles lists the files with rows in quarantine, by agency and name.
func (db Deliveries) RefusedFiles(ctx context.Context) ([]hub.FileCount, error) {
	var refused []hub.FileCount
	for after := (hub.FileCount{}); ; {
		page, err := db.newestOfEach(ctx, after)
		if err != nil {
			return nil, fmt.Errorf("list files with rows in quarantine: %w", err)
		}
		for _, f := range page {
			if f.Refused > 0 {
				refused = append(refused, f)
			}
		}
		if len(page) < pageRows {
			return refused, nil
		}
		after = page[len(page)-1]
	}
}

// newestOfEach gives the newest complete delivery of each file that follows one. It steps from file to file along the index, however
// many deliveries each had.
func (db Deliveries) newestOfEach(ctx context.Context, after hub.FileCount) ([]hub.FileCount, error) {
	rows, err := db.QueryContext(ctx, `WITH RECURSIVE newest (id, agency, file, n) AS (
			SELECT * FROM (SELECT id, agency, file, 1 FROM deliveries INDEXED BY deliveries_newest
				WHERE outcome = 'complete' AND (agency, file) > (?, ?) ORDER BY agency, file, id DESC LIMIT 1)
			UNION ALL
			SELECT d.id, d.agency, d.file, n + 1 FROM newest CROSS JOIN deliveries AS d ON d.id = COALESCE(
				(SELECT id FROM deliveries AS e INDEXED BY deliveries_newest WHERE e.outcome = 'complete' AND e.agency = newest.agency AND e.file > newest.file
					ORDER BY e.file, e.id DESC LIMIT 1),
				(SELECT id FROM deliveries AS e INDEXED BY deliveries_newest WHERE e.outcome = 'complete' AND e.agency > newest.agency
					ORDER BY e.agency, e.file, e.id DESC LIMIT 1))
			WHERE n < ?)
		SELECT d.agency, d.file, d.subject, d.id, d.refused FROM newest CROSS JOIN deliveries AS d ON d.id = newest.id ORDER BY d.agency, d.file LIMIT ?`,
		after.Agency, after.File, pageRows, pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []hub.FileCount
	for rows.Next() {
		var f hub.FileCount
		if err := rows.Scan(&f.Agency, &f.File, &f.Subject, &f.Delivery, &f.Refused); err != nil {
			return nil, err
		}
		page = append(page, f)
	}
	return page, rows.Err()
}

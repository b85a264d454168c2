// Package sqldb keeps the matcher's findings in the hub's database, so that a judgement can be compared
// with the one before.
package sqldb

import (
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"

	"hebian/hub/sqldb"
	"hebian/matcher"
	"hebian/matcher/state"
)

//go:embed migrations/*.sql
var migrations embed.FS

// pageRows bounds how many findings a query reads at a time.
const pageRows = 10_000

// Findings are those of the last judgement.
type Findings struct{ db *sql.DB }

// Open brings the matcher's tables up to date.
func Open(ctx context.Context, db *sql.DB) (*Findings, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(ctx, db, files, "matcher_db_version"); err != nil {
		return nil, fmt.Errorf("open findings: %w", err)
	}
	return &Findings{db}, nil
}

// Load gives the findings in the order of their keys.
func (f *Findings) Load(ctx context.Context) ([]matcher.Finding, error) {
	var all []matcher.Finding
	for {
		page, err := f.page(ctx, all)
		if err != nil {
			return nil, fmt.Errorf("load findings: %w", err)
		}
		all = append(all, page...)
		if len(page) < pageRows {
			return all, nil
		}
	}
}

// page reads the findings that follow those read so far.
func (f *Findings) page(ctx context.Context, read []matcher.Finding) ([]matcher.Finding, error) {
	var last matcher.Finding
	if len(read) > 0 {
		last = read[len(read)-1]
	}
	rows, err := f.db.QueryContext(ctx, `SELECT code, person, unit, month, detail, version, as_of, parameters, provisional, evidence, evidence_rows
		FROM findings WHERE (code, person, unit, month, detail) > (?, ?, ?, ?, ?) ORDER BY code, person, unit, month, detail LIMIT ?`,
		last.Code, last.Person, last.Unit, last.Month, last.Detail, pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []matcher.Finding
	for rows.Next() {
		var n matcher.Finding
		var parameters string
		var evidence []byte
		if err := rows.Scan(&n.Code, &n.Person, &n.Unit, &n.Month, &n.Detail, &n.Version, &n.AsOf, &parameters, &n.Provisional, &evidence, &n.Rows); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(parameters), &n.Parameters); err != nil {
			return nil, err
		}
		for ; len(evidence) >= 8; evidence = evidence[8:] {
			n.Evidence = append(n.Evidence, state.Ref(binary.BigEndian.Uint64(evidence)))
		}
		page = append(page, n)
	}
	return page, rows.Err()
}

// Change takes the findings from one judgement to the next, all or nothing.
func (f *Findings) Change(ctx context.Context, opened, refreshed, closed []matcher.Finding) error {
	if len(opened)+len(refreshed)+len(closed) == 0 {
		return nil
	}
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("keep findings: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	remove, err := tx.PrepareContext(ctx, `DELETE FROM findings WHERE code = ? AND person = ? AND unit = ? AND month = ? AND detail = ?`)
	if err != nil {
		return fmt.Errorf("keep findings: %w", err)
	}
	defer remove.Close()
	for _, n := range closed {
		if _, err := remove.ExecContext(ctx, n.Code, n.Person, n.Unit, n.Month, n.Detail); err != nil {
			return fmt.Errorf("close a finding of %s: %w", n.Code, err)
		}
	}
	put, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO findings (code, person, unit, month, detail, version, as_of, parameters, provisional, evidence, evidence_rows)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return fmt.Errorf("keep findings: %w", err)
	}
	defer put.Close()
	for _, some := range [][]matcher.Finding{opened, refreshed} {
		for _, n := range some {
			parameters, err := json.Marshal(n.Parameters)
			if err != nil {
				return err
			}
			evidence := []byte{}
			for _, ref := range n.Evidence {
				evidence = binary.BigEndian.AppendUint64(evidence, uint64(ref))
			}
			if _, err := put.ExecContext(ctx, n.Code, n.Person, n.Unit, n.Month, n.Detail, n.Version, n.AsOf, string(parameters), n.Provisional, evidence, n.Rows); err != nil {
				return fmt.Errorf("keep a finding of %s: %w", n.Code, err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep findings: %w", err)
	}
	return nil
}

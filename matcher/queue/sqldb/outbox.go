package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hebian/hub"
	"hebian/matcher/queue"
	"hebian/schemas"
)

// maxAgencies bounds the agencies that corrections wait for: more than any county has.
const maxAgencies = 1000

func (w *writer) putCorrection(id int64, c *queue.Case, correction *schemas.Correction) error {
	content, err := marshal(correction)
	if err != nil {
		return err
	}
	_, err = w.tx.ExecContext(w.ctx, `INSERT INTO outbox (id, case_id, decision, agency, content, reminder, since) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		correction.ID, id, c.Decisions, correction.Agency, content, correction.Reminder, nanoseconds(c.Updated))
	return err
}

const (
	waitingQuery = `SELECT DISTINCT agency FROM outbox WHERE sent = 0 ORDER BY agency LIMIT ?`
	pendingQuery = `SELECT id, content, logged FROM outbox WHERE agency = ? AND sent = 0 ORDER BY number LIMIT ?`
	askedQuery   = `SELECT content FROM outbox WHERE case_id = ? AND decision = ? AND reminder = 0 ORDER BY number LIMIT ?`
	leftQuery    = `SELECT COUNT(*) FROM outbox WHERE case_id = ? AND decision = ? AND reminder = 0 AND sent = 0`
)

// Outstanding counts the corrections that were not sent, and finds since when the first waits.
func (s *Store) Outstanding(ctx context.Context) (n int64, oldest time.Time, err error) {
	var since sql.NullInt64
	err = s.db.QueryRowContext(ctx, `SELECT COUNT(*), (SELECT since FROM outbox WHERE sent = 0 ORDER BY number LIMIT 1) FROM outbox WHERE sent = 0`).Scan(&n, &since)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count corrections in the outbox: %w", err)
	}
	return n, timeOf(since.Int64), nil
}

// Waiting lists the agencies that corrections wait for.
func (s *Store) Waiting(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, waitingQuery, maxAgencies)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer rows.Close()
	var agencies []string
	for rows.Next() {
		var agency string
		if err := rows.Scan(&agency); err != nil {
			return nil, err
		}
		agencies = append(agencies, agency)
	}
	return agencies, rows.Err()
}

// Pending gives corrections to an agency that were not sent, in the order of their decisions.
func (s *Store) Pending(ctx context.Context, agency string, limit int) ([]hub.Outgoing, error) {
	rows, err := s.db.QueryContext(ctx, pendingQuery, agency, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer rows.Close()
	var pending []hub.Outgoing
	for rows.Next() {
		var o hub.Outgoing
		var id string
		var content sql.RawBytes
		if err := rows.Scan(&id, &content, &o.Logged); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(content, &o.Correction); err != nil || o.Correction.ID != id {
			return nil, fmt.Errorf("correction %s is damaged; restore the database from a backup", id)
		}
		pending = append(pending, o)
	}
	return pending, rows.Err()
}

// Logged notes that corrections are in the log.
func (s *Store) Logged(ctx context.Context, ids []string) error {
	return s.transact(ctx, nil, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `UPDATE outbox SET logged = 1 WHERE id = ?`, id); err != nil {
				return fmt.Errorf("note correction %s as logged: %w", id, err)
			}
		}
		return nil
	})
}

// Relayed marks a correction as sent.
func (t transaction) Relayed(correction string, at time.Time) (caseID string, m queue.Relayed, first bool, err error) {
	var id, sent int64
	m.Correction = correction
	err = t.tx.QueryRowContext(t.ctx, `SELECT case_id, decision, agency, reminder, sent FROM outbox WHERE id = ?`, correction).
		Scan(&id, &m.Decision, &m.To, &m.Reminder, &sent)
	if errors.Is(err, sql.ErrNoRows) {
		return "", m, false, fmt.Errorf("no correction %s in the outbox", correction)
	}
	if err != nil || sent != 0 {
		return "", m, false, err
	}
	if _, err = t.tx.ExecContext(t.ctx, `UPDATE outbox SET sent = ? WHERE id = ?`, nanoseconds(at), correction); err != nil {
		return "", m, false, err
	}
	err = t.tx.QueryRowContext(t.ctx, leftQuery, id, m.Decision).Scan(&m.Left)
	return digits(id), m, true, err
}

// Asked gives the corrections of a case's decision, reminders left out.
func (t transaction) Asked(caseID string, decision int) ([]schemas.Correction, error) {
	id, _ := number(caseID)
	rows, err := t.tx.QueryContext(t.ctx, askedQuery, id, decision, queue.MaxSides)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer rows.Close()
	var asked []schemas.Correction
	for rows.Next() {
		var content sql.RawBytes
		var c schemas.Correction
		if err := rows.Scan(&content); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(content, &c); err != nil {
			return nil, fmt.Errorf("a correction of case %s is damaged; restore the database from a backup", caseID)
		}
		asked = append(asked, c)
	}
	return asked, rows.Err()
}

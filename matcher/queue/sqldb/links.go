package sqldb

import (
	"context"
	"fmt"
	"time"

	"hebian/matcher/queue"
)

func (w *writer) putLink(id int64, l *queue.LinkDecision) error {
	_, err := w.tx.ExecContext(w.ctx, `INSERT INTO links (case_id, a_source, a_key, b_source, b_key, same, officer, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		id, l.A.Source, l.A.Key, l.B.Source, l.B.Key, l.Same, l.Officer, nanoseconds(l.At))
	return err
}

const linksQuery = `SELECT number, case_id, a_source, a_key, b_source, b_key, same, officer, at FROM links
	WHERE number > ? AND revoked = 0 ORDER BY number LIMIT ?`

// Links calls fn for every link decision that was not taken back, in the order they were taken.
func (s *Store) Links(ctx context.Context, fn func(queue.LinkDecision)) error {
	for after, n := int64(0), pageRows; n == pageRows; {
		n = 0
		rows, err := s.db.QueryContext(ctx, linksQuery, after, pageRows)
		if err != nil {
			return err
		}
		for ; rows.Next(); n++ {
			var l queue.LinkDecision
			var id, at int64
			if err := rows.Scan(&after, &id, &l.A.Source, &l.A.Key, &l.B.Source, &l.B.Key, &l.Same, &l.Officer, &at); err != nil {
				rows.Close()
				return err
			}
			l.Case, l.At = digits(id), timeOf(at)
			fn(l)
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

const revokeQuery = `UPDATE links SET revoked = ? WHERE number = (SELECT MAX(number) FROM links WHERE case_id = ? AND revoked = 0)`

// RevokeLink takes a case's newest link decision back.
func (t transaction) RevokeLink(caseID string, at time.Time) (found bool, err error) {
	id, _ := number(caseID)
	result, err := t.tx.ExecContext(t.ctx, revokeQuery, nanoseconds(at), id)
	if err != nil {
		return false, fmt.Errorf("take back a link decision: %w", err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

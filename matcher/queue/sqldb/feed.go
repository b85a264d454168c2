package sqldb

import (
	"context"
	"strings"

	"hebian/matcher/queue"
	"hebian/schemas"
)

// turnsScan is how many lines one call looks at, of which few may concern an agency.
const turnsScan = 20_000

// Lines of cases that nobody has to hear of: who holds a case is the officers' own matter.
const turnsQuery = `SELECT f.number, e.at, e.kind, e.state, e.outcome, c.id, c.code, c.person, c.unit, c.month, c.detail, c.entity, c.title, c.agencies, c.division, c.due
	FROM case_feed f JOIN events e ON e.case_id = f.case_id AND e.n = f.n JOIN cases c ON c.id = f.case_id
	WHERE f.number > ? AND f.number <= ? AND e.kind NOT IN ('claimed', 'released', 'lapsed', 'refreshed') AND (? = '' OR instr(c.agencies, ' ' || ? || ' ') > 0)
	ORDER BY f.number LIMIT ?`

// Turns gives lines of histories.
func (s *Store) Turns(ctx context.Context, agency string, after int64, limit int) (turns []queue.Turn, last int64, more bool, err error) {
	var end int64
	if err := s.db.QueryRowContext(ctx, `SELECT coalesce(max(number), 0) FROM case_feed`).Scan(&end); err != nil {
		return nil, after, false, err
	}
	if after > end {
		return nil, after, false, queue.ErrCursor
	}
	last = min(end, after+turnsScan)
	rows, err := s.db.QueryContext(ctx, turnsQuery, after, last, agency, agency, limit)
	if err != nil {
		return nil, after, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var t queue.Turn
		var at, id, due int64
		var agencies string
		k := &t.Case.Key
		if err := rows.Scan(&t.Number, &at, &t.Kind, &t.State, &t.Outcome, &id, &k.Code, &k.Person, &k.Unit, &k.Month, &k.Detail, &k.Entity, &t.Case.Title, &agencies, &t.Case.Division, &due); err != nil {
			return nil, after, false, err
		}
		t.At, t.Case.ID, t.Case.Due, t.Case.Agencies = timeOf(at), digits(id), schemas.Date(due), strings.Fields(agencies)
		turns = append(turns, t)
	}
	if err := rows.Err(); err != nil {
		return nil, after, false, err
	}
	if len(turns) == limit { // there may be others before the end of what was looked at
		last = turns[limit-1].Number
	}
	return turns, last, last < end, nil
}

package sqldb

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"hebian/matcher/queue"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// lookupRows is how many cases one query finds by their IDs: enough that the query's cost does not show.
const lookupRows = 1000

const (
	plainColumns = `id, code, person, unit, month, detail, entity, opened, state, present, provisional, rank, agencies, title, division,
		updated, officer, lease, outcome, reason, recipient, right_agency, due, until, decisions, relapses, events,
		version, as_of, parameters, evidence, evidence_rows`
	columns = plainColumns + `, sides`
)

// Cases finds cases by their IDs.
func (t transaction) Cases(ids []string) (map[string]queue.Case, error) {
	known := make(map[string]queue.Case, len(ids))
	for page := range slices.Chunk(ids, lookupRows) {
		wanted := []byte{'['}
		for _, id := range page {
			if n, ok := number(id); ok {
				wanted = append(strconv.AppendInt(wanted, n, 10), ',')
			}
		}
		if len(wanted) == 1 {
			continue
		}
		wanted[len(wanted)-1] = ']'
		cases, err := query(t.ctx, t.tx, lookupQuery, string(wanted))
		if err != nil {
			return nil, fmt.Errorf("look up cases: %w", err)
		}
		for _, c := range cases {
			known[c.ID] = c
		}
	}
	return known, nil
}

const lookupQuery = `SELECT ` + columns + ` FROM cases WHERE id IN (SELECT value FROM json_each(?))`

// Lapsed lists cases whose lease has run out.
func (t transaction) Lapsed(at time.Time, limit int) ([]string, error) {
	return t.ids(lapsedQuery, nanoseconds(at), limit)
}

// Overdue lists cases that were sent, whose day has passed, and that are not escalated.
func (t transaction) Overdue(today schemas.Date, limit int) ([]string, error) {
	return t.ids(overdueQuery, int64(today), limit)
}

// Expired lists cases whose accepted difference has had its time.
func (t transaction) Expired(today schemas.Date, limit int) ([]string, error) {
	return t.ids(expiredQuery, int64(today), limit)
}

const (
	lapsedQuery  = `SELECT id FROM cases INDEXED BY cases_lease WHERE state = 'claimed' AND lease <= ? ORDER BY lease LIMIT ?`
	overdueQuery = `SELECT id FROM cases INDEXED BY cases_due WHERE state = 'sent' AND due <> 0 AND rank & 1 AND due < ? ORDER BY due LIMIT ?`
	expiredQuery = `SELECT id FROM cases INDEXED BY cases_until WHERE until <> 0 AND until < ? ORDER BY until LIMIT ?`
)

// ids lists cases whose time has come.
func (t transaction) ids(text string, before int64, limit int) ([]string, error) {
	rows, err := t.tx.QueryContext(t.ctx, text, before, limit)
	if err != nil {
		return nil, fmt.Errorf("look up leases and terms: %w", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		ids = append(ids, digits(n))
	}
	return ids, rows.Err()
}

// Save writes what moves did to cases: the cases, their new lines, their corrections and links.
func (t transaction) Save(effects []queue.Effects) error {
	// In the order of the table, which makes 10,000 of them twice as fast. Two moves of one case keep their order.
	var changed []*queue.Effects
	for i := range effects {
		if effects[i].Changed {
			changed = append(changed, &effects[i])
		}
	}
	slices.SortStableFunc(changed, func(a, b *queue.Effects) int { return cmp.Compare(a.Case.ID, b.Case.ID) })
	w := writer{transaction: t}
	defer w.close()
	for _, e := range changed {
		if err := w.save(e); err != nil {
			return fmt.Errorf("save case %s: %w", e.Case.ID, err)
		}
	}
	return nil
}

// writer writes cases with statements that are prepared when first needed.
type writer struct {
	transaction
	insertCase, updateCase, insertEvent *sql.Stmt
}

func (w *writer) close() {
	for _, s := range []*sql.Stmt{w.insertCase, w.updateCase, w.insertEvent} {
		if s != nil {
			s.Close()
		}
	}
}

func (w *writer) save(e *queue.Effects) error {
	id, ok := number(e.Case.ID)
	if !ok {
		return errors.New("no ID of a case")
	}
	if err := w.putCase(id, e); err != nil {
		return err
	}
	for _, line := range e.Events {
		if err := w.exec(&w.insertEvent, `INSERT INTO events (case_id, n, at, kind, state, officer, delivery, outcome, reason, recipient, correction)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, id, line.N, nanoseconds(line.At), string(line.Kind), string(line.State), line.Officer,
			line.Delivery, string(line.Outcome), line.Reason, line.To, line.Correction); err != nil {
			return err
		}
	}
	for i := range e.Corrections {
		if err := w.putCorrection(id, &e.Case, &e.Corrections[i]); err != nil {
			return err
		}
	}
	if e.Link == nil {
		return nil
	}
	return w.putLink(id, e.Link)
}

func (w *writer) putCase(id int64, e *queue.Effects) error {
	c := &e.Case
	parameters, err := marshal(c.Grounds.Parameters)
	if err != nil {
		return err
	}
	sides := ""
	if len(c.Grounds.Sides) > 0 {
		if sides, err = marshal(c.Grounds.Sides); err != nil {
			return err
		}
	}
	evidence := make([]byte, 0, 8*len(c.Grounds.Evidence))
	for _, ref := range c.Grounds.Evidence {
		evidence = binary.BigEndian.AppendUint64(evidence, uint64(ref))
	}
	changing := []any{
		string(c.State), c.Present, c.Provisional, c.Rank(), joined(c.Agencies), c.Unit, c.Title, c.Division,
		nanoseconds(c.Updated), c.Officer, nanoseconds(c.Lease), string(c.Outcome), c.Reason, c.To, c.Right, c.Due, c.Until,
		c.Decisions, c.Relapses, c.Events, c.Grounds.Version, c.Grounds.AsOf, parameters, evidence, c.Grounds.Rows, sides, id,
	}
	if c.Events > 1 || len(e.Events) == 0 {
		return w.exec(&w.updateCase, `UPDATE cases SET state = ?, present = ?, provisional = ?, rank = ?, agencies = ?, unit = ?, title = ?, division = ?,
			updated = ?, officer = ?, lease = ?, outcome = ?, reason = ?, recipient = ?, right_agency = ?, due = ?, until = ?,
			decisions = ?, relapses = ?, events = ?, version = ?, as_of = ?, parameters = ?, evidence = ?, evidence_rows = ?, sides = ? WHERE id = ?`, changing...)
	}
	return w.exec(&w.insertCase, `INSERT INTO cases (state, present, provisional, rank, agencies, unit, title, division,
		updated, officer, lease, outcome, reason, recipient, right_agency, due, until,
		decisions, relapses, events, version, as_of, parameters, evidence, evidence_rows, sides, id, code, person, month, detail, entity, opened)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		append(changing, c.Key.Code, string(c.Key.Person), int(c.Key.Month), c.Key.Detail, c.Key.Entity, nanoseconds(c.Opened))...)
}

// joined is how agencies are kept: one is found in them with a blank on both sides.
func joined(agencies []string) string {
	if len(agencies) == 0 {
		return ""
	}
	return " " + strings.Join(agencies, " ") + " "
}

// exec runs a statement, prepared the first time.
func (w *writer) exec(s **sql.Stmt, text string, values ...any) error {
	if *s == nil {
		var err error
		if *s, err = w.tx.PrepareContext(w.ctx, text); err != nil {
			return err
		}
	}
	_, err := (*s).ExecContext(w.ctx, values...)
	return err
}

// List gives, for each state of a filter, the first cases that follow a place in the order of a case list. A query for each
// state, for the index has that order within a state only.
func (s *Store) List(ctx context.Context, f queue.Filter, after queue.Place, limit int) (cases []queue.Case, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		for _, in := range f.States {
			text, values := listQuery(in, f, after, limit)
			page, err := query(ctx, tx, text, values...)
			if err != nil {
				return err
			}
			cases = append(cases, page...)
		}
		return nil
	})
	return cases, err
}

func listQuery(in queue.State, f queue.Filter, after queue.Place, limit int) (string, []any) {
	id, _ := number(after.ID)
	if after.ID == "" {
		id = math.MinInt64
	}
	first, last := ranks(f)
	if after.Rank < first {
		after.Rank, after.Opened, id = first, math.MinInt64, math.MinInt64
	}
	where, values := conditions(f)
	values = append(append([]any{string(in)}, values...), after.Rank, after.Opened, id, last, limit)
	return `SELECT ` + columns + ` FROM cases WHERE state = ?` + where + ` AND (rank, opened, id) > (?, ?, ?) AND rank <= ? ORDER BY rank, opened, id LIMIT ?`, values
}

// ranks are the first and the last rank of a filter's severity.
func ranks(f queue.Filter) (first, last int) {
	if f.Severity == "" {
		return math.MinInt, math.MaxInt
	}
	first = queue.FirstRank(f.Severity)
	return first, first + 1
}

// conditions is a filter in SQL, but for states and severity.
func conditions(f queue.Filter) (where string, values []any) {
	add := func(condition string, value any) {
		where, values = where+" AND "+condition, append(values, value)
	}
	if f.Code != "" {
		add("code = ?", f.Code)
	}
	if f.Agency != "" {
		add("instr(agencies, ?) > 0", joined([]string{f.Agency}))
	}
	if f.Month != 0 {
		add("month = ?", int(f.Month))
	}
	if f.Officer != "" {
		add("officer = ? AND officer <> ''", f.Officer)
	}
	if f.Entity != "" {
		add("entity = ? AND entity <> ''", f.Entity)
	}
	switch {
	case wholeCode(f.Unit):
		add("unit = ?", f.Unit)
	case f.Unit != "":
		where, values = where+" AND (instr(unit, ?) > 0 OR instr(title, ?) > 0)", append(values, f.Unit, f.Unit)
	}
	return where, values
}

// wholeCode says whether a text may be a whole unit code. Less of one, and a name, is looked for within all.
func wholeCode(s string) bool {
	return len(s) == unitCodeBytes && !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') })
}

const unitCodeBytes = 18

// Counts counts cases by state, rule and agency, all of one moment.
func (s *Store) Counts(ctx context.Context, f queue.Filter) (counts []queue.Count, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		for _, in := range queue.States() {
			if len(f.States) > 0 && !slices.Contains(f.States, in) {
				continue
			}
			if counts, err = count(ctx, tx, counts, in, f); err != nil {
				return err
			}
		}
		return nil
	})
	return counts, err
}

// count adds the counts of one state.
func count(ctx context.Context, tx *sql.Tx, counts []queue.Count, in queue.State, f queue.Filter) ([]queue.Count, error) {
	text, values := countQuery(in, f)
	rows, err := tx.QueryContext(ctx, text, values...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type place struct{ code, agency string }
	sums := map[place]queue.Count{}
	for rows.Next() {
		var code, agencies string
		var cases, oldest int64
		if err := rows.Scan(&code, &agencies, &cases, &oldest); err != nil {
			return nil, err
		}
		names := strings.Fields(agencies)
		if len(names) == 0 {
			names = []string{""} // nobody's, and a case all the same
		}
		for i, agency := range names {
			n, known := sums[place{code, agency}]
			if opened := timeOf(oldest); !known || opened.Before(n.Oldest) {
				n.Oldest = opened
			}
			if n.State, n.Code, n.Agency, n.Cases = in, code, agency, n.Cases+cases; i == 0 {
				n.Main += cases
			}
			sums[place{code, agency}] = n
		}
	}
	return slices.AppendSeq(counts, slices.Values(slices.SortedFunc(maps.Values(sums), func(a, b queue.Count) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Agency, b.Agency))
	}))), rows.Err()
}

func countQuery(in queue.State, f queue.Filter) (string, []any) {
	first, last := ranks(f)
	where, values := conditions(f)
	return `SELECT code, agencies, COUNT(*), MIN(opened) FROM cases WHERE state = ? AND rank BETWEEN ? AND ?` + where + ` GROUP BY code, agencies`,
		append([]any{string(in), first, last}, values...)
}

// Get finds a case and its newest events, both of one moment.
func (s *Store) Get(ctx context.Context, id string, limit int) (c queue.Case, events []queue.Event, err error) {
	n, ok := number(id)
	if !ok {
		return c, nil, queue.ErrUnknown
	}
	err = s.read(ctx, func(tx *sql.Tx) error {
		found, err := query(ctx, tx, `SELECT `+columns+` FROM cases WHERE id = ?`, n)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return queue.ErrUnknown
		}
		c = found[0]
		events, err = history(ctx, tx, n, limit)
		return err
	})
	return c, events, err
}

const historyQuery = `SELECT n, at, kind, state, officer, delivery, outcome, reason, recipient, correction
	FROM events WHERE case_id = ? ORDER BY n DESC LIMIT ?`

func history(ctx context.Context, tx *sql.Tx, id int64, limit int) ([]queue.Event, error) {
	rows, err := tx.QueryContext(ctx, historyQuery, id, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var events []queue.Event
	for rows.Next() {
		e := queue.Event{Case: digits(id)}
		var at int64
		if err := rows.Scan(&e.N, &at, &e.Kind, &e.State, &e.Officer, &e.Delivery, &e.Outcome, &e.Reason, &e.To, &e.Correction); err != nil {
			return nil, err
		}
		e.At = timeOf(at)
		events = append(events, e)
	}
	slices.Reverse(events)
	return events, rows.Err()
}

// Present gives cases whose finding stands, in the order of their IDs, without the sides of their grounds.
func (s *Store) Present(ctx context.Context, after string, limit int) ([]queue.Case, error) {
	n := int64(math.MinInt64)
	if after != "" {
		n, _ = number(after)
	}
	return query(ctx, s.db, presentQuery, n, limit)
}

const presentQuery = `SELECT ` + plainColumns + `, '' FROM cases WHERE present = 1 AND id > ? ORDER BY id LIMIT ?`

// asker is a database or a transaction.
type asker interface {
	QueryContext(ctx context.Context, text string, values ...any) (*sql.Rows, error)
}

// query reads cases.
func query(ctx context.Context, db asker, text string, values ...any) ([]queue.Case, error) {
	rows, err := db.QueryContext(ctx, text, values...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var cases []queue.Case
	var last limits
	for rows.Next() {
		c, err := scanCase(rows, &last)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	return cases, rows.Err()
}

// limits are the parameters of the case read before: mostly they are the next one's too.
type limits struct {
	text   []byte
	parsed rules.Parameters
}

func scanCase(row *sql.Rows, last *limits) (c queue.Case, err error) {
	var id, opened, updated, lease int64
	var rank int
	var agencies string
	var parameters, evidence, sides sql.RawBytes
	g := &c.Grounds
	if err := row.Scan(&id, &c.Key.Code, &c.Key.Person, &c.Unit, &c.Key.Month, &c.Key.Detail, &c.Key.Entity, &opened, &c.State, &c.Present, &c.Provisional,
		&rank, &agencies, &c.Title, &c.Division, &updated, &c.Officer, &lease, &c.Outcome, &c.Reason, &c.To, &c.Right, &c.Due, &c.Until,
		&c.Decisions, &c.Relapses, &c.Events, &g.Version, &g.AsOf, &parameters, &evidence, &g.Rows, &sides); err != nil {
		return c, err
	}
	c.Agencies = strings.Fields(agencies)
	if c.Key.Entity == "" {
		c.Key.Unit = schemas.UnitCode(c.Unit)
	}
	c.ID, c.Opened, c.Updated, c.Lease = digits(id), timeOf(opened), timeOf(updated), timeOf(lease)
	c.Severity, c.Escalated = queue.OfRank(rank)
	if !bytes.Equal(parameters, last.text) {
		*last = limits{text: bytes.Clone(parameters)}
		if err := json.Unmarshal(parameters, &last.parsed); err != nil {
			return c, fmt.Errorf("parameters of case %s are damaged; restore the database from a backup", c.ID)
		}
	}
	g.Parameters = last.parsed
	for ; len(evidence) >= 8; evidence = evidence[8:] {
		g.Evidence = append(g.Evidence, state.Ref(binary.BigEndian.Uint64(evidence)))
	}
	if len(sides) > 0 {
		if err := json.Unmarshal(sides, &g.Sides); err != nil {
			return c, fmt.Errorf("sides of case %s are damaged; restore the database from a backup", c.ID)
		}
	}
	return c, nil
}

// number is how an ID is kept: its 64 bits, shifted so that numbers are in the order of the digits.
func number(id string) (int64, bool) {
	n, err := strconv.ParseUint(id, 16, 64)
	return int64(n ^ 1<<63), err == nil && len(id) == 16
}

func digits(n int64) string { return fmt.Sprintf("%016x", uint64(n)^1<<63) }

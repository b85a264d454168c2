package table

import (
	"bytes"
	"context"
	"slices"
	"strconv"

	"hebian/connectors"
)

// A table whose rows grow is read in pages, from where it stood. That alone would lose rows: one with a lower number may turn up
// later, from a transaction that took longer. So more is read than what is higher:
//
//   - PostgreSQL: from a floor on, below which no row can turn up, all that a transaction wrote that was not over at the last reading.
//     The server tells both. A transaction that stays open keeps the floor where it is, but holds up no row; however late it commits,
//     its rows come.
//   - MySQL tells neither, but can wait for rows that are not committed (LOCK IN SHARE MODE). Rows behind such a row come once it is
//     settled.
//   - Both: what lies a little behind the highest row, by settle_seconds or settle_numbers, for numbers that are drawn and times that
//     are taken outside of the transaction that writes them. Further behind such a row is not found.
//   - Rows without a value, and times more than a day ahead, which would hide all that comes before them, are read each time.
//
// Rows that were handed over a moment ago are known and do not go over again.

// page is a batch of rows.
type page struct {
	body   []byte
	rows   int           // in body
	seen   []fingerprint // of those
	last   []string      // the values that rows follow one another by, of the last row that was read
	beyond bool          // that row is higher than all that were handed over
	full   bool          // there may be more
}

// pass is one way through the table.
type pass struct {
	by    []int                // places of the columns that rows follow one another by
	high  []value              // rows beyond it are new for sure; nil: none is
	where func(q *query)       // on every page
	from  func(q *query)       // on the first page
	next  func(p *page) *state // what the state is once a page is on disk; nil: as it was
}

func (s *Source) growing(ctx context.Context, position string, hand connectors.Hand) error {
	columns := append([]int{s.plan.grows}, s.plan.key...)
	if slices.Contains(s.plan.key, s.plan.grows) {
		columns = columns[:1] // it is unique, or part of what is, and comes first anyway
		for _, place := range s.plan.key {
			if place != s.plan.grows {
				columns = append(columns, place)
			}
		}
	}
	by := string(newQuery(s.config.Driver).names(s.plan.at(columns)).sql.String())
	if position != s.handed || position == "" {
		now, err := parseState(position, by, len(columns))
		if err != nil {
			return err
		}
		s.now, s.handed, s.memory = now, position, memory{}
	}
	if s.now.By != by {
		return unfit("table %s has other columns than before", s.config.Table)
	}
	server, err := s.ask(ctx)
	if err != nil {
		return err
	}
	done := s.move(server)
	if err := s.strays(ctx, hand, server); err != nil {
		return err
	}
	if err := s.ahead(ctx, hand, server, done, columns); err != nil {
		return err
	}
	s.now = done(s.now.High)
	return nil
}

// answer is what the server says before rows are read.
type answer struct {
	horizon int64    // the oldest transaction that is open; 0: not known
	open    []string // transactions that are
	ceiling string   // times beyond it are a mistake; "": the column holds no times
}

// ask asks the server how it stands. Rows are read after that: what was open then may be read now, but not the other way round.
func (s *Source) ask(ctx context.Context) (a answer, err error) {
	grows := s.plan.read[s.plan.grows]
	if grows.order == moment || grows.order == day {
		q := newQuery(s.config.Driver)
		if s.config.Driver == Postgres {
			q.add("SELECT (now() + interval '1 day')::", grows.cast, "::text")
		} else {
			q.add("SELECT CAST(UTC_TIMESTAMP(6) + INTERVAL 2 DAY AS CHAR)") // whatever its zone
		}
		now, err := s.values(ctx, q)
		if err != nil || len(now) != 1 {
			return a, asTrouble("ask for the time", err)
		}
		a.ceiling = now[0]
	}
	if s.config.Driver == MySQL {
		return a, nil
	}
	a.open, err = s.values(ctx, newStatement(Postgres, openSQL))
	if err != nil || len(a.open) == 0 {
		return a, asTrouble("ask for open transactions", err)
	}
	a.horizon, err = strconv.ParseInt(a.open[0], 10, 64)
	a.open = a.open[1:]
	return a, err
}

// openSQL gives the oldest transaction that is open, and then all that could still write: those of this database, whether they wrote
// already or not, but for our own; and all that have written, which a standby knows of as well, and which may be prepared to commit
// without anybody being there. Whatever is known to be at work on another database does not count.
const openSQL = `WITH snap AS MATERIALIZED (SELECT txid_current_snapshot() AS s), wrote AS MATERIALIZED (
	SELECT x FROM snap, txid_snapshot_xip(s) x
	WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity a WHERE a.backend_xid::text = (x % 4294967296)::text AND a.datname <> current_database())
	AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_prepared_xacts p WHERE p.transaction::text = (x % 4294967296)::text AND p.database <> current_database())
)
SELECT coalesce((SELECT min(x) FROM wrote), txid_snapshot_xmax(s))::text FROM snap
UNION ALL SELECT 'x' || x FROM wrote
UNION ALL SELECT l.virtualxid FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
	WHERE l.locktype = 'virtualxid' AND l.granted AND l.mode = 'ExclusiveLock' AND l.pid <> pg_backend_pid() AND a.datname = current_database()`

// values runs a query of a few short values, one in a row.
func (s *Source) values(ctx context.Context, q *query) (all []string, err error) {
	rows, err := s.db.query(ctx, q)
	if err != nil {
		return nil, err
	}
	for values, ok := rows.next(); ok; values, ok = rows.next() {
		all = append(all, string(values[0]))
	}
	return all, rows.close()
}

// move says what the state will be once everything up to a row was read: Floor may go up to a number that was reached before, if all
// transactions are over that were open since.
func (s *Source) move(server answer) (done func(high []value) state) {
	next := s.now
	next.Horizon = server.horizon
	if s.config.Driver == Postgres {
		if m := next.Mark; m != nil && !slices.ContainsFunc(m.Open, func(open string) bool { return slices.Contains(server.open, open) }) {
			next.Floor, next.Mark = &m.At, nil
		}
		if next.Mark == nil && len(next.High) > 0 && len(server.open) == 0 {
			next.Floor = &next.High[0]
		} else if next.Mark == nil && len(next.High) > 0 && len(server.open) <= maxOpen {
			next.Mark = &mark{At: next.High[0], Open: server.open}
		}
	}
	return func(high []value) state {
		now := next
		now.High = high
		return now
	}
}

// strays hands over rows that have no place among the others.
func (s *Source) strays(ctx context.Context, hand connectors.Hand, server answer) error {
	grows := s.plan.read[s.plan.grows]
	if !grows.nullable && server.ceiling == "" {
		return nil
	}
	since := s.horizon(server)
	return s.pages(ctx, hand, pass{
		by: s.plan.key,
		where: func(q *query) {
			q.add("(").name(grows.name).add(" IS NULL")
			if server.ceiling != "" {
				q.add(" OR ").name(grows.name).add(" > ").value(grows, server.ceiling)
			}
			q.add(")")
			if since > 0 {
				sinceHorizon(q.add(" AND "), since)
			}
		},
	})
}

// ahead hands over rows that are higher than the highest before, and those that turned up behind it.
func (s *Source) ahead(ctx context.Context, hand connectors.Hand, server answer, done func([]value) state, columns []int) error {
	grows, high, since := s.plan.read[s.plan.grows], s.now.High, s.horizon(server)
	return s.pages(ctx, hand, pass{
		by:   columns,
		high: high,
		where: func(q *query) {
			q.name(grows.name).add(" IS NOT NULL")
			if server.ceiling != "" {
				q.add(" AND ").name(grows.name).add(" <= ").value(grows, server.ceiling)
			}
			if len(high) > 0 && since > 0 {
				q.add(" AND (").after(s.plan.at(columns), plain(high))
				sinceHorizon(q.add(" OR "), since).add(")")
			}
		},
		from: func(q *query) { s.from(q, grows) },
		next: func(p *page) *state {
			if !p.beyond {
				return nil // what lies between it and the highest is still to come
			}
			now := done(values(p.last))
			return &now
		},
	})
}

// from says where reading begins: at the floor, but some way behind the highest row at least.
func (s *Source) from(q *query, grows column) {
	if len(s.now.High) == 0 || s.config.Driver == Postgres && s.now.Floor == nil {
		return
	}
	high := string(s.now.High[0])
	q.add(" AND ").name(grows.name).add(" >= ")
	if s.config.Driver == MySQL {
		q.behind(grows, high, s.config.SettleSeconds, s.config.SettleNumbers)
		return
	}
	q.add("LEAST(").value(grows, string(*s.now.Floor)).add(", ")
	q.behind(grows, high, s.config.SettleSeconds, s.config.SettleNumbers).add(")")
}

// maxAge is how many transactions a horizon may lie back. Rows hold the lower half of a transaction's number, so beyond twice that it
// would say nothing.
const maxAge = 1 << 30

// horizon is the one of the last reading, 0 if it says nothing.
func (s *Source) horizon(server answer) int64 {
	if !s.plan.versions || server.horizon-s.now.Horizon >= maxAge {
		return 0
	}
	return s.now.Horizon
}

// sinceHorizon adds that a row was written by a transaction that was not over then. A part of a transaction that has a number of its
// own has a higher one than the whole.
func sinceHorizon(q *query, since int64) *query {
	return q.add("age(xmin) <= age(").arg(strconv.FormatInt(since&(1<<32-1), 10), "xid").add(")")
}

// pages hands over page after page of a pass.
func (s *Source) pages(ctx context.Context, hand connectors.Hand, p pass) error {
	var last []string
	for {
		found, err := s.page(ctx, p, last)
		if err != nil {
			return err
		}
		position := s.handed
		var now *state
		if p.next != nil && len(found.last) > 0 {
			now = p.next(found)
		}
		if now != nil {
			if position, err = now.position(); err != nil {
				return err
			}
		}
		if found.rows > 0 {
			b := s.plan.batch(connectors.Merge, position)
			b.Body = bytes.NewReader(found.body)
			if err := counts(hand(ctx, b)); err != nil {
				return err
			}
			s.handed = position
			for _, f := range found.seen {
				s.memory.keep(f)
			}
			if now != nil {
				s.now = *now
			}
		}
		if !found.full {
			return nil
		}
		last = found.last
	}
}

// page reads a page that follows a row.
func (s *Source) page(ctx context.Context, p pass, last []string) (*page, error) {
	columns := s.plan.at(p.by)
	q := newQuery(s.config.Driver).add("SELECT ").names(s.plan.read).add(", ")
	if len(p.high) > 0 {
		q.after(columns, plain(p.high))
	} else {
		q.add(strconv.FormatBool(p.next != nil))
	}
	q.add(" FROM ").table(s.config.Table).add(" WHERE ")
	p.where(q)
	if last != nil {
		q.add(" AND ").after(columns, last)
	} else if p.from != nil {
		p.from(q)
	}
	q.add(" ORDER BY ").names(columns).add(" LIMIT ", strconv.Itoa(s.limit))
	if s.config.Driver == MySQL {
		q.add(" LOCK IN SHARE MODE") // waits for rows that are not committed; on its own, the statement lets go of them as it ends
	}
	rows, err := s.db.query(ctx, q)
	if err != nil {
		return nil, asTrouble("read rows of "+s.config.Table, err)
	}
	found := s.collect(rows, p)
	if err := rows.close(); err != nil {
		if mysqlCode(err) != lockWaited || len(found.last) == 0 {
			return nil, asTrouble("read rows of "+s.config.Table, err)
		}
		found.full = false // the next row belongs to a transaction that is open: what comes before it can go
	}
	return found, nil
}

// collect writes rows until there is enough of them.
func (s *Source) collect(rows rows, p pass) *page {
	found := &page{}
	read, beyond := 0, len(s.plan.read)
	for values, ok := rows.next(); ok; values, ok = rows.next() {
		read++
		found.last = pickInto(found.last, values, p.by)
		found.beyond = isTrue(values[beyond])
		start := len(found.body)
		found.body = s.plan.appendRow(found.body, values)
		f := fingerprintOf(found.body[start:])
		if !found.beyond && s.memory.knows(f) {
			found.body = found.body[:start]
		} else {
			found.rows++
			found.seen = append(found.seen, f)
		}
		if len(found.body) >= maxBatchBytes {
			break
		}
	}
	found.full = read == s.limit || len(found.body) >= maxBatchBytes
	s.paced(read, len(found.body))
	return found
}

// firstLimit is how many rows are asked for at first, as nobody knows how long they are.
const firstLimit = 500

// paced sets how many rows to ask for next, so that long ones are not read in vain.
func (s *Source) paced(read, size int) {
	if read == 0 {
		return
	}
	s.limit = max(1, min(s.config.BatchRows, 4*s.limit, maxBatchBytes/(size/read+1)))
}

func isTrue(value []byte) bool { return len(value) > 0 && (value[0] == 't' || value[0] == '1') }

// pickInto is pick into memory that is there.
func pickInto(picked []string, values [][]byte, places []int) []string {
	if picked == nil {
		picked = make([]string, len(places))
	}
	for i, place := range places {
		if picked[i] != string(values[place]) {
			picked[i] = string(values[place])
		}
	}
	return picked
}

func plain(all []value) []string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = string(v)
	}
	return texts
}

func values(texts []string) []value {
	all := make([]value, len(texts))
	for i, t := range texts {
		all[i] = value(t)
	}
	return all
}

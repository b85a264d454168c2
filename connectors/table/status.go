package table

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"hebian/connectors"
)

const (
	// markTime bounds marking rows as read after we were told to stop: what is on disk need not be read again.
	markTime = 3 * time.Second
	// rowPatience is how long PostgreSQL waits for a row that the partner is at work on. It is shorter than its deadlock_timeout, so
	// that if we and the partner wait for one another it is us who give up.
	rowPatience = 500 * time.Millisecond
	// markRows is how many rows MySQL is told of in one statement. MariaDB makes a table of longer lists, without an index.
	markRows = 500
)

// byStatus hands over the rows that are new, batch by batch, each within a transaction that holds them until they are on disk and
// marked. A crash in between lets go of them as they were. As long as a batch is under way, the partner can't change its rows, but others.
// Rows that the partner is at work on are waited for a moment, which keeps the order; then they are passed by and come another time.
// Batches follow one another by key, so that the server need not pass over those that were read just now; what is new behind them comes
// with the next call.
func (s *Source) byStatus(ctx context.Context, hand connectors.Hand) error {
	s.hurried = false
	var last []string
	for {
		var full bool
		var err error
		if last, full, err = s.markedBatch(ctx, hand, last); err != nil || !full {
			return err
		}
	}
}

// markedBatch hands over the rows that follow a key, and says which is the last and whether there may be more.
func (s *Source) markedBatch(ctx context.Context, hand connectors.Hand, after []string) (last []string, full bool, err error) {
	body, keys, full, err := s.newRows(ctx, after)
	if err == nil && len(keys) > 0 {
		if err = s.handAndMark(ctx, hand, body, keys); err == nil {
			return keys[len(keys)-1], full, nil
		}
	}
	// Said, not left to the end of the connection, so that the rows are free when we return.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if rollbackErr := s.run(ctx, "end a reading", newStatement(s.config.Driver, "ROLLBACK")); err == nil {
		err = rollbackErr
	}
	return nil, false, err
}

// handAndMark hands rows over and then marks them.
func (s *Source) handAndMark(ctx context.Context, hand connectors.Hand, body []byte, keys [][]string) error {
	b := s.plan.batch(connectors.Merge, "")
	b.Body = bytes.NewReader(body)
	held, cancel := context.WithTimeoutCause(ctx, holdTime, fmt.Errorf("rows of %s are locked for no longer than %v", s.config.Table, holdTime))
	receipt, err := hand(held, b)
	cancel()
	if err != nil {
		return err
	}
	status := s.config.Status.Read
	if receipt.Outcome == connectors.Failed || receipt.RowsRead > 0 && receipt.Quarantined == receipt.RowsRead {
		if s.config.Status.Refused != "" {
			status = s.config.Status.Refused
		} else if receipt.Outcome == connectors.Failed {
			return counts(receipt, nil)
		}
	}
	// Promise 1: only now are they told to be read. Whoever wants us to stop waits for that a little, as it takes no time.
	told := ctx
	ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(told, func() { time.AfterFunc(markTime, cancel) })()
	marked, err := s.mark(ctx, status, keys)
	if err != nil {
		return asTrouble("mark rows of "+s.config.Table, err)
	}
	if marked > int64(len(keys)) {
		return unfit("the key of %s is none: %d rows have the keys of %d", s.config.Table, marked, len(keys))
	}
	if marked == 0 {
		return unfit("rows of %s can't be marked as read: the statement changes none", s.config.Table)
	}
	return s.run(ctx, "mark rows of "+s.config.Table, newStatement(s.config.Driver, "COMMIT"))
}

// newRows begins a transaction, and reads and locks the next rows that are new.
func (s *Source) newRows(ctx context.Context, after []string) (body []byte, keys [][]string, full bool, err error) {
	if !s.hurried {
		body, keys, full, err = s.tryNewRows(ctx, after, false)
		if !isLocked(err) {
			return body, keys, full, asTrouble("read rows of "+s.config.Table, err)
		}
		if err := s.run(ctx, "end a reading", newStatement(s.config.Driver, "ROLLBACK")); err != nil {
			return nil, nil, false, err
		}
		s.hurried = true // one wait is enough for a call
	}
	body, keys, full, err = s.tryNewRows(ctx, after, true) // servers before MySQL 8.0 and MariaDB 10.6 do not know how
	return body, keys, full, asTrouble("read rows of "+s.config.Table, err)
}

func (s *Source) tryNewRows(ctx context.Context, after []string, skip bool) (body []byte, keys [][]string, full bool, err error) {
	begin := []string{"BEGIN"}
	if s.config.Driver == Postgres && !skip {
		begin = append(begin, fmt.Sprintf("SET LOCAL lock_timeout = %d", rowPatience.Milliseconds()))
	}
	for _, statement := range begin {
		if _, err := s.db.exec(ctx, newStatement(s.config.Driver, statement)); err != nil {
			return nil, nil, false, err
		}
	}
	rows, err := s.db.query(ctx, s.newRowsQuery(after, skip))
	if err != nil {
		return nil, nil, false, err
	}
	limit := s.limit
	for values, ok := rows.next(); ok; values, ok = rows.next() {
		body = s.plan.appendRow(body, values)
		keys = append(keys, pick(values, s.plan.key))
		if len(body) >= maxBatchBytes {
			break
		}
	}
	if err := rows.close(); err != nil {
		return nil, nil, false, err
	}
	full = len(keys) == limit || len(body) >= maxBatchBytes
	s.paced(len(keys), len(body))
	return body, keys, full, nil
}

func (s *Source) newRowsQuery(after []string, skip bool) *query {
	q := newQuery(s.config.Driver).add("SELECT ").names(s.plan.read).add(" FROM ").table(s.config.Table).add(" WHERE ")
	status := s.plan.column(s.config.Status.Column)
	q.name(status.name).add(" = ").value(status, s.config.Status.New)
	if after != nil {
		q.add(" AND ").after(s.plan.at(s.plan.key), after)
	}
	q.add(" ORDER BY ").names(s.plan.at(s.plan.key)).add(" LIMIT ", strconv.Itoa(s.limit), " FOR UPDATE")
	if skip {
		q.add(" SKIP LOCKED")
	}
	return q
}

// mark sets the status of rows and says how many had it set.
func (s *Source) mark(ctx context.Context, status string, keys [][]string) (marked int64, err error) {
	if s.config.Driver == Postgres {
		return s.db.exec(ctx, s.markQuery(status, keys))
	}
	for len(keys) > 0 {
		some := keys[:min(markRows, len(keys))]
		keys = keys[len(some):]
		n, err := s.db.exec(ctx, s.markQuery(status, some))
		if err != nil {
			return 0, err
		}
		marked += n
	}
	return marked, nil
}

func (s *Source) markQuery(status string, keys [][]string) *query {
	column, key := s.plan.column(s.config.Status.Column), s.plan.at(s.plan.key)
	q := newQuery(s.config.Driver).add("UPDATE ").table(s.config.Table).add(" SET ").name(column.name).add(" = ").value(column, status)
	if at := s.config.Status.ReadAt; at != "" {
		q.add(", ").name(at).add(" = now()")
	}
	if s.config.Driver == Postgres {
		q.add(" FROM unnest(")
		for i, c := range key {
			if i > 0 {
				q.add(", ")
			}
			of := make([]string, len(keys))
			for j := range keys {
				of[j] = keys[j][i]
			}
			q.arg(array(of), c.cast+"[]")
		}
		q.add(") AS k(")
		for i := range key {
			q.add(map[bool]string{true: ", "}[i > 0], "k", strconv.Itoa(i))
		}
		q.add(") WHERE ")
		for i, c := range key {
			q.add(map[bool]string{true: " AND "}[i > 0]).table(s.config.Table).add(".").name(c.name).add(" = k.k", strconv.Itoa(i))
		}
		return q.add(" AND ").table(s.config.Table).add(".").name(column.name).add(" = ").value(column, s.config.Status.New)
	}
	q.add(" WHERE ").name(column.name).add(" = ").value(column, s.config.Status.New).add(" AND (").names(key).add(") IN (")
	for i := range keys {
		q.add(map[bool]string{true: ", "}[i > 0], "(")
		for j, c := range key {
			q.add(map[bool]string{true: ", "}[j > 0]).value(c, keys[i][j])
		}
		q.add(")")
	}
	return q.add(")")
}

// run runs a statement that says nothing.
func (s *Source) run(ctx context.Context, tried string, q *query) error {
	_, err := s.db.exec(ctx, q)
	return asTrouble(tried, err)
}

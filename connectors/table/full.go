package table

import (
	"context"
	"errors"
	"io"

	"hebian/connectors"
)

// chunkBytes is how much of a table that is read whole is in memory at once.
const chunkBytes = 128 << 10

// whole hands over all rows as they are at one moment, as they come from the server.
func (s *Source) whole(ctx context.Context, hand connectors.Hand) error {
	begin := []string{"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"}
	if s.config.Driver == MySQL {
		begin = []string{"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"}
	}
	for _, statement := range begin {
		if err := s.run(ctx, "begin to read "+s.config.Table, newStatement(s.config.Driver, statement)); err != nil {
			return err
		}
	}
	q := newQuery(s.config.Driver).add("SELECT ").names(s.plan.read).add(" FROM ").table(s.config.Table)
	if len(s.plan.key) > 0 {
		q.add(" ORDER BY ").names(s.plan.at(s.plan.key)) // so that a table that did not change makes the same file
	}
	reading, cancel := context.WithCancel(ctx)
	rows, err := s.db.query(reading, q)
	if err != nil {
		cancel()
		return asTrouble("read "+s.config.Table, err)
	}
	body := &rowReader{plan: s.plan, rows: rows, table: s.config.Table}
	b := s.plan.batch(connectors.Full, "")
	b.Body = body
	err = counts(hand(ctx, b))
	cancel()
	rows.close() //nolint:errcheck // it was closed at the end, or is of no use any more, and then does not come to its end
	switch {
	case body.err != nil && body.err != io.EOF:
		return body.err
	case err != nil:
		return err
	case body.err == nil:
		return errNotRead
	}
	return s.run(ctx, "end reading "+s.config.Table, newStatement(s.config.Driver, "COMMIT"))
}

var errNotRead = errors.New("a batch was taken in before it was read to its end")

// rowReader writes rows as they are read.
type rowReader struct {
	plan  *plan
	rows  rows
	table string
	buf   []byte
	at    int
	err   error // io.EOF: all rows are in buf
}

func (r *rowReader) Read(p []byte) (int, error) {
	if r.at == len(r.buf) {
		if r.err != nil {
			return 0, r.err
		}
		r.fill()
	}
	n := copy(p, r.buf[r.at:])
	if r.at += n; n == 0 && len(p) > 0 {
		return 0, r.err
	}
	return n, nil
}

// fill writes as many rows as a chunk holds. An error waits until what comes before it was read.
func (r *rowReader) fill() {
	r.buf, r.at = r.buf[:0], 0
	for len(r.buf) < chunkBytes {
		values, ok := r.rows.next()
		if !ok {
			if r.err = asTrouble("read "+r.table, r.rows.close()); r.err == nil {
				r.err = io.EOF
			}
			return
		}
		r.buf = r.plan.appendRow(r.buf, values)
	}
}

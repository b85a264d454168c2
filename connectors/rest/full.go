package rest

import (
	"context"
	"errors"
	"io"

	"hebian/connectors"
)

// full hands over all rows as one batch.
func (s *Source) full(ctx context.Context, hand connectors.Hand) error {
	r := &reader{ctx: ctx, pages: s.pager("", "")}
	if r.fill(); r.err != nil && r.err != io.EOF { // before anything is opened for the batch
		return r.err
	}
	_, err := hand(ctx, connectors.Batch{Form: connectors.NDJSON, Encoding: encoding, Body: r, Mode: connectors.Full})
	if r.err != nil && r.err != io.EOF {
		return r.err // and not what became of it on the way
	}
	return err
}

// encoding is that of all JSON that goes between houses.
const encoding = "utf-8"

// reader is all rows of a service, a line each. It asks for the next page when one is read to its end. Once a page does not
// come, it never says that the rows are at their end: a part of them would be taken for all.
type reader struct {
	ctx   context.Context
	pages *pager
	rest  []byte
	err   error
}

// Read implements io.Reader.
func (r *reader) Read(to []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.fill()
	}
	n := copy(to, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *reader) fill() {
	got, err := r.pages.next(r.ctx)
	switch {
	case err != nil:
		r.err = err
	case got == nil:
		r.err = io.EOF
	case r.pages.changed:
		err := errors.New("rows came or went while pages were read, so that others may be lacking or stand twice; they are to be read anew")
		r.err = &connectors.Trouble{Kind: connectors.Busy, Err: err}
	default:
		r.rest = r.rest[:0]
		for _, row := range got.rows {
			r.rest = append(append(r.rest, row...), '\n')
		}
	}
}

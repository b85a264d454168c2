package hub

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"hebian/schemas"
)

// Refused calls fn for the rows of a delivery's file that are in quarantine after it, in the order of their lines. Of a
// delivery that is not complete there are none.
func Refused(ctx context.Context, log Log, versions Versions, receipt Receipt, fn func(schemas.Misfit) error) error {
	if receipt.Outcome != Complete {
		return nil
	}
	order := func(a, b refused) int { return cmp.Or(cmp.Compare(a.line, b.line), a.at.Compare(b.at)) }
	found, err := findRefused(ctx, log, versions, receipt.Agency, receipt.File, receipt.Delivery)
	if err != nil {
		return err
	}
	slices.SortFunc(found, order)
	return readRefused(ctx, log, found, func(r RefusedRow) error { return fn(r.Misfit) })
}

// RefusedRow is a row that waits in quarantine.
type RefusedRow struct {
	ID       schemas.ID // by which Manifest.Settles names it
	Delivery int64      // that brought it
	schemas.Misfit
}

// Waiting calls fn for the rows of a file that are in quarantine by now, in the order of deliveries and lines.
func Waiting(ctx context.Context, log Log, versions Versions, agency, file string, fn func(RefusedRow) error) error {
	order := func(a, b refused) int {
		return cmp.Or(cmp.Compare(a.delivery, b.delivery), cmp.Compare(a.line, b.line), a.at.Compare(b.at))
	}
	found, err := findRefused(ctx, log, versions, agency, file, math.MaxInt64)
	if err != nil {
		return err
	}
	slices.SortFunc(found, order)
	return readRefused(ctx, log, found, fn)
}

// refused is where a row in quarantine lies.
type refused struct {
	id             schemas.ID
	delivery, line int64
	at             Position
}

// readRefused calls fn for rows in quarantine, in the order found.
func readRefused(ctx context.Context, log Log, found []refused, fn func(RefusedRow) error) error {
	at := make([]Position, len(found))
	for i := range found {
		at[i] = found[i].at
	}
	walker, err := schemas.NewWalker(schemas.SubjectOf(MisfitTopic).Avro)
	if err != nil {
		return err
	}
	n := 0
	return Trace(ctx, log, at, func(_ Position, delivery int64, r *schemas.Record) error {
		row := RefusedRow{ID: found[n].id, Delivery: delivery}
		n++
		if err := schemas.Decode(r.Value, walker, &row.Misfit); err != nil {
			return err
		}
		return fn(row)
	})
}

// findRefused finds where the rows of a file lie that are in quarantine after a delivery.
func findRefused(ctx context.Context, log Log, versions Versions, agency, file string, last int64) ([]refused, error) {
	all, err := versions.Of(ctx, agency, file)
	if err != nil {
		return nil, fmt.Errorf("find the rows of %s in quarantine: %w", file, err)
	}
	live := map[schemas.ID]refused{}
	var b Batch
	for _, d := range all {
		for _, span := range d.Spans {
			if d.Outcome != Complete || d.ID > last || span.Topic != MisfitTopic {
				continue
			}
			if err := readSpan(ctx, log, d.ID, span, &b, func(b *Batch) error {
				for i := range b.Records {
					if r := &b.Records[i]; r.Op == schemas.Retract {
						delete(live, r.ID)
					} else {
						live[r.ID] = refused{r.ID, d.ID, r.Line, Position{b.Topic, b.Partition, b.Base + int64(i)}}
					}
				}
				return nil
			}); err != nil {
				return nil, fmt.Errorf("find the rows of %s in quarantine: %w", file, err)
			}
		}
	}
	return slices.Collect(maps.Values(live)), nil
}

package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"hebian/schemas"
)

// Refused calls fn for the rows of a delivery's file that are in quarantine after it, in the order of their lines. Of a
// delivery that is not complete there are none.
func Refused(ctx context.Context, log Log, versions Versions, receipt Receipt, fn func(schemas.Misfit) error) error {
	if receipt.Outcome != Complete {
		return nil
	}
	at, err := refusedAt(ctx, log, versions, receipt)
	if err != nil {
		return fmt.Errorf("find the rows of %s in quarantine: %w", receipt.File, err)
	}
	walker, err := schemas.NewWalker(schemas.SubjectOf(MisfitTopic).Avro)
	if err != nil {
		return err
	}
	return Trace(ctx, log, at, func(_ Position, _ int64, r *schemas.Record) error {
		var m schemas.Misfit
		if err := schemas.Decode(r.Value, walker, &m); err != nil {
			return err
		}
		return fn(m)
	})
}

// refusedAt finds where they lie.
func refusedAt(ctx context.Context, log Log, versions Versions, receipt Receipt) ([]Position, error) {
	all, err := versions.Of(ctx, receipt.Agency, receipt.File)
	if err != nil {
		return nil, err
	}
	type misfit struct {
		line int64
		at   Position
	}
	live := map[schemas.ID]misfit{}
	var b Batch
	for _, d := range all {
		for _, span := range d.Spans {
			if d.Outcome != Complete || d.ID > receipt.Delivery || span.Topic != MisfitTopic {
				continue
			}
			if err := readSpan(ctx, log, d.ID, span, &b, func(b *Batch) error {
				for i := range b.Records {
					if r := &b.Records[i]; r.Op == schemas.Retract {
						delete(live, r.ID)
					} else {
						live[r.ID] = misfit{r.Line, Position{b.Topic, b.Partition, b.Base + int64(i)}}
					}
				}
				return nil
			}); err != nil {
				return nil, err
			}
		}
	}
	found := make([]misfit, 0, len(live))
	for _, m := range live {
		found = append(found, m)
	}
	slices.SortFunc(found, func(a, b misfit) int { return cmp.Or(cmp.Compare(a.line, b.line), a.at.Compare(b.at)) })
	at := make([]Position, len(found))
	for i, m := range found {
		at[i] = m.at
	}
	return at, nil
}

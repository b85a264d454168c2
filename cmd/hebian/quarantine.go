package main

import (
	"context"

	"hebian/connectors"
	"hebian/hub"
	"hebian/schemas"
)

// quarantine counts the rows that lie in quarantine, by subject and reason.
type quarantine struct {
	agencies []connectors.Profile
	walker   *schemas.Walker
	rows     map[quarantined]int64
}

type quarantined struct{ subject, reason string }

func newQuarantine(agencies []connectors.Profile) (*quarantine, error) {
	walker, err := schemas.NewWalker(schemas.SubjectOf(hub.MisfitTopic).Avro)
	if err != nil {
		return nil, err
	}
	return &quarantine{agencies: agencies, walker: walker, rows: map[quarantined]int64{}}, nil
}

// count reads the topic from an offset to its end and counts what the deliveries known to the reader brought or mended.
func (q *quarantine) count(ctx context.Context, reader *hub.Reader, from int64) error {
	var m schemas.Misfit
	_, err := reader.Replay(ctx, hub.MisfitTopic, 0, from, func(file string, b *hub.Batch) error {
		described, _ := connectors.Describe(q.agencies, file)
		for i := range b.Records {
			r := &b.Records[i]
			if err := schemas.Decode(r.Value, q.walker, &m); err != nil {
				return err
			}
			at := quarantined{reason: string(m.Reason)}
			if described != nil {
				at.subject = described.Subject
			}
			if q.rows[at] += 1 - 2*int64(r.Op); q.rows[at] == 0 {
				delete(q.rows, at)
			}
		}
		return nil
	})
	return err
}

// countDelivery counts what one delivery changed.
func (q *quarantine) countDelivery(ctx context.Context, log hub.Log, receipt hub.Receipt) error {
	for _, span := range receipt.Spans {
		if span.Topic == hub.MisfitTopic && span.Next > span.First {
			return q.count(ctx, hub.NewReader(log, map[int64]string{receipt.Delivery: receipt.File}), span.First)
		}
	}
	return nil
}

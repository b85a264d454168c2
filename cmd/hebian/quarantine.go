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

// countAll counts what all deliveries known to the reader brought and mended.
func (q *quarantine) countAll(ctx context.Context, reader *hub.Reader) error {
	_, err := reader.Replay(ctx, hub.MisfitTopic, 0, 0, q.count)
	return err
}

// count counts the misfits of a batch.
func (q *quarantine) count(file string, b *hub.Batch) error {
	described, known := connectors.Describe(q.agencies, file)
	var m schemas.Misfit
	for i := range b.Records {
		r := &b.Records[i]
		if err := schemas.Decode(r.Value, q.walker, &m); err != nil {
			return err
		}
		at := quarantined{reason: string(m.Reason)}
		if known {
			at.subject = described.Subject
		}
		if q.rows[at] += 1 - 2*int64(r.Op); q.rows[at] == 0 {
			delete(q.rows, at)
		}
	}
	return nil
}

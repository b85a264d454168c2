package main

import (
	"context"
	"sync"

	"hebian/hub"
	"hebian/schemas"
)

// institutionSubject is where units have their names from.
const institutionSubject = "staffing.institution"

// unitNames are the names of units as the staffing office wrote them last, for people to read.
type unitNames struct {
	walker *schemas.Walker
	mu     sync.RWMutex // guards what follows
	names  map[schemas.UnitCode]string
}

func newUnitNames() (*unitNames, error) {
	walker, err := schemas.NewWalker(schemas.SubjectOf(institutionSubject).Avro)
	if err != nil {
		return nil, err
	}
	return &unitNames{walker: walker, names: map[schemas.UnitCode]string{}}, nil
}

// note reads the names in a batch. A name that was taken back stays: an old case still needs it.
func (u *unitNames) note(_ string, b *hub.Batch) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var row schemas.Institution
	for i := range b.Records {
		if b.Records[i].Op == schemas.Retract {
			continue
		}
		if err := schemas.Decode(b.Records[i].Value, u.walker, &row); err != nil {
			return err
		}
		u.names[row.Unit] = row.Name
	}
	return nil
}

// noteAll reads the names in the whole log.
func (u *unitNames) noteAll(ctx context.Context, log hub.Log, counts map[int64]string) error {
	_, err := hub.NewReader(log, counts).Replay(ctx, institutionSubject, 0, 0, u.note)
	return err
}

// of is the name of a unit, empty if nobody named it.
func (u *unitNames) of(code schemas.UnitCode) string {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.names[code]
}

// Package institution knows where the log holds what agencies keep about an institution beside its registration: departments,
// establishment plans, duties, online names, figures of the service hall, registration events. It keeps places only; what stands there
// is read from the log when somebody asks. It judges nothing.
package institution

import (
	"fmt"
	"slices"
	"sync"

	"hebian/hub"
	"hebian/matcher/state"
	"hebian/schemas"
)

// topics are what is kept about institutions. Their records are keyed by the unit's code.
var topics = [...]string{"staffing.department", "staffing.establishment_plan", "staffing.duty", "staffing.online_name", "hall.case_figure", "entity.event"}

// Topics lists what is kept about institutions.
func Topics() []string { return topics[:] }

// MaxRows bounds the rows that Of gives of one institution: more than a page can show.
const MaxRows = 2000

// Index says where the rows of each institution lie. It is a multiset: an Assert adds a row, a Retract takes the one with the same
// ID away. All of it may be used by several goroutines at once.
type Index struct {
	mu    sync.RWMutex // guards what follows
	units map[string][]place
}

// place is a row and where it lies.
type place struct {
	id  schemas.ID
	ref state.Ref
}

// NewIndex makes an empty index.
func NewIndex() *Index { return &Index{units: map[string][]place{}} }

// Apply folds a batch, each batch once. rows is how many it added, less those it took away.
func (x *Index) Apply(_ string, b *hub.Batch) (rows int64, err error) {
	if !slices.Contains(topics[:], b.Topic) {
		return 0, fmt.Errorf("fold %d records of %s: nothing that is kept about institutions", len(b.Records), b.Topic)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range b.Records {
		r := &b.Records[i]
		known := x.units[string(r.Key)]
		if r.Op == schemas.Assert {
			x.units[string(r.Key)] = append(known, place{r.ID, state.RefOf(b.Topic, b.Partition, b.Base+int64(i))})
			rows++
			continue
		}
		at := slices.IndexFunc(known, func(p place) bool { return p.id == r.ID })
		if at < 0 {
			return rows, fmt.Errorf("fold %s, partition %d, offset %d: a row is taken back that is not there", b.Topic, b.Partition, b.Base+int64(i))
		}
		rows--
		if known = slices.Delete(known, at, at+1); len(known) == 0 {
			delete(x.units, string(r.Key))
			continue
		}
		x.units[string(r.Key)] = known
	}
	return rows, nil
}

// Of lists where the rows of an institution lie, in the order of topics and places, MaxRows at most.
func (x *Index) Of(unit string) []state.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var refs []state.Ref
	for _, p := range x.units[unit] {
		refs = append(refs, p.ref)
	}
	slices.Sort(refs)
	return refs[:min(len(refs), MaxRows)]
}

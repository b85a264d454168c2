// Package institution knows where the log holds what agencies keep about an institution beside its registration: departments,
// establishment plans, duties, online names, certificates, figures of the service hall, registration events. It keeps places only; what stands there
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

// Topics lists what is kept about institutions. Records of all of them are keyed by the unit's code.
func Topics() []string {
	return []string{"staffing.department", "staffing.establishment_plan", "staffing.duty", "staffing.online_name", "staffing.certificate", "hall.case_figure", "entity.event"}
}

// MaxRows bounds the rows of one topic that Of gives: five years of an institution's monthly figures on 80 duties.
const MaxRows = 5000

// Index says where the rows of each institution lie. It is a multiset: an Assert adds a row, a Retract takes the one with the same
// ID away, and the order in which they come changes nothing (Promise 5). All of it may be used by several goroutines at once.
type Index struct {
	topics []string

	mu    sync.RWMutex // guards what follows
	units map[string]*unit
	owed  map[schemas.ID]int // retracted before they were asserted
}

// NewIndex makes an empty index.
func NewIndex() *Index {
	return &Index{topics: Topics(), units: map[string]*unit{}, owed: map[schemas.ID]int{}}
}

// Apply folds a batch, each batch once. rows is how many it added, less those it took away.
func (x *Index) Apply(_ string, b *hub.Batch) (rows int64, err error) {
	if !slices.Contains(x.topics, b.Topic) {
		return 0, fmt.Errorf("fold %d records of %s: nothing that is kept about institutions", len(b.Records), b.Topic)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range b.Records {
		r := &b.Records[i]
		if r.Op == schemas.Retract {
			x.retract(string(r.Key), r.ID)
			rows--
			continue
		}
		x.assert(string(r.Key), place{r.ID, state.RefOf(b.Topic, b.Partition, b.Base+int64(i))})
		rows++
	}
	return rows, nil
}

func (x *Index) assert(code string, p place) {
	if n := x.owed[p.id]; n > 0 {
		if x.owed[p.id]--; n == 1 {
			delete(x.owed, p.id)
		}
		return
	}
	u := x.units[code]
	if u == nil {
		u = &unit{}
		x.units[code] = u
	}
	u.places = append(u.places, p)
}

func (x *Index) retract(code string, id schemas.ID) {
	u := x.units[code]
	if u == nil || !u.take(id) {
		x.owed[id]++
		return
	}
	if u.gone == len(u.places) {
		delete(x.units, code)
	}
}

// Of lists where the rows of an institution lie, in the order of topics and places: of each topic the last MaxRows.
func (x *Index) Of(code string) []state.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	u := x.units[code]
	if u == nil {
		return nil
	}
	refs := make([]state.Ref, 0, len(u.places)-u.gone)
	for _, p := range u.places {
		if p.ref != 0 {
			refs = append(refs, p.ref)
		}
	}
	slices.Sort(refs)
	kept := refs[:0]
	for len(refs) > 0 {
		n := 1
		for n < len(refs) && refs[n].Topic() == refs[0].Topic() {
			n++
		}
		kept = append(kept, refs[max(0, n-MaxRows):n]...)
		refs = refs[n:]
	}
	return kept
}

// unit is the rows of an institution.
type unit struct {
	places []place
	gone   int // of places
	near   int // behind the place that went last
}

// place is a row and where it lies; 0 where it is gone, as no reference is.
type place struct {
	id  schemas.ID
	ref state.Ref
}

// take takes a row away, if it is there. Rows mostly go in the order in which they came, so the search begins where the last one
// was: else a file with very many rows of one unit would be taken back in the square of that many steps.
func (u *unit) take(id schemas.ID) bool {
	for _, span := range [][2]int{{u.near, len(u.places)}, {0, u.near}} {
		for i := span[0]; i < span[1]; i++ {
			if p := &u.places[i]; p.id == id && p.ref != 0 {
				p.ref = 0
				u.gone, u.near = u.gone+1, i+1
				u.tidy()
				return true
			}
		}
	}
	return false
}

// tidy drops what is gone once that is the greater part.
func (u *unit) tidy() {
	if 2*u.gone <= len(u.places) || u.gone == len(u.places) {
		return
	}
	kept := make([]place, 0, len(u.places)-u.gone)
	near := 0
	for i, p := range u.places {
		if i == u.near {
			near = len(kept)
		}
		if p.ref != 0 {
			kept = append(kept, p)
		}
	}
	u.places, u.gone, u.near = kept, 0, near
}

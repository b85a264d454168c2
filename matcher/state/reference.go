package state

import (
	"sync"

	"hebian/hub"
	"hebian/schemas"
)

// Reference is the rows about units, which the rows about persons are held against.
type Reference struct {
	Institutions   []Institution
	Quotas         []Quota
	LeaderPosts    []LeaderPost
	Successions    []Succession
	ControlNumbers []ControlNumber
}

// Institution is a schemas.Institution.
type Institution struct {
	Ref      Ref
	Unit     Unit
	Interval Interval
	Type     schemas.UnitType
}

// Quota is a schemas.Quota.
type Quota struct {
	Ref      Ref
	Unit     Unit
	Interval Interval
	Type     schemas.SlotType
	Slots    int64
}

// LeaderPost is a schemas.LeaderPost.
type LeaderPost struct {
	Ref           Ref
	Unit          Unit
	Interval      Interval
	Chief, Deputy int64
}

// Succession is a schemas.Succession.
type Succession struct {
	Ref       Ref
	From      Unit
	To        Unit // 0: abolished
	Effective schemas.Date
}

// ControlNumber is a schemas.ControlNumber.
type ControlNumber struct {
	Ref      Ref
	Unit     Unit
	Interval Interval
	Staff    int64
}

// Reference unpacks the rows about units.
func (s *State) Reference(units *Units) Reference {
	var ref Reference
	numbers := units.tables[&s.units.words]
	for i := range s.units.table.heads {
		s.units.table.each(uint32(i), func(r *row) {
			unit := numbers[r.unit]
			switch r.ref.topic() {
			case topicInstitution:
				ref.Institutions = append(ref.Institutions, Institution{r.ref, unit, r.interval(), s.values.unitType[r.x]})
			case topicQuota:
				ref.Quotas = append(ref.Quotas, Quota{r.ref, unit, r.interval(), s.values.slotType[r.x], int64(r.c)})
			case topicLeaderPost:
				ref.LeaderPosts = append(ref.LeaderPosts, LeaderPost{r.ref, unit, r.interval(), int64(r.c), int64(r.other)})
			case topicSuccession:
				ref.Successions = append(ref.Successions, Succession{r.ref, unit, numbers[r.other], schemas.Date(r.a)})
			case topicControlNumber:
				ref.ControlNumbers = append(ref.ControlNumbers, ControlNumber{r.ref, unit, r.interval(), int64(r.c)})
			}
		})
	}
	return ref
}

// unitTable is the rows about units.
type unitTable struct {
	mu    sync.Mutex // guards all below
	table table      // the list of each unit, by its number in words - 1
	words words
}

func (t *unitTable) apply(l *layout, file string, b *hub.Batch) (at int, err error) {
	t.words.comesFrom(file, l.topic, b)
	p := newPacker(l, &t.words)
	for i := range b.Records {
		row, err := p.pack(b.Records[i].Value)
		if err != nil {
			return i, err
		}
		row.ref = newRef(l.topic, b.Partition, b.Base+int64(i))
		t.table.apply(&b.Records[i], row.unit-1, row)
	}
	return 0, nil
}

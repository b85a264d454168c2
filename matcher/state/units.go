package state

import (
	"maps"
	"slices"
)

// Unit is a unit's code as a number. Numbers follow the order of the codes, so that the smallest number
// is the smallest code, and hold until a code comes up that was never seen. 0 is no unit.
type Unit uint32

// Units numbers the codes of units. It never changes.
type Units struct {
	Codes  []string // by number; the first is of no unit
	tables map[*words][]Unit
}

// Units numbers all codes that the state has seen. While no code is new the numbers stay, and Codes is
// as long as before.
func (s *State) Units() *Units {
	tables := s.words()
	if s.numbers != nil {
		if grown, ok := s.numbers.grown(tables); ok {
			s.numbers = grown
			return grown
		}
	}
	s.numbers = newUnits(tables)
	return s.numbers
}

func (s *State) words() []*words {
	tables := []*words{&s.units.words}
	for _, shard := range s.shards {
		tables = append(tables, &shard.words)
	}
	return tables
}

func newUnits(tables []*words) *Units {
	var codes []string
	for _, w := range tables {
		codes = append(codes, w.units.texts...)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	numbers := make(map[string]Unit, len(codes))
	for i, code := range codes {
		numbers[code] = Unit(i + 1)
	}
	u := &Units{Codes: append([]string{""}, codes...), tables: map[*words][]Unit{}}
	for _, w := range tables {
		of := make([]Unit, len(w.units.texts)+1)
		for i, code := range w.units.texts {
			of[i+1] = numbers[code]
		}
		u.tables[w] = of
	}
	return u
}

// grown numbers what the tables have got since. It is not ok where a code has no number.
func (u *Units) grown(tables []*words) (now *Units, ok bool) {
	now = u
	for _, w := range tables {
		of := u.tables[w]
		for _, code := range w.units.texts[len(of)-1:] {
			i, known := slices.BinarySearch(u.Codes[1:], code)
			if !known {
				return nil, false
			}
			of = append(of, Unit(i+1))
		}
		if len(of) == len(u.tables[w]) {
			continue
		}
		if now == u {
			now = &Units{u.Codes, maps.Clone(u.tables)}
		}
		now.tables[w] = of
	}
	return now, true
}

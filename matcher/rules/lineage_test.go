package rules

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher/state"
	"hebian/schemas"
)

// maxUnits and maxDay keep random successions so close together that they tangle.
const (
	maxUnits = 6
	maxDay   = 3
)

// TestCanonIsWhatAllWaysLeadTo compares with a walk of every single way.
func TestCanonIsWhatAllWaysLeadTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.Custom(func(t *rapid.T) state.Succession {
			return state.Succession{
				From:      state.Unit(rapid.IntRange(1, maxUnits).Draw(t, "from")),
				To:        state.Unit(rapid.IntRange(0, maxUnits).Draw(t, "to")),
				Effective: schemas.Date(rapid.IntRange(1, maxDay).Draw(t, "day")),
			}
		})
		compareCanon(t, rapid.SliceOfN(row, 0, 14).Draw(t, "rows"))
	})
}

// FuzzSuccessions reads a row from every two bytes.
func FuzzSuccessions(f *testing.F) {
	f.Add([]byte{0x12, 1, 0x21, 1, 0x10, 2})
	f.Add([]byte{0x12, 1, 0x21, 1, 0x31, 1, 0x13, 2})
	f.Add([]byte{0x11, 1, 0x12, 1, 0x23, 1, 0x31, 1, 0x32, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var rows []state.Succession
		for ; len(b) >= 2 && len(rows) < 14; b = b[2:] {
			rows = append(rows, state.Succession{
				From:      state.Unit(b[0]>>4%maxUnits + 1),
				To:        state.Unit(b[0] & 15 % (maxUnits + 1)),
				Effective: schemas.Date(b[1]%maxDay + 1),
			})
		}
		compareCanon(t, rows)
	})
}

type fatalf interface {
	Fatalf(string, ...any)
}

func compareCanon(t fatalf, rows []state.Succession) {
	s := NewSuccessions(maxUnits+1, rows)
	for day := schemas.Date(0); day <= maxDay+1; day++ {
		l := s.On(day)
		for u := state.Unit(1); u <= maxUnits; u++ {
			if want := everyWay(rows, u, day); !slices.Equal(want, l.Canon(u)) {
				t.Fatalf("%v on %d, unit %d has become %v, by every way %v", rows, day, u, l.Canon(u), want)
			}
			for v := state.Unit(1); v <= maxUnits; v++ {
				a, b := everyWay(rows, u, day), everyWay(rows, v, day)
				want := u == v || slices.Contains(a, v) || slices.Contains(b, u) ||
					slices.ContainsFunc(a, func(w state.Unit) bool { return slices.Contains(b, w) })
				if l.Same(u, v) != want {
					t.Fatalf("%v on %d: that %d is the same as %d is %v, not %v", rows, day, u, v, !want, want)
				}
			}
		}
	}
}

// everyWay walks as the rule is written.
func everyWay(rows []state.Succession, from state.Unit, day schemas.Date) []state.Unit {
	type succession struct {
		from state.Unit
		on   schemas.Date
	}
	ends := map[state.Unit]bool{}
	var walk func(u state.Unit, arrived schemas.Date, used []succession)
	walk = func(u state.Unit, arrived schemas.Date, used []succession) {
		next := day + 1
		for _, r := range rows {
			if r.From == u && r.Effective >= arrived && !slices.Contains(used, succession{u, r.Effective}) {
				next = min(next, r.Effective)
			}
		}
		if next > day {
			ends[u] = true
			return
		}
		for _, r := range rows {
			if r.From == u && r.Effective == next && r.To != 0 {
				walk(r.To, next, append(slices.Clone(used), succession{u, next}))
			}
		}
	}
	walk(from, 0, nil)
	var units []state.Unit
	for u := range ends {
		units = append(units, u)
	}
	slices.Sort(units)
	return units
}

// TestManyDaysAreGivenUp: five hundred units that each split into all the others, each on a day of its
// own, take more work than a county is worth. Units stay themselves from the day on which it is spent.
func TestManyDaysAreGivenUp(t *testing.T) {
	const units = 500
	var rows []state.Succession
	for u := state.Unit(1); u <= units; u++ {
		for v := state.Unit(1); v <= units; v++ {
			if u != v {
				rows = append(rows, state.Succession{From: u, To: v, Effective: schemas.Date(u)})
			}
		}
	}
	s := NewSuccessions(units+1, rows)
	if first := s.On(1); len(first.Unknown) != 0 || len(first.Canon(1)) != units-1 {
		t.Errorf("on the first day %d units are given up and the first became %d", len(first.Unknown), len(first.Canon(1)))
	}
	if last := s.On(units); len(last.Unknown) == 0 || s.united > 2*maxUnited {
		t.Errorf("on the last day %d units are given up after %d steps of %d", len(last.Unknown), s.united, maxUnited)
	}
	if l := s.On(units); l.Unit(1) != 1 {
		t.Errorf("a unit that is given up became %d", l.Unit(1))
	}
}

// TestTangleIsGivenUp: thirty units that all become each other on one day have more ways than anybody
// can walk. They stay themselves, and so does who leads to them.
func TestTangleIsGivenUp(t *testing.T) {
	var rows []state.Succession
	for u := state.Unit(1); u <= 30; u++ {
		for v := state.Unit(1); v <= 30; v++ {
			rows = append(rows, state.Succession{From: u, To: v, Effective: 5})
		}
	}
	rows = append(rows, state.Succession{From: 31, To: 1, Effective: 4}, state.Succession{From: 32, To: 33, Effective: 5})
	l := NewSuccessions(40, rows).On(6) // without the bound this would not end
	if len(l.Unknown) != 31 {
		t.Errorf("given up: %v", l.Unknown)
	}
	for _, u := range []state.Unit{1, 30, 31, 34} {
		if l.Unit(u) != u {
			t.Errorf("unit %d has become %d", u, l.Unit(u))
		}
	}
	if l.Unit(32) != 33 {
		t.Errorf("unit 32 has become %d", l.Unit(32))
	}
}

// TestWideSplitIsGivenUp: more branches than maxBecome.
func TestWideSplitIsGivenUp(t *testing.T) {
	var rows []state.Succession
	for v := state.Unit(2); v < maxBecome+10; v++ {
		rows = append(rows, state.Succession{From: 1, To: v, Effective: 5})
	}
	l := NewSuccessions(maxBecome+10, rows).On(6)
	if diff := cmp.Diff([]state.Unit{1}, l.Unknown); diff != "" || l.Unit(1) != 1 {
		t.Errorf("unit 1 has become %d; given up: %s", l.Unit(1), diff)
	}
}

// TestLongChain: a unit renamed every day.
func TestLongChain(t *testing.T) {
	const n = 100_000
	var rows []state.Succession
	for u := state.Unit(1); u < n; u++ {
		rows = append(rows, state.Succession{From: u, To: u + 1, Effective: schemas.Date(u)})
	}
	if last := NewSuccessions(n+1, rows).On(n).Unit(1); last != n {
		t.Errorf("unit 1 has become %d", last)
	}
}

package connectors_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/connectors"
	"hebian/schemas"
)

// ledger keeps declarations in memory.
type ledger struct {
	delivered []string
	declared  []connectors.Declaration
	err       error
}

func (l *ledger) Delivered(context.Context, string) ([]string, error) { return l.delivered, l.err }

func (l *ledger) Declare(_ context.Context, d connectors.Declaration) error {
	l.declared = append(l.declared, d)
	return nil
}

func (l *ledger) Declared(context.Context, string) ([]connectors.Declaration, error) {
	return l.declared, nil
}

func profileOf(t *testing.T, agency string) connectors.Profile {
	t.Helper()
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	return profiles[slices.IndexFunc(profiles, func(p connectors.Profile) bool { return p.Agency == agency })]
}

func TestDeclare(t *testing.T) {
	finance := profileOf(t, "finance")
	const control, september = "finance/control_numbers.csv", "finance/payroll-202609.csv"
	broken := errors.New("broken")
	for _, test := range []struct {
		name      string
		delivered []string
		empty     []string
		today     schemas.Date
		ledger    error
		err       error
		lacking   []string
		others    []string
	}{
		{name: "all there", delivered: []string{control, september}},
		{name: "named as empty", delivered: []string{september}, empty: []string{control}},
		{name: "all empty", empty: []string{september, control}},
		{name: "nothing there", lacking: []string{control, september}},
		{name: "another month", delivered: []string{control, "finance/payroll-202608.csv"}, lacking: []string{september}},
		{name: "another month as empty", delivered: []string{control}, empty: []string{"finance/payroll-202608.csv"}, others: []string{"finance/payroll-202608.csv"}},
		{name: "on its first day", delivered: []string{control, september}, today: schemas.Month(202609).First()},
		{name: "before it began", delivered: []string{control, september}, today: schemas.Month(202608).Last(), err: connectors.ErrPeriod},
		{name: "ledger broken", ledger: broken, err: broken},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.today == 0 {
				test.today = schemas.Month(202610).First()
			}
			l := &ledger{delivered: test.delivered, err: test.ledger}
			d := connectors.Declaration{Agency: "finance", Month: 202609, Kind: connectors.Whole, Empty: test.empty}
			c, err := finance.Declare(t.Context(), l, test.today, d)
			var lack *connectors.LackingError
			var others *connectors.NotTheirsError
			switch {
			case test.lacking != nil:
				if !errors.As(err, &lack) || !cmp.Equal(lack.Files, test.lacking) {
					t.Errorf("Declare gave %v, want %q lacking", err, test.lacking)
				}
			case test.others != nil:
				if !errors.As(err, &others) || !cmp.Equal(others.Files, test.others) {
					t.Errorf("Declare gave %v, want %q refused", err, test.others)
				}
			case !errors.Is(err, test.err):
				t.Errorf("Declare gave %v, want %v", err, test.err)
			}
			if declared := len(l.declared) == 1; declared != (err == nil) || declared != (c.Through == 202609) {
				t.Errorf("declared %d, through %v, error %v", len(l.declared), c.Through, err)
			}
		})
	}
}

// A month is complete without the optional files. They are the agency's all the same.
func TestDeclareWithoutOptionalFiles(t *testing.T) {
	civil := profileOf(t, "civil")
	l := &ledger{delivered: []string{"civil/deaths.csv"}}
	d := connectors.Declaration{Agency: "civil", Month: 202609, Kind: connectors.Whole, Empty: []string{"entities/divisions.csv"}}
	if _, err := civil.Declare(t.Context(), l, d.Month.Last(), d); err != nil {
		t.Error(err)
	}
	l = &ledger{delivered: civil.Names(d.Month)[1:]}
	var lack *connectors.LackingError
	if _, err := civil.Declare(t.Context(), l, d.Month.Last(), d); !errors.As(err, &lack) || !cmp.Equal(lack.Files, []string{"civil/deaths.csv"}) {
		t.Errorf("Declare gave %v, want the deaths lacking", err)
	}
}

// Complete through a month means: every month from the first declared to it is declared, and the next is not.
// The months missing fill all holes up to the last.
func TestCompleteThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := schemas.Month(202411)
		offsets := rapid.SliceOfN(rapid.IntRange(0, 30), 0, 20).Draw(t, "months")
		declared := map[schemas.Month]bool{}
		var list []connectors.Declaration
		for _, n := range offsets {
			declared[first.Add(n)] = true
			list = append(list, connectors.Declaration{Month: first.Add(n)})
		}
		c := connectors.CompleteThrough(list)
		if len(list) == 0 {
			if c.Through != 0 || c.Missing != nil {
				t.Fatalf("of nothing: %+v", c)
			}
			return
		}
		month := first.Add(slices.Min(offsets))
		for ; declared[month.Add(1)]; month = month.Add(1) {
		}
		var missing []schemas.Month
		for hole := month.Add(1); hole < first.Add(slices.Max(offsets)); hole = hole.Add(1) {
			if !declared[hole] {
				missing = append(missing, hole)
			}
		}
		if c.Through != month || !slices.Equal(c.Missing, missing) {
			t.Fatalf("got %+v, want through %v, missing %v", c, month, missing)
		}
	})
}

// A declaration far ahead does not make the answer endless.
func TestManyHoles(t *testing.T) {
	c := connectors.CompleteThrough([]connectors.Declaration{{Month: 101}, {Month: 999912}})
	if c.Through != 101 || len(c.Missing) == 0 || len(c.Missing) > 1000 {
		t.Errorf("through %v, %d missing", c.Through, len(c.Missing))
	}
}

func TestClaims(t *testing.T) {
	var c connectors.Claims
	release, ok := c.Take("a", "b")
	if !ok {
		t.Fatal("nothing is taken yet")
	}
	if _, ok := c.Take("c", "b"); ok {
		t.Error("b was taken twice")
	}
	other, ok := c.Take("c") // the failed try left nothing behind
	if !ok {
		t.Error("c is not free")
	}
	release()
	if _, ok := c.Take("a", "b"); !ok {
		t.Error("what was given back is not free")
	}
	other()
}

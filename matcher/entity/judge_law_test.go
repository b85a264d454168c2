package entity_test

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hebian/matcher/entity"
	"hebian/schemas"
)

// records draws what sources may say about an entity, of few values, so that much is equal.
func records() *rapid.Generator[entity.Record] {
	pick := func(values ...string) *rapid.Generator[string] { return rapid.SampledFrom(append(values, "")) }
	return rapid.Custom(func(t *rapid.T) entity.Record {
		r := entity.Record{
			Source:      rapid.SampledFrom(entity.Sources()).Draw(t, "source"),
			Key:         rapid.SampledFrom([]string{"1", "2", "10"}).Draw(t, "key"),
			Line:        rapid.Int64Range(2, 5).Draw(t, "line"),
			USCC:        pick(codes["9"], codes["9bad"]).Draw(t, "uscc"),
			OrgCode:     pick("QD0000111", "QD0000112").Draw(t, "org"),
			Name:        rapid.SampledFrom([]string{"甲（一）局", "甲(一)局", "甲 （一）局", "乙局"}).Draw(t, "name"),
			SecondName:  pick("乙局", "甲[一]局", "丙").Draw(t, "second"),
			LegalRep:    pick("张三", "张 三", "买·提", "买．提").Draw(t, "rep"),
			Address:     pick("人民路1号", "河北省人民路１号", "青岚县，人民路1号", "河北省云溪市青岚县人民路1号", "河北省").Draw(t, "address"),
			Established: pick("2001", "2001-02", "2001-02-03", "2001-02-04", "2002").Draw(t, "established"),
			Status:      rapid.SampledFrom(statuses).Draw(t, "status"),
			Division:    pick("139721", "139722", "139723", "130000", "999999").Draw(t, "division"),
			Industry:    pick("S91", "s912", "912", "T91", "Ｓ９１２１", "A01").Draw(t, "industry"),
			HasUpdated:  rapid.Bool().Draw(t, "updated"),
		}
		id := rapid.Uint64().Draw(t, "id")
		for i := range 8 {
			r.ID[i] = byte(id >> (8 * i))
		}
		if r.HasUpdated {
			r.UpdatedOn = asOf + schemas.Date(rapid.IntRange(-60, 10).Draw(t, "on"))
		}
		if r.CapitalUnit = entity.CapitalUnit(rapid.IntRange(0, 2).Draw(t, "unit")); r.CapitalUnit != entity.NoCapital {
			r.CapitalFen = rapid.OneOf(rapid.Int64Range(-3_000_000, 3_000_000), rapid.Int64()).Draw(t, "fen")
			r.Capital = fmt.Sprint(r.CapitalFen)
		}
		return r
	})
}

func members(min int) *rapid.Generator[[]entity.Record] {
	return rapid.SliceOfNDistinct(records(), min, 8, func(r entity.Record) schemas.ID { return r.ID })
}

func judged(day schemas.Date, members []entity.Record) *entity.Entity {
	e := &entity.Entity{ID: 1, Members: slices.Clone(members)}
	slices.SortFunc(e.Members, func(a, b entity.Record) int { return a.Compare(&b) })
	e.Code = entity.CodeOf(e.Members)
	(&entity.Bench{Divisions: divisions(), Day: day}).Judge(e)
	return e
}

// TestOrderDoesNotMatter: whatever order the records came in, the judgement is the same.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := members(1).Draw(t, "members")
		want := verdict(judged(asOf, all), true)
		if got := verdict(judged(asOf, rapid.Permutation(all).Draw(t, "permutation")), true); got != want {
			t.Fatalf("got:\n%s\nwant:\n%s", got, want)
		}
	})
}

// TestEqualIsSymmetric: two records that differ in a field do so whoever of them is believed.
func TestEqualIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := records().Draw(t, "a"), records().Draw(t, "b")
		a.USCC, b.USCC = "", ""
		differing := func(first, second entity.Record) (fields []string) {
			first.Source, second.Source = entity.Commerce, entity.Tax
			for _, f := range judged(asOf, []entity.Record{first, second}).Findings {
				if f.HasField {
					fields = append(fields, f.Detail)
				}
			}
			return fields
		}
		if one, other := differing(a, b), differing(b, a); !slices.Equal(one, other) {
			t.Fatalf("%v, the other way round %v", one, other)
		}
		if same := differing(a, a); len(same) > 0 {
			t.Fatalf("a record differs from itself in %v", same)
		}
	})
}

// TestGoldenIsTheFirst: in each field the value is that of the first of all records with one, in the order of the sources, then the
// newest, then key and line.
func TestGoldenIsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := judged(asOf, members(1).Draw(t, "members"))
		registrar := entity.Source(0xFF)
		for i := range e.Members {
			if c := e.Members[i].Codes(); c.USCC != "" {
				registrar = entity.Commerce // all valid codes here begin with 9
			}
		}
		for _, field := range entity.Fields() {
			order := entity.Sources()
			if field == entity.FieldIndustry {
				order = []entity.Source{entity.Statistics, entity.Commerce, entity.Tax}
			} else {
				slices.SortStableFunc(order, func(a, b entity.Source) int {
					return cmp.Compare(btoi(b == registrar), btoi(a == registrar))
				})
			}
			want := -1
			for i := range e.Members {
				m := &e.Members[i]
				if m.Value(field) == "" || !slices.Contains(order, m.Source) {
					continue
				}
				if want < 0 || before(order, m, &e.Members[want]) {
					want = i
				}
			}
			if got := e.Golden[field].Member; got != want {
				t.Fatalf("%s of %d, want %d", field, got, want)
			}
		}
	})
}

func before(order []entity.Source, a, b *entity.Record) bool {
	age := func(r *entity.Record) int {
		if !r.HasUpdated {
			return math.MaxInt
		}
		return -int(r.UpdatedOn)
	}
	return cmp.Or(
		cmp.Compare(slices.Index(order, a.Source), slices.Index(order, b.Source)),
		cmp.Compare(age(a), age(b)), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Line, b.Line),
	) < 0
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestMoneyLaw holds the comparison of amounts against exact arithmetic.
func TestMoneyLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.OneOf(rapid.Int64Range(-2_000_000, 2_000_000), rapid.Int64())
		a, b := amount.Draw(t, "a"), amount.Draw(t, "b")
		if rapid.Bool().Draw(t, "near") {
			b = a + rapid.Int64Range(-100, 100).Draw(t, "difference")
		}
		units := rapid.SampledFrom([]entity.CapitalUnit{entity.InYuan, entity.InWan})
		unitA, unitB := units.Draw(t, "unit a"), units.Draw(t, "unit b")
		unit := int64(100)
		if unitA != unitB {
			unit = 1_000_000
		}
		e := judged(asOf, []entity.Record{
			{Source: entity.Staffing, Name: "甲", Status: schemas.StatusNormal, Capital: "a", CapitalFen: a, CapitalUnit: unitA},
			{Source: entity.Tax, Name: "甲", Status: schemas.StatusNormal, Capital: "b", CapitalFen: b, CapitalUnit: unitB},
		})
		if got, want := len(e.Findings) == 0, halfAway(a, unit).Cmp(halfAway(b, unit)) == 0; got != want {
			t.Fatalf("%d fen and %d fen in units of %d: equal %t, want %t", a, b, unit, got, want)
		}
	})
}

// halfAway rounds fen to a unit: the nearest, and of two the one away from zero.
func halfAway(fen, unit int64) *big.Int {
	doubled := new(big.Int).Mul(big.NewInt(2), new(big.Int).Abs(big.NewInt(fen)))
	rounded := new(big.Int).Div(doubled.Add(doubled, big.NewInt(unit)), big.NewInt(2*unit))
	if fen < 0 {
		rounded.Neg(rounded)
	}
	return rounded
}

// TestDaysLaw: without more news a lag becomes a conflict and never the other way, from the day on that the change was made; and only
// what is said to hang on the day does.
func TestDaysLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := members(2).Draw(t, "members")
		day := asOf + schemas.Date(rapid.IntRange(10, 40).Draw(t, "day")) // all changes are made by then
		earlier, later := judged(day, all), judged(day+schemas.Date(rapid.IntRange(1, 60).Draw(t, "days")), all)
		if len(earlier.Findings) != len(later.Findings) || earlier.DayBound != later.DayBound {
			t.Fatalf("on the earlier day:\n%s\non the later:\n%s", verdict(earlier, true), verdict(later, true))
		}
		for i := range earlier.Findings {
			a, b := &earlier.Findings[i], &later.Findings[i]
			for k := range a.Sides {
				if a.Sides[k].State == entity.StateConflict && b.Sides[k].State == entity.StateLag {
					t.Fatalf("%s %s: a conflict becomes a lag", a.Kind, a.Detail)
				}
			}
			if a.State() == entity.StateConflict && b.State() != entity.StateConflict || a.High && !b.High {
				t.Fatalf("%s %s gets better by itself", a.Kind, a.Detail)
			}
		}
		anytime := judged(schemas.Date(rapid.Int32Range(int32(schemas.MinDate), int32(schemas.MaxDate)).Draw(t, "anytime")), all)
		if !anytime.DayBound && verdict(anytime, true) != verdict(earlier, true) {
			t.Fatalf("said not to hang on the day:\n%s\non another day:\n%s", verdict(earlier, true), verdict(anytime, true))
		}
	})
}

// TestFindingsLaw: findings have different keys, name members that there are, in their order, and leave the authority out; their lines
// hold what they say.
func TestFindingsLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := judged(asOf, members(1).Draw(t, "members"))
		seen := map[string]bool{}
		for i := range e.Findings {
			f := &e.Findings[i]
			key := string(f.Kind) + " " + f.Detail
			if seen[key] || f.Entity != e.ID || f.Code != e.Code {
				t.Fatalf("%s comes twice or is about another", key)
			}
			seen[key] = true
			if len(f.Sides) == 0 || !slices.IsSortedFunc(f.Sides, func(a, b entity.Side) int { return cmp.Compare(a.Member, b.Member) }) {
				t.Fatalf("%s: sides %v", key, f.Sides)
			}
			for _, side := range f.Sides {
				if side.Member == f.Authority || (side.State != "") != (f.Kind == entity.KindConflict) {
					t.Fatalf("%s: side %v", key, side)
				}
			}
			for _, line := range f.Lines(e) {
				if line[0] != string(f.Kind) || line[1] != e.Code {
					t.Fatalf("%s: line %v", key, line)
				}
				if m := strings.TrimSuffix(line[3]+":"+line[4], ":"); m != "" && !strings.Contains(verdict(e, false), m) {
					t.Fatalf("%s: line %v names nobody", key, line)
				}
			}
		}
	})
}

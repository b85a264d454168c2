package rules

import (
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// County is what the judgement of every person has in common.
type County struct {
	AsOf       schemas.Date
	Parameters Parameters
	Months     []*Month // evaluated, in order
	Units      []string // codes, by number
	Now        *Lineage // on the as-of date

	month        schemas.Month                      // of the as-of date
	lately       []*Month                           // the last no_pay_months months; none if not all of them are evaluated
	places       []int32                            // of the months from the first evaluated one on, in Months; -1 for others
	slotTypes    map[schemas.SlotType]string        // as agencies write them
	leaders      map[schemas.LeaderRank]string      // the same
	institutions map[state.Unit][]state.Institution // valid on the as-of date
	limits       map[Use]limit
	counting     map[string]Rule // the rules that count, by code
}

// Month is an evaluated month.
type Month struct {
	Month       schemas.Month
	First, Last schemas.Date
	Lineage     *Lineage // on its last day

	index int // counts months
}

// meets says whether a day of the interval lies in the month.
func (m *Month) meets(i state.Interval) bool { return i.From <= m.Last && i.To > m.First }

// limit is how much was allowed, by these rows.
type limit struct {
	n    int64
	rows []state.Ref
}

// NewCounty prepares the judgement of the evaluated months, given in order, as of a day.
func NewCounty(asOf schemas.Date, p Parameters, units []string, ref state.Reference, months []schemas.Month) *County {
	s := NewSuccessions(len(units), ref.Successions)
	c := &County{
		AsOf: asOf, Parameters: p, Units: units, Now: s.On(asOf), month: asOf.Month(),
		slotTypes: labels[schemas.SlotType]("slot_type"), leaders: labels[schemas.LeaderRank]("leader"),
		institutions: map[state.Unit][]state.Institution{}, limits: map[Use]limit{}, counting: map[string]Rule{},
	}
	for _, m := range months {
		c.Months = append(c.Months, &Month{m, m.First(), m.Last(), s.On(m.Last()), m.Index()})
	}
	if len(c.Months) > 0 {
		first, last := c.Months[0].index, c.Months[len(c.Months)-1].index
		c.places = slices.Repeat([]int32{-1}, last-first+1)
		for i, m := range c.Months {
			c.places[m.index-first] = int32(i)
		}
	}
	c.lately = c.lastMonths(p.NoPayMonths)
	for _, r := range All() {
		if r.count != nil {
			c.counting[r.Code] = r
		}
	}
	for _, row := range ref.Institutions {
		if c.valid(row.Interval) {
			c.institutions[row.Unit] = append(c.institutions[row.Unit], row)
		}
	}
	for _, row := range ref.Quotas {
		c.limit(overQuotaCode, row.Unit, row.Interval, c.slotTypes[row.Type], row.Slots, row.Ref)
	}
	for _, row := range ref.LeaderPosts {
		c.limit(overPostsCode, row.Unit, row.Interval, c.leaders[schemas.Chief], row.Chief, row.Ref)
		c.limit(overPostsCode, row.Unit, row.Interval, c.leaders[schemas.Deputy], row.Deputy, row.Ref)
	}
	for _, row := range ref.ControlNumbers {
		c.limit(contractOverCode, row.Unit, row.Interval, "", row.Staff, row.Ref)
	}
	return c
}

// Tangled gives the units whose successions are too many to follow on some day that counts.
func (c *County) Tangled() []state.Unit {
	units := slices.Clone(c.Now.Unknown)
	for _, m := range c.Months {
		units = append(units, m.Lineage.Unknown...)
	}
	slices.Sort(units)
	return slices.Compact(units)
}

// lastMonths gives the n months up to the as-of date's, nothing if not all of them are evaluated.
func (c *County) lastMonths(n int) []*Month {
	last, evaluated := c.place(c.month.Index())
	if !evaluated || last+1 < n || c.Months[last+1-n].index != c.month.Index()-n+1 {
		return nil
	}
	return c.Months[last+1-n : last+1]
}

// limit adds to what a unit is allowed on the as-of date. What was allowed to a unit that ended or
// split is nobody's.
func (c *County) limit(code string, u state.Unit, i state.Interval, detail string, n int64, row state.Ref) {
	canon := c.Now.Canon(u)
	if !c.valid(i) || len(canon) != 1 {
		return
	}
	use := Use{Code: code, Unit: canon[0], Detail: detail}
	l := c.limits[use]
	l.n += n // counts have 31 bits: no number of rows overflows the sum
	l.rows = append(l.rows, row)
	c.limits[use] = l
}

// valid says whether the interval holds on the as-of date.
func (c *County) valid(i state.Interval) bool { return i.From <= c.AsOf && i.To > c.AsOf }

// place finds a month among the evaluated ones.
func (c *County) place(index int) (place int, evaluated bool) {
	if len(c.Months) == 0 {
		return 0, false
	}
	i := index - c.Months[0].index
	if i < 0 || i >= len(c.places) || c.places[i] < 0 {
		return 0, false
	}
	return int(c.places[i]), true
}

// Unborn says whether somebody is born after the day: then the number is nobody's yet.
func Unborn(k ident.Key, day schemas.Date) bool {
	year, month, birthday, ok := k.Birth()
	if !ok {
		return false
	}
	born, ok := schemas.NewDate(year, month, birthday)
	return ok && born > day
}

// addMonths moves the end of an interval; an open one stays open.
func addMonths(d schemas.Date, n int) schemas.Date {
	if d == state.Open {
		return d
	}
	return d.AddMonths(n)
}

// labels is how agencies write the values of a field of the slots.
func labels[T ~string](field string) map[T]string {
	labels := map[T]string{}
	f := schemas.SubjectOf(slots).Field(field)
	for i, symbol := range f.Symbols {
		labels[T(symbol)] = f.Labels[i]
	}
	return labels
}

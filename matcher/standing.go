package matcher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"hebian/hub"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// Change is what a delivery, or a new day, changes in a judgement. The findings are in the order of
// their keys.
type Change struct {
	Opened    []Finding
	Refreshed []Finding // still there, on other grounds
	Closed    []Finding
	Rows      map[string]int64 // net rows folded, by subject
	Everybody bool             // all persons were judged, not only those whom the delivery is about
}

// Standing is a judgement that follows its deliveries: after each of them it says exactly what Judge
// would say. For that it judges again whom the delivery is about, and keeps what everybody uses of what
// units are allowed. It marks nothing provisional; whoever knows the marks asks Provisional.
//
// All of it may be used by several goroutines at once. Its lock is taken before those of the state.
type Standing struct {
	state      *state.State
	parameters rules.Parameters
	findings   atomic.Pointer[[]*Finding] // in the order of their keys; nobody writes to them

	mu    sync.Mutex // guards all below
	day   schemas.Date
	court *court // nil before the first judgement
	uses  rules.Uses
}

// NewStanding takes the state over: from now on nobody else may fold anything into it.
func NewStanding(s *state.State, p rules.Parameters) *Standing {
	st := &Standing{state: s, parameters: p}
	st.findings.Store(new([]*Finding))
	return st
}

// Judge judges everybody as of a day, from which on deliveries are judged as of that day. The change
// is relative to what was found before; the first time, all findings are opened.
func (st *Standing) Judge(ctx context.Context, day schemas.Date) (Change, error) {
	if err := st.parameters.Check(); err != nil {
		return Change{}, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	defer st.state.Freeze()()
	if err := st.state.Spoilt(); err != nil {
		return Change{}, fmt.Errorf("judge as of %s: %w", day, err)
	}
	change, err := st.judgeEverybody(ctx, day)
	if err != nil {
		return Change{}, fmt.Errorf("judge as of %s: %w", day, err)
	}
	return change, nil
}

func (st *Standing) judgeEverybody(ctx context.Context, day schemas.Date) (Change, error) {
	c := convene(st.state, day, st.parameters)
	judges, err := c.hear(ctx, c.everybody())
	if err != nil {
		return Change{}, err
	}
	findings, uses := rules.Heard(judges...)
	findings = append(findings, c.county.Over(uses)...)
	slices.SortFunc(findings, compareFindings)
	change := Change{Everybody: true}
	change.Opened, change.Refreshed, change.Closed = Difference(st.Findings(), findings)
	kept := make([]*Finding, len(findings))
	for i := range findings {
		kept[i] = &findings[i]
	}
	st.findings.Store(&kept)
	st.day, st.court, st.uses = day, c, uses
	return change, nil
}

// Fold folds one delivery and judges those it is about; it may run batches twice. Before the first
// Judge it only folds. Where the delivery says something about units or about very many persons, or a
// month is evaluated that was not, everybody is judged.
//
// An error leaves everything as it was, or the state spoilt (state.ErrSpoilt): then state and standing
// must be made anew.
func (st *Standing) Fold(ctx context.Context, batches func(fn func(file string, b *hub.Batch) error) error) (Change, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	defer st.state.Freeze()() // whoever judges the state meanwhile sees no part of a delivery
	change, err := st.fold(ctx, batches)
	if err != nil {
		return Change{}, fmt.Errorf("fold a delivery: %w", err)
	}
	return change, nil
}

func (st *Standing) fold(ctx context.Context, batches func(fn func(file string, b *hub.Batch) error) error) (Change, error) {
	if err := st.state.Spoilt(); err != nil {
		return Change{}, err
	}
	if st.court == nil {
		rows, err := st.take(batches)
		return Change{Rows: rows}, err
	}
	about, err := st.about(batches)
	if err != nil {
		return Change{}, err
	}
	before, err := st.court.ask(ctx, about.lots())
	if err != nil {
		return Change{}, err
	}
	seen := st.court.seen()
	rows, err := st.take(batches)
	if err != nil {
		return Change{}, err
	}
	ctx = context.WithoutCancel(ctx) // what is folded must be judged: later nobody could tell that it was not
	var change Change
	if about.everybody || !st.follow(&before) {
		change, err = st.judgeEverybody(ctx, st.day)
	} else {
		change, err = st.judgeAgain(ctx, append(about.lots(), st.court.since(seen)...), before)
	}
	change.Rows = rows
	return change, err
}

// take folds a delivery and counts its rows.
func (st *Standing) take(batches func(fn func(file string, b *hub.Batch) error) error) (map[string]int64, error) {
	rows := map[string]int64{}
	return rows, st.state.Take(func(fn func(file string, b *hub.Batch) error) error {
		return batches(func(file string, b *hub.Batch) error {
			for i := range b.Records {
				if b.Records[i].Op == schemas.Retract {
					rows[b.Topic]--
				} else {
					rows[b.Topic]++
				}
			}
			return fn(file, b)
		})
	})
}

// errEverybody ends the search for those whom a delivery is about.
var errEverybody = errors.New("everybody")

// about finds whom a delivery is about, among the persons seen before.
func (st *Standing) about(batches func(fn func(file string, b *hub.Batch) error) error) (*about, error) {
	a := &about{known: map[place]struct{}{}, most: st.court.most()}
	err := batches(func(_ string, b *hub.Batch) error {
		units, err := st.state.About(b, func(person int) { a.add(b.Partition, person) })
		if err != nil {
			return err
		}
		if a.everybody = a.everybody || units && len(b.Records) > 0; a.everybody {
			return errEverybody
		}
		return nil
	})
	if err != nil && !a.everybody {
		return nil, err
	}
	return a, nil
}

// follow brings the court up to the state after a delivery that was not about units. It can't where a
// month has come up, or has gone: that concerns everybody.
func (st *Standing) follow(before *heard) bool {
	c, units := st.court, st.state.Units()
	if !slices.Equal(c.evaluated(st.day), c.months) {
		return false
	}
	if old := c.units.Codes; len(units.Codes) > len(old) {
		st.uses, before.uses = st.uses.Renumber(old, units.Codes), before.uses.Renumber(old, units.Codes)
		c.county = rules.NewCounty(st.day, st.parameters, units.Codes, st.state.Reference(units), c.months)
	}
	c.units = units
	return true
}

// judgeAgain judges some persons again.
func (st *Standing) judgeAgain(ctx context.Context, lots []lot, before heard) (Change, error) {
	after, err := st.court.ask(ctx, lots)
	if err != nil {
		return Change{}, err
	}
	were, are := st.uses.Replace(st.court.county, before.uses, after.uses)
	var change, over Change
	change.Opened, change.Refreshed, change.Closed = Difference(before.findings, after.findings)
	over.Opened, over.Refreshed, over.Closed = Difference(were, are)
	change.Opened = inOrder(change.Opened, over.Opened)
	change.Refreshed = inOrder(change.Refreshed, over.Refreshed)
	change.Closed = inOrder(change.Closed, over.Closed)
	st.keep(&change)
	return change, nil
}

// keep puts a change into the findings.
func (st *Standing) keep(change *Change) {
	type edit struct {
		finding *Finding
		put     bool
	}
	var edits []edit
	for _, f := range slices.Concat(change.Opened, change.Refreshed) {
		edits = append(edits, edit{&f, true}) // a copy: the change is the caller's
	}
	for i := range change.Closed {
		edits = append(edits, edit{&change.Closed[i], false})
	}
	if len(edits) == 0 {
		return
	}
	slices.SortFunc(edits, func(a, b edit) int { return a.finding.Compare(b.finding) })
	old := *st.findings.Load()
	now := make([]*Finding, 0, len(old)+len(change.Opened)-len(change.Closed))
	for _, e := range edits {
		i, there := slices.BinarySearchFunc(old, e.finding, (*Finding).Compare)
		now, old = append(now, old[:i]...), old[i:]
		if there {
			old = old[1:]
		}
		if e.put {
			now = append(now, e.finding)
		}
	}
	now = append(now, old...)
	st.findings.Store(&now)
}

// Findings gives all findings in the order of their keys. It waits for no delivery.
func (st *Standing) Findings() []Finding {
	kept := *st.findings.Load()
	findings := make([]Finding, len(kept))
	for i, f := range kept {
		findings[i] = *f
	}
	return findings
}

// Find gives the finding of a key. It waits for no delivery.
func (st *Standing) Find(key Key) (Finding, bool) {
	kept := *st.findings.Load()
	i, found := slices.BinarySearchFunc(kept, key, func(f *Finding, key Key) int { return KeyOf(f).Compare(key) })
	if !found {
		return Finding{}, false
	}
	return *kept[i], true
}

// inOrder puts findings of different keys into the order of their keys.
func inOrder(a, b []Finding) []Finding {
	all := append(a, b...)
	slices.SortFunc(all, compareFindings)
	return all
}

func compareFindings(a, b Finding) int { return a.Compare(&b) }

package entity_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/schemas"
)

// TestUnmerge: when merges are undone, the last first, every entity gets its old ID back.
func TestUnmerge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWay(t, rt)
		for range rapid.IntRange(0, 2).Draw(rt, "steps") {
			w.step()
		}
		first, last := w.ids(), w.ids()
		var undo []func()
		for range rapid.IntRange(1, 3).Draw(rt, "done") {
			links := w.links
			if len(w.journal.left()) > 4 && rapid.Bool().Draw(rt, "by an officer") {
				w.link(slices.Concat(links, []entity.Link{{A: w.key(), B: w.key(), Same: true}}))
				undo = append(undo, func() { w.link(links) })
			} else {
				var come, goes []change
				for range rapid.IntRange(1, 4).Draw(rt, "rows") {
					n := w.journal.add(w.row().Draw(rt, "row"))
					come, goes = append(come, change{n, false}), append(goes, change{n, true})
				}
				w.foldAll(come)
				undo = append(undo, func() { w.foldAll(goes) })
			}
			now := w.ids()
			if !merged(last, now) {
				return // another law
			}
			last = now
		}
		for _, fn := range slices.Backward(undo) {
			fn()
		}
		if diff := gocmp.Diff(first, w.ids()); diff != "" {
			rt.Fatalf("-before +undone\n%s", diff)
		}
	})
}

// merged says whether the rows of each entity are together still.
func merged(before, after map[string]entity.ID) bool {
	in := map[string]entity.ID{}
	for rows, id := range after {
		for row := range strings.FieldsSeq(rows) {
			in[row] = id
		}
	}
	for rows := range before {
		all := strings.Fields(rows)
		if slices.ContainsFunc(all, func(row string) bool { return in[row] != in[all[0]] }) {
			return false
		}
	}
	return true
}

// TestRestart: a standing that is told what was written down gives every entity the ID that it had, and knows what became of others.
func TestRestart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWay(t, rt)
		for range rapid.IntRange(0, 5).Draw(rt, "steps") {
			w.step()
		}
		s := entity.NewStanding(entity.Options{MaxSharers: w.most})
		if err := s.Restore(w.written()); err != nil {
			t.Fatal(err)
		}
		again := w.journal.again()
		for _, n := range rapid.Permutation(w.journal.left()).Draw(rt, "order") {
			if _, err := s.Fold(context.Background(), again.deliver(change{row: n})); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Decide(context.Background(), w.links); err != nil {
			t.Fatal(err)
		}
		c, err := s.Judge(context.Background(), w.day)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Retired)+len(c.Lineage) > 0 {
			rt.Fatalf("something became of entities while nobody looked: %v %v", c.Retired, c.Lineage)
		}
		if diff := gocmp.Diff(w.ids(), idsOf(t, s)); diff != "" {
			rt.Fatalf("-before +after the restart\n%s", diff)
		}
		if diff := gocmp.Diff(homesOf(t, w.standing), homesOf(t, s)); diff != "" {
			rt.Fatalf("homes: -before +after the restart\n%s", diff)
		}
		for id := entity.ID(1); id < w.next; id++ {
			a, okA := w.standing.Entity(id)
			b, okB := s.Entity(id)
			if okA != okB || okA && a.ID != b.ID {
				rt.Fatalf("%s is %v, after the restart %v", id, a, b)
			}
		}
	})
}

// ids gives the IDs of the entities by their rows.
func (w *way) ids() map[string]entity.ID { return idsOf(w.t, w.standing) }

func idsOf(t testing.TB, s *entity.Standing) map[string]entity.ID {
	ids := map[string]entity.ID{}
	each(t, s, func(e *entity.Entity) {
		var rows []string
		for i := range e.Members {
			rows = append(rows, e.Members[i].ID.String()[:6])
		}
		slices.Sort(rows)
		ids[strings.Join(rows, " ")] = e.ID
	})
	return ids
}

// homesOf gives the homes of rows.
func homesOf(t testing.TB, s *entity.Standing) map[schemas.ID]entity.ID {
	homes := map[schemas.ID]entity.ID{}
	each(t, s, func(e *entity.Entity) {
		for i := range e.Members {
			homes[e.Members[i].ID] = e.Homes[i]
		}
	})
	return homes
}

// written is what somebody wrote down who followed all changes.
func (w *way) written() entity.Identities {
	return entity.Identities{
		Records: func(yield func(entity.Identity) bool) {
			each(w.t, w.standing, func(e *entity.Entity) {
				for i := range e.Members {
					m := &e.Members[i]
					yield(entity.Identity{RecordKey: entity.RecordKey{Source: m.Source, Key: m.Key}, Record: m.ID, Current: e.ID, Home: e.Homes[i]})
				}
			})
		},
		Retired: maps.All(w.into),
		Next:    w.next,
	}
}

// fold folds changes into a standing that is judged, or is not yet.
func foldInto(t testing.TB, s *entity.Standing, j *journal, changes ...change) entity.Change {
	t.Helper()
	c, err := s.Fold(context.Background(), j.deliver(changes...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPacked: what a row says comes back as it went in, with where it lies in the log.
func TestPacked(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		j, s := newJournal(t), entity.NewStanding(entity.Options{})
		s.Small()
		var rows []change
		for i, r := range rapid.SliceOfN(records(), 1, 8).Draw(rt, "rows") {
			r.Key, r.Line = fmt.Sprint(i), 0
			text := rapid.SampledFrom([]string{"", "x", strings.Repeat("长", 400)})
			r.RegNo, r.TaxNo, r.EntityType = text.Draw(rt, "reg"), text.Draw(rt, "tax"), text.Draw(rt, "type")
			r.Parent, r.Employees = text.Draw(rt, "parent"), text.Draw(rt, "employees")
			rows = append(rows, change{row: j.add(r)})
		}
		foldInto(t, s, j, rows...)
		judgeAsOf(t, s, asOf)
		n := 0
		each(t, s, func(e *entity.Entity) {
			for _, m := range e.Members {
				i := slices.IndexFunc(j.rows, func(r entity.Record) bool { return r.ID == m.ID })
				want := j.rows[i]
				want.Ref = m.Ref
				if want.HasUpdated == false {
					want.UpdatedOn = 0
				}
				if diff := gocmp.Diff(want, m); diff != "" || m.Ref.Topic() != "entity.registration" {
					rt.Fatalf("%s: -want +got\n%s", m.Ref.Topic(), diff)
				}
				n++
			}
		})
		if n != len(rows) {
			rt.Fatalf("%d rows of %d", n, len(rows))
		}
	})
}

// TestErrorChangesNothing: a delivery that can't be read to its end leaves everything as it was.
func TestErrorChangesNothing(t *testing.T) {
	broken := errors.New("the log broke")
	for name, spoil := range map[string]func(fn func(string, *hub.Batch) error) error{
		"reading": func(fn func(string, *hub.Batch) error) error { return broken },
		"topic":   func(fn func(string, *hub.Batch) error) error { return fn("f", &hub.Batch{Topic: "finance.pay_line"}) },
		"registration": func(fn func(string, *hub.Batch) error) error {
			return fn("f", &hub.Batch{Topic: "entity.registration", Records: []schemas.Record{{Value: []byte{0, 0, 0, 0, 1, 9}}}})
		},
		"division": func(fn func(string, *hub.Batch) error) error {
			return fn("f", &hub.Batch{Topic: "entity.division", Records: []schemas.Record{{Value: []byte{1}}}})
		},
	} {
		for _, judged := range []bool{false, true} {
			t.Run(fmt.Sprint(name, judged), func(t *testing.T) {
				j, s := newJournal(t), entity.NewStanding(entity.Options{})
				first := j.add(entity.Record{Key: "1", Name: "甲局", USCC: usccs[0]})
				second := j.add(entity.Record{Key: "2", Name: "乙局", USCC: usccs[0]})
				foldInto(t, s, j, change{row: first})
				judge := func() {
					if _, err := s.Judge(context.Background(), asOf); err != nil {
						t.Fatal(err)
					}
				}
				if judged {
					judge()
				}
				_, err := s.Fold(context.Background(), func(fn func(string, *hub.Batch) error) error {
					if err := j.again().deliver(change{second, false}, change{first, true})(fn); err != nil {
						return err
					}
					return spoil(fn)
				})
				if err == nil {
					t.Fatal("no error")
				}
				judge()
				if got := described(t, s); len(got) != 1 || len(got[0].Members) != 1 || got[0].Members[0].Key != "1" {
					t.Errorf("got %+v", got)
				}
			})
		}
	}
}

func judgeAsOf(t testing.TB, s *entity.Standing, day schemas.Date) entity.Change {
	t.Helper()
	c, err := s.Judge(context.Background(), day)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLineage: entities merge when a row bears the codes of both, and come apart when it goes.
func TestLineage(t *testing.T) {
	j, s := newJournal(t), entity.NewStanding(entity.Options{})
	one := j.add(entity.Record{Source: entity.Commerce, Key: "1", Name: "甲局", OrgCode: orgs[0]})
	two := j.add(entity.Record{Source: entity.Quality, Key: "2", Name: "乙局", OrgCode: orgs[2]})
	both := j.add(entity.Record{Source: entity.Statistics, Key: "3", Name: "丙局", OrgCode: orgs[2], TaxNo: "139721" + orgs[0]})
	foldInto(t, s, j, change{row: one}, change{row: two})
	if c := judgeAsOf(t, s, asOf); !slices.Equal(c.Golden, []entity.ID{1, 2}) || len(c.Lineage) > 0 {
		t.Fatalf("at first %+v", c)
	}
	follow := func(name string, got, want entity.Change) {
		t.Helper()
		want.Rows = got.Rows
		got.Opened, got.Refreshed, got.Closed = nil, nil, nil
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: -want +got\n%s", name, diff)
		}
	}
	follow("merged", foldInto(t, s, j, change{row: both}), entity.Change{
		Golden: []entity.ID{1}, Retired: []entity.ID{2}, Lineage: []entity.Lineage{{Kind: entity.Merged, From: []entity.ID{2}, Into: []entity.ID{1}}}})
	if e, ok := s.Entity(2); !ok || e.ID != 1 || len(e.Members) != 3 {
		t.Errorf("what became part of another is %+v %t", e, ok)
	}
	follow("split", foldInto(t, s, j, change{both, true}), entity.Change{
		Golden: []entity.ID{1, 2}, Lineage: []entity.Lineage{{Kind: entity.Split, From: []entity.ID{1}, Into: []entity.ID{2}}}})
	for id, key := range map[entity.ID]string{1: "1", 2: "2"} {
		if e, ok := s.Entity(id); !ok || e.ID != id || len(e.Members) != 1 || e.Members[0].Key != key {
			t.Errorf("%s is %+v %t", id, e, ok)
		}
	}
	follow("gone", foldInto(t, s, j, change{two, true}), entity.Change{Retired: []entity.ID{2}})
	if e, ok := s.Entity(2); ok {
		t.Errorf("an entity without rows is %+v", e)
	}
	follow("back", foldInto(t, s, j, change{two, false}), entity.Change{Golden: []entity.ID{2}})
	if _, ok := s.Entity(3); ok {
		t.Error("there is an entity under an ID that was never given")
	}
}

// TestPlaceholder: a code that too many rows bear links nothing, and they are to be looked at.
func TestPlaceholder(t *testing.T) {
	j, s := newJournal(t), entity.NewStanding(entity.Options{MaxSharers: 3})
	var rows []change
	for i := range 4 {
		r := entity.Record{Source: entity.Quality, Key: fmt.Sprint(i), Name: fmt.Sprint("局", i), OrgCode: "000000000"}
		rows = append(rows, change{row: j.add(r)})
	}
	foldInto(t, s, j, rows...)
	judgeAsOf(t, s, asOf)
	got := described(t, s)
	for _, d := range got {
		want := []entity.Candidate{{Against: []entity.Reason{entity.ReasonPlaceholderCode}}}
		if len(d.Members) != 1 || len(d.Findings) != 1 || gocmp.Diff(want, d.Findings[0].Candidates) != "" {
			t.Errorf("got %+v", d)
		}
	}
	if diff := gocmp.Diff([]string{"code 000000000 is borne by 4 records, more than 3: it links nothing"}, s.Warnings()); len(got) != 4 || diff != "" {
		t.Errorf("%d entities; warnings: -want +got\n%s", len(got), diff)
	}
	foldInto(t, s, j, change{rows[0].row, true})
	if got := described(t, s); len(got) != 1 || len(got[0].Members) != 3 || len(got[0].Review) != 0 || len(s.Warnings()) != 0 {
		t.Errorf("of three %+v, warnings %v", got, s.Warnings())
	}
}

// TestStranger: a register of an agency that is no source stops nobody else's.
func TestStranger(t *testing.T) {
	j, s := newJournal(t), entity.NewStanding(entity.Options{})
	row := j.add(entity.Record{Source: entity.Tax, Key: "1", Name: "甲局"})
	stranger := registration(&entity.Record{Source: entity.Tax, Key: "2", Name: "乙局"})
	stranger.Source = "hr"
	value := j.encode("entity.registration", stranger)
	foldInto(t, s, j, change{row: row})
	if _, err := s.Fold(context.Background(), func(fn func(string, *hub.Batch) error) error {
		return fn("hr/register.csv", &hub.Batch{Topic: "entity.registration", Records: []schemas.Record{{ID: idOf(99), Value: value}}})
	}); err != nil {
		t.Fatal(err)
	}
	judgeAsOf(t, s, asOf)
	want := []string{"1 registrations of hr are left out: it is no source of legal entities"}
	if diff := gocmp.Diff(want, s.Warnings()); s.Counts().Records != 1 || diff != "" {
		t.Errorf("%d records; warnings: -want +got\n%s", s.Counts().Records, diff)
	}
}

// TestCandidates: a lone row that finds two entities is shown both, with what speaks for and against.
func TestCandidates(t *testing.T) {
	j, s := newJournal(t), entity.NewStanding(entity.Options{})
	for _, d := range divisionRows() {
		foldInto(t, s, j, change{row: j.addDivision(d)})
	}
	r := entity.Record{Name: "甲局", Division: "139721", LegalRep: "张三", Address: "青岚县人民路1号"}
	for i, source := range []entity.Source{entity.Commerce, entity.Commerce, entity.Tax} {
		r.Source, r.Key = source, fmt.Sprint(i)
		if r.USCC = ""; source == entity.Commerce {
			r.USCC = usccs[2+i]
		}
		if i == 1 {
			r.Address = "北街2号"
		}
		foldInto(t, s, j, change{row: j.add(r)})
	}
	judgeAsOf(t, s, asOf)
	equal := []entity.Reason{entity.ReasonNameEqual, entity.ReasonRepEqual}
	want := []entity.Candidate{
		{
			Entity: 1, Code: usccs[2], Name: "甲局", Source: entity.Commerce, Key: "0",
			For: slices.Concat(equal, []entity.Reason{entity.ReasonDivisionEqual}), Against: []entity.Reason{entity.ReasonAddressDiffers},
		},
		{
			Entity: 2, Code: usccs[3], Name: "甲局", Source: entity.Commerce, Key: "1",
			For: slices.Concat(equal, []entity.Reason{entity.ReasonAddressEqual, entity.ReasonDivisionEqual}),
		},
	}
	e, ok := s.Entity(3)
	if !ok || len(e.Findings) == 0 {
		t.Fatalf("got %+v %t", e, ok)
	}
	if diff := gocmp.Diff(want, e.Findings[0].Candidates); diff != "" || e.Findings[0].Kind != entity.KindLinkReview {
		t.Errorf("%s: -want +got\n%s", e.Findings[0].Kind, diff)
	}
	if diff := gocmp.Diff([]string{"河北省", "云溪市", "青岚县"}, s.DivisionNames("139721")); diff != "" {
		t.Error(diff)
	}
}

// TestRoom: rows that come and go every day take no more room than those of some days.
func TestRoom(t *testing.T) {
	j, s := newJournal(t), entity.NewStanding(entity.Options{})
	s.Small()
	var rows []change
	for i := range 20 {
		r := entity.Record{Key: fmt.Sprint(i % 15), Name: "甲局", USCC: usccs[i%3], LegalRep: "张三", Division: "139721"}
		rows = append(rows, change{row: j.add(r)})
	}
	foldInto(t, s, j, rows...)
	judgeAsOf(t, s, asOf)
	before := s.PackedBytes()
	for day := range 200 {
		for i := range rows {
			rows[i].retract = day%2 == 0
		}
		foldInto(t, s, j, rows...)
		if got := s.PackedBytes(); got > 3*before {
			t.Fatalf("%d bytes on day %d, %d at first", got, day, before)
		}
	}
	if n := s.Counts().Records; n != len(rows) {
		t.Errorf("%d records", n)
	}
}

// TestReaders: whoever looks while deliveries come in sees whole entities.
func TestReaders(t *testing.T) {
	j, s := newJournal(t), entity.NewStanding(entity.Options{})
	s.Small()
	var rows []change
	for i := range 60 {
		r := entity.Record{Source: entity.Sources()[i%6], Key: fmt.Sprint(i), Name: "甲局", USCC: usccs[i%3], LegalRep: "张三", Division: "139721"}
		rows = append(rows, change{row: j.add(r)})
	}
	foldInto(t, s, j, rows...)
	judgeAsOf(t, s, asOf)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				n := 0
				each(t, s, func(e *entity.Entity) { n += len(e.Members) })
				if n != 60 && n != 59 {
					t.Errorf("%d rows", n)
				}
				if e, ok := s.Entity(1); !ok || e.Golden[entity.FieldName].Value != "甲局" || len(s.Warnings()) > 0 || s.Counts().Records < 59 {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
	for i := range 200 {
		foldInto(t, s, j, change{rows[i%60].row, true})
		foldInto(t, s, j, change{rows[i%60].row, false})
	}
	close(done)
	readers.Wait()
}

package institution_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hebian/hub"
	"hebian/matcher/institution"
	"hebian/matcher/matchertest"
	"hebian/matcher/state"
	"hebian/schemas"
)

// TestOf: rows of all topics come out by topic, those that files lack now are gone.
func TestOf(t *testing.T) {
	var log matchertest.Log
	figure := log.Assert(t, "hall/case_figures.csv", &schemas.CaseFigure{Unit: "U1", Month: 202609, Accepted: 3})
	duty := log.Assert(t, "staffing/duties.csv", &schemas.Duty{Unit: "U1", ItemCode: "1", Name: "许可", Kind: schemas.DutyLicence})
	log.Assert(t, "staffing/duties.csv", &schemas.Duty{Unit: "U2", ItemCode: "1", Name: "许可", Kind: schemas.DutyLicence})
	wrong := log.Assert(t, "staffing/departments.csv", &schemas.Department{Unit: "U1", DepartmentNo: "1", Name: "办公室"})
	log.Retract(wrong)
	right := log.Assert(t, "staffing/departments.csv", &schemas.Department{Unit: "U1", DepartmentNo: "1", Name: "综合科"})
	x, w := institution.NewIndex(), matchertest.NewWriter(&log)
	rows := int64(0)
	for i := range log.Len() {
		rows += apply(t, x, w.Deliver(i))
	}
	if rows != 4 {
		t.Errorf("%d rows, want 4", rows)
	}
	if diff := cmp.Diff([]int{right, duty, figure}, entries(w, x.Of("U1"))); diff != "" {
		t.Errorf("of U1: -want +got\n%s", diff)
	}
	if got := x.Of("U3"); got != nil {
		t.Errorf("of a unit that nobody named: %v", got)
	}
}

func apply(t testing.TB, x *institution.Index, batches matchertest.Batches) (rows int64) {
	t.Helper()
	if err := batches.Each(func(file string, b *hub.Batch) error {
		n, err := x.Apply(file, b)
		rows += n
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

// entries are those of the log that lie at some places.
func entries(w *matchertest.Writer, refs []state.Ref) (all []int) {
	for _, ref := range refs {
		all = append(all, w.Entries[ref])
	}
	return all
}

// TestOrderChangesNothing: however rows come and go, each unit has those that are left, in order.
func TestOrderChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var log matchertest.Log
		of := map[int]schemas.UnitCode{}
		for range rapid.IntRange(0, 40).Draw(rt, "rows") {
			u := rapid.SampledFrom([]schemas.UnitCode{"U1", "U2"}).Draw(rt, "unit")
			var row schemas.Row = &schemas.CaseFigure{Unit: u, Month: 202609, Accepted: rapid.Int64Range(0, 2).Draw(rt, "accepted")}
			if rapid.Bool().Draw(rt, "a duty") {
				row = &schemas.Duty{Unit: u, Name: "许可", Kind: schemas.DutyLicence}
			}
			of[log.Assert(t, rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "file"), row)] = u
		}
		asserted := log.Len()
		for n := range asserted {
			if rapid.IntRange(0, 2).Draw(rt, "retracted") > 0 {
				log.Retract(n)
				delete(of, n)
			}
		}
		all := make([]int, log.Len())
		for i := range all {
			all[i] = i
		}
		x, w := institution.NewIndex(), matchertest.NewWriter(&log)
		rows := int64(0)
		for rest := rapid.Permutation(all).Draw(rt, "order"); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "batch")
			rows += apply(t, x, w.Deliver(rest[:n]...))
			rest = rest[n:]
		}
		if rows != int64(len(of)) {
			rt.Fatalf("%d rows, want %d", rows, len(of))
		}
		for _, u := range []schemas.UnitCode{"U1", "U2"} {
			var want []state.Ref
			for ref, n := range w.Entries {
				if of[n] == u {
					want = append(want, ref)
				}
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, x.Of(string(u)), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("of %s: -want +got\n%s", u, diff)
			}
		}
	})
}

// TestBounds: of very many rows of a topic the last ones are given, and those of other topics all the same.
func TestBounds(t *testing.T) {
	x := institution.NewIndex()
	for _, topic := range []string{"staffing.duty", "hall.case_figure", "entity.event"} {
		n := institution.MaxRows + 10
		if topic == "entity.event" {
			n = 3
		}
		if _, err := x.Apply("", many(topic, n)); err != nil {
			t.Fatal(err)
		}
	}
	refs := x.Of("U")
	if len(refs) != 2*institution.MaxRows+3 || refs[0].Topic() != "entity.event" || refs[3] != state.RefOf("staffing.duty", 0, 10) || refs[3+institution.MaxRows] != state.RefOf("hall.case_figure", 0, 10) {
		t.Errorf("%d rows, first %s %d", len(refs), refs[0].Topic(), refs[0].Offset())
	}
}

// many is a batch of rows of one unit.
func many(topic string, rows int) *hub.Batch {
	b := &hub.Batch{Topic: topic}
	for i := range rows {
		r := schemas.Record{Key: []byte("U")}
		binary.LittleEndian.PutUint64(r.ID[:], uint64(i))
		copy(r.ID[8:], topic)
		b.Records = append(b.Records, r)
	}
	return b
}

func TestOtherTopics(t *testing.T) {
	x := institution.NewIndex()
	for _, topic := range institution.Topics() {
		if schemas.SubjectOf(topic) == nil || !slices.Contains(state.RefTopics(), topic) {
			t.Errorf("%s is no topic that references lead into", topic)
		}
	}
	if _, err := x.Apply("", many("finance.pay_line", 1)); err == nil || !strings.Contains(err.Error(), "finance.pay_line") {
		t.Errorf("Apply of pay lines gave %v", err)
	}
}

// TestReadersBesideWriter: Of gives whole lists while batches are folded.
func TestReadersBesideWriter(t *testing.T) {
	x := institution.NewIndex()
	var writing sync.WaitGroup
	writing.Go(func() {
		b := many("staffing.duty", 100)
		for round := range 100 {
			for i := range b.Records {
				b.Records[i].Op = schemas.Op(round % 2)
			}
			if _, err := x.Apply("", b); err != nil {
				t.Error(err)
			}
		}
	})
	for range 1000 {
		if n := len(x.Of("U")); n != 0 && n != 100 {
			t.Fatalf("%d rows, want all or none", n)
		}
	}
	writing.Wait()
}

// BenchmarkApply folds a file with all rows of one unit and takes it back, and one with ten rows of each unit.
func BenchmarkApply(b *testing.B) {
	const rows = 100_000
	one, spread := many("staffing.duty", rows), many("staffing.duty", rows)
	for i := range spread.Records {
		spread.Records[i].Key = fmt.Append(nil, i/10)
	}
	for name, batch := range map[string]*hub.Batch{"one unit": one, "many units": spread} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				x := institution.NewIndex()
				for _, op := range []schemas.Op{schemas.Assert, schemas.Retract} {
					for i := range batch.Records {
						batch.Records[i].Op = op
					}
					if _, err := x.Apply("", batch); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(2*rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

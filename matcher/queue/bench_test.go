package queue_test

import (
	"fmt"
	"testing"

	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// Many findings in one call: opened, told again, and gone.
func BenchmarkRule(b *testing.B) {
	const n = 10_000
	people, entities := make([]queue.Ruling, n), make([]queue.Ruling, n)
	for i := range n {
		people[i], entities[i] = ruling(finding(i), true, 1), conflict(i)
	}
	b.Run("people", func(b *testing.B) { benchmarkRule(b, people) })
	b.Run("entities", func(b *testing.B) { benchmarkRule(b, entities) })
}

func benchmarkRule(b *testing.B, rulings []queue.Ruling) {
	var none []queue.Ruling
	for _, r := range rulings {
		none = append(none, gone(r))
	}
	for b.Loop() {
		b.StopTimer()
		o := open(b)
		b.StartTimer()
		for _, step := range []struct {
			name    string
			rulings []queue.Ruling
		}{{"opened", rulings}, {"again", rulings}, {"gone", none}} {
			before := b.Elapsed()
			if err := o.queue.Rule(b.Context(), step.rulings, nil); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64((b.Elapsed() - before).Milliseconds()), "ms-"+step.name)
		}
	}
}

// A page of 50 and the counts of a desk that has 100,000 open cases; the rarest filter passes none.
func BenchmarkList(b *testing.B) {
	o := open(b)
	for first := 0; first < 100_000; first += 10_000 {
		var rulings []queue.Ruling
		for i := range 10_000 {
			rulings = append(rulings, ruling(finding(first+i), true, 1))
		}
		must(b, o.queue.Rule(b.Context(), rulings, nil))
	}
	first, err := o.queue.List(b.Context(), queue.Filter{}, "", 500)
	must(b, err)
	for _, list := range []struct {
		name   string
		filter queue.Filter
		after  string
	}{{"first", queue.Filter{}, ""}, {"next", queue.Filter{}, first[499].Cursor()}, {"none", queue.Filter{Unit: "ZZ"}, ""}} {
		b.Run(list.name, func(b *testing.B) {
			for b.Loop() {
				_, err := o.queue.List(b.Context(), list.filter, list.after, 50)
				must(b, err)
			}
		})
	}
	b.Run("counts", func(b *testing.B) {
		for b.Loop() {
			_, err := o.queue.Counts(b.Context(), queue.Filter{Agency: "finance"})
			must(b, err)
		}
	})
}

// finding is the i-th of many.
func finding(i int) matcher.Finding {
	all := []string{"PAID_NO_SLOT", "DUAL_PAY", "PAID_AFTER_DEATH", "ABSENT_PAID"}
	f := matcher.Finding{
		Code: all[i%len(all)], Person: schemas.IDNumber(fmt.Sprintf("139721%012d", i)), Unit: schemas.UnitCode(fmt.Sprintf("12139721%010d", i%300)),
		Month: schemas.Month(202601 + i%9), Version: 1, Parameters: rules.Defaults(), AsOf: 20726, Rows: 4,
	}
	for row := range f.Rows {
		f.Evidence = append(f.Evidence, state.RefOf("finance.pay_line", i%8, int64(i*4+row)))
	}
	return f
}

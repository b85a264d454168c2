package life_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"hebian/connectors/life"
)

// BenchmarkNeighbours tells how late connectors run that are well: with nobody in trouble, and with every fifth in trouble of all kinds.
// One operation is one run of each of 200 connectors, ten a second.
func BenchmarkNeighbours(b *testing.B) {
	for _, bad := range []bool{false, true} {
		name := "all well"
		if bad {
			name = "a fifth in trouble"
		}
		b.Run(name, func(b *testing.B) {
			late, cost := neighbours(b, bad)
			slices.Sort(late)
			at := func(percent int) float64 {
				return float64(late[min(len(late)*percent/100, len(late)-1)].Microseconds())
			}
			b.ReportMetric(at(50), "p50-late-µs")
			b.ReportMetric(at(99), "p99-late-µs")
			slices.Sort(cost)
			b.ReportMetric(float64(cost[len(cost)*99/100].Microseconds()), "p99-keep-µs")
		})
	}
}

// neighbours measures how much later than due each run began, and how long keeping took.
func neighbours(b *testing.B, bad bool) (late, cost []time.Duration) {
	const every = 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(b.Context(), time.Duration(b.N)*every+every/2)
	defer cancel()
	free := make(chan struct{})
	var mu sync.Mutex
	var jobs []life.Job
	for i := range 200 {
		if i%5 == 0 {
			run := well
			if bad {
				run = trouble(i/5, free)
			}
			j := job(fmt.Sprint(i), run)
			j.Every = every
			jobs = append(jobs, j)
			continue
		}
		var due time.Time
		n := 0
		j := job(fmt.Sprint(i), func(ctx context.Context, _ string, keep life.Keep) error {
			began := time.Now()
			n++
			err := keep(ctx, life.Done{Position: fmt.Sprint(n), Rows: 1})
			ended := time.Now()
			mu.Lock()
			if !due.IsZero() {
				late = append(late, began.Sub(due))
			}
			cost = append(cost, ended.Sub(began))
			mu.Unlock()
			due = time.Now().Add(every)
			return err
		})
		j.Every = every
		jobs = append(jobs, j)
	}
	k, err := life.New(jobs, newMemory(), life.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		<-ctx.Done()
		close(free)
	}()
	if err := k.Run(ctx); err != nil {
		b.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(late) == 0 {
		late = []time.Duration{0}
	}
	return late, cost
}

package hub_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"hebian/hub"
	"hebian/schemas"
)

// keyedLines makes records as long as pay lines for a keyed file.
func keyedLines(n int) []schemas.Record {
	records := payLines(n)
	for i := range records {
		records[i].ID = keyedLineID(i, records[i].Value)
	}
	return records
}

func keyedLineID(i int, value []byte) schemas.ID {
	return schemas.KeyedID(schemas.Scope("staffing", "f"), fmt.Appendf(nil, "%d", i), value[5:])
}

// merge delivers records, as many as the door hands over at a time.
func (h house) merge(b *testing.B, m hub.Manifest, records []schemas.Record) hub.Receipt {
	b.Helper()
	ctx := context.Background()
	s, err := h.intake.Begin(ctx, m)
	if err != nil {
		b.Fatal(err)
	}
	for len(records) > 0 {
		n := min(3000, len(records))
		if err := s.Accept(ctx, records[:n]); err != nil {
			b.Fatal(err)
		}
		records = records[n:]
	}
	r, err := s.Finish(ctx, hub.Ending{})
	if err != nil || r.Outcome != hub.Complete {
		b.Fatal(r.Outcome, err)
	}
	return r
}

// Merges of 20,000 new rows each, into a file that grows to a million.
func BenchmarkMergeNew(b *testing.B) {
	const rows, each = 1_000_000, 20_000
	records := keyedLines(rows)
	for b.Loop() {
		b.StopTimer()
		h := open(b, filepath.Join(b.TempDir(), "hebian.db"))
		b.StartTimer()
		for at := 0; at < rows; at += each {
			if r := h.merge(b, keyed("f", hub.Merge), records[at:at+each]); r.Live != int64(at+each) {
				b.Fatalf("%d rows live", r.Live)
			}
		}
		b.StopTimer()
		h.db.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}

// Merges of 20,000 rows into a file of a million, anywhere in it: the same again, or each changed.
func BenchmarkMergeKnown(b *testing.B) {
	const rows, each = 1_000_000, 20_000
	h := open(b, filepath.Join(b.TempDir(), "hebian.db"))
	records := keyedLines(rows)
	h.merge(b, keyed("f", hub.Full), records)
	random := rand.New(rand.NewPCG(1, 1))
	pick := func(change int) []schemas.Record {
		picked := make([]schemas.Record, each)
		for i, n := range random.Perm(rows)[:each] {
			picked[i] = records[n]
			if change > 0 {
				picked[i].Value = fmt.Appendf(nil, "%s %d", picked[i].Value, change)
				picked[i].ID = keyedLineID(n, picked[i].Value)
			}
		}
		return picked
	}
	h.merge(b, keyed("f", hub.Merge), nil) // makes the index
	b.Run("same", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			picked := pick(0)
			b.StartTimer()
			if r := h.merge(b, keyed("f", hub.Merge), picked); r.Unchanged != each {
				b.Fatalf("%d rows unchanged", r.Unchanged)
			}
		}
		b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("changed", func(b *testing.B) {
		n := 0
		for b.Loop() {
			b.StopTimer()
			n++
			picked := pick(n)
			b.StartTimer()
			if r := h.merge(b, keyed("f", hub.Merge), picked); r.Added != each || r.Retracted != each {
				b.Fatalf("%d rows new, %d taken back", r.Added, r.Retracted)
			}
		}
		b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "rows/s")
	})
}

// Merges of one row each, into a file that had 10,000 deliveries before: a new row, or one that changes.
func BenchmarkMergeOne(b *testing.B) {
	const earlier = 10_000
	path := filepath.Join(b.TempDir(), "hebian.db")
	h := open(b, path).unsynced(b)
	records := keyedLines(earlier + 1)
	for i := range earlier {
		h.merge(b, keyed("f", hub.Merge), records[i:i+1])
	}
	h.db.Close()
	h = open(b, path)
	b.Run("index", func(b *testing.B) { // the first merge after a start reads the file's deliveries
		for b.Loop() {
			b.StopTimer()
			h.intake = newIntake(h.log, h.deliveries, neverHeld)
			b.StartTimer()
			h.merge(b, keyed("f", hub.Merge), nil)
		}
	})
	b.Run("new", func(b *testing.B) {
		n := 0
		for b.Loop() {
			r := records[earlier]
			r.ID = keyedLineID(earlier+n, r.Value)
			n++
			h.merge(b, keyed("f", hub.Merge), []schemas.Record{r})
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "merges/s")
	})
	b.Run("changed", func(b *testing.B) {
		n := 0
		for b.Loop() {
			r := records[n%earlier]
			r.Value = fmt.Appendf(nil, "%s %d", r.Value, n)
			r.ID = keyedLineID(n%earlier, r.Value)
			n++
			h.merge(b, keyed("f", hub.Merge), []schemas.Record{r})
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "merges/s")
	})
}

// A feed over a topic of 200,000 records: all of them, in pages as large as a dispatch, and beyond.
func BenchmarkFeed(b *testing.B) {
	const rows = 200_000
	h := open(b, filepath.Join(b.TempDir(), "hebian.db"))
	records := payLines(rows)
	for at := 0; at < rows; at += 2000 {
		batches := make([]hub.Batch, h.log.Partitions("hub.golden"))
		for i := range batches {
			batches[i].Topic, batches[i].Partition = "hub.golden", i
		}
		for _, r := range records[at : at+2000] {
			p := hub.PartitionOf(r.Key, len(batches))
			batches[p].Records = append(batches[p].Records, r)
		}
		if err := h.log.Append(b.Context(), batches); err != nil {
			b.Fatal(err)
		}
	}
	for _, limit := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(limit), func(b *testing.B) {
			feed := hub.NewFeed(h.log, "hub.golden", nil)
			for b.Loop() {
				n := 0
				for cursor, more := "", true; more; {
					var err error
					if cursor, more, err = feed.Next(b.Context(), cursor, limit, 1<<30, func(hub.Position, *schemas.Record) error {
						n++
						return nil
					}); err != nil {
						b.Fatal(err)
					}
				}
				if n != rows {
					b.Fatalf("%d records", n)
				}
			}
			b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

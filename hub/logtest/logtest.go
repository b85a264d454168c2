// Package logtest is the suite that every hub.Log passes.
package logtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hebian/hub"
	"hebian/schemas"
)

// Open opens a log. Called again with the same dir it opens the same log anew, as after a restart. The
// topic "single" has one partition, "keyed" has several.
type Open func(t *testing.T, dir string) hub.Log

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Run("what is appended is read in order", func(t *testing.T) { order(t, open) })
	t.Run("reading can begin at any offset", func(t *testing.T) { anyOffset(t, open) })
	t.Run("batches keep their delivery", func(t *testing.T) { deliveries(t, open) })
	t.Run("a log opened again goes on", func(t *testing.T) { reopen(t, open) })
	t.Run("partitions are apart", func(t *testing.T) { partitions(t, open) })
	t.Run("writers and readers at once", func(t *testing.T) { concurrent(t, open) })
	t.Run("a cancelled append leaves nothing", func(t *testing.T) { cancelled(t, open) })
	t.Run("odd records survive", func(t *testing.T) { odd(t, open) })
}

func order(t *testing.T, open Open) {
	log := open(t, t.TempDir())
	var want []schemas.Record
	for i := range 5 {
		records := sample(uint64(i), 100)
		want = append(want, records...)
		appendTo(t, log, hub.Batch{Topic: "single", Delivery: 1, Records: records})
	}
	compare(t, want, readAll(t, log, "single", 0, 0))
	if end, err := log.End(t.Context(), "single", 0); err != nil || end != 500 {
		t.Errorf("End = %d, %v, want 500", end, err)
	}
}

func anyOffset(t *testing.T, open Open) {
	log := open(t, t.TempDir())
	records := sample(1, 90)
	for i := 0; i < 90; i += 30 {
		appendTo(t, log, hub.Batch{Topic: "single", Delivery: 1, Records: records[i : i+30]})
	}
	for _, from := range []int64{0, 1, 29, 30, 31, 59, 89, 90} {
		compare(t, records[from:], readAll(t, log, "single", 0, from))
	}
	var b hub.Batch
	if err := log.Read(t.Context(), "single", 0, 90, &b); err != nil || len(b.Records) != 0 {
		t.Errorf("Read at the end gave %d records, %v; want none", len(b.Records), err)
	}
	if err := log.Read(t.Context(), "keyed", 0, 0, &b); err != nil || len(b.Records) != 0 {
		t.Errorf("Read of an empty partition gave %d records, %v; want none", len(b.Records), err)
	}
}

func deliveries(t *testing.T, open Open) {
	log := open(t, t.TempDir())
	batches := []hub.Batch{
		{Topic: "single", Delivery: 7, Records: sample(1, 10)},
		{Topic: "single", Delivery: 8, Records: sample(2, 20)},
	}
	appendTo(t, log, batches...)
	if batches[0].Base != 0 || batches[1].Base != 10 {
		t.Errorf("Append set bases %d and %d, want 0 and 10", batches[0].Base, batches[1].Base)
	}
	var b hub.Batch
	for at, want := range map[int64]int64{0: 7, 9: 7, 10: 8, 29: 8} {
		if err := log.Read(t.Context(), "single", 0, at, &b); err != nil || b.Delivery != want || b.Base != at {
			t.Errorf("Read at %d gave delivery %d from %d, %v; want %d", at, b.Delivery, b.Base, err, want)
		}
	}
}

func reopen(t *testing.T, open Open) {
	dir := t.TempDir()
	log := open(t, dir)
	n := log.Partitions("keyed")
	first, second := sample(1, 50), sample(2, 50)
	appendTo(t, log, hub.Batch{Topic: "keyed", Partition: n - 1, Delivery: 1, Records: first})
	log = open(t, dir)
	if log.Partitions("keyed") != n {
		t.Errorf("opened again, the log has %d partitions, had %d", log.Partitions("keyed"), n)
	}
	appendTo(t, log, hub.Batch{Topic: "keyed", Partition: n - 1, Delivery: 2, Records: second})
	compare(t, append(first, second...), readAll(t, log, "keyed", n-1, 0))
}

func partitions(t *testing.T, open Open) {
	log := open(t, t.TempDir())
	if log.Partitions("single") != 1 || log.Partitions("keyed") < 2 {
		t.Fatalf("Partitions = %d and %d, want 1 and several", log.Partitions("single"), log.Partitions("keyed"))
	}
	var batches []hub.Batch
	for p := range log.Partitions("keyed") {
		batches = append(batches, hub.Batch{Topic: "keyed", Partition: p, Delivery: 1, Records: sample(uint64(p), 10+p)})
	}
	appendTo(t, log, batches...)
	for p := range batches {
		compare(t, batches[p].Records, readAll(t, log, "keyed", p, 0))
	}
}

func concurrent(t *testing.T, open Open) {
	log := open(t, t.TempDir())
	const writers, rounds, run = 4, 10, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				b := []hub.Batch{{Topic: "single", Delivery: int64(w), Records: sample(uint64(w*100+i), run)}}
				if err := log.Append(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	var b hub.Batch
	for at, writing := int64(0), true; writing; at += int64(len(b.Records)) {
		select { // a reader beside the writers, until they are done
		case <-done:
			writing = false
		default:
		}
		if err := log.Read(t.Context(), "single", 0, at, &b); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[schemas.ID]bool{}
	for _, r := range readAll(t, log, "single", 0, 0) {
		seen[r.ID] = true
	}
	if len(seen) != writers*rounds*run {
		t.Errorf("read %d different records, want %d", len(seen), writers*rounds*run)
	}
}

func cancelled(t *testing.T, open Open) {
	log := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := log.Append(ctx, []hub.Batch{{Topic: "single", Delivery: 1, Records: sample(1, 10)}})
	if err == nil {
		t.Error("Append with a cancelled context gave no error")
	}
	records := sample(2, 5)
	appendTo(t, log, hub.Batch{Topic: "single", Delivery: 1, Records: records})
	compare(t, records, readAll(t, log, "single", 0, 0))
}

func odd(t *testing.T, open Open) {
	log := open(t, t.TempDir())
	records := []schemas.Record{
		{Key: []byte{}, Value: []byte{}},
		{ID: schemas.ID{1}, Op: schemas.Retract, Line: 1 << 40, Key: []byte("k\x00\xff"), Value: []byte(strings.Repeat("v", 1<<20))},
		{ID: schemas.ID{2}, Line: 3, Key: []byte("键"), Value: []byte("值")},
	}
	appendTo(t, log, hub.Batch{Topic: "single", Delivery: 1 << 40, Records: records})
	compare(t, records, readAll(t, log, "single", 0, 0))
}

func appendTo(t *testing.T, log hub.Log, batches ...hub.Batch) {
	t.Helper()
	if err := log.Append(t.Context(), batches); err != nil {
		t.Fatal(err)
	}
}

// readAll reads a partition to its end and copies what it got.
func readAll(t *testing.T, log hub.Log, topic string, partition int, from int64) []schemas.Record {
	t.Helper()
	var all []schemas.Record
	var b hub.Batch
	for {
		if err := log.Read(t.Context(), topic, partition, from, &b); err != nil {
			t.Fatal(err)
		}
		if len(b.Records) == 0 {
			return all
		}
		for _, r := range b.Records {
			r.Key, r.Value = append([]byte{}, r.Key...), append([]byte{}, r.Value...)
			all = append(all, r)
		}
		from += int64(len(b.Records))
	}
}

func compare(t *testing.T, want, got []schemas.Record) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("records differ (-want +got):\n%.2000s", diff)
	}
}

// sample makes n records of payroll-like bytes.
func sample(seed uint64, n int) []schemas.Record {
	random := rand.New(rand.NewPCG(seed, 1))
	records := make([]schemas.Record, n)
	for i := range records {
		r := &records[i]
		for j := range r.ID {
			r.ID[j] = byte(random.Uint32())
		}
		r.Line = int64(i) + 2
		r.Op = schemas.Op(random.IntN(2))
		r.Key = fmt.Appendf(nil, "139721%012d", random.IntN(1000))
		r.Value = fmt.Appendf(nil, "\x00\x00\x00\x00\x01%s|%d", r.Key, random.Uint64())
	}
	return records
}

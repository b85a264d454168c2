package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/schemas"
)

// outbox is a hub.Outbox in memory, in the order of decisions.
type outbox struct {
	mu     sync.Mutex
	lying  []hub.Outgoing
	broken error // what every call says
}

func (o *outbox) put(agency string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lying = append(o.lying, hub.Outgoing{Correction: schemas.Correction{
		Case: fmt.Sprintf("case %d", n), ID: fmt.Sprintf("%032x", n), Agency: agency, Outcome: "confirmed", Reason: "核对过", Rows: []schemas.CitedRow{},
	}})
}

func (o *outbox) Waiting(context.Context) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var agencies []string
	for _, l := range o.lying {
		agencies = append(agencies, l.Correction.Agency)
	}
	slices.Sort(agencies)
	return slices.Compact(agencies), o.broken
}

func (o *outbox) Pending(_ context.Context, agency string, limit int) ([]hub.Outgoing, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var pending []hub.Outgoing
	for _, l := range o.lying {
		if l.Correction.Agency == agency && len(pending) < limit {
			pending = append(pending, l)
		}
	}
	return pending, o.broken
}

func (o *outbox) Logged(_ context.Context, ids []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.lying {
		o.lying[i].Logged = o.lying[i].Logged || slices.Contains(ids, o.lying[i].Correction.ID)
	}
	return o.broken
}

func (o *outbox) Sent(_ context.Context, ids []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lying = slices.DeleteFunc(o.lying, func(l hub.Outgoing) bool { return slices.Contains(ids, l.Correction.ID) })
	return o.broken
}

// agencies are what a relay writes to. Some fail, some never answer.
type agencies struct {
	mu      sync.Mutex
	failing map[string]bool
	hanging map[string]bool
	tries   map[string][]time.Time
	got     map[string][]string // ids by agency, in the order they came
}

func newAgencies() *agencies {
	return &agencies{failing: map[string]bool{}, hanging: map[string]bool{}, tries: map[string][]time.Time{}, got: map[string][]string{}}
}

func (a *agencies) Write(ctx context.Context, agency, id string, body []byte) error {
	a.mu.Lock()
	a.tries[agency] = append(a.tries[agency], time.Now())
	failing, hanging := a.failing[agency], a.hanging[agency]
	a.mu.Unlock()
	if hanging {
		<-ctx.Done()
		return ctx.Err()
	}
	if failing {
		return errors.New("the folder is not there")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got[agency] = append(a.got[agency], id)
	return nil
}

// memory is a hub.Log of one topic that keeps nothing but IDs.
type memory struct {
	mu      sync.Mutex
	records [][]schemas.Record
	fails   int // so many appends fail although they are done
}

func newMemory() *memory { return &memory{records: make([][]schemas.Record, 8)} }

func (m *memory) Partitions(string) int { return len(m.records) }

func (m *memory) Append(_ context.Context, batches []hub.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range batches {
		for _, r := range b.Records {
			m.records[b.Partition] = append(m.records[b.Partition], schemas.Record{ID: r.ID, Key: slices.Clone(r.Key), Value: slices.Clone(r.Value)})
		}
	}
	if m.fails > 0 {
		m.fails--
		return errors.New("the disk did not answer")
	}
	return nil
}

func (m *memory) End(_ context.Context, _ string, partition int) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.records[partition])), nil
}

func (m *memory) Read(_ context.Context, topic string, partition int, from int64, b *hub.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.Topic, b.Partition, b.Base, b.Records = topic, partition, from, m.records[partition][from:]
	return nil
}

func (m *memory) ids() (ids []string) {
	for _, records := range m.records {
		for _, r := range records {
			ids = append(ids, r.ID.String())
		}
	}
	slices.Sort(ids)
	return ids
}

// One agency fails, one never answers, one works: what is for the third goes out, in order; what is for the others once they work.
func TestRelayAgenciesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, log, out := &outbox{}, newMemory(), newAgencies()
		out.failing["hr"], out.hanging["staffing"] = true, true
		for n := range 9 {
			box.put([]string{"finance", "hr", "staffing"}[n%3], n)
		}
		relay := hub.NewRelay(box, log, out, 1)
		sent, err := relay.Drain(t.Context())
		if sent != 3 || err == nil || !strings.Contains(err.Error(), "to hr: the folder") || !strings.Contains(err.Error(), "to staffing: context deadline") {
			t.Errorf("%d corrections went out, %v; want 3 and a word on hr and staffing", sent, err)
		}
		ids := func(numbers ...int) (ids []string) {
			for _, n := range numbers {
				ids = append(ids, fmt.Sprintf("%032x", n))
			}
			return ids
		}
		if diff := cmp.Diff(map[string][]string{"finance": ids(0, 3, 6)}, out.got); diff != "" {
			t.Errorf("what agencies have differs (-want +got):\n%s", diff)
		}
		out.failing, out.hanging = nil, nil
		if sent, err := relay.Drain(t.Context()); sent != 0 || err != nil {
			t.Errorf("at once again %d corrections went out, %v; want a pause", sent, err)
		}
		time.Sleep(time.Second)
		if sent, err := relay.Drain(t.Context()); sent != 6 || err != nil {
			t.Errorf("then %d corrections went out, %v; want 6", sent, err)
		}
		want := map[string][]string{"finance": ids(0, 3, 6), "hr": ids(1, 4, 7), "staffing": ids(2, 5, 8)}
		if diff := cmp.Diff(want, out.got); diff != "" {
			t.Errorf("what agencies have differs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(ids(0, 1, 2, 3, 4, 5, 6, 7, 8), log.ids()); diff != "" {
			t.Errorf("the log differs (-want +got):\n%s", diff)
		}
	})
}

// Pauses double up to five minutes, and end when the agency works again.
func TestRelayPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, out := &outbox{}, newAgencies()
		out.failing["hr"] = true
		box.put("hr", 1)
		stop := make(chan struct{})
		reports := 0
		var wait sync.WaitGroup
		wait.Go(func() {
			hub.NewRelay(box, newMemory(), out, 1).Run(t.Context(), stop, nil, func(error) { reports++ })
		})
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		out.mu.Lock()
		var pauses []time.Duration
		for i := 1; i < len(out.tries["hr"]); i++ {
			pauses = append(pauses, out.tries["hr"][i].Sub(out.tries["hr"][i-1]).Round(time.Second))
		}
		out.failing["hr"] = false
		out.mu.Unlock()
		s := time.Second
		want := []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 300 * s, 300 * s, 300 * s, 300 * s}
		if diff := cmp.Diff(want, pauses); diff != "" {
			t.Errorf("pauses differ (-want +got):\n%s", diff)
		}
		time.Sleep(5 * time.Minute)
		close(stop)
		wait.Wait()
		if len(out.got["hr"]) != 1 || reports != len(want)+1 {
			t.Errorf("the agency has %d corrections after %d reports, want 1 after %d", len(out.got["hr"]), reports, len(want)+1)
		}
	})
}

// Woken, the relay looks at once; and it goes on until nothing is left, however much there is.
func TestRelayWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, log, out := &outbox{}, newMemory(), newAgencies()
		stop := make(chan struct{})
		wake := make(chan struct{})
		var wait sync.WaitGroup
		wait.Go(func() {
			hub.NewRelay(box, log, out, 1).Run(t.Context(), stop, wake, func(err error) { t.Error(err) })
		})
		synctest.Wait()
		for n := range 1000 {
			box.put("finance", n)
		}
		began := time.Now()
		wake <- struct{}{}
		synctest.Wait()
		if n := len(out.got["finance"]); n != 1000 || time.Since(began) != 0 {
			t.Errorf("%d corrections went out in %s, want 1,000 at once", n, time.Since(began))
		}
		if n := len(slices.Compact(log.ids())); n != 1000 {
			t.Errorf("%d corrections are in the log, want 1,000", n)
		}
		close(stop)
		wait.Wait()
	})
}

// Whoever stops the relay has what was decided before go out all the same, more than one pass of it.
func TestRelayStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, out := &outbox{}, newAgencies()
		for n := range 500 {
			box.put("finance", n)
		}
		stop := make(chan struct{})
		close(stop)
		hub.NewRelay(box, newMemory(), out, 1).Run(t.Context(), stop, nil, func(err error) { t.Error(err) })
		if n := len(out.got["finance"]); n != 500 {
			t.Errorf("%d corrections went out before the relay stopped, want 500", n)
		}
	})
}

// An append that fails may be in the log all the same: it is looked for there before the next try, and no agency hears before the
// log holds it.
func TestRelayUnsureAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, log, out := &outbox{}, newMemory(), newAgencies()
		log.fails = 2
		for n := range 5 {
			box.put("finance", n)
		}
		relay := hub.NewRelay(box, log, out, 1)
		for try := range 2 {
			if _, err := relay.Drain(t.Context()); err == nil || len(out.got) > 0 {
				t.Errorf("try %d: %v, and agencies have %v", try, err, out.got)
			}
			box.put("finance", 5+try)
			time.Sleep(4 * time.Second)
		}
		if sent, err := relay.Drain(t.Context()); sent != 7 || err != nil {
			t.Fatalf("%d corrections went out, %v; want 7", sent, err)
		}
		if ids := log.ids(); len(ids) != 7 || len(slices.Compact(ids)) != 7 {
			t.Errorf("the log holds %q, want 7 different ones", ids)
		}
	})
}

// What a correction's record looks like, in a real log.
func TestRelayRecord(t *testing.T) {
	h := open(t, t.TempDir()+"/hebian.db")
	box := &outbox{}
	box.put("finance", 7)
	want := box.lying[0].Correction
	if _, err := hub.NewRelay(box, h.log, newAgencies(), 42).Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	walker, err := schemas.NewWalker(schemas.SubjectOf(hub.CorrectionTopic).Avro)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for p := range h.log.Partitions(hub.CorrectionTopic) {
		var b hub.Batch
		if err := h.log.Read(t.Context(), hub.CorrectionTopic, p, 0, &b); err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			found++
			var got schemas.Correction
			if err := schemas.Decode(r.Value, walker, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the correction differs (-want +got):\n%s", diff)
			}
			if id, _, _ := schemas.SplitFrame(r.Value); id != 42 || r.ID.String() != want.ID || string(r.Key) != want.Case || b.Delivery != 0 {
				t.Errorf("record %s under key %s, schema %d, delivery %d", r.ID, r.Key, id, b.Delivery)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d records, want 1", found)
	}
}

package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/matcher/queue"
	"hebian/schemas"
)

// The relay is killed before and after each of its steps, and starts again: every correction reaches its agency, lies in the
// log once, and takes its case on once.
func TestRelayKilledAnywhere(t *testing.T) {
	const decided = 5
	for steps := 0; ; steps++ {
		o := open(t)
		want := map[string]string{}
		for i := range decided {
			id := o.decide(t, i)
			want[id] = string(queue.Sent)
		}
		killed, out := false, folder{}
		fuse := &fuse{left: steps, office: o, folder: out}
		if _, err := hub.NewRelay(fuse, fuse, fuse, 1).Drain(t.Context()); err != nil {
			if killed = errors.Is(err, errKilled); !killed {
				t.Fatal(err)
			}
			relay := hub.NewRelay(o.queue, o.log, out, 1)
			if _, err := relay.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		got := map[string]string{}
		for id := range want {
			c, events, err := o.queue.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			got[id] = string(c.State)
			if len(events) != 4 {
				t.Errorf("killed at step %d: the history of a case has %d lines, want opened, claimed, decided, sent", steps, len(events))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("killed at step %d the cases differ (-want +got):\n%s", steps, diff)
		}
		if diff := cmp.Diff(o.logged(t), map[string]schemas.Correction(out)); diff != "" || len(out) != decided {
			t.Errorf("killed at step %d: %d corrections are with their agency, want %d; log (-) and folder (+):\n%s", steps, len(out), decided, diff)
		}
		if !killed {
			if steps != 2*(3+decided) { // append, logged, sent, and what is written
				t.Errorf("the relay was done after %d steps: are all of them seen?", steps)
			}
			return
		}
	}
}

// decide takes a case of finding(i) to its decision.
func (o *office) decide(t testing.TB, i int) (id string) {
	t.Helper()
	ctx := context.Background()
	f := finding(i)
	id = idOf(f)
	o.rule(t, 1, true, f)
	if _, err := o.queue.Claim(ctx, id, "Wang"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.queue.Decide(ctx, id, "Wang", queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: "looked"}); err != nil {
		t.Fatal(err)
	}
	return id
}

// folder is what agencies have, by id. An id written again must be the same.
type folder map[string]schemas.Correction

func (f folder) Write(_ context.Context, agency, id string, body []byte) error {
	var c schemas.Correction
	if err := json.Unmarshal(body, &c); err != nil {
		return err
	}
	if before, written := f[id]; written && !cmp.Equal(before, c) || c.ID != id || c.Agency != agency {
		return fmt.Errorf("%s was written before, or holds another", id)
	}
	f[id] = c
	return nil
}

// oneAtATime is a folder that several agencies are written to at once.
type oneAtATime struct {
	mu sync.Mutex
	folder
}

func (f *oneAtATime) Write(ctx context.Context, agency, id string, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.folder.Write(ctx, agency, id, body)
}

// logged reads the corrections in the log; none may lie there twice.
func (o *office) logged(t testing.TB) map[string]schemas.Correction {
	t.Helper()
	walker, err := schemas.NewWalker(schemas.SubjectOf(hub.CorrectionTopic).Avro)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]schemas.Correction{}
	for p := range o.log.Partitions(hub.CorrectionTopic) {
		reader := hub.NewReader(o.log, map[int64]string{0: ""})
		if _, err := reader.Replay(context.Background(), hub.CorrectionTopic, p, 0, func(_ string, b *hub.Batch) error {
			for _, r := range b.Records {
				var c schemas.Correction
				if err := schemas.Decode(r.Value, walker, &c); err != nil {
					return err
				}
				if _, twice := found[c.ID]; twice || r.ID.String() != c.ID || string(r.Key) != c.Case {
					t.Errorf("record %s under key %s holds correction %s of case %s, there before: %v", r.ID, r.Key, c.ID, c.Case, twice)
				}
				found[c.ID] = c
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

var errKilled = errors.New("killed")

// fuse stands before outbox, log and folder and burns down with every step of the relay: half a step before its effect, half after.
// Then nothing works any more, as after a kill.
type fuse struct {
	left   int
	office *office
	folder folder
}

func (f *fuse) burn() bool {
	f.left--
	return f.left < 0
}

// step does what it is told unless the fuse burns down before; burnt down after, nobody hears that it was done.
func (f *fuse) step(do func() error) error {
	if f.burn() {
		return errKilled
	}
	if err := do(); err != nil {
		return err
	}
	if f.burn() {
		return errKilled
	}
	return nil
}

func (f *fuse) Waiting(ctx context.Context) (agencies []string, err error) {
	return f.office.queue.Waiting(ctx)
}

func (f *fuse) Pending(ctx context.Context, agency string, limit int) ([]hub.Outgoing, error) {
	return f.office.queue.Pending(ctx, agency, limit)
}

func (f *fuse) Logged(ctx context.Context, ids []string) error {
	return f.step(func() error { return f.office.queue.Logged(ctx, ids) })
}

func (f *fuse) Sent(ctx context.Context, ids []string) error {
	return f.step(func() error { return f.office.queue.Sent(ctx, ids) })
}

func (f *fuse) Write(ctx context.Context, agency, id string, body []byte) error {
	return f.step(func() error { return f.folder.Write(ctx, agency, id, body) })
}

func (f *fuse) Append(ctx context.Context, batches []hub.Batch) error {
	return f.step(func() error { return f.office.log.Append(ctx, batches) })
}

func (f *fuse) Partitions(topic string) int { return f.office.log.Partitions(topic) }

func (f *fuse) End(ctx context.Context, topic string, partition int) (int64, error) {
	return f.office.log.End(ctx, topic, partition)
}

func (f *fuse) Read(ctx context.Context, topic string, partition int, from int64, b *hub.Batch) error {
	return f.office.log.Read(ctx, topic, partition, from, b)
}

// Several corrections of one decision, and their reminders, reach their agencies and the log, each once.
func TestRelayOfSeveral(t *testing.T) {
	clock := morning
	o, out := register(t, &clock), folder{}
	id := o.take(t, conflict(1), queue.Decision{Outcome: queue.OutcomeAuthority})
	relay := hub.NewRelay(o.queue, o.log, &oneAtATime{folder: out}, 1)
	drain := func(corrections int) {
		t.Helper()
		if sent, err := relay.Drain(t.Context()); err != nil || sent != corrections {
			t.Fatalf("%d corrections were sent, %v; want %d", sent, err, corrections)
		}
	}
	drain(3)
	clock = clock.Add(8 * days)
	o.lapse(t, 1)
	drain(3)
	drain(0)
	if diff := cmp.Diff(o.logged(t), map[string]schemas.Correction(out)); diff != "" || len(out) != 6 {
		t.Errorf("%d corrections are with their agency, want 6; log (-) and folder (+):\n%s", len(out), diff)
	}
	if c, _, err := o.queue.Get(t.Context(), id); err != nil || c.State != queue.Sent || !c.Escalated {
		t.Errorf("the case is %+v, %v", c, err)
	}
}

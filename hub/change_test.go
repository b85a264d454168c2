package hub_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/schemas"
)

func TestChanges(t *testing.T) {
	type delivery struct {
		mode                        hub.Mode
		rows                        string
		added, unchanged, retracted int64
	}
	for _, test := range []struct {
		name       string
		deliveries []delivery
		live       string
	}{
		{"rows on top", []delivery{{hub.Full, "x y", 2, 0, 0}, {hub.Add, "z", 1, 0, 0}}, "x y z"},
		{"equal rows on top count", []delivery{{hub.Full, "x x", 2, 0, 0}, {hub.Add, "x x", 2, 0, 0}}, "x x x x"},
		{"rows of a new file", []delivery{{hub.Add, "x x", 2, 0, 0}}, "x x"},
		{"rows taken back", []delivery{{hub.Full, "x y z", 3, 0, 0}, {hub.Remove, "z x", 0, 0, 2}}, "y"},
		{"of equal rows one", []delivery{{hub.Full, "x x x", 3, 0, 0}, {hub.Remove, "x", 0, 0, 1}}, "x x"},
		{"a row that is not there", []delivery{{hub.Full, "x y", 2, 0, 0}, {hub.Remove, "x x", 1, 0, 1}}, "f:3 y"},
		{"a row that was taken back", []delivery{{hub.Full, "x", 1, 0, 0}, {hub.Remove, "x", 0, 0, 1}, {hub.Remove, "x", 1, 0, 0}}, "f:2"},
		{"the same row refused twice", []delivery{{hub.Remove, "x", 1, 0, 0}, {hub.Remove, "x", 1, 0, 0}}, "f:2 f:2"},
		{"a row may come back", []delivery{{hub.Full, "x", 1, 0, 0}, {hub.Remove, "x", 0, 0, 1}, {hub.Add, "x", 1, 0, 0}}, "x"},
		{"of one key, another content", []delivery{{hub.Full, "k=1", 1, 0, 0}, {hub.Remove, "k=2", 1, 0, 0}}, "f:2 k=1"},
		{"misfits on top", []delivery{{hub.Full, "x !q", 2, 0, 0}, {hub.Add, "!q y", 2, 0, 0}, {hub.Remove, "!q x", 1, 0, 1}}, "!q !q !q y"},
		{"a whole file after changes", []delivery{{hub.Full, "x y !q", 3, 0, 0}, {hub.Add, "x z !r", 3, 0, 0}, {hub.Remove, "y w", 1, 0, 1}, {hub.Full, "x x y", 1, 2, 4}}, "x x y"},
		{"nothing to add, nothing to take back", []delivery{{hub.Full, "x", 1, 0, 0}, {hub.Add, "", 0, 0, 0}, {hub.Remove, "", 0, 0, 0}}, "x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
			for i, d := range test.deliveries {
				m := changes("f", d.mode, fmt.Sprint(i))
				r := h.take(t, m, strings.Fields(d.rows)...)
				if got, want := [3]int64{r.Added, r.Unchanged, r.Retracted}, [3]int64{d.added, d.unchanged, d.retracted}; got != want {
					t.Errorf("delivery %d added, kept, retracted %v, want %v", i+1, got, want)
				}
			}
			if diff := cmp.Diff(strings.Fields(test.live), h.live(t)); diff != "" {
				t.Errorf("live rows differ (-want +got):\n%s", diff)
			}
		})
	}
}

// Contents that share half of their hash share ordinals in a whole file. Change sets find their rows all the same.
func TestSharedOrdinals(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	accepted, _ := rows(t, "f", []string{"k=1", "k=2"})
	copy(accepted[1].ID[:8], accepted[0].ID[:8])
	for i, step := range []struct {
		mode hub.Mode
		rows []schemas.Record
		live string
	}{
		{hub.Full, accepted, "k=1 k=2"},
		{hub.Remove, accepted[1:], "k=1"},
		{hub.Add, slices.Concat(accepted[1:], accepted[1:]), "k=1 k=2 k=2"},
		{hub.Full, slices.Concat(accepted, accepted[1:]), "k=1 k=2 k=2"},
		{hub.Remove, accepted[:1], "k=2 k=2"},
		{hub.Remove, slices.Concat(accepted[1:], accepted[1:]), ""},
	} {
		s, err := h.intake.Begin(t.Context(), changes("f", step.mode, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Accept(t.Context(), step.rows); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Finish(t.Context(), hub.Ending{}); err != nil {
			t.Fatal(err)
		}
		if live := strings.Join(h.live(t), " "); live != step.live {
			t.Errorf("after step %d, %s, the live rows are %q, want %q", i, step.mode, live, step.live)
		}
	}
}

// A change set names only where its own records lie.
func TestChangeSpans(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	h.deliver(t, "f", strings.Fields("u v w x y z")...)
	r := h.take(t, changes("f", hub.Add, "1"), "x")
	if len(r.Spans) != 1 || r.Spans[0].Topic != subject || r.Spans[0].Next != r.Spans[0].First+1 {
		t.Errorf("one row lies in %v, want one span of one record", r.Spans)
	}
}

// What a key stands for is delivered once.
func TestKeys(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	first := changes("f", hub.Add, "key")
	for _, m := range []hub.Manifest{changes("f", hub.Add, ""), changes("f", hub.Remove, ""), changes("f", "some", "key")} {
		if _, err := h.hand(t, m, "x"); err == nil {
			t.Errorf("mode %q with key %q was taken", m.Mode, m.Key)
		}
	}
	h.fail(t, first, []string{"x"}) // what failed keeps no key
	h.kill(t, first, []string{"x"}, 1)
	if _, found, err := h.deliveries.ByKey(t.Context(), "staffing", "key"); err != nil || found {
		t.Errorf("before a delivery is complete its key was found: %v, %v", found, err)
	}
	r := h.take(t, first, "x")
	for _, m := range []hub.Manifest{first, changes("g", hub.Add, "key"), changes("f", hub.Full, "key")} {
		if _, err := h.hand(t, m, "x"); !errors.Is(err, hub.ErrKeyUsed) {
			t.Errorf("%s of %s under a key used before gave %v, want ErrKeyUsed", m.Mode, m.File, err)
		}
	}
	if known, found, err := h.deliveries.ByKey(t.Context(), "staffing", "key"); err != nil || !found || !cmp.Equal(r, known) {
		t.Errorf("by its key the receipt is %+v, %v, %v; want %+v", known, found, err, r)
	}
	other := changes("hr/f", hub.Add, "key")
	other.Agency = "hr"
	if _, err := h.hand(t, other, "y"); err != nil {
		t.Errorf("another agency's key: %v", err)
	}
	if _, found, err := h.deliveries.ByKey(t.Context(), "staffing", ""); err != nil || found {
		t.Errorf("no key was found: %v, %v", found, err)
	}
	h.deliver(t, "f", "x", "y") // without a key as often as one likes
	h.deliver(t, "f", "x")
}

// Two deliveries at once must share neither file nor key.
func TestBusyKey(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	s, err := h.intake.Begin(t.Context(), changes("f", hub.Add, "key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.hand(t, changes("g", hub.Add, "key")); !errors.Is(err, hub.ErrBusy) {
		t.Errorf("another file under the same key at once gave %v, want ErrBusy", err)
	}
	if _, err := h.hand(t, changes("g", hub.Add, "other")); err != nil {
		t.Errorf("another file under another key at once: %v", err)
	}
	s.Leave()
	h.take(t, changes("g", hub.Add, "key"), "x")
}

// An interrupted delivery that the next one can't go on with ends as failed, one that it can go on with does not.
func TestSupersede(t *testing.T) {
	for _, test := range []struct {
		first, second hub.Mode
		goesOn        bool
	}{
		{hub.Full, hub.Full, true},
		{hub.Full, hub.Add, false},
		{hub.Add, hub.Full, false},
		{hub.Add, hub.Add, false},
		{hub.Remove, hub.Add, false},
	} {
		t.Run(fmt.Sprint(test.first, " then ", test.second), func(t *testing.T) {
			h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
			h.kill(t, changes("f", test.first, "1"), []string{"x", "y"}, 1)
			interrupted, err := h.deliveries.Get(t.Context(), 1)
			if err != nil || interrupted.Outcome != hub.Open || interrupted.Mode != test.first || interrupted.Started.IsZero() {
				t.Errorf("the interrupted delivery is %+v, %v; want it open", interrupted, err)
			}
			r := h.take(t, changes("f", test.second, "2"), "x")
			if (r.Delivery == interrupted.Delivery) != test.goesOn {
				t.Errorf("delivery %d came after %d was interrupted; goes on: want %v", r.Delivery, interrupted.Delivery, test.goesOn)
			}
			before, err := h.deliveries.Get(t.Context(), 1)
			if want := map[bool]hub.Outcome{true: hub.Complete, false: hub.Failed}[test.goesOn]; err != nil || before.Outcome != want {
				t.Errorf("the interrupted delivery ended %s, %v; want %s", before.Outcome, err, want)
			}
			if !test.goesOn && !strings.Contains(before.Error, "superseded") {
				t.Errorf("its receipt says %q, want it to say superseded", before.Error)
			}
		})
	}
}

// A change set beyond its bounds is refused, and nothing of it counts.
func TestChangeTooLarge(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	for _, test := range []struct {
		rows, bytes int
	}{{100_001, 1}, {33, 1 << 20}} {
		s, err := h.intake.Begin(t.Context(), changes("f", hub.Add, "key"))
		if err != nil {
			t.Fatal(err)
		}
		records := make([]schemas.Record, test.rows)
		for i := range records {
			records[i].Value = make([]byte, test.bytes)
		}
		err = s.Accept(t.Context(), records)
		if !errors.Is(err, hub.ErrTooLarge) {
			t.Errorf("%d rows of %d bytes gave %v, want ErrTooLarge", test.rows, test.bytes, err)
		}
		if r, _ := s.Fail(t.Context(), err); r.Outcome != hub.Failed || r.RowsRead != 0 {
			t.Errorf("the receipt is %s with %d rows, want failed, 0", r.Outcome, r.RowsRead)
		}
	}
}

func TestHold(t *testing.T) {
	const ten = "a b c d e f g h i=1 i=2"
	for _, test := range []struct {
		name, before, after string
		withdrawn, earlier  int64
		held                bool
	}{
		{"the first version", "", "a b", 0, 0, false},
		{"as much as is let through", ten, "b c d e f g h i=1 i=2 j", 1, 10, false},
		{"more than that", ten, "c d e f g h i=1 i=2 j k l", 2, 10, true},
		{"corrected rows", ten, "a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=3 i=4", 0, 10, false},
		{"corrected rows, one fewer of a key", ten, "a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=3", 1, 10, false},
		{"more rows of one key stand in for no other", ten, "a a=1 a=2 d e f g h i=1 i=2", 2, 10, true},
		{"nothing left", ten, "", 10, 10, true},
		{"rows that fit no more", ten, "!a !b !c !d !e !f !g !h i=1 i=2", 8, 10, true},
		{"misfits are no rows to withdraw", "a !b !c !d", "a", 0, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := openLimited(t, filepath.Join(t.TempDir(), "hebian.db"), 10)
			h.deliver(t, "f", strings.Fields(test.before)...)
			before := h.live(t)
			r := h.deliver(t, "f", strings.Fields(test.after)...)
			if r.Withdrawn != test.withdrawn || r.Earlier != test.earlier || (r.Outcome == hub.Held) != test.held {
				t.Errorf("%d of %d withdrawn and %s, want %d of %d, held %v", r.Withdrawn, r.Earlier, r.Outcome, test.withdrawn, test.earlier, test.held)
			}
			if !test.held {
				return
			}
			if diff := cmp.Diff(before, h.live(t)); diff != "" {
				t.Errorf("a held delivery changed rows (-want +got):\n%s", diff)
			}
			confirmed := manifest("f")
			confirmed.Confirmed = true
			if r := h.take(t, confirmed, strings.Fields(test.after)...); r.Outcome != hub.Complete || r.Withdrawn != test.withdrawn || r.Earlier != test.earlier {
				t.Errorf("confirmed, %d of %d are withdrawn and the delivery is %s", r.Withdrawn, r.Earlier, r.Outcome)
			}
		})
	}
}

// Change sets are what they say and never held; a whole file after them is held against what they left.
func TestHoldAfterChanges(t *testing.T) {
	h := openLimited(t, filepath.Join(t.TempDir(), "hebian.db"), 10)
	h.deliver(t, "f", "a", "b")
	if r := h.take(t, changes("f", hub.Remove, "1"), "a", "b"); r.Outcome != hub.Complete || r.Live != 0 {
		t.Errorf("taking all rows back is %s and leaves %d, want complete, 0", r.Outcome, r.Live)
	}
	h.take(t, changes("f", hub.Add, "2"), "c", "d")
	if r := h.deliver(t, "f", "a", "b"); r.Outcome != hub.Held || r.Withdrawn != 2 || r.Earlier != 2 {
		t.Errorf("the whole file is %s and withdraws %d of %d, want held, 2 of 2", r.Outcome, r.Withdrawn, r.Earlier)
	}
}

// Refused gives what is in quarantine after the delivery asked for, whatever came later.
func TestRefused(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	first := h.deliver(t, "f", "x", "!q", "!p")
	h.deliver(t, "g", "!other")
	second := h.take(t, changes("f", hub.Remove, "1"), "x", "y")
	third := h.deliver(t, "f", "x", "!p")
	h.compareRefused(t, first, []string{"!q", "!p"})
	h.compareRefused(t, second, []string{"!q", "!p", "f:3"})
	h.compareRefused(t, third, []string{"!p"})
	third.Outcome = hub.Failed
	h.compareRefused(t, third, nil)
}

func TestReaderDelivery(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	r := h.deliver(t, "f", "x")
	r.Outcome = hub.Held
	if err := hub.NewReader(h.log, nil).Delivery(t.Context(), r, func(string, *hub.Batch) error { return nil }); err == nil {
		t.Error("a delivery that is not complete was read")
	}
	if _, err := h.deliveries.Get(t.Context(), 99); !errors.Is(err, hub.ErrUnknown) {
		t.Errorf("a delivery that is none gave %v, want ErrUnknown", err)
	}
}

// The same subject under a file's name for good.
func TestOtherSubject(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	h.deliver(t, "f", "x")
	m := manifest("f")
	m.Subject = "staffing.permit"
	if _, err := h.hand(t, m, "x"); err == nil || !strings.Contains(err.Error(), subject) {
		t.Errorf("another subject gave %v, want it to name %s", err, subject)
	}
}

// One line on top of a file of 600,000, and taken back.
func BenchmarkOneLine(b *testing.B) {
	h := open(b, filepath.Join(b.TempDir(), "hebian.db"))
	large := payLines(600_000)
	s, err := h.intake.Begin(b.Context(), manifest("f"))
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Accept(b.Context(), large); err != nil {
		b.Fatal(err)
	}
	if _, err := s.Finish(b.Context(), hub.Ending{}); err != nil {
		b.Fatal(err)
	}
	deliver := func(m hub.Manifest) hub.Receipt {
		s, err := h.intake.Begin(b.Context(), m)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Accept(b.Context(), large[100_000:100_001]); err != nil {
			b.Fatal(err)
		}
		r, err := s.Finish(b.Context(), hub.Ending{})
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	n := 0
	for b.Loop() {
		n++
		if r := deliver(changes("f", hub.Add, fmt.Sprint("add ", n))); r.Live != 600_001 {
			b.Fatalf("%d rows live", r.Live)
		}
		if r := deliver(changes("f", hub.Remove, fmt.Sprint("remove ", n))); r.Live != 600_000 {
			b.Fatalf("%d rows live", r.Live)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(2*n), "ms/delivery")
}

// payLines makes records as long as pay lines, three a person.
func payLines(n int) []schemas.Record {
	scope := schemas.Scope("staffing", "f")
	records := make([]schemas.Record, n)
	for i := range records {
		key := fmt.Appendf(nil, "139721%012d", i/3)
		value := fmt.Appendf(nil, "\x00\x00\x00\x00\x01%s12139721QA%06dQ  BASIC %d 139721%012d 某某某                    ", key, i/90, i, i/3)
		records[i] = schemas.Record{ID: schemas.ContentID(scope, value[5:]), Line: int64(i + 2), Key: key, Value: value}
	}
	return records
}

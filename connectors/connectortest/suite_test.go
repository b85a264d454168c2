package connectortest

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The suites pass with partners that do what the contract says, however they cut, overlap and forget.
func TestReference(t *testing.T) {
	variants := map[string]func(m *memory){
		"plain":                     func(*memory) {},
		"a row at a time":           func(m *memory) { m.batch = 1 },
		"overlap":                   func(m *memory) { m.overlap = 4 },
		"forgets":                   func(m *memory) { m.forgets = true },
		"hand in another goroutine": func(m *memory) { m.flaw = "hand in another goroutine" },
	}
	for name, vary := range variants {
		t.Run(name, func(t *testing.T) {
			TestSource(t, func(t *testing.T) Partner {
				m := newMemory(t)
				vary(m)
				return m
			})
		})
	}
	t.Run("sink", func(t *testing.T) { TestSink(t, func(t *testing.T) Receiver { return newMemory(t) }) })
}

// A partner that is not Fragile passes what would break it.
func TestUnbreakable(t *testing.T) {
	source := &sourceSuite{times: patient, many: 100, open: func(t *testing.T) Partner { return struct{ Partner }{newMemory(t)} }}
	sink := &sinkSuite{times: patient, open: func(t *testing.T) Receiver { return struct{ Receiver }{newMemory(t)} }}
	for _, c := range slices.Concat(source.checks(), sink.checks()) {
		if err := c.run(t); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// hasty are times within which every flaw shows.
var hasty = times{whole: 2 * time.Second, end: 200 * time.Millisecond, hold: 20 * time.Millisecond, mend: 300 * time.Millisecond}

// Each flaw is found by the check that is there for it.
func TestFlaws(t *testing.T) {
	source := func(flaw string) []check {
		s := &sourceSuite{times: hasty, many: 2000, open: func(t *testing.T) Partner {
			m := newMemory(t)
			m.flaw = flaw
			return m
		}}
		return s.checks()
	}
	sink := func(flaw string) []check {
		s := &sinkSuite{times: hasty, open: func(t *testing.T) Receiver {
			m := newMemory(t)
			m.flaw = flaw
			return m
		}}
		return s.checks()
	}
	for _, suite := range []struct {
		name   string
		flaws  map[string]string
		checks func(flaw string) []check
	}{{"source", sourceFlaws, source}, {"sink", sinkFlaws, sink}} {
		for _, flaw := range slices.Sorted(maps.Keys(suite.flaws)) {
			by := suite.flaws[flaw]
			if by == "" {
				continue
			}
			t.Run(suite.name+"/"+flaw, func(t *testing.T) {
				checks := suite.checks(flaw)
				at := slices.IndexFunc(checks, func(c check) bool { return c.name == by })
				if at < 0 {
					t.Fatalf("there is no check %q", by)
				}
				err := checks[at].run(t)
				if err == nil {
					t.Errorf("%q does not find it", by)
				} else {
					t.Log(err)
				}
			})
		}
		found := slices.Collect(maps.Values(suite.flaws))
		for _, c := range suite.checks("") {
			if !slices.Contains(found, c.name) {
				t.Errorf("no flaw shows what %s/%s finds", suite.name, c.name)
			}
		}
	}
}

// What follows a position is the rest, and some of what was before; nothing else passes.
func TestFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := made(1, rapid.IntRange(0, 30).Draw(t, "rows"))
		for i := range all {
			all[i].Poison = rapid.Bool().Draw(t, "poison")
		}
		read := rapid.IntRange(0, len(all)).Draw(t, "read")
		again := rapid.IntRange(0, 8).Draw(t, "again")
		start := rapid.IntRange(max(0, read-again), read).Draw(t, "start")
		rows := slices.Clone(all[start:])
		if err := follows(rows, all, read, again); err != nil {
			t.Fatalf("the rows from %d on: %v", start, err)
		}
		if len(rows) == 0 {
			return
		}
		at := rapid.IntRange(0, len(rows)-1).Draw(t, "at")
		switch flaw := rapid.SampledFrom([]string{"one less", "one twice", "another key", "another value", "poison"}).Draw(t, "flaw"); flaw {
		case "one less":
			if at == 0 && start < read { // fewer come again
				return
			}
			rows = slices.Delete(rows, at, at+1)
		case "one twice":
			rows = slices.Insert(rows, at, rows[at])
			if rows[at].Poison { // one can't be told from another
				again = read - start
			}
		case "another key":
			rows[at].Key += 100
		case "another value":
			if rows[at].Poison {
				return
			}
			rows[at].Value += "x"
		case "poison":
			rows[at].Poison = !rows[at].Poison
		}
		if err := follows(rows, all, read, again); err == nil {
			t.Fatal("it passes")
		}
	})
}

package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/rest"
)

// world is a service whose rows come, change and go, and what a house took from it.
type world struct {
	service *connectortest.Service
	config  rest.Config
	now     time.Time
	version int
	there   map[string]int // rows of the service, and their versions
	taken   map[string]int // latest versions taken
	held    string         // position
}

// tick lets the service's clock go on.
func (w *world) tick(d time.Duration) { w.now = w.now.Add(d) }

// put changes a row, or brings one.
func (w *world) put(key string) {
	w.version++
	w.there[key] = w.version
	w.service.Put(connectortest.ServiceRow{Key: key, Updated: w.now, JSON: fmt.Appendf(nil, `{"k":%q,"v":%d,"t":%q}`, key, w.version, w.now.Format(time.RFC3339))})
}

var errFull = errors.New("no room")

// fetch fetches from the position held. Each batch is taken as hand says.
func (w *world) fetch(t *rapid.T, hand func(n int) error) error {
	source, err := rest.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	n := 0
	return source.Fetch(context.Background(), w.held, func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
		body, err := io.ReadAll(b.Body)
		if err != nil {
			t.Fatal(err)
		}
		n++
		if err := hand(n); err != nil {
			return connectors.Receipt{}, err
		}
		for line := range strings.Lines(string(body)) {
			var row struct {
				K string
				V int
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			w.taken[row.K] = max(row.V, w.taken[row.K])
		}
		w.held = b.Position
		return connectors.Receipt{}, nil
	})
}

// However rows come and change between fetches and during them, and wherever a fetch stops, all that the service has is taken in
// the end.
func TestNothingIsMissed(t *testing.T) {
	changes := rest.Since{Param: "since", Field: "t"}
	ordered := changes
	ordered.Ordered = true
	for _, test := range []struct {
		name   string
		path   string
		newest bool
		stable bool // pages do not move, so that rows may change during any number of fetches
		paging rest.Paging
		since  rest.Since
	}{
		{"feed", "/feed", false, true, rest.Paging{Style: rest.Cursors, NextAt: "data.next"}, rest.Since{}},
		{"cursor that ends", "/cursor", false, true, rest.Paging{Style: rest.Cursors, NextAt: "data.next"}, rest.Since{}},
		{"cursor and since", "/cursor", false, true, rest.Paging{Style: rest.Cursors, NextAt: "data.next"}, changes},
		{"cursor and since in order", "/cursor", false, true, rest.Paging{Style: rest.Cursors, NextAt: "data.next"}, ordered},
		{"links", "/link", false, true, rest.Paging{Style: rest.Links}, changes},
		{"pages", "/page", false, false, rest.Paging{Style: rest.Numbers}, changes},
		{"pages, the latest first", "/page", true, false, rest.Paging{Style: rest.Numbers}, changes},
		{"offsets with a total", "/offset", false, false, rest.Paging{Style: rest.Offsets, TotalAt: "data.total"}, changes},
		{"one page", "/none", true, true, rest.Paging{}, changes},
	} {
		t.Run(test.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := &world{now: begin, there: map[string]int{}, taken: map[string]int{}}
				var err error
				w.service, err = connectortest.NewService(connectortest.ServiceOptions{
					MaxPage: rapid.IntRange(1, 4).Draw(t, "page"), Newest: test.newest, Now: func() time.Time { return w.now },
				})
				if err != nil {
					t.Fatal(err)
				}
				defer w.service.Close()
				w.config = rest.Config{
					Options: quick(w.service.URL() + test.path), RowsAt: "data.items", Mode: connectors.Merge, Paging: test.paging, Since: test.since,
					MaxRows: rapid.IntRange(1, 6).Draw(t, "batch"),
				}
				live(t, w, test.stable)
			})
		})
	}
}

// live lets a world go on for a while, then be quiet, and looks whether anything was missed.
func live(t *rapid.T, w *world, stable bool) {
	keys := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
	change := func() {
		w.tick(time.Duration(rapid.IntRange(0, 100).Draw(t, "seconds")) * time.Second)
		w.put(keys.Draw(t, "key"))
	}
	restless := 0 // fetches since one that came to its end without a change meanwhile
	for range rapid.IntRange(1, 6).Draw(t, "days") {
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			change()
		}
		w.tick(2 * time.Second) // or what changed before would look as if it changed meanwhile
		stop := rapid.IntRange(1, 6).Draw(t, "stop")
		meanwhile := rapid.Bool().Draw(t, "meanwhile") && (stable || restless < 2)
		err := w.fetch(t, func(n int) error {
			if meanwhile {
				change()
			}
			if n == stop {
				return errFull
			}
			return nil
		})
		moved := meanwhile && !stable && kindOf(err) == connectors.Unfit // pages moved so fast that the same came on and on
		if err != nil && !errors.Is(err, errFull) && !moved {
			t.Fatal(err)
		}
		if restless++; !meanwhile && err == nil {
			restless = 0
		}
	}
	for range 4 {
		w.tick(time.Minute)
		if err := w.fetch(t, func(int) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for key, version := range w.there {
		if w.taken[key] != version {
			t.Fatalf("row %s is of version %d, taken was %d", key, version, w.taken[key])
		}
	}
}

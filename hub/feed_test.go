package hub_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/hub"
	"hebian/schemas"
)

const fed = "hub.golden"

// write appends records of keys and values "k=1" to the feed's topic, for a delivery.
func (h house) write(t testing.TB, delivery int64, texts ...string) {
	t.Helper()
	for _, text := range texts {
		key, _, _ := strings.Cut(text, "=")
		b := hub.Batch{Topic: fed, Partition: hub.PartitionOf([]byte(key), h.log.Partitions(fed)), Delivery: delivery}
		b.Records = []schemas.Record{{Key: []byte(key), Value: []byte(text)}}
		if err := h.log.Append(context.Background(), []hub.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
}

// next reads one page.
func next(t testing.TB, f *hub.Feed, after string, limit, bytes int) (texts []string, cursor string, more bool) {
	t.Helper()
	cursor, more, err := f.Next(context.Background(), after, limit, bytes, func(p hub.Position, r *schemas.Record) error {
		if p.Topic != fed || p.Partition != hub.PartitionOf(r.Key, 8) {
			t.Errorf("%q is said to lie at %+v", r.Value, p)
		}
		texts = append(texts, string(r.Value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts, cursor, more
}

// drain reads page by page until there is no more.
func drain(t testing.TB, f *hub.Feed, after string, limit, bytes int) (texts []string, cursor string) {
	t.Helper()
	for more := true; more; {
		var page []string
		page, after, more = next(t, f, after, limit, bytes)
		size := 0
		for _, text := range page {
			size += len(text) + len(text[:strings.IndexByte(text, '=')])
		}
		if len(page) > limit || len(page) > 1 && size > bytes {
			t.Errorf("a page of %d records, %d bytes; want at most %d and %d", len(page), size, limit, bytes)
		}
		texts = append(texts, page...)
	}
	return texts, after
}

// Whatever is written meanwhile and however small the pages are: a reader who goes from cursor to cursor gets every record that the feed keeps
// once, those of a key in their order.
func TestFeedLaw(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		h := open(t, filepath.Join(dir, fmt.Sprintf("%d.db", n))).unsynced(t)
		defer h.db.Close()
		f := hub.NewFeed(h.log, fed, func(value []byte) bool { return !strings.HasSuffix(string(value), "0") })
		var written, read []string
		cursor := ""
		for range rapid.IntRange(1, 8).Draw(rt, "turns") {
			for range rapid.IntRange(0, 6).Draw(rt, "records") {
				text := fmt.Sprintf("%c=%d", 'a'+rapid.IntRange(0, 9).Draw(rt, "key"), len(written))
				written = append(written, text)
				h.write(t, 0, text)
			}
			page, after, _ := next(t, f, cursor, rapid.IntRange(1, 5).Draw(rt, "limit"), rapid.IntRange(0, 20).Draw(rt, "bytes"))
			read, cursor = append(read, page...), after
		}
		rest, _ := drain(t, f, cursor, rapid.IntRange(1, 5).Draw(rt, "limit"), rapid.IntRange(0, 20).Draw(rt, "bytes"))
		read = append(read, rest...)
		byKey := func(texts []string) map[string][]string {
			keys := map[string][]string{}
			for _, text := range texts {
				if !strings.HasSuffix(text, "0") {
					keys[text[:1]] = append(keys[text[:1]], text)
				}
			}
			return keys
		}
		if diff := cmp.Diff(byKey(written), byKey(read)); diff != "" || slices.ContainsFunc(read, func(text string) bool { return strings.HasSuffix(text, "0") }) {
			rt.Errorf("records read differ (-written +read):\n%s", diff)
		}
	})
}

// What a delivery brought comes when it counts. While it is open nothing behind it comes, so that nothing is missed.
func TestFeedDeliveries(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	h.write(t, 0, "a=1")
	h.write(t, 1, "a=2")
	h.write(t, 2, "a=3", "b=3")
	h.write(t, 0, "a=4")
	f := hub.NewFeed(h.log, fed, nil)
	if texts, _ := drain(t, f, "", 10, 100); !slices.Equal(slices.Sorted(slices.Values(texts)), []string{"a=1", "a=4"}) {
		t.Errorf("a feed that knows of no deliveries gave %q, want what the hub itself wrote", texts)
	}
	outcomes := map[int64]hub.Outcome{1: hub.Failed, 2: hub.Open}
	f.Outcome = func(_ context.Context, delivery int64) (hub.Outcome, error) { return outcomes[delivery], nil }
	texts, cursor := drain(t, f, "", 10, 100)
	if !slices.Equal(texts, []string{"a=1"}) {
		t.Errorf("before delivery 2 ended the feed gave %q, want a=1", texts)
	}
	outcomes[2] = hub.Complete
	if texts, _ = drain(t, f, cursor, 10, 100); !slices.Equal(slices.Sorted(slices.Values(texts)), []string{"a=3", "a=4", "b=3"}) {
		t.Errorf("then it gave %q, want a=3, a=4 and b=3", texts)
	}
	f.Outcome = func(context.Context, int64) (hub.Outcome, error) { return "", errGone }
	if _, _, err := f.Next(t.Context(), "", 10, 100, func(hub.Position, *schemas.Record) error { return nil }); !errors.Is(err, errGone) {
		t.Errorf("where nobody knows how a delivery stands Next gave %v", err)
	}
}

// A busy partition keeps no other waiting, and a reader may begin at the end.
func TestFeedTurns(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	f := hub.NewFeed(h.log, fed, nil)
	for range 50 {
		h.write(t, 0, "a=1")
	}
	end, err := f.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, 0, "b=1")
	cursor, more := "", true
	for page := 0; ; page++ {
		var texts []string
		if texts, cursor, more = next(t, f, cursor, 3, 100); slices.Contains(texts, "b=1") {
			break
		}
		if h.write(t, 0, "a=1", "a=1", "a=1"); page > 8 || !more {
			t.Fatalf("after %d pages b=1 has not come", page)
		}
	}
	if texts, _ := drain(t, f, end, 1000, 1000); slices.Index(texts, "b=1") < 0 || len(texts) > 40 {
		t.Errorf("from the end on came %q", texts)
	}
	stop := errors.New("enough")
	if _, _, err := f.Next(t.Context(), "", 3, 100, func(hub.Position, *schemas.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of the reader came back as %v", err)
	}
}

func TestCursor(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	h.write(t, 0, "a=1", "b=1", "c=1")
	f := hub.NewFeed(h.log, fed, nil)
	_, cursor := drain(t, f, "", 2, 100)
	if len(cursor) > 40 || strings.Trim(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("a cursor is %q, want it short and fit for a URL", cursor)
	}
	empty := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	other, _ := hub.NewFeed(h.log, "hub.correction", nil).End(t.Context())
	flip := func(i int) string { return cursor[:i] + string(rune('A'+(cursor[i]+1)%26)) + cursor[i+1:] }
	for name, test := range map[string]struct {
		feed   *hub.Feed
		cursor string
	}{
		"cut":              {f, cursor[:len(cursor)-1]},
		"longer":           {f, cursor + "A"},
		"no cursor at all": {f, "offset=3"},
		"one letter":       {f, "A"},
		"without end":      {f, strings.Repeat("A", 1<<20)},
		"a letter changed": {f, flip(3)},
		"at its start":     {f, flip(0)},
		"at its end":       {f, flip(len(cursor) - 1)},
		"another feed's":   {f, other},
		"beyond the end":   {hub.NewFeed(empty.log, fed, nil), cursor},
		"other partitions": {hub.NewFeed(single{h.log}, fed, nil), cursor},
	} {
		if _, _, err := test.feed.Next(t.Context(), test.cursor, 1, 1, nil); !errors.Is(err, hub.ErrCursor) {
			t.Errorf("a cursor that is %s gave %v, want ErrCursor", name, err)
		}
	}
	if _, _, err := hub.NewFeed(empty.log, fed, nil).Next(t.Context(), cursor, 1, 1, nil); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a cursor beyond the end gave %v, want it to explain", err)
	}
}

// single is a log in which every topic has one partition.
type single struct{ hub.Log }

func (single) Partitions(string) int { return 1 }

// Whatever comes for a cursor, it is one, written just so, or ErrCursor.
func FuzzCursor(f *testing.F) {
	h := open(f, filepath.Join(f.TempDir(), "hebian.db"))
	feed := hub.NewFeed(h.log, fed, nil)
	start, err := feed.End(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(start)
	f.Add("")
	f.Add("AQAI")
	f.Fuzz(func(t *testing.T, cursor string) {
		next, more, err := feed.Next(t.Context(), cursor, 1, 1, nil)
		switch {
		case err != nil && !errors.Is(err, hub.ErrCursor):
			t.Errorf("%q gave %v", cursor, err)
		case err == nil && (next == "" || more):
			t.Errorf("%q gave %q, %v on an empty log", cursor, next, more)
		}
	})
}

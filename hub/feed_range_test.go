package hub_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/schemas"
)

// What a page gave between two cursors comes again just so, however much was written since: a dispatch that is sent again holds the
// same records.
func TestFeedRange(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	f := hub.NewFeed(h.log, fed, nil)
	type page struct {
		after, next string
		texts       []string
	}
	var pages []page
	cursor := ""
	for round := range 6 {
		for n := range 7 {
			h.write(t, 0, fmt.Sprintf("%c=%d", 'a'+n, round), fmt.Sprintf("a=%d", n))
		}
		texts, after, _ := next(t, f, cursor, 5, 1000)
		pages = append(pages, page{cursor, after, texts})
		cursor = after
	}
	given := 0
	for _, p := range pages {
		var texts []string
		if err := f.Range(context.Background(), p.after, p.next, func(_ hub.Position, r *schemas.Record) error {
			texts = append(texts, string(r.Value))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.texts, texts); diff != "" {
			t.Errorf("from %q to %q (-want +got):\n%s", p.after, p.next, diff)
		}
		given += len(texts)
	}
	if given == 0 {
		t.Error("the pages were empty")
	}
	none := func(hub.Position, *schemas.Record) error { return nil }
	if err := f.Range(context.Background(), pages[5].next, pages[0].next, none); !errors.Is(err, hub.ErrCursor) {
		t.Errorf("an end before the start: %v", err)
	}
	if err := f.Range(context.Background(), "x", "", none); !errors.Is(err, hub.ErrCursor) {
		t.Errorf("no cursor: %v", err)
	}
}

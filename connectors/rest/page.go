package rest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"hebian/connectors"
)

// pager asks for page after page of one sweep.
type pager struct {
	source *Source
	since  string // value of the parameter; "": it is left out

	number  int    // of the next page, or the offset of its first row
	sent    string // the cursor of the last page; a link is one, too
	cursor  string // of the next page
	resumed bool   // the cursor is of an earlier fetch
	done    bool

	pages   int
	taken   int                            // rows
	empty   int                            // pages without rows since the last that had some
	stood   int                            // pages in a row that came before
	total   int                            // rows in all as the service counts them; -1: not known
	changed bool                           // it counted otherwise before
	before  map[[sha256.Size]byte]struct{} // pages and cursors that came already
}

// mostStood bounds the pages in a row that came before.
const mostStood = 3

// mostEmpty bounds the pages without rows that a feed, whose cursor never ends, may have before one with rows. paging.more_at
// does without the bound.
const mostEmpty = 10

func (s *Source) pager(since, cursor string) *pager {
	p := &pager{source: s, since: since, cursor: cursor, resumed: cursor != "", total: -1, before: map[[sha256.Size]byte]struct{}{}}
	if s.config.Paging.Style == Numbers && !s.config.Paging.FromZero {
		p.number = 1
	}
	return p
}

// next gives the next page; nil after the last. Errors are *connectors.Trouble, *goneError or the context's.
func (p *pager) next(ctx context.Context) (*page, error) {
	if p.done {
		return nil, nil
	}
	config, number := &p.source.config, p.pages+1
	if p.pages == config.Paging.MaxPages {
		return nil, unfit("more than %d pages, as many as paging.max_pages allows", p.pages)
	}
	a, err := p.source.client.Do(ctx, http.MethodGet, p.ref(), http.Header{"Accept": {"application/json"}}, nil)
	if err != nil {
		if a != nil && a.Status == http.StatusGone && p.resumed {
			return nil, &goneError{err}
		}
		return nil, err
	}
	got, err := config.read(a)
	if err != nil {
		return nil, named(number, err)
	}
	if err := p.advance(got); err != nil {
		return nil, named(number, err)
	}
	return got, nil
}

// named adds which page it was, from 1.
func named(page int, err error) error {
	var t *connectors.Trouble
	if page == 1 || !errors.As(err, &t) {
		return err
	}
	return &connectors.Trouble{Kind: t.Kind, Until: t.Until, Err: fmt.Errorf("page %d: %w", page, t.Err)}
}

// ref is what to ask for, as a reference to the endpoint's URL.
func (p *pager) ref() string {
	config := &p.source.config
	if config.Paging.Style == Links && p.cursor != "" {
		return p.cursor
	}
	query := p.source.client.URL().Query()
	for name, value := range config.Query {
		query.Set(name, value)
	}
	if p.since != "" {
		query.Set(config.Since.Param, p.since)
	}
	if config.Paging.SizeParam != "" {
		query.Set(config.Paging.SizeParam, strconv.Itoa(config.Paging.Size))
	}
	switch config.Paging.Style {
	case Numbers, Offsets:
		query.Set(config.Paging.Param, strconv.Itoa(p.number))
	case Cursors:
		if p.cursor != "" {
			query.Set(config.Paging.Param, p.cursor)
		}
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

// advance steps behind a page. A service that does not understand how it is asked gives the same page for ever, or goes in circles.
func (p *pager) advance(got *page) error {
	if p.stale(got) {
		return unfit("the service gave this page before: it does not understand paging.param, or total_at is to say where the end is")
	}
	p.pages++
	p.resumed = false
	p.taken += len(got.rows)
	if p.empty++; len(got.rows) > 0 {
		p.empty = 0
	}
	p.done = !got.more
	switch p.source.config.Paging.Style {
	case NoPages:
		p.done = true
	case Numbers:
		p.number++
		p.done = p.done || len(got.rows) == 0
	case Offsets:
		p.number += len(got.rows)
		p.done = p.done || len(got.rows) == 0
	case Cursors, Links:
		p.sent, p.cursor = p.cursor, got.next
		if p.cursor == "" || p.cursor == p.sent { // the same again: there is nothing behind it so far
			p.done = true
		} else if p.repeats(digest([]byte("next"), []byte(p.cursor))) {
			return unfit("the service goes in circles: it named this next page before")
		}
		p.done = p.done || p.source.feed() && p.source.config.Paging.MoreAt == "" && p.empty >= mostEmpty
	}
	return p.count(got.total)
}

// stale says whether a page came before and that is no accident. New rows in front may move the others by just a page between two
// requests; taken for all there is, rows that came twice would count twice.
func (p *pager) stale(got *page) bool {
	if len(got.rows) == 0 {
		return false
	}
	if !p.repeats(digest(got.rows...)) {
		p.stood = 0
		return false
	}
	p.stood++
	p.changed = true
	return p.stood > mostStood || p.source.config.Mode == connectors.Full
}

// count compares what came with what the service says there is.
func (p *pager) count(total int) error {
	if total < 0 {
		return nil
	}
	p.changed = p.changed || p.total >= 0 && p.total != total
	p.total = total
	switch {
	case p.taken >= total:
		p.done = true
	case p.done:
		return unfit("the service counts %d rows and gave %d", total, p.taken)
	}
	return nil
}

func (p *pager) repeats(sum [sha256.Size]byte) bool {
	_, there := p.before[sum]
	p.before[sum] = struct{}{}
	return there
}

// digest tells pages and rows apart.
func digest(parts ...[]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
		h.Write([]byte{'\n'}) // none has one in it
	}
	h.Sum(sum[:0])
	return sum
}

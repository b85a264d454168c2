package desk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Bounds of a search for entities.
const (
	searchRows    = 50 // found entities that are shown: whoever wants more has not said enough yet
	minQueryRunes = 2  // of Latin letters and digits: shorter ones fit half of the county. One character of another script may be rare
	maxQueryRunes = 64 // the longest names of institutions have some 40
)

// searchPage is what was found for a query.
type searchPage struct {
	frame
	Hits  []hitView
	Asked bool // there is a query that was searched for
	More  bool // than are shown
	Limit int
}

// hitView is an entity that was found.
type hitView struct {
	ID, Code, Name string
	Status         string
	StatusWord     string
	Division       string
	Agencies       []string
	Former         string // name it had before, which was found
	Link           string
}

// search finds entities by code or name.
func (d *Desk) search(v *visit) {
	q, err := parseQuery(v.r.URL.Query().Get("q"))
	p := searchPage{frame: v.frame, Limit: searchRows}
	p.Title, p.Query, p.IsSearch = v.T("search.title"), maskText(q), true
	p.Here.RawQuery = queryOf(p.Query)
	status := http.StatusOK
	switch {
	case q == "":
	case err != nil:
		p.Alert, status = v.T("search.length", minQueryRunes, maxQueryRunes), http.StatusBadRequest
	default:
		hits, more, err := d.find(v.r.Context(), q, searchRows)
		if err != nil {
			d.fail(v.w, v.r, err)
			return
		}
		p.Asked, p.More = true, more
		for i := range hits {
			p.Hits = append(p.Hits, hitViewOf(v.Language, &hits[i], p.Query))
		}
	}
	d.show(v.w, v.r, status, "search", p)
}

// parseQuery reads what somebody searches for. An empty query is none, and no error.
func parseQuery(s string) (string, error) {
	q := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " "))
	if n := len(q); n > 0 && n < minQueryRunes && q[0] < utf8.RuneSelf || n > maxQueryRunes {
		return string(q[:min(n, maxQueryRunes)]), errQuery
	}
	return string(q), nil
}

var errQuery = &filterError{"q", fmt.Sprintf("%d to %d characters, one if it is no Latin letter or digit", minQueryRunes, maxQueryRunes)}

// find searches, and says whether there is more than the limit.
func (d *Desk) find(ctx context.Context, q string, limit int) (hits []EntityHit, more bool, err error) {
	hits, err = d.Entities.Search(ctx, q, limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("search entities: %w", err)
	}
	if more = len(hits) > limit; more {
		hits = hits[:limit]
	}
	for i := range hits {
		hits[i] = hits[i].masked()
	}
	return hits, more, nil
}

func hitViewOf(l Language, h *EntityHit, query string) hitView {
	t := hitView{ID: h.ID, Code: h.Code, Name: h.Name, Status: h.Status, StatusWord: l.entityStatus(h.Status), Division: h.Division, Link: entityPath(h.ID, query)}
	if t.Name == "" {
		t.Name = h.Code
	}
	for _, a := range h.Agencies {
		t.Agencies = append(t.Agencies, l.agency(a))
	}
	if h.Former && h.Match != h.Name {
		t.Former = h.Match
	}
	return t
}

// entityPath is the address of an entity's page that keeps the search it was found by.
func entityPath(id, query string) string {
	return address("/entities/"+url.PathEscape(id), queryOf(query))
}

// queryOf writes a search as an address has it.
func queryOf(query string) string {
	if query == "" {
		return ""
	}
	return url.Values{"q": {query}}.Encode()
}

// entityStatus says a status of a registration in words.
func (l Language) entityStatus(normal string) string {
	return l.known("entity.status."+strings.ToLower(normal), normal)
}

// noEntity says whether an error means that there is no such entity, and has said so then.
func (d *Desk) noEntity(v *visit, err error) bool {
	if !errors.Is(err, ErrNoEntity) {
		return false
	}
	d.message(v.w, v.r, http.StatusNotFound, "error.noentity.title", "error.noentity")
	return true
}

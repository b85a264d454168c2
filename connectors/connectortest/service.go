package connectortest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// ServiceOptions say how a simulated service is to be asked.
type ServiceOptions struct {
	APIKey       string           // wanted in the header X-Api-Key; "": none is
	ClientID     string           // wanted for tokens, which all requests then need; "": none are
	ClientSecret string           // of OAuth 2.0 client credentials
	TokenLife    time.Duration    // as said with a token (1h)
	MaxPage      int              // most rows a page, whatever is asked for (100)
	Newest       bool             // rows come with the last changed first
	Now          func() time.Time // its clock, in the header Date (time.Now)
	TimeFormat   string           // of since: time.RFC3339 (which is the default), another layout of package time in China's zone, or "unix"
}

// ServiceRow is a row of a simulated service.
type ServiceRow struct {
	Key     string
	JSON    []byte    // one JSON value
	Updated time.Time // for since
}

// Service is an agency's HTTP service on the loopback interface, with rows in the order in which they were put. The same rows are at
// /none, /page (page, size), /offset (offset, limit), /cursor (cursor, limit), /feed (the same, and its cursor never ends), /link
// (limit; a header Link) and /lines (offset, limit; a row a line), each with since, as
//
//	{"code": 0, "data": {"items": [...], "total": 7, "next": "5", "more": true, "link": "/link?after=5"}}
//
// and tokens are at /token. It can be made to fail in the ways that services do.
type Service struct {
	Faulty
	options ServiceOptions

	rowsMu sync.Mutex
	rows   []numbered
	last   int64 // number of the latest change
	given  int
	asked  []*url.URL
	tokens map[string]time.Time // with their ends
	count  int                  // of tokens made
}

// numbered is a row with its place in the order of changes.
type numbered struct {
	ServiceRow
	number int64
}

// maxAsked bounds what is kept of requests.
const maxAsked = 10_000

// NewService opens a service with nothing in it.
func NewService(o ServiceOptions) (*Service, error) {
	if o.MaxPage == 0 {
		o.MaxPage = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	if o.TimeFormat == "" {
		o.TimeFormat = time.RFC3339
	}
	s := &Service{options: o, tokens: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	for _, style := range []string{"none", "page", "offset", "cursor", "feed", "link", "lines"} {
		mux.HandleFunc("GET /"+style, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, style) })
	}
	return s, s.serve(mux)
}

// Put adds rows. One whose key is there already is replaced, and counts as the latest change.
func (s *Service) Put(rows ...ServiceRow) {
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	keys := map[string]bool{}
	for _, row := range rows {
		keys[row.Key] = true
	}
	s.rows = slices.DeleteFunc(s.rows, func(n numbered) bool { return keys[n.Key] })
	for _, row := range rows {
		s.last++
		s.rows = append(s.rows, numbered{row, s.last})
	}
}

// Delete takes rows away.
func (s *Service) Delete(keys ...string) {
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	s.rows = slices.DeleteFunc(s.rows, func(n numbered) bool { return slices.Contains(keys, n.Key) })
}

// Given is how many rows went out so far, however often each.
func (s *Service) Given() int {
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	return s.given
}

// Asked lists the requests for rows so far, the first ten thousand.
func (s *Service) Asked() []*url.URL {
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	return slices.Clone(s.asked)
}

// Tokens is how many tokens were made so far.
func (s *Service) Tokens() int {
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	return s.count
}

// Revoke makes all tokens so far bad.
func (s *Service) Revoke() {
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	clear(s.tokens)
}

// token answers for a token.
func (s *Service) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	if s.options.ClientID == "" || id != s.options.ClientID || secret != s.options.ClientSecret || r.FormValue("grant_type") != "client_credentials" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error": "invalid_client"}`)
		return
	}
	s.rowsMu.Lock()
	s.count++
	token := fmt.Sprintf("token-%d", s.count)
	s.tokens[token] = time.Now().Add(s.options.TokenLife)
	s.rowsMu.Unlock()
	fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": %d}`, token, int(s.options.TokenLife.Seconds()))
}

// may says whether a request may be answered, and answers it if not.
func (s *Service) may(w http.ResponseWriter, r *http.Request) bool {
	if s.options.APIKey != "" && r.Header.Get("X-Api-Key") != s.options.APIKey {
		w.WriteHeader(http.StatusForbidden)
		return false
	}
	if s.options.ClientID == "" {
		return true
	}
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	for token, ends := range s.tokens {
		if r.Header.Get("Authorization") == "Bearer "+token && time.Now().Before(ends) {
			return true
		}
	}
	w.WriteHeader(http.StatusUnauthorized)
	return false
}

// answer answers for a page of rows.
func (s *Service) answer(w http.ResponseWriter, r *http.Request, style string) {
	w.Header().Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	if !s.may(w, r) {
		return
	}
	query := r.URL.Query()
	since, err := s.since(query.Get("since"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	if len(s.asked) < maxAsked {
		s.asked = append(s.asked, r.URL)
	}
	all := s.rows
	if !since.IsZero() || s.options.Newest {
		all = slices.DeleteFunc(slices.Clone(all), func(n numbered) bool { return n.Updated.Before(since) })
	}
	if s.options.Newest {
		slices.Reverse(all)
	}
	p := s.cut(all, style, query)
	s.given += len(p.rows)
	p.write(w, style, query)
}

// since reads the parameter since.
func (s *Service) since(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if s.options.TimeFormat == "unix" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		return time.Unix(seconds, 0), err
	}
	return time.ParseInLocation(s.options.TimeFormat, text, time.FixedZone("CST", 8*60*60))
}

// part is what goes into one answer.
type part struct {
	rows  []numbered
	total int
	next  string
	more  bool
}

// cut finds the rows of a page.
func (s *Service) cut(all []numbered, style string, query url.Values) part {
	number := func(name string, usual int) int {
		if n, err := strconv.Atoi(query.Get(name)); err == nil && n >= 0 {
			return n
		}
		return usual
	}
	size := min(max(1, number("size", number("limit", s.options.MaxPage))), s.options.MaxPage)
	from, to := 0, len(all)
	switch style {
	case "page":
		from = (max(number("page", 1), 1) - 1) * size
	case "offset", "lines":
		from = number("offset", 0)
	case "cursor", "feed", "link":
		after := int64(number("cursor", number("after", 0)))
		from = slices.IndexFunc(all, func(n numbered) bool { return n.number > after })
		if from < 0 {
			from = len(all)
		}
	}
	from = min(from, len(all))
	if style != "none" {
		to = min(from+size, len(all))
	}
	p := part{rows: all[from:to], total: len(all), more: to < len(all)}
	switch {
	case style == "feed" && len(p.rows) == 0:
		p.next = query.Get("cursor")
	case len(p.rows) > 0 && (p.more || style == "feed"):
		p.next = strconv.FormatInt(p.rows[len(p.rows)-1].number, 10)
	}
	return p
}

// write writes an answer.
func (p *part) write(w http.ResponseWriter, style string, query url.Values) {
	raw := make([]json.RawMessage, len(p.rows))
	for i, row := range p.rows {
		raw[i] = row.JSON
	}
	if style == "lines" {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for _, row := range raw {
			w.Write(append(bytes.TrimSpace(row), '\n')) //nolint:errcheck // into memory
		}
		return
	}
	link := ""
	if style == "link" && p.next != "" {
		query.Set("after", p.next)
		link = "/link?" + query.Encode()
		w.Header().Set("Link", fmt.Sprintf(`</link?%s>; rel="next", </link>; rel="first"`, query.Encode()))
	}
	var next any // null at the end, as with most services
	if p.next != "" {
		next = p.next
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(map[string]any{
		"code": 0, "data": map[string]any{"items": raw, "total": p.total, "next": next, "more": p.more, "link": link},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError) // a row that is no JSON: its maker's mistake
	}
}

package push_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/schemas"
)

// house is a hub that keeps what it gets in memory, and does on the way what a test wants.
type house struct {
	mu        sync.Mutex
	uploads   []connectors.Upload
	contents  []string
	receipts  []connectors.Receipt
	refused   []connectors.Refused
	declared  []connectors.Declaration
	delivered []string

	outcome connectors.Outcome // of the next deliveries; "": complete
	err     error              // that a call answers with
	broken  error              // that the rows refused end with
	during  func()             // while a file is taken in
}

func (h *house) Deliver(ctx context.Context, u connectors.Upload) (connectors.Receipt, error) {
	read, err := os.ReadFile(u.Path)
	if err != nil {
		return connectors.Receipt{}, err
	}
	if h.during != nil {
		h.during()
	}
	if err := errors.Join(h.err, ctx.Err()); err != nil {
		return connectors.Receipt{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	content := string(read)
	rows := int64(strings.Count(content, "\n"))
	r := connectors.Receipt{
		Delivery: int64(len(h.receipts) + 1), Agency: u.Agency, File: u.Name, Subject: u.Subject, Mode: u.Mode, Key: u.Key,
		Outcome: connectors.Complete, Digest: u.Digest, Bytes: u.Bytes, By: u.By, RowsRead: rows, Accepted: rows, Added: rows,
	}
	if h.outcome != "" {
		r.Outcome, r.Error = h.outcome, "no column wage_type"
	}
	h.uploads, h.contents, h.receipts = append(h.uploads, u), append(h.contents, content), append(h.receipts, r)
	h.delivered = append(h.delivered, u.Name)
	return r, nil
}

func (h *house) ByKey(_ context.Context, agency, key string) (connectors.Receipt, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := slices.IndexFunc(h.receipts, func(r connectors.Receipt) bool {
		return r.Agency == agency && r.Key == key && (r.Outcome == connectors.Complete || r.Outcome == connectors.Held)
	})
	if at < 0 {
		return connectors.Receipt{}, false, nil
	}
	return h.receipts[at], true, nil
}

func (h *house) Receipt(_ context.Context, id int64) (connectors.Receipt, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id > int64(len(h.receipts)) {
		return connectors.Receipt{}, connectors.ErrUnknown
	}
	return h.receipts[id-1], h.err
}

func (h *house) Refused(_ context.Context, _ int64, fn func(connectors.Refused) error) error {
	for _, row := range h.refused {
		if err := fn(row); err != nil {
			return err
		}
	}
	return h.broken
}

func (h *house) Release(ctx context.Context, id int64, by string) (connectors.Receipt, error) {
	return h.settle(ctx, id, connectors.Complete)
}

func (h *house) Discard(ctx context.Context, id int64, by string) (connectors.Receipt, error) {
	return h.settle(ctx, id, connectors.Failed)
}

func (h *house) settle(ctx context.Context, id int64, to connectors.Outcome) (connectors.Receipt, error) {
	r, err := h.Receipt(ctx, id)
	if err == nil && r.Outcome != connectors.Held {
		err = connectors.ErrNotHeld
	}
	if err != nil {
		return r, err
	}
	r.Outcome = to
	h.receipts[id-1] = r
	return r, nil
}

func (h *house) Delivered(context.Context, string) ([]string, error) { return h.delivered, h.err }

func (h *house) Declare(_ context.Context, d connectors.Declaration) error {
	h.declared = append(h.declared, d)
	return nil
}

func (h *house) Declared(_ context.Context, agency string) ([]connectors.Declaration, error) {
	var theirs []connectors.Declaration
	for _, d := range h.declared {
		if d.Agency == agency {
			theirs = append(theirs, d)
		}
	}
	return theirs, h.err
}

// callers are whom the tokens belong to.
var callers = map[string]push.Caller{
	"hb_finance":  {Name: "finance", Agency: "finance"},
	"hb_hr":       {Name: "hr", Agency: "hr"},
	"hb_operator": {Name: "wang", Operator: true},
	"hb_officer":  {Name: "li"},
	"hb_staffing": {Name: "staffing", Agency: "staffing"},
	"hb_sandbox":  {Name: "finance", Agency: "finance", Sandbox: true},
	"hb_deliver":  {Name: "finance", Agency: "finance", Scopes: []string{"deliver"}},
	"hb_read":     {Name: "finance", Agency: "finance", Scopes: []string{"read"}},
	"hb_pull":     {Name: "finance", Agency: "finance", Scopes: []string{"pull"}},
}

const (
	maxBytes  = 8 << 20
	roomBytes = 12 << 20
)

// road is a server with a house behind it.
type road struct {
	*house
	mux    *http.ServeMux
	server *httptest.Server // what open opens
	api    huma.API
	spool  string // its folder
	claims *connectors.Claims
	log    strings.Builder
	// options are what the server was made of; sandbox is the other house behind it.
	options push.Options
	sandbox *house
	desk    *desk
	serve   func(w http.ResponseWriter, r *http.Request, next http.Handler) // nil: no more than that
}

// open serves the doors of a house on this machine.
func open(t testing.TB, with ...func(*push.Options)) *road {
	t.Helper()
	r := build(t, with...)
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if r.serve != nil {
			r.serve(w, q, r.mux)
		} else {
			r.mux.ServeHTTP(w, q)
		}
	}))
	t.Cleanup(r.server.Close)
	return r
}

// build makes the doors of a house. The spool must be empty in the end, whatever happened.
func build(t testing.TB, with ...func(*push.Options)) *road {
	t.Helper()
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	r := &road{house: &house{}, sandbox: &house{}, desk: newDesk(), spool: filepath.Join(t.TempDir(), "spool"), claims: &connectors.Claims{}}
	spool, err := connectors.NewSpool(r.spool, maxBytes, roomBytes)
	if err != nil {
		t.Fatal(err)
	}
	r.options = push.Options{
		Hub:        r.house,
		Sandbox:    r.sandbox,
		Uploads:    filepath.Join(t.TempDir(), "uploads"),
		Quarantine: &r.desk.quarantine,
		Feeds:      &r.desk.feeds,
		Connectors: &r.desk.connectors,
		Expected:   r.desk.expected,
		Profiles:   profiles,
		Spool:      spool,
		Claims:     r.claims,
		Today:      func() schemas.Date { return schemas.Month(202610).First() },
		Log:        slog.New(slog.NewTextHandler(&r.log, nil)),
		Who: func(_ context.Context, token string) (push.Caller, error) {
			if token == "hb_broken" {
				return push.Caller{}, errors.New("the table of tokens is gone")
			}
			caller, ok := callers[token]
			if !ok {
				return push.Caller{}, push.ErrToken
			}
			return caller, nil
		},
	}
	for _, set := range with {
		set(&r.options)
	}
	r.start()
	t.Cleanup(func() {
		if left, err := os.ReadDir(r.spool); err != nil || len(left) > 0 {
			t.Errorf("the spool holds %d files in the end, %v", len(left), err)
		}
	})
	return r
}

// start begins anew with what is on disk, as a hub does that was killed.
func (r *road) start() {
	r.mux = http.NewServeMux()
	r.api = humago.New(r.mux, huma.DefaultConfig("hebian", "test"))
	push.Register(r.api, r.options)
}

// request is what a sender sends; the zero one is a delivery of finance.
type request struct {
	method, path, token, body string
	header                    map[string]string
	chunked                   bool
}

// send sends a request and reads the answer.
func (r *road) send(t *testing.T, q request) (*http.Response, string) {
	t.Helper()
	if q.method == "" {
		q.method = http.MethodPost
	}
	if q.path == "" {
		q.path = "/v1/deliveries/finance/payroll-202609.csv"
	}
	if q.token == "" {
		q.token = "hb_finance"
	}
	var body io.Reader = strings.NewReader(q.body)
	if q.chunked {
		body = io.MultiReader(body)
	}
	out, err := http.NewRequestWithContext(t.Context(), q.method, r.server.URL+q.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if q.token != "-" {
		out.Header.Set("Authorization", "Bearer "+q.token)
	}
	for name, value := range q.header {
		out.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func (h *house) List(_ context.Context, f push.Filter) ([]connectors.Receipt, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Clone(h.receipts)
	slices.Reverse(all)
	all = slices.DeleteFunc(all, func(r connectors.Receipt) bool {
		return f.Agency != "" && r.Agency != f.Agency || f.File != "" && r.File != f.File || f.Outcome != "" && r.Outcome != f.Outcome || f.Connector != "" && r.Connector != f.Connector || f.Before > 0 && r.Delivery >= f.Before
	})
	return all[:min(len(all), f.Limit)], nil
}

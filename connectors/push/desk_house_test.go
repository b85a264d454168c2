package push_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
	"hebian/connectors/life"
	"hebian/connectors/push"
	"hebian/schemas"
)

// desk is what partners and operators work on beside deliveries: in memory, and doing on the way what a test wants.
type desk struct {
	quarantine quarantine
	feeds      feeds
	connectors switches
	months     []string // that the calendar was asked for: agency, from, to
	late       error    // that it answers with
}

func newDesk() *desk {
	return &desk{
		quarantine: quarantine{rows: []connectors.QuarantinedRow{waiting(1), waiting(2)}},
		feeds:      feeds{records: 25},
		connectors: switches{all: []life.Status{
			{Name: "finance-sftp", Agency: "finance", Road: "sftp", Direction: "in", State: life.Waiting},
			{Name: "finance-out", Agency: "finance", Road: "webhook", Direction: "out", State: life.Paused, Paused: true},
			{Name: "tax-rest", Agency: "tax", Road: "rest", Direction: "in", State: life.Running},
		}, dispatches: 12},
	}
}

func (d *desk) expected(_ context.Context, agency string, from, to schemas.Month) ([]connectors.Expected, error) {
	d.months = append(d.months, fmt.Sprintf("%s %s-%s", agency, from, to))
	if d.late != nil {
		return nil, d.late
	}
	return []connectors.Expected{
		{Agency: agency, File: agency + "/late.csv", Period: to, Due: to.Add(1).Last(), Late: to.Add(2).First(), State: connectors.Missing},
		{Agency: agency, File: agency + "/early.csv", Period: from, Due: from.Add(1).First(), Late: from.Add(1).Last(), State: connectors.Delivered, Came: from.Add(1).First()},
	}, nil
}

// theFile is the only one with rows in quarantine.
const theFile = "finance/payroll-202609.csv"

// waiting is a row of theFile in quarantine.
func waiting(n int) connectors.QuarantinedRow {
	return connectors.QuarantinedRow{
		Row: fmt.Sprintf("%032x", n), Delivery: 7, Line: int64(n + 1), Column: "金额", Reason: "UNREADABLE", Detail: "want an amount such as 5432.1",
		Raw: fmt.Appendf(nil, "U%d,=1+1,x", n), Whole: true, Form: connectors.CSV, Encoding: "utf-8", Columns: []string{"发放单位代码", "姓名", "金额"},
	}
}

// quarantine holds the rows of one file.
type quarantine struct {
	rows   []connectors.QuarantinedRow
	err    error               // that all but Rows answer with
	broken error               // that Rows ends with
	during func()              // while a change is made
	out    connectors.Receipt  // of changes; its outcome "": complete
	asked  []string            // files whose rows were read
	upload []connectors.Upload // resubmitted
	text   []string            // of each
	made   []string            // changes: what, file, rows, note, by
}

func (q *quarantine) Files(_ context.Context, agency string) ([]push.QuarantinedFile, error) {
	if agency != "" && agency != "finance" {
		return nil, q.err
	}
	return []push.QuarantinedFile{{Agency: "finance", File: theFile, Subject: "finance.pay_line", Delivery: 7, Rows: int64(len(q.rows))}}, q.err
}

func (q *quarantine) Rows(_ context.Context, agency, file string, fn func(connectors.QuarantinedRow) error) error {
	q.asked = append(q.asked, agency+" "+file)
	if file != theFile {
		return q.broken
	}
	for _, r := range q.rows {
		r.Raw = slices.Clone(r.Raw)
		err := fn(r)
		clear(r.Raw) // it is the reader's during the call only
		if err != nil {
			return err
		}
	}
	return q.broken
}

func (q *quarantine) Resubmit(ctx context.Context, u connectors.Upload) (connectors.Receipt, error) {
	text, err := os.ReadFile(u.Path)
	if err != nil {
		return connectors.Receipt{}, err
	}
	q.upload, q.text = append(q.upload, u), append(q.text, string(text))
	return q.change(ctx, "resubmit", u.Name, nil, "", u.By)
}

func (q *quarantine) Retry(ctx context.Context, _, file string, rows []string, by string) (connectors.Receipt, error) {
	return q.change(ctx, "retry", file, rows, "", by)
}

func (q *quarantine) Discard(ctx context.Context, _, file string, rows []string, note, by string) (connectors.Receipt, error) {
	return q.change(ctx, "discard", file, rows, note, by)
}

func (q *quarantine) change(ctx context.Context, what, file string, rows []string, note, by string) (connectors.Receipt, error) {
	if q.during != nil {
		q.during()
	}
	if ctx.Err() != nil {
		return connectors.Receipt{}, ctx.Err()
	}
	for i := range rows {
		rows[i] = strings.TrimLeft(rows[i], "0")
	}
	q.made = append(q.made, fmt.Sprintf("%s %s %v %q by %s", what, file, rows, note, by))
	r := q.out
	if r.Outcome == "" {
		r.Outcome = connectors.Complete
	}
	r.Delivery, r.Agency, r.File, r.Subject, r.Mode, r.By, r.Settled = 8, "finance", file, "finance.pay_line", connectors.Add, by, int64(len(rows))
	return r, q.err
}

// feeds hold records 1 to records of corrections; finance may pull golden records, too. A cursor is the number of the last one.
type feeds struct {
	records int
	err     error
	read    []string // feed, agency, cursor, limit
}

func (f *feeds) List(agency string) []push.Feed {
	switch agency {
	case "statistics":
		return nil
	case "", "finance":
		return []push.Feed{{Name: "corrections", About: "What is to be put right."}, {Name: "golden", About: "Legal entities."}}
	}
	return []push.Feed{{Name: "corrections", About: "What is to be put right."}}
}

func (f *feeds) Read(_ context.Context, feed, agency, after string, limit, _ int, fn func(connectors.Out) error) (next string, more bool, err error) {
	f.read = append(f.read, fmt.Sprintf("%s %q %q %d", feed, agency, after, limit))
	at := 0
	if after != "" {
		if at, err = strconv.Atoi(after); err != nil || at < 0 || at > f.records {
			return "", false, fmt.Errorf("read: %w", push.ErrCursor)
		}
	}
	for n := at + 1; n <= f.records && n <= at+limit; n++ {
		if err := fn(correction(n)); err != nil {
			return "", false, err
		}
	}
	if next = strconv.Itoa(min(at+limit, f.records)); f.records == 0 {
		next = ""
	}
	return next, at+limit < f.records, f.err
}

// correction is a record as feeds have it; its key needs care in every form.
func correction(n int) connectors.Out {
	return connectors.Out{ID: fmt.Sprintf("%032x", n), Key: fmt.Sprintf("U%d,\"<&\u2028>\"", n), JSON: fmt.Appendf(nil, `{"number":%d,"says":"金额, \"=1\" <br>"}`, n)}
}

// switches are connectors that do as they are told.
type switches struct {
	all        []life.Status
	dispatches int64
	err        error    // that all but List answer with
	done       []string // verb, name, argument, by
}

func (s *switches) List() []life.Status { return s.all }

func (s *switches) Get(name string) (life.Status, error) {
	at := slices.IndexFunc(s.all, func(c life.Status) bool { return c.Name == name })
	if at < 0 {
		return life.Status{}, life.ErrUnknown
	}
	return s.all[at], s.err
}

func (s *switches) act(ctx context.Context, says ...string) error {
	s.done = append(s.done, strings.Join(says, " "))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.err
}

func (s *switches) Pause(ctx context.Context, name, by, why string) error {
	return s.act(ctx, "pause", name, why, "by", by)
}

func (s *switches) Resume(ctx context.Context, name, by string) error {
	return s.act(ctx, "resume", name, "by", by)
}

func (s *switches) RunNow(ctx context.Context, name, by string) error {
	return s.act(ctx, "run", name, "by", by)
}

func (s *switches) Rewind(ctx context.Context, name, position, by string) error {
	return s.act(ctx, "rewind", name, position, "by", by)
}

func (s *switches) Reset(ctx context.Context, name, by string) error {
	return s.act(ctx, "reset", name, "by", by)
}

func (s *switches) Dispatches(_ context.Context, _ string, before int64, limit int) (all []push.Dispatched, err error) {
	for n := s.dispatches; n > 0 && len(all) < limit; n-- {
		if before == 0 || n < before {
			all = append(all, dispatched(n))
		}
	}
	return all, s.err
}

func (s *switches) Resend(ctx context.Context, name string, number int64, by string) (push.Dispatched, error) {
	if number > s.dispatches {
		return push.Dispatched{}, fmt.Errorf("dispatch %d: %w", number, connectors.ErrUnknown)
	}
	return dispatched(number), s.act(ctx, "resend", name, strconv.FormatInt(number, 10), "by", by)
}

func dispatched(n int64) push.Dispatched {
	at := time.Date(2026, 10, 1, 0, 0, int(n), 0, time.UTC)
	return push.Dispatched{Number: n, Feed: "corrections", Records: 3, Digest: "sha256:00", Created: at, Sent: at, Tries: 1}
}

// call asks for an operation and holds the answer against the OpenAPI document.
func (r *road) call(t *testing.T, id string, q request) (*httptest.ResponseRecorder, *push.Problem) {
	t.Helper()
	out := r.ask(q, strings.NewReader(q.body))
	return out, r.documented(t, id, out)
}

// documented says whether an answer is what the OpenAPI document says of an operation: its status, its form, the schema
// of its body, and that the code of a problem is named. It returns the problem, if the answer is one.
func (r *road) documented(t *testing.T, id string, out *httptest.ResponseRecorder) *push.Problem {
	t.Helper()
	op := r.operation(id)
	if op == nil {
		t.Fatalf("there is no operation %s", id)
	}
	said := op.Responses[strconv.Itoa(out.Code)]
	if said == nil {
		t.Fatalf("%s: status %d is not documented: %.300s", id, out.Code, out.Body)
	}
	kind, _, _ := strings.Cut(out.Header().Get("Content-Type"), ";")
	content := said.Content[kind]
	if content == nil {
		t.Fatalf("%s: %d: a body of %q is not documented", id, out.Code, kind)
	}
	for name := range out.Header() {
		if strings.HasPrefix(name, "Hebian-") && said.Headers[name] == nil {
			t.Errorf("%s: %d: header %s is not documented", id, out.Code, name)
		}
	}
	if content.Schema.Format == "binary" {
		return nil
	}
	r.fits(t, content.Schema, out.Body.Bytes())
	if out.Code < http.StatusBadRequest {
		return nil
	}
	p := problemOf(t, out.Result(), out.Body.String())
	if !strings.Contains(" "+strings.ReplaceAll(said.Description, ",", ":"), " "+p.Code()+":") {
		t.Errorf("%s: %d: code %s is not documented: %s", id, out.Code, p.Code(), said.Description)
	}
	return &p
}

// operation finds an operation of the OpenAPI document.
func (r *road) operation(id string) *huma.Operation {
	for _, path := range r.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Patch, path.Delete} {
			if op != nil && op.OperationID == id {
				return op
			}
		}
	}
	return nil
}

// fits says whether a body is what its schema says.
func (r *road) fits(t *testing.T, schema *huma.Schema, body []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("no JSON: %v: %.300s", err, body)
	}
	if m, ok := v.(map[string]any); ok {
		delete(m, "$schema") // huma adds it
	}
	var result huma.ValidateResult
	huma.Validate(r.api.OpenAPI().Components.Schemas, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &result)
	for _, err := range result.Errors {
		t.Errorf("the body is not what its schema says: %v: %.300s", err, body)
	}
}

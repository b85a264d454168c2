package desk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"hebian/hub/sqldb"
	"hebian/matcher"
	"hebian/matcher/evidence"
	"hebian/matcher/queue"
	queuedb "hebian/matcher/queue/sqldb"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/ops/access"
	accessdb "hebian/ops/access/sqldb"
	"hebian/ops/desk"
	"hebian/schemas"
)

const password = "correct horse battery"

// office is a desk with a queue and accounts of its own: the officers 李梅 and 王强 and the operator ops.
type office struct {
	t      testing.TB
	access *access.Access
	queue  *queue.Queue
	desk   *desk.Desk
	known  *register
	server *httptest.Server

	mu      sync.Mutex
	now     time.Time
	reports []error
	lost    error // what reading the sources ends in
	opened  int   // cases
}

func open(t testing.TB) *office {
	t.Helper()
	ctx := context.Background()
	o := &office{t: t, now: time.Now().Truncate(time.Second)}
	db, err := sqldb.Open(ctx, filepath.Join(t.TempDir(), "hebian.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	accounts, err := accessdb.Open(ctx, db.DB)
	if err != nil {
		t.Fatal(err)
	}
	o.access = access.New(accounts, o.clock)
	for name, role := range map[string]access.Role{"李梅": access.Officer, "王强": access.Officer, "ops": access.Operator} {
		if err := o.access.Add(ctx, name, role, password); err != nil {
			t.Fatal(err)
		}
	}
	cases, err := queuedb.Open(ctx, db.DB)
	if err != nil {
		t.Fatal(err)
	}
	cite := func(context.Context, []state.Ref) ([]schemas.CitedRow, error) { return nil, nil }
	if o.queue, err = queue.New(cases, []string{"civil", "commerce", "finance", "hr", "quality", "social", "staffing", "statistics", "tax"}, cite, o.clock, deadline); err != nil {
		t.Fatal(err)
	}
	o.known = newRegister(o.now)
	o.desk, err = desk.New(desk.Options{
		Access: o.access, Queue: o.queue, Sources: o.sources, Entities: o.known, UnitName: unitName, Now: o.clock,
		Report: func(err error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.reports = append(o.reports, err)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.server = httptest.NewServer(o.desk)
	t.Cleanup(o.server.Close)
	return o
}

// deadline is two weeks: agencies have that long to answer.
func deadline(sent time.Time) schemas.Date { return schemas.DateOf(sent) + 14 }

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) forward(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

var units = map[schemas.UnitCode]string{
	"12139721400000001A": "青川县第一中学", "11139721000000002B": "青川县财政局", "12139721400000003C": "青川县人民医院", "12139721400000004D": "",
}

func unitName(code schemas.UnitCode) string { return units[code] }

// idNumber makes up an identity number with a right check digit.
func idNumber(n int) schemas.IDNumber {
	digits := fmt.Sprintf("139721%04d%02d%02d%03d", 1960+n%40, 1+n%12, 1+n%28, n%1000)
	weights := []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += int(digits[i]-'0') * w
	}
	return schemas.IDNumber(digits + string("10X98765432"[sum%11]))
}

// find opens a case and gives its ID. What f leaves out is made up.
func (o *office) find(f matcher.Finding) string {
	o.t.Helper()
	o.opened++
	if f.Person == "" && f.Detail == "" {
		f.Person = idNumber(o.opened)
	}
	if f.Unit == "" {
		f.Unit = "12139721400000001A"
	}
	f.Version, f.Parameters, f.AsOf = 1, rules.Defaults(), schemas.DateOf(o.clock())
	if f.Evidence == nil {
		f.Evidence = []state.Ref{state.RefOf("finance.pay_line", 0, int64(o.opened))}
	}
	f.Rows = max(f.Rows, len(f.Evidence))
	o.rule(f, true, false)
	return queue.CaseID(matcher.KeyOf(&f))
}

func (o *office) rule(f matcher.Finding, present, provisional bool) {
	o.t.Helper()
	ruling := queue.Ruling{Key: matcher.KeyOf(&f), Grounds: queue.GroundsOf(&f), Present: present, Provisional: provisional, Cause: 7}
	if err := o.queue.Rule(context.Background(), []queue.Ruling{ruling}, nil); err != nil {
		o.t.Fatal(err)
	}
}

// finding is a case's finding once more.
func (o *office) finding(id string) matcher.Finding {
	o.t.Helper()
	c, _, err := o.queue.Get(context.Background(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	return matcher.Finding{
		Code: c.Key.Code, Person: c.Key.Person, Unit: c.Key.Unit, Month: c.Key.Month, Detail: c.Key.Detail,
		Version: c.Grounds.Version, Parameters: c.Grounds.Parameters, AsOf: c.Grounds.AsOf, Evidence: c.Grounds.Evidence, Rows: c.Grounds.Rows,
	}
}

func (o *office) decide(id, officer string, outcome queue.Outcome, reason string) {
	o.t.Helper()
	_, err := o.queue.Claim(context.Background(), id, officer)
	if err == nil {
		_, err = o.queue.Decide(context.Background(), id, officer, queue.Decision{Outcome: outcome, Reason: reason})
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// relay sends all corrections.
func (o *office) relay() {
	o.t.Helper()
	for _, agency := range o.queue.Agencies() {
		waiting, err := o.queue.Pending(context.Background(), agency, 100)
		if err != nil {
			o.t.Fatal(err)
		}
		var ids []string
		for _, w := range waiting {
			ids = append(ids, w.Correction.ID)
		}
		if err := o.queue.Sent(context.Background(), ids); err != nil {
			o.t.Fatal(err)
		}
	}
}

// sources makes up the rows that a case stands on: the person's slot and the pay of a month.
func (o *office) sources(_ context.Context, refs []state.Ref) ([]evidence.Row, error) {
	if o.lost != nil {
		return nil, o.lost
	}
	var rows []evidence.Row
	for _, ref := range refs {
		n := int(ref.Offset())
		number := string(idNumber(n))
		row := evidence.Row{Line: ref.Offset() + 1, Delivery: 12, Taken: o.clock().Add(-time.Hour), Record: "00ff"}
		switch ref.Topic() {
		case "staffing.slot":
			row.File, row.Agency, row.Subject, row.Label = "staffing/slots.csv", "staffing", "staffing.slot", "编制"
			row.Fields = []evidence.Field{
				{Name: "person", Label: "人员标识", Value: number, Identity: true}, {Name: "unit", Label: "单位代码", Value: "12139721400000001A"},
				{Name: "valid_from", Label: "起始日期", Value: "2015-07-01"}, {Name: "valid_to", Label: "终止日期"}, {Name: "slot_type", Label: "编制类型", Value: "事业全额"},
				{Name: "fund_channel", Label: "经费渠道", Value: "财政全额"}, {Name: "name", Label: "姓名", Value: "张䶮"}, {Name: "slot_no", Label: "编制证号", Value: "SN-004512"},
				{Name: "id_number", Label: "证件号码", Value: number, Identity: true},
			}
		case "entity.registration":
			o.registration(&row, n)
		default:
			row.File, row.Agency, row.Subject, row.Label = "finance/payroll-202609.csv", "finance", "finance.pay_line", "工资发放明细"
			row.Fields = []evidence.Field{
				{Name: "person", Label: "人员标识", Value: number, Identity: true}, {Name: "unit", Label: "发放单位代码", Value: "11139721000000002B"}, {Name: "period", Label: "所属期", Value: "202609"},
				{Name: "class", Label: "发放性质", Value: "在职工资"}, {Name: "amount_fen", Label: "金额", Value: fmt.Sprintf("%d,8%02d.00", 1+n%4, n%100)}, {Name: "name", Label: "姓名", Value: "张䶮"},
				{Name: "wage_type", Label: "工资类别", Value: []string{"基本工资", "津贴补贴", "绩效工资"}[n%3]}, {Name: "fund_channel", Label: "经费渠道", Value: "财政全额"},
				{Name: "paid_on", Label: "发放日期", Value: "2026-09-10"}, {Name: "unit_name", Label: "发放单位名称", Value: "青川县财政局"}, {Name: "id_number", Label: "证件号码", Value: number, Identity: true},
				{Name: "rest", Label: "其他列", Value: "备注：原号 " + number},
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// browser is one that keeps cookies and follows redirects.
type browser struct {
	*office
	client   *http.Client
	language string
	token    string // of the form on the last page
}

func (o *office) browser(language string) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{office: o, client: &http.Client{Jar: jar}, language: language}
}

// signedIn is a browser with an account's session.
func (o *office) signedIn(name, language string) *browser {
	o.t.Helper()
	b := o.browser(language)
	if status, body := b.signIn(name, password); status != http.StatusOK || !strings.Contains(body, name) {
		o.t.Fatalf("sign in as %s: %d %s", name, status, body)
	}
	return b
}

func (b *browser) signIn(name, secret string) (status int, body string) {
	b.t.Helper()
	b.get("/signin")
	return b.post("/signin", "name", name, "password", secret)
}

func (b *browser) get(path string) (status int, body string) {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodGet, b.server.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	status, body, _ = b.do(request)
	return status, body
}

// post sends a form with the token of the page before.
func (b *browser) post(path string, fields ...string) (status int, body string) {
	b.t.Helper()
	status, body, _ = b.do(b.form(path, append([]string{"token", b.token}, fields...)...))
	return status, body
}

func (b *browser) form(path string, fields ...string) *http.Request {
	b.t.Helper()
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	request, err := http.NewRequest(http.MethodPost, b.server.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request
}

var formToken = regexp.MustCompile(`name="token" value="([^"]+)"`)

func (b *browser) do(request *http.Request) (status int, body string, response *http.Response) {
	b.t.Helper()
	request.Header.Set("Accept-Language", b.language)
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if found := formToken.FindSubmatch(content); found != nil {
		b.token = string(found[1])
	}
	return response.StatusCode, string(content), response
}

var errDisk = errors.New("the disk is gone")

// everyState has a case in every state that a page can show.
func everyState(o *office) map[string]string {
	o.t.Helper()
	month := schemas.Month(202609)
	slot := func(n int) []state.Ref {
		refs := []state.Ref{state.RefOf("finance.pay_line", 0, int64(n)), state.RefOf("finance.pay_line", 0, int64(n+1)), state.RefOf("finance.pay_line", 0, int64(n+2)), state.RefOf("staffing.slot", 0, int64(n))}
		return refs
	}
	ids := map[string]string{
		"open":                 o.find(matcher.Finding{Code: "PAID_NO_SLOT", Month: month, Evidence: slot(40)}),
		"open, of a unit":      o.find(matcher.Finding{Code: "OVER_QUOTA", Detail: "事业全额", Rows: 431, Unit: "12139721400000003C"}),
		"open, unnamed unit":   o.find(matcher.Finding{Code: "OVER_POSTS", Detail: "deputy", Unit: "12139721400000004D"}),
		"open, bad identity":   o.find(matcher.Finding{Code: "BAD_IDENTITY", Person: "139721199002301234", Detail: "finance/payroll-202609.csv"}),
		"open, provisional":    o.find(matcher.Finding{Code: "DUAL_PAY", Month: month, Evidence: slot(50)}),
		"open, relapsed":       o.find(matcher.Finding{Code: "PAID_AFTER_EXIT", Month: month}),
		"open, lapsed":         o.find(matcher.Finding{Code: "SLOT_STALE"}),
		"claimed by me":        o.find(matcher.Finding{Code: "PAID_AFTER_DEATH", Month: month, Evidence: slot(60)}),
		"claimed by another":   o.find(matcher.Finding{Code: "PAYER_MISMATCH", Month: month, Evidence: slot(70)}),
		"decided":              o.find(matcher.Finding{Code: "ABSENT_PAID", Month: month}),
		"sent":                 o.find(matcher.Finding{Code: "PENSION_AND_PAY", Month: month}),
		"settled":              o.find(matcher.Finding{Code: "DUAL_SLOT"}),
		"explained":            o.find(matcher.Finding{Code: "NO_PERMIT_ENTRY"}),
		"explained, then gone": o.find(matcher.Finding{Code: "MIXED_POST"}),
		"explained by itself":  o.find(matcher.Finding{Code: "INSURED_ELSEWHERE", Month: month}),
	}
	ctx := context.Background()
	claim := func(id, officer string) {
		if _, err := o.queue.Claim(ctx, id, officer); err != nil {
			o.t.Fatal(err)
		}
	}
	claim(ids["open, lapsed"], "王强")
	o.forward(queue.LeaseTime + time.Minute)
	o.rule(o.finding(ids["open, provisional"]), true, true)
	o.decide(ids["open, relapsed"], "王强", queue.OutcomeConfirmed, "已停发。")
	o.rule(o.finding(ids["open, relapsed"]), false, false)
	o.rule(o.finding(ids["open, relapsed"]), true, false)
	claim(ids["claimed by me"], "李梅")
	claim(ids["claimed by another"], "王强")
	o.decide(ids["sent"], "李梅", queue.OutcomeForwarded, "请人社核实退休费起付月。")
	o.decide(ids["settled"], "李梅", queue.OutcomeDataError, "原编制已核销，漏报。")
	o.relay()
	o.rule(o.finding(ids["settled"]), false, false)
	o.decide(ids["decided"], "李梅", queue.OutcomeConfirmed, "8 月起离岗，单位已确认。\n身份证 "+string(idNumber(77)))
	for _, name := range []string{"explained", "explained, then gone"} {
		o.decide(ids[name], "王强", queue.OutcomeExplained, "制度实施以前进编的老人员。")
	}
	for _, name := range []string{"explained, then gone", "explained by itself"} {
		o.rule(o.finding(ids[name]), false, false)
	}
	return ids
}

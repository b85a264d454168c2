package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/connectors"
	"hebian/schemas"
)

// wagesProfile is the office's own word on the payroll. What stands at DATES decides how days may be written.
const wagesProfile = `agency: finance
name: 财政
files:
  - file: finance/payroll-{month}.csv
    subject: finance.pay_line
    form: csv
    encoding: gb18030
    columns:
      - {header: 发放单位代码, field: unit, required: true}
      - {header: 姓名, field: name, required: true}
      - {header: 证件号码, field: id_number, required: true}
      - {header: 所属期, field: period}
      - {header: 发放日期, field: paid_on DATES}
      - {header: 工资类别, field: wage_type, required: true}
      - {header: 金额, field: amount_fen, required: true}
`

const wagesHeader = "发放单位代码,姓名,证件号码,发放日期,工资类别,金额\n"

// wageLine is a line of such a payroll.
func wageLine(person int, name, day, amount string) string {
	return fmt.Sprintf("%s,%s,%s,%s,基本工资,%s\n", villageUnit, name, villager(person), day, amount)
}

const (
	wages       = "finance/payroll-202609.csv"
	wagesAtRest = "/v1/quarantine/finance/payroll-202609.csv"
)

// rows downloads the rows of a file that wait, as a table, header and all.
func (h *served) refusedTable(t *testing.T, at string, gb bool) [][]string {
	t.Helper()
	r := h.must(t, http.StatusOK, "finance", http.MethodGet, at+"/rows", nil)
	text := r.body
	if gb {
		if kind := r.header.Get("Content-Type"); kind != "text/csv; charset=gb18030" {
			t.Errorf("the download is %s", kind)
		}
		var err error
		if text, err = simplifiedchinese.GB18030.NewDecoder().Bytes(text); err != nil {
			t.Fatal(err)
		}
	}
	table, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))).ReadAll()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return table
}

// written writes a table as the agency would, in GB 18030.
func written(t *testing.T, table [][]string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(table); err != nil {
		t.Fatal(err)
	}
	return gb18030(b.String())
}

// mend does something to rows in quarantine that must be answered with a receipt.
func (h *served) mend(t *testing.T, at, verb, body string) connectors.Receipt {
	t.Helper()
	return h.must(t, http.StatusCreated, "finance", http.MethodPost, at+"/"+verb, strings.NewReader(body), "Content-Type", "application/json").receipt(t)
}

// counts holds a file's rows that count and that wait against what they should be. Its receipts must add up.
func (h *served) counts(t *testing.T, file string, live, waiting int64) {
	t.Helper()
	if l, w := h.balanced(t, file); l != live || w != waiting {
		t.Errorf("%s: %d rows count and %d wait, want %d and %d", file, l, w, live, waiting)
	}
	var page struct{ Rows []connectors.QuarantinedRow }
	h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/quarantine/"+file, nil).into(t, &page)
	if len(page.Rows) != int(waiting) {
		t.Errorf("%s: %d rows are listed as waiting, want %d", file, len(page.Rows), waiting)
	}
}

// An agency gets its refused rows back in its own form and encoding, corrects them, and they count: each once, also equal ones.
func TestQuarantineResubmit(t *testing.T) {
	t.Parallel()
	h := newConnected(t, usual, nil)
	h.start(t)
	bad := wageLine(4, "𠮷田", "", refusedAmount) + wageLine(5, "张三", "", refusedAmount) + wageLine(5, "张三", "", refusedAmount)
	content := gb18030(wagesHeader + wageLine(1, "张三", "", "5000.00") + wageLine(2, "李四", "", "5000.00") + bad)
	if r := h.take(t, wages, content); r.RowsRead != 5 || r.Accepted != 2 || r.Quarantined != 3 {
		t.Fatalf("the receipt is %+v", r)
	}
	h.counts(t, wages, 2, 3)
	table := h.refusedTable(t, wagesAtRest, true)
	name, amount := slices.Index(table[0], "姓名"), slices.Index(table[0], "金额")
	if len(table) != 4 || table[0][0] != "_row" || name < 0 || amount < 0 || table[1][name] != "𠮷田" || table[3][amount] != refusedAmount {
		t.Fatalf("the download is %v", table)
	}
	header := table[0]
	for _, row := range table[1:] {
		row[amount] = "5000.00"
	}
	table[2][amount] = "half" // still wrong
	again := h.must(t, http.StatusCreated, "finance", http.MethodPost, wagesAtRest+"/resubmit", bytes.NewReader(written(t, table))).receipt(t)
	if again.RowsRead != 2 || again.Accepted != 2 || again.Quarantined != 0 || again.Settled != 2 || again.Left != 1 || again.File != wages {
		t.Errorf("the receipt of corrected rows is %+v", again)
	}
	h.counts(t, wages, 4, 1)
	t.Run("sent again it changes nothing", func(t *testing.T) {
		r, err := h.ask("finance", http.MethodPost, wagesAtRest+"/resubmit", bytes.NewReader(written(t, table)))
		if err != nil || r.status >= http.StatusInternalServerError || r.status == http.StatusConflict {
			t.Errorf("status %d, %v: %s", r.status, err, r.body)
		}
		h.counts(t, wages, 4, 1)
	})
	h.kill()
	h.start(t)
	table = h.refusedTable(t, wagesAtRest, true)
	if !slices.Equal(table[0], header) || len(table) != 2 {
		t.Errorf("the download of a row that came in corrected is %v", table)
	}
	table[1][amount] = "6000.00"
	h.must(t, http.StatusCreated, "finance", http.MethodPost, wagesAtRest+"/resubmit", bytes.NewReader(written(t, table)))
	h.counts(t, wages, 5, 0)
	if text := h.flags(t, "2026-09-30"); strings.Count(text, villager(5)) == 0 {
		t.Errorf("the mended lines were not judged:\n%s", text)
	}
	h.must(t, http.StatusNotFound, "tax", http.MethodGet, "/v1/quarantine/tax/nothing.csv", nil)
	h.must(t, http.StatusForbidden, "tax", http.MethodGet, wagesAtRest, nil)

	// The whole file as it was brings what it brought at first: the agency's own system has not been corrected.
	h.take(t, wages, content)
	h.counts(t, wages, 2, 3)
	if r := h.must(t, http.StatusUnprocessableEntity, "finance", http.MethodPost, wagesAtRest+"/resubmit", strings.NewReader("no,payroll\n1,2\n")); r.problem(t).Type == "" {
		t.Errorf("a file that is none is answered %s", r.body)
	}
	h.counts(t, wages, 2, 3)
}

// After the profile was mended rows are read again as they are. Equal ones, of one delivery or several, all count, and the whole
// file as it was changes nothing then.
func TestQuarantineRetry(t *testing.T) {
	t.Parallel()
	h := newConnected(t, usual, map[string]string{"profiles/finance.yaml": strings.Replace(wagesProfile, " DATES", "", 1)})
	h.start(t)
	twice := wageLine(2, "李四", "2026/9/10", "5000.00")
	content := gb18030(wagesHeader + wageLine(1, "张三", "2026-09-10", "5000.00") + twice + twice + wageLine(3, "王五", "", refusedAmount))
	h.take(t, wages, content)
	h.counts(t, wages, 1, 3)
	r := h.must(t, http.StatusConflict, "finance", http.MethodPost, wagesAtRest+"/retry", strings.NewReader("{}"), "Content-Type", "application/json")
	if p := r.problem(t); p.Type != "urn:hebian:problem:nothing_fits" {
		t.Errorf("the problem is %s", p.Type)
	}
	more := gb18030(wagesHeader + wageLine(2, "李四", "2026/9/10", "5000.00") + wageLine(6, "赵六", "2026/9/11", "5000.00"))
	h.must(t, http.StatusCreated, "finance", http.MethodPost, "/v1/deliveries/"+wages+"?mode=add", bytes.NewReader(more), "Idempotency-Key", "more")
	h.counts(t, wages, 1, 5)

	h.stop(t)
	config := h.args[slices.Index(h.args, "--config")+1]
	if err := os.WriteFile(filepath.Join(filepath.Dir(config), "profiles", "finance.yaml"), []byte(strings.Replace(wagesProfile, " DATES", ", dates: any", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	var page struct{ Rows []connectors.QuarantinedRow }
	h.must(t, http.StatusOK, "finance", http.MethodGet, wagesAtRest, nil).into(t, &page)
	one, err := json.Marshal(map[string][]string{"rows": {page.Rows[0].Row}})
	if err != nil {
		t.Fatal(err)
	}
	if r := h.mend(t, wagesAtRest, "retry", string(one)); r.Accepted != 1 || r.Settled != 1 || r.Quarantined != 0 {
		t.Errorf("the receipt of one row read again is %+v", r)
	}
	h.counts(t, wages, 2, 4)
	if r := h.mend(t, wagesAtRest, "retry", "{}"); r.Accepted != 3 || r.Settled != 3 || r.Quarantined != 0 || r.By != "finance" {
		t.Errorf("the receipt of rows read again is %+v", r)
	}
	h.counts(t, wages, 5, 1)
	table := h.refusedTable(t, wagesAtRest, true)
	if len(table) != 2 || !slices.Contains(table[1], refusedAmount) {
		t.Errorf("what waits still is %v", table)
	}
	if r := h.take(t, wages, content); r.Added != 0 || r.Live != 3 || r.Retracted != 2 { // but for what had come on top
		t.Errorf("the whole file as it was is %+v", r)
	}
	h.counts(t, wages, 3, 1)
}

// Rows that are let fall stay so when their file comes again as it was; other bad rows wait as ever.
func TestQuarantineDiscard(t *testing.T) {
	t.Parallel()
	h := newConnected(t, usual, nil)
	h.start(t)
	content := gb18030(wagesHeader + wageLine(1, "张三", "", "5000.00") + wageLine(2, "李四", "", refusedAmount) + wageLine(2, "李四", "", refusedAmount))
	h.take(t, wages, content)
	h.counts(t, wages, 1, 2)
	r := h.must(t, http.StatusUnprocessableEntity, "finance", http.MethodPost, wagesAtRest+"/discard", strings.NewReader(`{}`), "Content-Type", "application/json")
	if p := r.problem(t); p.Type != "urn:hebian:problem:note_required" {
		t.Errorf("without a reason the problem is %s", p.Type)
	}
	if r := h.mend(t, wagesAtRest, "discard", `{"note":"重复录入"}`); r.Settled != 2 || r.Note != "重复录入" || r.By != "finance" {
		t.Errorf("the receipt of rows let fall is %+v", r)
	}
	h.counts(t, wages, 1, 0)
	h.must(t, http.StatusNotFound, "finance", http.MethodPost, wagesAtRest+"/discard", strings.NewReader(`{"note":"再一次"}`), "Content-Type", "application/json")
	h.take(t, wages, content)
	h.counts(t, wages, 1, 0)
	h.kill()
	h.start(t)
	h.take(t, wages, append(content, gb18030(wageLine(3, "王五", "", refusedAmount))...))
	h.counts(t, wages, 1, 1)
	h.caughtUp(t, "2026-09-30")
	for _, line := range h.status(t).Quarantine {
		if line.Rows != 1 {
			t.Errorf("the status says that %d rows wait: %+v", line.Rows, line)
		}
	}
}

// Of a file whose rows have names, a corrected row takes the place of the one that was refused, and the last good version counts
// until then.
func TestQuarantineKeyed(t *testing.T) {
	t.Parallel()
	h := newConnected(t, usual, nil)
	h.start(t)
	const file, at = "entities/tax.csv", "/v1/quarantine/tax/tax.csv"
	header := "纳税人识别号,纳税人名称,纳税人状态,更新日期\n"
	merge := func(rows string) {
		t.Helper()
		h.must(t, http.StatusCreated, "tax", http.MethodPost, "/v1/deliveries/tax/tax.csv?mode=merge", bytes.NewReader(gb18030(header+rows)))
	}
	merge("A,甲,正常,\nB,乙,正常,\n")
	merge("A,甲改,正常,没有\nC,丙,正常,没有\n")
	h.shows(t, map[string]string{"A": "甲", "B": "乙"})
	r := h.must(t, http.StatusOK, "tax", http.MethodGet, at+"/rows?form=ndjson", nil)
	corrected := bytes.ReplaceAll(r.body, []byte(`"更新日期":"没有"`), []byte(`"更新日期":"2026-09-01"`))
	if bytes.Equal(corrected, r.body) {
		t.Fatalf("the download is %s", r.body)
	}
	receipt := h.must(t, http.StatusCreated, "tax", http.MethodPost, at+"/resubmit?form=ndjson", bytes.NewReader(corrected)).receipt(t)
	if receipt.Settled != 2 || receipt.Accepted != 2 || receipt.Mode != connectors.Merge {
		t.Errorf("the receipt of corrected rows is %+v", receipt)
	}
	h.shows(t, map[string]string{"A": "甲改", "B": "乙", "C": "丙"})
	if live, waiting := h.balanced(t, file); live != 3 || waiting != 0 {
		t.Errorf("%d rows count and %d wait, want 3 and 0", live, waiting)
	}
	merge("D,丁,正常,没有\n")
	merge("D,丁,正常,2026-09-02\n") // the partner mended it by itself
	h.shows(t, map[string]string{"A": "甲改", "B": "乙", "C": "丙", "D": "丁"})
	if live, waiting := h.balanced(t, file); live != 4 || waiting != 0 {
		t.Errorf("%d rows count and %d wait, want 4 and 0", live, waiting)
	}
}

// What comes with a token for the sandbox is read and checked as ever, and nothing of it is anywhere but in the sandbox.
func TestSandbox(t *testing.T) {
	t.Parallel()
	h := newFurnished(t, "--as-of", "2026-09-30")
	h.tokens["try"] = h.issue(t, "--agency", "finance", "--sandbox")
	h.start(t)
	files := village(40, 42)
	delete(files, wages)
	for name, content := range files {
		h.take(t, name, content)
	}
	h.caughtUp(t, "2026-09-30")
	before := h.status(t)
	r := h.must(t, http.StatusCreated, "try", http.MethodPost, "/v1/deliveries/"+wages, bytes.NewReader(append(payroll(40, 41), gb18030(payLines(1))...)))
	got := r.receipt(t)
	if !got.Sandbox || got.RowsRead != 3 || got.Accepted != 3 {
		t.Errorf("the receipt of the sandbox is %+v", got)
	}
	bad := h.must(t, http.StatusCreated, "try", http.MethodPost, "/v1/deliveries/"+wages, bytes.NewReader(gb18030(wagesHeader+wageLine(1, "张三", "", refusedAmount)))).receipt(t)
	var page struct {
		connectors.Receipt
		Refused []connectors.Refused
	}
	h.must(t, http.StatusOK, "try", http.MethodGet, fmt.Sprintf("/v1/receipts/%d", bad.Delivery), nil).into(t, &page)
	if !page.Sandbox || page.Quarantined != 1 || len(page.Refused) != 1 || page.Refused[0].Column != "金额" || page.Refused[0].Line != 2 {
		t.Errorf("the receipt of a refused row is %+v", page)
	}
	h.declareAll(t, "202609", files)
	h.caughtUp(t, "2026-09-30")
	if cases := h.cases(t); len(cases) != 0 {
		t.Errorf("%d cases of what was tried out", len(cases))
	}
	if after := h.status(t); fmt.Sprint(after.Quarantine, after.Ledger) != fmt.Sprint(before.Quarantine, before.Ledger) {
		t.Errorf("the books were %+v, and are %+v", before.Ledger, after.Ledger)
	}
	if all := h.receipts(t, "finance", ""); len(all) != 0 {
		t.Errorf("receipts of what was tried out: %+v", all)
	}
	if all := h.receipts(t, "try", ""); len(all) != 2 {
		t.Errorf("%d receipts in the sandbox, want 2", len(all))
	}
	h.must(t, http.StatusForbidden, "try", http.MethodGet, wagesAtRest, nil)
	h.must(t, http.StatusForbidden, "try", http.MethodGet, "/v1/feeds/corrections", nil)
	h.must(t, http.StatusForbidden, "try", http.MethodGet, "/v1/status", nil)
}

// What agencies have promised is due, late, missing or there, by the day that it is.
func TestExpected(t *testing.T) {
	profile := strings.NewReplacer("    optional: true\n", "    optional: true\n    due: {every: quarter, day: 15, grace: 50}\n", "    key: [纳税人识别号]\n", "").Replace(taxProfile)
	monthly := strings.Replace(strings.Replace(wagesProfile, " DATES", "", 1), "    encoding: gb18030\n", "    encoding: gb18030\n    due: {every: month, day: 10, grace: 5}\n", 1)
	dir := writeCounty(t, map[string]string{"c.yaml": usual, "profiles/tax.yaml": profile, "profiles/finance.yaml": monthly})
	config, err := readConfig(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Date(2026, 10, 9, 8, 0, 0, 0, time.Local)
	s := openClocked(t, serviceOptions{dir: t.TempDir(), config: config, now: func() time.Time { return clock }, logger: slog.New(slog.DiscardHandler)})
	deliver := func(agency, name string, content []byte, period schemas.Month, mode connectors.Mode) {
		t.Helper()
		found, ok := connectors.Describe(s.agencies, name)
		if !ok {
			t.Fatal(name)
		}
		found.Path = filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(found.Path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		u := connectors.Upload{Found: found, Mode: mode, Period: max(period, found.Month), By: agency}
		if mode == connectors.Add {
			u.Key = name + clock.String()
		}
		if r, err := (doors{s}).Deliver(t.Context(), u); err != nil || r.Outcome != connectors.Complete {
			t.Fatalf("%+v, %v", r, err)
		}
		hearOne(t, s)
	}
	expect := func(day string, agency string, from, to schemas.Month, want ...connectors.Standing) {
		t.Helper()
		date, _ := schemas.ParseDate(day)
		clock = date.Time().Add(12 * time.Hour)
		all, err := s.expected(t.Context(), agency, from, to)
		if err != nil {
			t.Fatal(err)
		}
		var got []connectors.Standing
		for _, e := range all {
			got = append(got, e.State)
		}
		if !slices.Equal(got, want) {
			t.Errorf("on %s %s: %v, want %v", day, agency, got, want)
		}
	}
	expect("2026-10-09", "finance", 202609, 202609, connectors.NotYet)
	expect("2026-10-10", "finance", 202609, 202609, connectors.DueNow)
	expect("2026-10-11", "finance", 202609, 202609, connectors.Late)
	expect("2026-10-16", "finance", 202609, 202609, connectors.Missing)
	deliver("finance", wages, payroll(1), 0, connectors.Full)
	expect("2026-10-17", "finance", 202609, 202609, connectors.DeliveredLate)
	deliver("finance", "finance/payroll-202610.csv", payroll(1), 0, connectors.Full)
	deliver("finance", wages, payroll(1, 2), 0, connectors.Full) // a later version does not make the first later
	expect("2026-12-31", "finance", 202609, 202611, connectors.DeliveredLate, connectors.Delivered, connectors.Missing)

	register := "纳税人识别号,纳税人名称,纳税人状态,更新日期\nA,甲,正常,\n"
	expect("2026-10-14", "tax", 202607, 202609, connectors.NotYet) // quarters end in September
	expect("2026-11-20", "tax", 202609, 202609, connectors.Late)
	deliver("tax", "entities/tax.csv", gb18030(register), 0, connectors.Full) // in November, for the quarter that ended in September
	expect("2026-11-20", "tax", 202609, 202609, connectors.DeliveredLate)
	expect("2027-01-10", "tax", 202609, 202612, connectors.DeliveredLate, connectors.NotYet)
	deliver("tax", "entities/tax.csv", gb18030(register+"B,乙,正常,没有\n"), 202609, connectors.Full) // late, and it says of what
	expect("2027-01-10", "tax", 202609, 202612, connectors.DeliveredLate, connectors.NotYet)
	if _, err := (mending{doors{s}}).Discard(t.Context(), "tax", "entities/tax.csv", nil, "只是改正", "zhao"); err != nil {
		t.Fatal(err)
	}
	hearOne(t, s)
	expect("2027-01-10", "tax", 202609, 202612, connectors.DeliveredLate, connectors.NotYet) // rows let fall are no delivery
	deliver("tax", "entities/tax.csv", gb18030(register+"B,乙,正常,\n"), 202612, connectors.Full)
	expect("2027-01-12", "tax", 202609, 202612, connectors.DeliveredLate, connectors.Delivered)
	if all, err := s.expected(t.Context(), "nobody", 202609, 202609); err == nil {
		t.Errorf("of nobody are expected %v", all)
	}
}

// An agency sees what it has promised, and an operator what all have; a delivery that says of which period it is counts for that.
func TestExpectedServed(t *testing.T) {
	t.Parallel()
	profile := strings.Replace(taxProfile, "    optional: true\n", "    optional: true\n    due: {every: quarter, day: 15, grace: 50}\n", 1)
	monthly := strings.Replace(strings.Replace(wagesProfile, " DATES", "", 1), "    encoding: gb18030\n", "    encoding: gb18030\n    due: {every: month, day: 10, grace: 5}\n", 1)
	h := newConnected(t, usual, map[string]string{"profiles/tax.yaml": profile, "profiles/finance.yaml": monthly})
	h.start(t)
	expect := func(who string, want ...string) {
		t.Helper()
		var list struct {
			Expected []struct{ File, Period, Due, State string }
		}
		h.must(t, http.StatusOK, who, http.MethodGet, "/v1/expected?from=202002&to=202003", nil).into(t, &list)
		var got []string
		for _, e := range list.Expected {
			got = append(got, fmt.Sprintf("%s %s by %s %s", e.File, e.Period, e.Due, e.State))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is told %q, want %q", who, got, want)
		}
	}
	february, march, quarter := "finance/payroll-202002.csv 202002 by 2020-03-10 ", "finance/payroll-202003.csv 202003 by 2020-04-10 ", "entities/tax.csv 202003 by 2020-04-15 "
	expect("finance", february+"missing", march+"missing")
	h.take(t, "finance/payroll-202002.csv", payroll(1))
	register := gb18030("纳税人识别号,纳税人名称,纳税人状态\nA,甲,正常\n")
	h.take(t, "entities/tax.csv", register) // of what is not said: of now
	expect(operator, february+"delivered_late", march+"missing", quarter+"missing")
	r := h.must(t, http.StatusCreated, "tax", http.MethodPost, "/v1/deliveries/tax/tax.csv?period=202003", bytes.NewReader(register))
	if c := r.receipt(t); c.Period != "202003" || c.Added != 0 {
		t.Errorf("the receipt is %+v", c)
	}
	expect("tax", quarter+"delivered_late")
	r = h.must(t, http.StatusUnprocessableEntity, "finance", http.MethodPost, "/v1/deliveries/finance/payroll-202003.csv?period=202002", bytes.NewReader(payroll(1)))
	if p := r.problem(t); p.Type != "urn:hebian:problem:wrong_period" {
		t.Errorf("a period that is not that of the name: %s", p.Type)
	}
	h.must(t, http.StatusForbidden, "tax", http.MethodGet, "/v1/expected?agency=finance", nil)
}

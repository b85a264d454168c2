package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/ops/desk"
	"hebian/schemas"
)

// A hub that is killed again and again, while agencies and officers work with it, keeps every promise that it
// made: receipts, declarations, claims and decisions stay, corrections go out once, the books balance, and in the end flags and records
// are those of a check on the files as they were last delivered.
func TestServeKill(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 12
	}
	random := rand.New(rand.NewPCG(7, 7))
	h := newServed(t, "--as-of", sampleDay, "--config", filepath.Join(writeCounty(t, map[string]string{"c.yaml": "serve: {withdraw_percent: 100}\n"}), "c.yaml"))
	l := newLoad(t, h)
	h.start(t)
	started := time.Now()
	l.begin(t)
	within := min(max(time.Since(started), 100*time.Millisecond), time.Second) // a kill comes, so that some work is done and some is cut off
	soon := func() time.Duration { return time.Duration(random.Int64N(int64(within))) }
	for n, killed := 0, 0; killed < kills; n++ {
		signal := syscall.SIGKILL
		if n%10 == 2 { // stopped in order, which leaves a snapshot: from then on a start has a tail to fold
			signal = syscall.SIGTERM
		} else {
			killed++
		}
		if n%10 == 4 {
			h.killStarting(t, time.Duration(random.Int64N(int64(60*time.Millisecond))))
		} else {
			l.round(t, random, signal, soon())
		}
		if n%2 == 0 {
			acknowledged(t, h.data)
			l.checkReceipts(t)
		}
		h.start(t)
		l.check(t, random)
		if t.Failed() {
			t.Fatalf("after %d kills; the log says\n%s", killed, h.log.String())
		}
	}
	l.finish(t)
	t.Logf("%d kills: %d deliveries acknowledged, %d requests cut off, %d claims, %d decisions, %d corrections",
		kills, len(l.receipts), l.cut, len(l.claims), len(l.decisions), len(corrections(t, filepath.Join(h.data, "out"))))
}

// killStarting kills the hub, and again in the middle of its start.
func (h *served) killStarting(t *testing.T, after time.Duration) {
	t.Helper()
	h.kill()
	h.launch(t)
	starting := h.cmd.Process
	timer := time.AfterFunc(after, func() { starting.Kill() }) //nolint:errcheck // Wait says
	defer timer.Stop()
	h.cmd.Wait() //nolint:errcheck // it was killed
}

// load is what agencies and officers do to a hub, and what it acknowledged.
type load struct {
	h       *served
	senders []*sender

	mu        sync.Mutex
	cut       int                  // requests without an answer
	receipts  []connectors.Receipt // acknowledged
	periods   map[string]bool      // agency and month, acknowledged
	claims    []desk.CaseRow
	decisions map[string]string // cases by the reason, which is another for each decision
	tried     int               // decisions
}

// sender delivers one file again and again: whole, or changed by rows.
type sender struct {
	file    string
	header  string
	row     func(random *rand.Rand) string
	lines   []string // as last acknowledged
	pending *shipment
	sent    int
	random  *rand.Rand
}

// shipment is a delivery that is repeated until it is acknowledged, or given up for a whole file.
type shipment struct {
	mode  connectors.Mode
	key   string
	lines []string // of the whole file, or that come or go
}

func newLoad(t *testing.T, h *served) *load {
	t.Helper()
	l := &load{h: h, periods: map[string]bool{}, decisions: map[string]string{}}
	add := func(file, header string, row func(*rand.Rand) string) {
		l.senders = append(l.senders, &sender{file: file, header: header, row: row, random: rand.New(rand.NewPCG(uint64(len(l.senders)), 9))})
	}
	somebody := func(r *rand.Rand) string { return villager(r.IntN(60)) }
	for month := 4; month <= 9; month++ {
		add(fmt.Sprintf("finance/payroll-20260%d.csv", month), "发放单位代码,姓名,证件号码,工资类别,金额\n", func(r *rand.Rand) string {
			amount := []string{"5000.00", "6000.00", "6000.00", refusedAmount}[r.IntN(4)]
			return fmt.Sprintf("%s,张三,%s,基本工资,%s\n", villageUnit, somebody(r), amount)
		})
	}
	add("staffing/slots.csv", string(slots()), func(r *rand.Rand) string {
		n := r.IntN(60)
		return fmt.Sprintf("S%d,%s,张三,%s,事业全额,财政全额,P%d,2020-01-01,2026-0%d-01\n", n, villager(n), villageUnit, n, 1+r.IntN(9))
	})
	add("staffing/exemptions.csv", string(exemptions()), func(r *rand.Rand) string {
		return fmt.Sprintf("%s,%s,特岗,2026-0%d-01,\n", somebody(r), villageUnit, 1+r.IntN(9))
	})
	add("civil/deaths.csv", "证件号码,死亡日期\n", func(r *rand.Rand) string { return somebody(r) + ",2026-07-01\n" })
	add("social/insurance.csv", "id_number,insured_uscc,month\n", func(r *rand.Rand) string {
		return fmt.Sprintf("%s,%s,20260%d\n", somebody(r), villageUnit, 1+r.IntN(9))
	})
	return l
}

// refusedAmount sends a pay line to quarantine.
const refusedAmount = "五千"

// next thinks up what to deliver next.
func (s *sender) next() *shipment {
	s.sent++
	p := &shipment{mode: connectors.Full, key: fmt.Sprintf("%s %d", s.file, s.sent)}
	p.key = strings.ReplaceAll(p.key, " ", "-")
	switch kind := s.random.IntN(10); {
	case len(s.lines) == 0 || kind < 4:
		for _, line := range s.lines {
			for range []int{0, 1, 1, 1, 1, 1, 1, 1, 1, 2}[s.random.IntN(10)] {
				p.lines = append(p.lines, line)
			}
		}
		for range 40/(1+len(s.lines)) + 1 + s.random.IntN(8) {
			p.lines = append(p.lines, s.row(s.random))
		}
		if s.random.IntN(2) == 0 {
			p.key = ""
		}
	case kind < 8:
		p.mode = connectors.Add
		for range 1 + s.random.IntN(4) {
			p.lines = append(p.lines, s.row(s.random))
		}
	default:
		p.mode = connectors.Remove
		for range 1 + s.random.IntN(4) {
			p.lines = append(p.lines, s.lines[s.random.IntN(len(s.lines))]) // the same one twice may be one too many
		}
	}
	return p
}

// step delivers one shipment. What was cut off is sent again, or given up for the whole file anew: whichever of
// the two had become of it, the file then is what the new one says.
func (s *sender) step(l *load) error {
	switch {
	case s.pending == nil:
		s.pending = s.next()
	case s.random.IntN(4) == 0:
		s.lines = append(slices.Clone(s.lines), s.row(s.random))
		s.pending = &shipment{mode: connectors.Full, lines: s.lines}
	}
	p := s.pending
	content := []byte(s.header + strings.Join(p.lines, ""))
	agency, _, _ := strings.Cut(s.file, "/")
	if agency == "finance" || agency == "civil" {
		content = gb18030(string(content))
	}
	header := []string{}
	if p.key != "" {
		header = append(header, "Idempotency-Key", p.key)
	}
	r, err := l.h.ask(agency, http.MethodPost, "/v1/deliveries/"+s.file+"?mode="+string(p.mode), bytes.NewReader(content), header...)
	if err != nil {
		return err
	}
	if r.status == http.StatusServiceUnavailable && r.header.Get("Retry-After") != "" {
		return nil // too many at once: it is sent again
	}
	var c connectors.Receipt
	if err := json.Unmarshal(r.body, &c); err != nil || r.status != http.StatusCreated && r.status != http.StatusOK {
		return fmt.Errorf("deliver %s: status %d, %w: %s", s.file, r.status, err, r.body)
	}
	if c.Outcome != connectors.Complete || c.RowsRead != int64(len(p.lines)) || c.RowsRead != c.Accepted+c.Quarantined || c.Mode != p.mode || c.Key != p.key {
		return fmt.Errorf("deliver %s: the receipt of %d rows is %+v", s.file, len(p.lines), c)
	}
	s.apply(p)
	s.pending = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receipts = append(l.receipts, c)
	return nil
}

// apply brings the lines of the file to where an acknowledged shipment takes them.
func (s *sender) apply(p *shipment) {
	switch p.mode {
	case connectors.Full:
		s.lines = p.lines
	case connectors.Add:
		s.lines = append(slices.Clone(s.lines), p.lines...)
	case connectors.Remove:
		s.lines = slices.Clone(s.lines)
		for _, line := range p.lines {
			// A row that was refused is not there to be taken back.
			if i := slices.Index(s.lines, line); i >= 0 && !strings.Contains(line, refusedAmount) {
				s.lines = slices.Delete(s.lines, i, i+1)
			}
		}
	}
}

// senders of one round, deliveries of each, and officers are bounded, so that the log stays as small as that of a
// county.
const (
	sendersAtOnce  = 5
	deliveriesEach = 3
)

// round has agencies and officers work until the hub is killed, or told to stop.
func (l *load) round(t *testing.T, random *rand.Rand, signal syscall.Signal, after time.Duration) {
	t.Helper()
	process := l.h.cmd.Process
	timer := time.AfterFunc(after, func() { process.Signal(signal) }) //nolint:errcheck // Wait says
	defer timer.Stop()
	var work sync.WaitGroup
	do := func(step func() error, times int) {
		work.Go(func() {
			for range times {
				if err := step(); err != nil {
					l.broke(t, err)
					return
				}
			}
		})
	}
	for _, at := range random.Perm(len(l.senders))[:sendersAtOnce] {
		s := l.senders[at]
		do(func() error { return s.step(l) }, deliveriesEach)
	}
	seed := random.Uint64()
	for i, who := range []string{officer, another} {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		do(func() error { return l.work(who, r) }, 1<<10)
	}
	r := rand.New(rand.NewPCG(seed, 2))
	do(func() error { return l.declare(t, r) }, deliveriesEach)
	work.Wait()
	if err := l.h.cmd.Wait(); err != nil && signal == syscall.SIGTERM {
		t.Errorf("the hub did not stop in order: %v", err)
	}
}

// broke takes note of work that ended: the hub was killed, or it answered what it must not.
func (l *load) broke(t *testing.T, err error) {
	var lost *url.Error
	if !errors.As(err, &lost) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut++
}

// work has an officer claim a case, and mostly decide it.
func (l *load) work(who string, random *rand.Rand) error {
	r, err := l.h.ask(who, http.MethodGet, "/v1/cases?state=open&limit=20", nil)
	if err != nil {
		return err
	}
	var page struct{ Cases []desk.CaseRow }
	if err := json.Unmarshal(r.body, &page); err != nil || r.status != http.StatusOK {
		return fmt.Errorf("list cases: status %d, %w: %s", r.status, err, r.body)
	}
	if len(page.Cases) == 0 {
		return nil
	}
	id := page.Cases[random.IntN(len(page.Cases))].ID
	r, err = l.h.ask(who, http.MethodPost, "/v1/cases/"+id+"/claim", nil)
	if err != nil {
		return err
	}
	var claimed desk.CaseRow
	switch err := json.Unmarshal(r.body, &claimed); {
	case r.status == http.StatusConflict: // the other officer was quicker, or a delivery
		return nil
	case err != nil || r.status != http.StatusOK:
		return fmt.Errorf("claim case %s: status %d, %w: %s", id, r.status, err, r.body)
	}
	l.mu.Lock()
	l.claims = append(l.claims, claimed)
	l.tried++
	reason := fmt.Sprintf("第%d次决定", l.tried)
	l.mu.Unlock()
	outcomes := queue.OutcomesOf(claimed.Code)
	r, err = l.h.decide(who, id, outcomes[random.IntN(len(outcomes))], reason)
	switch {
	case err != nil:
		return err
	case r.status == http.StatusConflict: // a delivery explained it meanwhile
		return nil
	case r.status != http.StatusOK:
		return fmt.Errorf("decide case %s: status %d: %s", id, r.status, r.body)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.decisions[reason] = id
	return nil
}

// declare has an agency declare one of the months complete.
func (l *load) declare(t *testing.T, random *rand.Rand) error {
	agency := agencies(t)[random.IntN(len(agencies(t)))]
	return l.declareMonth(t, agency, fmt.Sprintf("20260%d", 4+random.IntN(6)))
}

func (l *load) declareMonth(t *testing.T, agency connectors.Profile, month string) error {
	delivered := map[string][]byte{}
	for _, s := range l.senders {
		delivered[s.file] = []byte{}
	}
	body, err := json.Marshal(push.Declare{Empty: lacking(t, agency, month, delivered)})
	if err != nil {
		return err
	}
	r, err := l.h.ask(agency.Agency, http.MethodPut, "/v1/periods/"+month+"/complete", bytes.NewReader(body), "Content-Type", "application/json")
	if err != nil {
		return err
	}
	if r.status == http.StatusConflict && r.problem(t).Code() == "files_lacking" {
		return nil // what was cut off is lacking until it is sent again
	}
	if r.status != http.StatusOK {
		return fmt.Errorf("declare %s of %s: status %d: %s", month, agency.Agency, r.status, r.body)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.periods[agency.Agency+" "+month] = true
	return nil
}

// begin delivers every file once and has agencies declare months, so that there are cases, and more to come.
func (l *load) begin(t *testing.T) {
	t.Helper()
	for _, s := range l.senders {
		if err := s.step(l); err != nil {
			t.Fatal(err)
		}
	}
	l.declareMonths(t, func(agency string, month int) bool { return month <= 6 || agency != "finance" && agency != "civil" })
}

// declareMonths has agencies declare some of the months.
func (l *load) declareMonths(t *testing.T, which func(agency string, month int) bool) {
	t.Helper()
	for _, agency := range agencies(t) {
		for month := 4; month <= 9; month++ {
			if !which(agency.Agency, month) {
				continue
			}
			if err := l.declareMonth(t, agency, fmt.Sprintf("20260%d", month)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// check asks a hub that was started again for what it acknowledged lately, and for some of what it acknowledged earlier.
func (l *load) check(t *testing.T, random *rand.Rand) {
	t.Helper()
	l.h.status(t)
	some := func(n int) (at []int) {
		for range min(n, 3) {
			at = append(at, random.IntN(n))
		}
		for i := max(0, n-5); i < n; i++ {
			at = append(at, i)
		}
		return at
	}
	for _, i := range some(len(l.receipts)) {
		want := l.receipts[i]
		var got push.ReceiptPage
		l.h.must(t, http.StatusOK, operator, http.MethodGet, fmt.Sprintf("/v1/receipts/%d", want.Delivery), nil).into(t, &got)
		if diff := cmp.Diff(want, got.Receipt); diff != "" {
			t.Errorf("receipt %d changed (-want +got):\n%s", want.Delivery, diff)
		}
	}
	l.checkPeriods(t)
	for _, i := range some(len(l.claims)) {
		l.checkClaim(t, l.claims[i])
	}
	reasons := slices.Sorted(maps.Keys(l.decisions))
	for _, i := range some(len(reasons)) {
		l.checkDecision(t, reasons[i])
	}
}

func (l *load) checkPeriods(t *testing.T) {
	t.Helper()
	var answer struct{ Agencies []push.Completeness }
	l.h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/periods", nil).into(t, &answer)
	declared, first := map[string]bool{}, map[string]string{}
	for _, a := range answer.Agencies {
		for _, p := range a.Periods { // by month
			if first[a.Agency] == "" {
				first[a.Agency] = p.Month
			}
			declared[a.Agency+" "+p.Month] = true
		}
	}
	for period := range l.periods {
		agency, month, _ := strings.Cut(period, " ")
		if covered := month < first[agency]; !declared[period] && !covered { // the first declaration covers all before
			t.Errorf("the declaration of %s is gone", period)
		}
	}
}

func (l *load) checkClaim(t *testing.T, claim desk.CaseRow) {
	t.Helper()
	c := l.h.look(t, claim.ID)
	if !slices.ContainsFunc(c.History, func(e desk.CaseEvent) bool {
		return e.Kind == "claimed" && e.Officer == claim.Officer && e.At.Add(queue.LeaseTime).Equal(claim.Lease)
	}) {
		t.Errorf("the claim of case %s by %s is gone: %v", claim.ID, claim.Officer, steps(c))
	}
}

func (l *load) checkDecision(t *testing.T, reason string) {
	t.Helper()
	found := 0
	c := l.h.look(t, l.decisions[reason])
	for _, e := range c.History {
		if e.Kind == "decided" && e.Reason == reason {
			found++
		}
	}
	if found != 1 {
		t.Errorf("decision %q is in the history of case %s %d times, want once: %v", reason, c.ID, found, steps(c))
	}
}

// checkReceipts reads every receipt acknowledged from a data folder that no hub runs on.
func (l *load) checkReceipts(t *testing.T) {
	t.Helper()
	h, err := openHouse(t.Context(), l.h.data)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	for _, want := range l.receipts {
		r, err := h.deliveries.Get(t.Context(), want.Delivery)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, receiptOf(r)); diff != "" {
			t.Errorf("receipt %d changed (-want +got):\n%s", want.Delivery, diff)
		}
	}
}

// finish lets everything come to its end and holds the hub against a check of the files as they are now.
func (l *load) finish(t *testing.T) {
	t.Helper()
	for _, s := range l.senders {
		for s.pending != nil {
			if err := s.step(l); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.declareMonths(t, func(string, int) bool { return true })
	files := map[string]string{}
	for _, s := range l.senders {
		files[s.file] = s.header + strings.Join(s.lines, "")
		if strings.HasPrefix(s.file, "finance/") || strings.HasPrefix(s.file, "civil/") {
			files[s.file] = string(gb18030(files[s.file]))
		}
	}
	in, data, out := writeCounty(t, files), filepath.Join(t.TempDir(), "data"), t.TempDir()
	mustRun(t, "check", in, "--as-of", sampleDay, "--data", data, "--out", out)
	expected := readText(t, out, "flags.csv")
	if diff := cmp.Diff(expected, l.h.flags(t, sampleDay)); diff != "" {
		t.Errorf("flags.csv differs from that of a check (-want +got):\n%.3000s", diff)
	}
	l.checkCases(t, casesOf(t, expected))
	for _, claim := range l.claims {
		l.checkClaim(t, claim)
	}
	for reason := range l.decisions {
		l.checkDecision(t, reason)
	}
	l.h.caughtUp(t, sampleDay)
	l.checkCorrections(t)
	l.h.stop(t)
	acknowledged(t, l.h.data)
	l.checkReceipts(t)
	if diff := cmp.Diff(liveRecords(t, data), liveRecords(t, l.h.data)); diff != "" {
		t.Errorf("records differ from those of a check (-want +got):\n%.3000s", diff)
	}
}

// checkCases holds which findings stand, as the cases have it, against the flags.
func (l *load) checkCases(t *testing.T, want map[string]matcher.Key) {
	t.Helper()
	standing := map[string]matcher.Key{}
	for id, c := range l.h.cases(t) {
		if c.Present {
			standing[id] = want[id]
		}
		if closed := c.State == "settled"; closed == c.Present && c.State != "explained" {
			t.Errorf("case %s is %s, and that its finding stands is %t", id, c.State, c.Present)
		}
	}
	if diff := cmp.Diff(want, standing); diff != "" {
		t.Errorf("cases whose findings stand, and flags, differ (-flags +cases):\n%.3000s", diff)
	}
}

// checkCorrections holds what went out, to agencies and into the log, against the decisions in all histories.
func (l *load) checkCorrections(t *testing.T) {
	t.Helper()
	eventually(t, "every correction is sent", func() bool {
		return !slices.Contains(slices.Collect(maps.Values(l.h.states(t))), "decided")
	})
	want := map[string]string{} // reason by file
	for id := range l.h.cases(t) {
		for _, e := range l.h.look(t, id).History {
			if e.Kind == "decided" && e.Correction != "" {
				want[e.To+"/"+e.Correction+".json"] = e.Reason
			}
		}
	}
	got, reasons := map[string]string{}, map[string]bool{}
	for file, c := range corrections(t, filepath.Join(l.h.data, "out")) {
		got[file] = c.Reason
		if reasons[c.Reason] {
			t.Errorf("decision %q went out twice", c.Reason)
		}
		reasons[c.Reason] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("corrections decided and sent differ (-decided +sent):\n%.3000s", diff)
	}
}

// liveRecords are the records that count, by file, and how often: more than once is once too often.
func liveRecords(t *testing.T, data string) map[string]map[schemas.ID]int64 {
	t.Helper()
	h, err := openHouse(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	counts, err := hub.Counting(t.Context(), h.deliveries)
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]map[schemas.ID]int64{}
	for _, s := range schemas.Subjects() {
		if s.Name == hub.MisfitTopic { // line numbers are in them, which a change set has of its own
			continue
		}
		for p := range h.log.Partitions(s.Name) {
			if _, err := hub.NewReader(h.log, counts).Replay(t.Context(), s.Name, p, 0, func(file string, b *hub.Batch) error {
				if live[file] == nil {
					live[file] = map[schemas.ID]int64{}
				}
				for _, r := range b.Records {
					if live[file][r.ID] += 1 - 2*int64(r.Op); live[file][r.ID] == 0 {
						delete(live[file], r.ID)
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return live
}

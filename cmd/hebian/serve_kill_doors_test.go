package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/matcher/queue"
	"hebian/ops/desk"
)

// statisticsProfile has the statistics office's register come row by row.
const statisticsProfile = `agency: statistics
name: 统计
files:
  - file: entities/statistics.csv
    subject: entity.registration
    form: csv
    encoding: utf-8
    optional: true
    key: [source_id]
    columns:
      - {header: source_id, field: source_key, required: true}
      - {header: name, field: name, required: true}
      - {header: status, field: status, required: true}
`

// partners are agencies whose systems go on changing while the hub is killed.
type partners struct {
	tax        *taxService
	statistics map[string]string // names by key, in a topic
	client     *kgo.Client
	dir        string // of the finance office's SFTP server
	pay        []int  // persons paid in August
	poison     map[string]int64
	random     *rand.Rand
	changes    int
}

// act changes something somewhere.
func (p *partners) act(t *testing.T) {
	t.Helper()
	p.changes++
	key, name := fmt.Sprintf("%d", p.random.IntN(60)), fmt.Sprintf("企业第%d改", p.changes)
	switch kind := p.random.IntN(12); {
	case kind < 4:
		p.tax.put("T"+key, name)
	case kind < 5:
		p.tax.remove("T" + key)
	case kind < 6:
		p.tax.raw("T bad", fmt.Sprintf(`{"纳税人识别号":"bad %d","纳税人名称":"","纳税人状态":"正常"}`, p.changes))
		p.poison["entities/tax.csv"]++
	case kind < 9:
		row, err := json.Marshal(map[string]string{"source_id": "S" + key, "name": name, "status": "在业"})
		if err != nil {
			t.Fatal(err)
		}
		tell(t, p.client, "statistics", "S"+key, string(row))
		p.statistics["S"+key] = name
	case kind < 10:
		tell(t, p.client, "statistics", "S"+key, "")
		delete(p.statistics, "S"+key)
	default:
		if p.random.IntN(3) == 0 && len(p.pay) > 5 {
			p.pay = p.pay[1+p.random.IntN(3):]
		} else {
			p.pay = append(p.pay, p.random.IntN(40))
		}
		lay(t, p.dir, "payroll-202608.csv", payroll(p.pay...))
	}
}

// A hub that is killed again and again while its connectors fetch and bring has in the end what its partners have, row by row, and has
// brought every correction once.
func TestDoorsKill(t *testing.T) {
	t.Parallel()
	kills, cases := 200, 120
	if testing.Short() {
		kills, cases = 8, 16
	}
	server, dir := newSFTP(t)
	broker, client := newBroker(t, "statistics")
	hook := newHook(t, hookSecret)
	p := &partners{tax: newTaxService(t), statistics: map[string]string{}, client: client, dir: dir, poison: map[string]int64{}, random: rand.New(rand.NewPCG(11, 11))}
	config := strings.Replace(usual, "sources: [tax]", "sources: [tax, statistics]", 1) + "golden: [finance]\nconnectors:" + p.tax.merging("tax-rest") +
		sftpIn("pay", "finance", "payroll-{month}.csv", server, ", after: keep") +
		fmt.Sprintf("\n  - {name: stat, agency: statistics, file: statistics.csv, every: 100ms, topic: {brokers: [%q], topic: statistics, key_column: source_id}}\n", broker.Addr) +
		hooked("out", "finance", "corrections", hook)
	h := newConnected(t, config, map[string]string{"profiles/statistics.yaml": statisticsProfile, "sftp.password": server.Password})
	h.start(t)
	h.paidWithoutSlot(t, cases)
	for range 40 {
		p.act(t)
	}
	began := time.Now()
	if err := h.decideOne(); err != nil {
		t.Fatal(err)
	}
	within := min(4*time.Since(began)+200*time.Millisecond, 600*time.Millisecond) // a kill comes, so that some work is done and some is cut off
	decided := 1
	for n := range kills {
		process := h.cmd.Process
		timer := time.AfterFunc(time.Duration(p.random.Int64N(int64(within))), func() { process.Kill() }) //nolint:errcheck // Wait says
		var work sync.WaitGroup
		work.Go(func() {
			for decided < cases*(n+1)/kills {
				if err := h.decideOne(); err != nil {
					if !cutOff(err) && !errors.Is(err, errNoCase) {
						t.Error(err)
					}
					return
				}
				decided++
			}
		})
		if p.random.IntN(3) == 0 { // the agency has a dispatch, and its answer does not arrive
			hook.Fail(connectortest.Fault{Delay: 20 * time.Millisecond, Break: connectortest.Lost})
		}
		for range 1 + p.random.IntN(6) {
			p.act(t)
		}
		work.Wait()
		h.cmd.Wait() //nolint:errcheck // it was killed
		timer.Stop()
		if n%5 == 3 {
			h.killStarting(t, time.Duration(p.random.Int64N(int64(200*time.Millisecond))))
		}
		h.start(t)
		if t.Failed() {
			t.Fatalf("after %d kills; the log says\n%s", n+1, h.log.String())
		}
	}
	t.Logf("%d decisions of %d were acknowledged by a hub that was killed %d times", decided, cases, kills)
	for err := error(nil); err == nil; err = h.decideOne() { // those that are left
	}
	p.check(t, h)

	sent := map[string]bool{}
	for id, c := range h.cases(t) {
		if c.State == string(queue.Decided) || c.State == string(queue.Sent) {
			sent[id] = true
			eventually(t, "the correction of every decided case is brought", func() bool { return h.look(t, id).State == string(queue.Sent) })
		}
	}
	var records []string
	for _, r := range hook.Received() {
		records = append(records, string(r.JSON))
	}
	got := correctionsIn(t, records)
	for id := range sent {
		if got[id].Case == "" {
			t.Errorf("case %s is sent, and its correction did not come", id)
		}
	}
	if len(got) != len(sent) || len(records) != len(sent) || len(hook.Refused()) != 0 {
		t.Errorf("%d corrections of %d cases came, want one of each of %d; refused: %v", len(records), len(got), len(sent), hook.Refused())
	}
	for i, body := range hook.Bodies() {
		if body.Number != int64(i+1) {
			t.Errorf("dispatch %d comes as number %d", i+1, body.Number)
		}
	}
	var deliveries, rows int64
	for _, r := range h.receipts(t, operator, "") {
		deliveries, rows = deliveries+1, rows+r.RowsRead
	}
	if len(sent) != cases {
		t.Errorf("%d cases of %d are decided", len(sent), cases)
	}
	t.Logf("%d kills: %d changes at partners, %d deliveries of %d rows, %d rows of registers, %d pay lines, %v in quarantine; %d corrections in %d dispatches, which were tried %d times",
		kills, p.changes, deliveries, rows, len(p.tax.rows)+len(p.statistics), len(p.pay), h.waiting(t), len(records), len(hook.Bodies()), hook.Tries())
}

// check holds what the hub has against what the partners have.
func (p *partners) check(t *testing.T, h *served) {
	t.Helper()
	want := maps.Clone(p.tax.rows)
	maps.Copy(want, p.statistics)
	h.shows(t, want)
	eventually(t, "the last payroll is in", func() bool {
		all := h.receipts(t, operator, "finance/payroll-202608.csv")
		return len(all) > 0 && all[len(all)-1].Live == int64(len(p.pay))
	})
	for _, name := range []string{"tax-rest", "pay", "stat", "out"} {
		h.rested(t, name, 2)
	}
	h.caughtUp(t, "2026-09-30")
	for file, count := range map[string]int{"entities/tax.csv": len(p.tax.rows), "entities/statistics.csv": len(p.statistics), "finance/payroll-202608.csv": len(p.pay)} {
		if live, waiting := h.balanced(t, file); live != int64(count) || waiting != min(p.poison[file], waiting) {
			t.Errorf("%s: %d rows count and %d wait, want %d and at most %d", file, live, waiting, count, p.poison[file])
		}
	}
	for _, r := range h.receipts(t, operator, "") {
		if r.Outcome != connectors.Complete && !strings.HasPrefix(r.Error, "interrupted") { // by a kill: the same rows came again
			t.Errorf("delivery %d is %s: %s", r.Delivery, r.Outcome, r.Error)
		}
	}
}

// cutOff says whether an answer did not come because the hub was killed.
func cutOff(err error) bool {
	var lost *url.Error
	return errors.As(err, &lost) || errors.Is(err, io.ErrUnexpectedEOF)
}

// decideOne has an officer take a case that is open, or was taken before a kill, and confirm it.
func (h *served) decideOne() error {
	for _, state := range []string{"claimed", "open"} {
		r, err := h.ask(officer, http.MethodGet, "/v1/cases?limit=1&code=PAID_NO_SLOT&state="+state, nil)
		if err != nil {
			return err
		}
		var page struct{ Cases []desk.CaseRow }
		if err := json.Unmarshal(r.body, &page); err != nil || r.status != http.StatusOK {
			return fmt.Errorf("list cases: status %d, %w: %s", r.status, err, r.body)
		}
		if len(page.Cases) == 0 {
			continue
		}
		id := page.Cases[0].ID
		if r, err = h.ask(officer, http.MethodPost, "/v1/cases/"+id+"/claim", nil); err != nil || r.status != http.StatusOK {
			return errors.Join(err, statusError(r, "claim"))
		}
		if r, err = h.decide(officer, id, queue.OutcomeConfirmed, "查无编制"); err != nil || r.status != http.StatusOK {
			return errors.Join(err, statusError(r, "decide"))
		}
		return nil
	}
	return errNoCase
}

// errNoCase says that every case is decided: more than were counted, where the answer was cut off.
var errNoCase = errors.New("there is no case to decide")

func statusError(r reply, what string) error {
	if r.status == 0 {
		return nil
	}
	return fmt.Errorf("%s: status %d: %s", what, r.status, r.body)
}

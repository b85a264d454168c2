package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"hebian/connectors/push"
	"hebian/matcher"
	"hebian/matcher/entity"
	"hebian/matcher/queue"
	"hebian/matcher/rules"
	"hebian/ops/desk"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// stage is where the demo plays: the hub, everybody who deals with it, and the calendar.
type stage struct {
	dir, url, registers               string
	officerPassword, operatorPassword string
	pace                              time.Duration
	say                               func(format string, args ...any)

	hub       *service
	offices   offices
	colleague *push.Client
	rulings   []ruling // that the colleague is still to make
	day       atomic.Int32
	stop      <-chan struct{} // closed when the demo is to end
}

// The agency that hands its files of one month over a month late, and which month that is.
const (
	lateAgency = "discipline"
	lateMonth  = demoNewest - demoMonths + demoAtOnce + 1
)

// today is the demo's day. Leases and sessions go by the true clock: a month that passes in seconds must not end
// them.
func (d *stage) today() time.Time { return schemas.Date(d.day.Load()).Time() }

// turn moves the calendar to the last day of a month: then every rule speaks, those too that look at the rows
// of the month that the day lies in.
func (d *stage) turn(m schemas.Month) { d.day.Store(int32(m.Last())) }

// play lets everything happen side by side until somebody says stop.
func (d *stage) play(ctx context.Context, stop <-chan struct{}) error {
	texts, err := rules.Texts()
	if err != nil {
		return err
	}
	about, err := entity.Texts()
	if err != nil {
		return err
	}
	texts = append(slices.Clone(texts), about...)
	d.rulings, d.stop = rulingsOf(texts), stop
	group, playing := errgroup.WithContext(ctx)
	let := func(part func(context.Context) error) {
		group.Go(func() error {
			if err := part(playing); !errors.Is(err, errCurtain) {
				return err
			}
			return nil
		})
	}
	let(d.months)
	let(d.watch)
	for _, a := range d.offices {
		let(func(ctx context.Context) error { return d.clerk(ctx, a, texts) })
	}
	return group.Wait()
}

// errCurtain says that the demo is to stop.
var errCurtain = errors.New("the demo is over")

// wait lets time pass, unless the demo is to stop.
func (d *stage) wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-d.stop:
		return errCurtain
	case <-ctx.Done():
		return ctx.Err()
	}
}

// months lets the months pass.
func (d *stage) months(ctx context.Context) error {
	first := demoNewest.Add(1 - demoMonths)
	m := first.Add(demoAtOnce - 1)
	if err := d.month(ctx, first, m); err != nil {
		return err
	}
	if err := d.decide(ctx, decidedAtOnce); err != nil {
		return err
	}
	for m < demoNewest {
		if err := d.wait(ctx, d.pace); err != nil {
			return err
		}
		if m == lateMonth {
			if err := d.late(ctx); err != nil {
				return err
			}
		}
		m = m.Add(1)
		d.turn(m)
		if err := d.month(ctx, m, m); err != nil {
			return err
		}
		if err := d.decide(ctx, 1); err != nil {
			return err
		}
	}
	d.say("That was the last month. The hub goes on: decide cases, and see them settle.")
	return nil
}

// month has all agencies hand over the months from first to last, but for one that is late.
func (d *stage) month(ctx context.Context, first, last schemas.Month) error {
	group, handing := errgroup.WithContext(ctx)
	sums := make([]handed, len(d.offices))
	for i, a := range d.offices {
		if a.name == lateAgency && last == lateMonth {
			continue
		}
		group.Go(func() (err error) {
			sums[i], err = a.handOver(handing, first, last)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, a := range d.offices {
		if sums[i].files > 0 {
			d.tell(a, first, last, sums[i])
		}
	}
	if last == lateMonth {
		d.say("%s %s is late with %s", lateAgency, d.labelOf(lateAgency), dashed(last))
	}
	return d.report(ctx)
}

// late has the late agency hand over after all.
func (d *stage) late(ctx context.Context) error {
	for _, a := range d.offices {
		if a.name != lateAgency {
			continue
		}
		sum, err := a.handOver(ctx, lateMonth, lateMonth)
		if err != nil {
			return err
		}
		d.tell(a, lateMonth, lateMonth, sum)
	}
	return d.report(ctx)
}

func (d *stage) tell(a *agency, first, last schemas.Month, sum handed) {
	months := dashed(last)
	if first < last {
		months = dashed(first) + " to " + months
	}
	refused := ""
	if sum.quarantined > 0 {
		refused = ", " + count(sum.quarantined) + " of them refused"
	}
	d.say("%s %s hands over %s: %s, %s%s", a.name, a.label, months, plural(sum.files, "file"), plural(sum.rows, "row"), refused)
}

func (d *stage) labelOf(agency string) string {
	for _, a := range d.offices {
		if a.name == agency {
			return a.label
		}
	}
	return ""
}

// report says how the hub stands when it has judged all that it was given.
func (d *stage) report(ctx context.Context) error {
	if err := d.hub.caughtUp(ctx); err != nil {
		return err
	}
	var st hubStatus
	if err := d.colleague.Call(ctx, http.MethodGet, "/v1/status", nil, &st); err != nil {
		return err
	}
	provisional := ""
	if n := d.provisional(); n > 0 {
		provisional = fmt.Sprintf(", %s of them provisional: a source is not complete, they open no case", count(n))
	}
	d.say("judged as of %s: %s%s; %s open", st.AsOf, plural(st.Findings, "finding"), provisional, plural(st.Open, "case"))
	return nil
}

// provisional counts the findings that may still change for want of a source. Nobody declares a month meanwhile.
func (d *stage) provisional() (n int) {
	d.hub.court.RLock()
	defer d.hub.court.RUnlock()
	for _, f := range d.hub.standing.Findings() {
		if matcher.Provisional(f.Code, f.Month, d.hub.day, d.hub.marks) {
			n++
		}
	}
	return n
}

// ruling is what the colleague says of one case of a kind.
type ruling struct {
	code, label string
	outcome     queue.Outcome // empty: only claims it
	reason      string
}

// decidedAtOnce is how many cases the colleague takes when the first months are there; of every later month one.
const decidedAtOnce = 6

// rulingsOf lists what the colleague does, in this order.
func rulingsOf(texts []rules.Text) []ruling {
	all := []ruling{
		{code: "PAID_NO_SLOT", outcome: queue.OutcomeConfirmed, reason: "已与用人单位核实，确无编制，也不在例外名单内。请停发并冲减。"},
		{code: "FUND_MISMATCH", outcome: queue.OutcomeDataError, reason: "经费渠道录入有误，请按编制类型更正。"},
		{code: "PAID_AFTER_DEATH", outcome: queue.OutcomeConfirmed, reason: "死亡登记无误，请停发并冲减多发工资。"},
		{code: queue.CodeConflict, outcome: queue.OutcomeAuthority, reason: "以登记机关最近一次变更登记为准，请更新。"},
		{code: "NO_PERMIT_ENTRY", outcome: queue.OutcomeExplained, reason: "入编通知制度施行之前的老人员，档案齐全。"},
		{code: "DUAL_PAY"},
		{code: "PAYER_MISMATCH", outcome: queue.OutcomeConfirmed, reason: "未见借调批文，请由编制所在单位发薪，已发部分冲减。"},
		{code: "PENSION_AND_PAY", outcome: queue.OutcomeConfirmed, reason: "退休后不应再领在职工资，请停发并冲减。"},
		{code: "SLOT_STALE", outcome: queue.OutcomeConfirmed, reason: "人员已离开，请核销编制。"},
	}
	for i := range all {
		all[i].label = labelOfRule(texts, all[i].code)
	}
	return all
}

func labelOfRule(texts []rules.Text, code string) string {
	at := slices.IndexFunc(texts, func(t rules.Text) bool { return t.Code == code })
	if at < 0 {
		return ""
	}
	return texts[at].Label
}

// decide has the colleague take the next few cases, as every program does it: over the JSON interface. Of a kind
// that has one open case only, that is left to the visitor.
func (d *stage) decide(ctx context.Context, n int) error {
	for ; n > 0 && len(d.rulings) > 0; n-- {
		r := d.rulings[0]
		d.rulings = d.rulings[1:]
		list, err := d.cases(ctx, url.Values{"state": {string(queue.Open)}, "code": {r.code}, "limit": {"2"}})
		if err != nil {
			return err
		}
		if len(list) < 2 {
			continue
		}
		if err := d.rule(ctx, r, list[0]); err != nil && !isConflict(err) { // the visitor was faster
			return err
		}
	}
	return nil
}

// isConflict says whether an error is the hub's word that a case is another's.
func isConflict(err error) bool {
	var p *push.Problem
	return errors.As(err, &p) && p.Status == http.StatusConflict
}

func (d *stage) rule(ctx context.Context, r ruling, c desk.CaseRow) error {
	at := "/v1/cases/" + url.PathEscape(c.ID)
	if err := d.colleague.Call(ctx, http.MethodPost, at+"/claim", nil, nil); err != nil {
		return err
	}
	if r.outcome == "" {
		d.say("%s takes %s, and holds it", colleague, told(c))
		return nil
	}
	decision := map[string]string{"outcome": string(r.outcome), "reason": r.reason}
	if err := d.colleague.Call(ctx, http.MethodPost, at+"/decide", decision, nil); err != nil {
		return err
	}
	d.say("%s decides %s: %s", colleague, told(c), r.outcome)
	return nil
}

// told is a case in a few words.
func told(c desk.CaseRow) string {
	words := []string{c.Code + " " + c.Label}
	for _, word := range []string{c.Person, c.EntityName, c.UnitName, c.Detail} {
		if word != "" {
			words = append(words, word)
			break // one is enough to find it in the list
		}
	}
	if m, ok := schemas.ParseMonth(c.Month); ok {
		words = append(words, dashed(m))
	}
	return strings.Join(words, ", ")
}

// dashed writes a month as days are written.
func dashed(m schemas.Month) string { return m.First().String()[:len("2006-01")] }

// casesAtOnce is the longest page of a list.
const casesAtOnce = 500

// cases lists cases, all of them unless the query says how many.
func (d *stage) cases(ctx context.Context, query url.Values) ([]desk.CaseRow, error) {
	whole := !query.Has("limit")
	if whole {
		query.Set("limit", fmt.Sprint(casesAtOnce))
	}
	var all []desk.CaseRow
	for {
		var page struct {
			Cases []desk.CaseRow `json:"cases"`
			Next  string         `json:"next"`
		}
		if err := d.colleague.Call(ctx, http.MethodGet, "/v1/cases?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Cases...)
		if !whole || page.Next == "" {
			return all, nil
		}
		query.Set("after", page.Next)
	}
}

// lookEvery is how often the stage looks for what has happened.
func (d *stage) lookEvery() time.Duration { return min(time.Second, d.pace/4) }

// shownAtOnce is how many cases are told one by one; more are counted.
const shownAtOnce = 5

// watch tells of cases that settle, and of those that a later delivery explains.
func (d *stage) watch(ctx context.Context) error {
	seen := map[string]bool{}
	for {
		if err := d.wait(ctx, d.lookEvery()); err != nil {
			return err
		}
		for _, state := range []queue.State{queue.Settled, queue.Explained} {
			list, err := d.cases(ctx, url.Values{"state": {string(state)}})
			if err != nil {
				return err
			}
			var fresh []desk.CaseRow
			for _, c := range list {
				turn := fmt.Sprint(c.ID, state, c.Relapses)
				if !seen[turn] && (state == queue.Settled || c.Officer == "") {
					fresh = append(fresh, c)
				}
				seen[turn] = true
			}
			d.tellClosed(state, fresh)
		}
	}
}

func (d *stage) tellClosed(state queue.State, cases []desk.CaseRow) {
	for i, c := range cases {
		switch {
		case i == shownAtOnce:
			d.say("and %s more", count(len(cases)-i))
			return
		case state == queue.Settled:
			d.say("settled: %s, decided by %s", told(c), c.Officer)
		default:
			d.say("explained by a later delivery: %s", told(c))
		}
	}
}

// clerk answers the corrections that come into an agency's folder, each some seconds after it came.
func (d *stage) clerk(ctx context.Context, a *agency, texts []rules.Text) error {
	known := map[string]bool{}
	var tasks []task // in the order they came
	for {
		files, err := filepath.Glob(filepath.Join(d.hub.sink.Dir, a.name, "*.json"))
		if err != nil {
			return err
		}
		for _, file := range files {
			if known[file] {
				continue
			}
			known[file] = true
			c, err := readCorrection(file)
			if err != nil {
				return err
			}
			d.say("%s %s has a correction: %s", a.name, a.label, told(d.rowOf(c, texts)))
			tasks = append(tasks, task{c, time.Now().Add(min(thinking, d.pace/4))})
		}
		for len(tasks) > 0 && time.Now().After(tasks[0].due) {
			if err := d.attend(ctx, a, tasks[0].correction); err != nil {
				return err
			}
			tasks = tasks[1:]
		}
		if err := d.wait(ctx, d.lookEvery()); err != nil {
			return err
		}
	}
}

// task is a correction that a clerk will answer.
type task struct {
	correction *schemas.Correction
	due        time.Time
}

// thinking is how long a clerk takes over a correction.
const thinking = 3 * time.Second

func readCorrection(file string) (*schemas.Correction, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a correction: %w", err)
	}
	var c schemas.Correction
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("read the correction %s: %w", file, err)
	}
	return &c, nil
}

// rowOf is what a correction says of its case.
func (d *stage) rowOf(c *schemas.Correction, texts []rules.Text) desk.CaseRow {
	row := desk.CaseRow{Code: c.Code, Label: labelOfRule(texts, c.Code), Person: ident.Mask(string(c.Person)), UnitName: d.hub.units.of(c.Unit), Detail: c.Detail, EntityName: c.EntityCode}
	if c.Month != nil {
		row.Month = c.Month.String()
	}
	return row
}

// attend answers one correction.
func (d *stage) attend(ctx context.Context, a *agency, c *schemas.Correction) error {
	done, err := a.answer(ctx, c, d.offices)
	if err != nil {
		return fmt.Errorf("answer the correction %s: %w", c.ID, err)
	}
	if done == "" {
		d.say("%s %s finds nothing to put right in its files for %s", a.name, a.label, c.Code)
		return nil
	}
	d.say("%s %s answers: %s", a.name, a.label, done)
	return nil
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"hebian/connectors"
	"hebian/hub"
	"hebian/matcher/queue"
	"hebian/matcher/rules"
	"hebian/ops/watch"
	"hebian/schemas"
)

// status is how the hub stands, as hebian status and GET /v1/status tell it.
type hubStatus struct {
	AsOf       string         `json:"as_of" doc:"Day that is judged by."`
	Ready      bool           `json:"ready"`
	Why        string         `json:"why,omitempty" doc:"What is in the way, when it is not ready."`
	Waiting    int            `json:"waiting" doc:"Deliveries that were taken in and not judged yet."`
	Findings   int            `json:"findings" doc:"About persons and units, of the last judgement, provisional ones among them."`
	Open       int            `json:"open" doc:"Cases that nobody has settled."`
	Entities   int            `json:"entities" doc:"Legal entities that the sources describe."`
	Conflicts  []entityCount  `json:"conflicts" doc:"Findings about them."`
	Agencies   []agencyStatus `json:"agencies"`
	Cases      []caseStatus   `json:"cases"`
	Quarantine []rowsStatus   `json:"quarantine" doc:"Rows in quarantine that no later delivery has mended."`
	Held       []heldStatus   `json:"held" doc:"Deliveries that wait for an operator's yes."`
	Ledger     []ledgerStatus `json:"ledger"`
}

type agencyStatus struct {
	Agency          string    `json:"agency"`
	Name            string    `json:"name"`
	CompleteThrough string    `json:"complete_through,omitempty" doc:"YYYYMM; none if nothing was declared."`
	Missing         []string  `json:"missing,omitempty" doc:"Months between that were not declared."`
	LastDelivery    time.Time `json:"last_delivery,omitzero"`
}

type caseStatus struct {
	Agency string    `json:"agency" doc:"That must act."`
	State  string    `json:"state"`
	Cases  int       `json:"cases"`
	Oldest time.Time `json:"oldest,omitzero" doc:"When the oldest of them opened."`
}

type rowsStatus struct {
	Subject string `json:"subject"`
	Reason  string `json:"reason"`
	Rows    int64  `json:"rows"`
}

type heldStatus struct {
	Delivery  int64     `json:"delivery"`
	File      string    `json:"file"`
	Withdrawn int64     `json:"withdrawn"`
	Earlier   int64     `json:"earlier"`
	Since     time.Time `json:"since"`
}

type ledgerStatus struct {
	Subject     string `json:"subject"`
	Accepted    int64  `json:"accepted"`
	Delivered   int64  `json:"delivered"`
	Quarantined int64  `json:"quarantined"`
	Pending     int64  `json:"pending"`
	Difference  int64  `json:"difference" doc:"Anything but 0 is a lost or doubled row."`
}

// status reads how the hub stands.
func (s *service) status(ctx context.Context) (hubStatus, error) {
	r, err := s.readings(ctx)
	if err != nil {
		return hubStatus{}, err
	}
	st := hubStatus{Open: r.Open, Entities: r.Entities, Conflicts: []entityCount{}, AsOf: schemas.DateOf(r.AsOf).String(), Agencies: []agencyStatus{}, Cases: []caseStatus{}, Quarantine: []rowsStatus{}, Held: []heldStatus{}, Ledger: []ledgerStatus{}}
	st.Why = s.notReady()
	st.Ready = st.Why == ""
	s.mu.Lock()
	st.Waiting = len(s.lag)
	s.mu.Unlock()
	for _, n := range r.Flags {
		st.Findings += n
	}
	for _, c := range r.Conflicts {
		st.Conflicts = append(st.Conflicts, entityCount{c.Kind, c.State, c.Count})
	}
	for _, c := range r.Cases {
		st.Cases = append(st.Cases, caseStatus{c.Queue, c.State, c.Count, c.Oldest})
	}
	for _, q := range r.Quarantine {
		st.Quarantine = append(st.Quarantine, rowsStatus{q.Dataset, q.Reason, q.Rows})
	}
	for _, l := range r.Ledger {
		st.Ledger = append(st.Ledger, ledgerStatus{l.Dataset, l.Accepted, l.Delivered, l.Quarantined, l.Pending, l.Difference})
	}
	if err := s.statusOfAgencies(ctx, &st, r.Freshness); err != nil {
		return hubStatus{}, err
	}
	held, err := doors{s}.books().Held(ctx, "")
	for _, r := range held {
		st.Held = append(st.Held, heldStatus{r.Delivery, r.File, r.Withdrawn, r.Earlier, r.Finished})
	}
	return st, err
}

func (s *service) statusOfAgencies(ctx context.Context, st *hubStatus, fresh []watch.Freshness) error {
	periods, err := s.periods.All(ctx)
	if err != nil {
		return err
	}
	for _, a := range s.agencies {
		one := agencyStatus{Agency: a.Agency, Name: a.Name}
		complete := completeness(a.Agency, periods)
		if complete.Through != 0 {
			one.CompleteThrough = complete.Through.String()
		}
		for _, m := range complete.Missing {
			one.Missing = append(one.Missing, m.String())
		}
		for _, f := range fresh {
			if f.Connector == a.Agency && f.LastSuccess.After(one.LastDelivery) {
				one.LastDelivery = f.LastSuccess
			}
		}
		st.Agencies = append(st.Agencies, one)
	}
	return nil
}

// completeness is how far an agency has declared itself complete.
func completeness(agency string, periods []hub.Period) connectors.Completeness {
	var theirs []connectors.Declaration
	for _, p := range periods {
		if p.Agency == agency {
			theirs = append(theirs, declarationOf(p))
		}
	}
	return connectors.CompleteThrough(theirs)
}

// readings reads what metrics and status show.
func (s *service) readings(ctx context.Context) (watch.Readings, error) {
	r := watch.Readings{Flags: map[string]int{}, Now: s.now()}
	lines, err := s.queue.Ledger(ctx)
	if err != nil {
		return r, err
	}
	for _, l := range lines {
		r.Ledger = append(r.Ledger, watch.LedgerLine{Dataset: l.Subject, Accepted: l.Accepted, Delivered: l.Delivered, Quarantined: l.Quarantined, Pending: l.Pending, Difference: l.Difference})
	}
	if err := s.readCases(ctx, &r); err != nil {
		return r, err
	}
	if r.OutboxSize, r.OutboxSince, err = s.queue.Outstanding(ctx); err != nil {
		return r, err
	}
	s.readJudge(&r)
	return r, nil
}

// readCases counts cases by the agency that must act.
func (s *service) readCases(ctx context.Context, r *watch.Readings) error {
	counts, err := s.queue.Counts(ctx, queue.Filter{})
	if err != nil {
		return err
	}
	type place struct{ agency, state string }
	sums := map[place]watch.Cases{}
	for _, c := range counts {
		at := place{c.Agency, string(c.State)}
		sum := sums[at]
		sum.Queue, sum.State = at.agency, at.state
		sum.Count += int(c.Cases)
		if c.State != queue.Settled && c.State != queue.Explained {
			r.Open += int(c.Main)
		}
		if sum.Oldest.IsZero() || c.Oldest.Before(sum.Oldest) {
			sum.Oldest = c.Oldest
		}
		sums[at] = sum
	}
	r.Cases = slices.SortedFunc(maps.Values(sums), func(a, b watch.Cases) int {
		return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.State, b.State))
	})
	return nil
}

// readJudge reads what the judge knows.
func (s *service) readJudge(r *watch.Readings) {
	s.court.RLock()
	defer s.court.RUnlock()
	r.AsOf = s.day.Time()
	for _, code := range rules.All() {
		r.Flags[code.Code] = 0
	}
	for _, f := range s.standing.Findings() {
		r.Flags[f.Code]++
	}
	counts := s.register.standing.Counts()
	r.Entities = counts.Entities
	for _, f := range summarizeFindings(counts) {
		r.Conflicts = append(r.Conflicts, watch.Conflicts{Kind: f.Kind, State: f.State, Count: f.Findings})
	}
	for at, rows := range s.quarantine.rows {
		r.Quarantine = append(r.Quarantine, watch.Quarantine{Dataset: at.subject, Reason: at.reason, Rows: rows})
	}
	slices.SortFunc(r.Quarantine, func(a, b watch.Quarantine) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Reason, b.Reason))
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Judged = s.judged
	for _, receipt := range s.lag {
		r.LagRecords += receipt.RowsRead
		if r.LagSince.IsZero() || receipt.Finished.Before(r.LagSince) {
			r.LagSince = receipt.Finished
		}
	}
	for _, a := range s.agencies {
		for i := range a.Files {
			f := watch.Freshness{Connector: a.Agency, Dataset: a.Files[i].Subject, LastSuccess: s.newest[origin{a.Agency, a.Files[i].Subject}]}
			if through := s.marks[f.Dataset][a.Agency]; through != 0 {
				f.Watermark = through.Last().Time()
			}
			r.Freshness = append(r.Freshness, f)
		}
	}
}

// write prints the status for a person.
func (st hubStatus) write(w io.Writer) {
	ready := "ready"
	if !st.Ready {
		ready = "not ready: " + st.Why
	}
	fmt.Fprintf(w, "%s, judged as of %s, %s findings, %s cases open, %d deliveries wait to be judged\n\n", ready, st.AsOf, count(st.Findings), count(st.Open), st.Waiting)
	if st.Entities > 0 {
		fmt.Fprintf(w, "%s legal entities:", count(st.Entities))
		for _, c := range st.Conflicts {
			fmt.Fprintf(w, " %s", c)
		}
		fmt.Fprint(w, "\n\n")
	}
	t := newTable(w, "agency", "", "complete through", "missing", "last delivery")
	for _, a := range st.Agencies {
		t.AppendRow([]any{a.Agency, a.Name, a.CompleteThrough, strings.Join(a.Missing, " "), instant(a.LastDelivery)})
	}
	t.Render()
	if len(st.Cases) > 0 {
		fmt.Fprintln(w)
		t = newTable(w, "cases for", "state", "cases", "oldest")
		for _, c := range st.Cases {
			t.AppendRow([]any{c.Agency, c.State, count(c.Cases), instant(c.Oldest)})
		}
		t.Render()
	}
	if len(st.Quarantine) > 0 {
		fmt.Fprintln(w)
		t = newTable(w, "in quarantine", "reason", "rows")
		for _, q := range st.Quarantine {
			t.AppendRow([]any{q.Subject, q.Reason, count(q.Rows)})
		}
		t.Render()
	}
	for _, h := range st.Held {
		fmt.Fprintf(w, "\ndelivery %d of %s is held: it would withdraw %s of %s rows. Say yes or no: hebian receipt release|discard %d\n",
			h.Delivery, printable(h.File), count(h.Withdrawn), count(h.Earlier), h.Delivery)
	}
	for _, l := range st.Ledger {
		if l.Difference != 0 {
			fmt.Fprintf(w, "\nTHE LEDGER OF %s IS OUT BY %s ROWS: %s accepted, %s delivered, %s in quarantine, %s pending\n",
				l.Subject, count(l.Difference), count(l.Accepted), count(l.Delivered), count(l.Quarantined), count(l.Pending))
		}
	}
}

// instant writes a time as people read it; nothing for no time.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

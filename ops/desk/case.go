package desk

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"hebian/matcher/queue"
	"hebian/matcher/rules"
	"hebian/ops/access"
	"hebian/schemas"
)

// casePage is a case with everything that is known of it.
type casePage struct {
	frame
	card
	Sentence   string // what the finding means
	Check      string // what to look at before acting
	Owner      string // who acts first
	Version    int
	AsOf       string
	Parameters []value
	Relapses   int
	Absent     bool // the finding does not stand any more
	Waiting    bool // a source is not complete: nothing changes by itself
	Mine       bool
	Held       bool
	Holding    string // who
	Until      string // the lease
	EntityLink string // page of the legal entity
	Due        string // by when agencies should answer

	Sources     []source
	SourcesLost bool // they can't be read at this moment
	Shown, Rows int  // of the rows that the finding stands on
	Sides       []sideView
	Review      *review

	Decision *decisionView // the last one
	History  []entry
	Form     decisionForm
	Actions  actions
}

// actions are the addresses of what can be done, each with the list it was found in.
type actions struct{ List, Next, Claim, Release, Decide, Revoke string }

// decisionView is what was decided.
type decisionView struct {
	Outcome, Reason, To, Officer string

	Right string // agency whose value is right
	Until string // day to which a difference is left alone
	With  string // registration that the one under review was linked to, or kept apart from
	Links bool   // it can be taken back
}

// entry is a line of the history.
type entry struct{ At, Text, Reason string }

// decisionForm is the form as it was filled in, with what is wrong told at the field.
type decisionForm struct {
	Outcome    string
	Reason     string
	To         string
	Right      string
	Until      string
	With       string
	Outcomes   []choice
	Agencies   []choice // that a correction may go to; none where the finding says to whom
	Rights     []choice // agencies whose value may be right
	Candidates []choice
	First      string // day until which a difference may be accepted, and the last one
	Last       string
	MaxReason  int

	OutcomeError, ReasonError, ToError, RightError, UntilError, WithError string
}

// open shows a case.
func (d *Desk) open(v *visit) { d.showCase(v, http.StatusOK, decisionForm{}) }

// showCase shows a case as it stands now, with an alert and a form half filled in if there are any.
func (d *Desk) showCase(v *visit, status int, form decisionForm) {
	f, err := d.parseFilter(v.r.URL.Query(), string(queue.Open))
	if err != nil { // an address that was edited: the case is there all the same
		f = filter{State: string(queue.Open)}
	}
	c, events, err := d.Queue.Get(v.r.Context(), v.r.PathValue("id"))
	if errors.Is(err, queue.ErrUnknown) {
		d.notFound(v.w, v.r)
		return
	}
	if err != nil {
		d.fail(v.w, v.r, err)
		return
	}
	p := d.casePage(v, f, &c, events)
	p.Form = d.form(v.Language, &c, form)
	rows, err := d.Sources(v.r.Context(), c.Grounds.Evidence)
	if err != nil { // the rest of the case is worth showing
		d.Report(err)
		p.SourcesLost = true
	}
	p.Sources, p.Shown = d.sources(v.Language, rows), len(rows)
	if p.Review = d.reviewOf(v.r.Context(), v.Language, &c, rows); p.Review == nil {
		p.Sides = v.sideViews(&c, rows)
	}
	d.show(v.w, v.r, status, "case", p)
}

func (d *Desk) casePage(v *visit, f filter, c *queue.Case, events []queue.Event) casePage {
	text, s := d.texts[c.Key.Code], standing(c, v.account, v.now)
	p := casePage{
		frame: v.frame, card: d.card(v, f, c), Sentence: v.pick(text.ZH, text.EN), Check: v.pick(text.CheckZH, text.CheckEN), Owner: v.known("owner."+text.Owner, text.Owner),
		Version: c.Grounds.Version, AsOf: c.Grounds.AsOf.String(), Parameters: parameters(v.Language, c.Grounds.Parameters), Rows: c.Grounds.Rows,
		Relapses: c.Relapses, Absent: !c.Present, Waiting: c.Provisional, Mine: s.mine, Held: s.held, Holding: c.Officer, Until: d.clock(c.Lease),
		Actions: actions{f.list() + "#c-" + c.ID, f.page(c.ID, "next"), f.page(c.ID, "claim"), f.page(c.ID, "release"), f.page(c.ID, "decide"), f.page(c.ID, "revoke")},
	}
	p.Title = p.Rule
	if c.Key.Entity != "" {
		p.Title, p.Parameters = p.Unit, nil // those are of the rules for persons and units
		if d.Entities != nil {
			p.EntityLink = entityPath(c.Key.Entity, "")
		}
	}
	if c.Due != 0 {
		p.Due = c.Due.String()
	}
	if c.Outcome != "" && c.Officer != "" { // without an officer, a later delivery closed it
		p.Decision = d.decision(v, c)
	}
	for i := len(events) - 1; i >= 0; i-- {
		p.History = append(p.History, d.entry(v.Language, &events[i]))
	}
	return p
}

// decision says what was decided last.
func (d *Desk) decision(v *visit, c *queue.Case) *decisionView {
	t := &decisionView{Outcome: v.T("outcome." + string(c.Outcome)), Reason: maskText(c.Reason), Officer: c.Officer}
	switch c.Outcome {
	case queue.OutcomeDisputed:
		t.Right = v.agency(c.Right)
	case queue.OutcomeAccepted:
		if c.Until != 0 { // else the finding went meanwhile
			t.Until = c.Until.String()
		}
	case queue.OutcomeSame, queue.OutcomeDifferent:
		links, err := d.Queue.Links(v.r.Context())
		if err != nil { // the rest of the case is worth showing
			d.Report(err)
		}
		for _, l := range links {
			if l.Case == c.ID {
				t.With, t.Links = v.agency(l.B.Source)+" "+maskCode(l.B.Key), c.State == queue.Explained
			}
		}
	}
	if c.Outcome.Corrects() {
		t.To = v.agencies(strings.Fields(c.To))
	}
	return t
}

func parameters(l Language, p rules.Parameters) []value {
	months, days := func(n int) string { return l.T("parameter.months", n) }, func(n int) string { return l.T("parameter.days", n) }
	return []value{
		{Label: l.T("parameter.entry_grace"), Text: months(p.EntryGrace)},
		{Label: l.T("parameter.exit_grace"), Text: months(p.ExitGrace)},
		{Label: l.T("parameter.transfer_overlap"), Text: months(p.TransferOverlap)},
		{Label: l.T("parameter.no_pay_months"), Text: months(p.NoPayMonths)},
		{Label: l.T("parameter.secondment_limit"), Text: months(p.SecondmentLimit)},
		{Label: l.T("parameter.absent_limit"), Text: days(p.AbsentLimit)},
	}
}

func (d *Desk) entry(l Language, e *queue.Event) entry {
	n := entry{At: d.local(e.At, timeFormat), Reason: maskText(e.Reason)}
	switch e.Kind {
	case queue.EventClaimed, queue.EventReleased, queue.EventLapsed, queue.EventRevoked:
		n.Text = l.T("event."+string(e.Kind), e.Officer)
	case queue.EventDecided:
		n.Text = l.T("event.decided", e.Officer, l.T("outcome."+string(e.Outcome)))
	case queue.EventSent, queue.EventReminded:
		n.Text = l.T("event."+string(e.Kind), l.agencies(strings.Fields(e.To)))
	default:
		n.Text = l.T("event." + string(e.Kind))
	}
	if e.Delivery != 0 {
		n.Text += l.T("event.delivery", e.Delivery)
	}
	return n
}

// form offers what can be chosen, and as chosen what was before.
func (d *Desk) form(l Language, c *queue.Case, filled decisionForm) decisionForm {
	filled.To, filled.MaxReason = cmp.Or(filled.To, c.Agency()), queue.MaxReasonRunes
	corrects := false
	for _, o := range offered(c) {
		filled.Outcomes = append(filled.Outcomes, choice{string(o), l.T("outcome." + string(o)), string(o) == filled.Outcome})
		corrects = corrects || o.Corrects() && c.Key.Code != queue.CodeConflict // there the sides say who is asked
	}
	if corrects {
		for _, a := range d.Queue.Agencies() {
			filled.Agencies = append(filled.Agencies, choice{a, l.agency(a), a == filled.To})
		}
	}
	today := schemas.DateOf(d.Now())
	filled.First, filled.Last = (today + 1).String(), today.AddMonths(queue.MaxAcceptMonths).String()
	for i := range c.Grounds.Sides {
		switch s := &c.Grounds.Sides[i]; s.Role {
		case queue.RoleDiffers, queue.RoleLag:
			if !slices.ContainsFunc(filled.Rights, func(r choice) bool { return r.Value == s.Agency }) {
				filled.Rights = append(filled.Rights, choice{s.Agency, strings.TrimSpace(l.agency(s.Agency) + " " + maskCode(s.Value)), s.Agency == filled.Right})
			}
		case queue.RoleCandidate:
			token := tokenOf(s)
			filled.Candidates = append(filled.Candidates, choice{token, strings.Join(strings.Fields(s.Entity+" "+maskText(s.Value)+" "+l.agency(s.Agency)+" "+maskCode(s.Key)), " "), token == filled.With})
		}
	}
	return filled
}

// claim takes a case for this officer.
func (d *Desk) claim(v *visit) {
	d.act(v, func() error { _, err := d.Queue.Claim(v.r.Context(), v.r.PathValue("id"), v.account.Name); return err })
}

// release gives it back.
func (d *Desk) release(v *visit) {
	d.act(v, func() error {
		_, err := d.Queue.Release(v.r.Context(), v.r.PathValue("id"), v.account.Name)
		return err
	})
}

// lineEnds undoes what forms do to the ends of lines.
var lineEnds = strings.NewReplacer("\r\n", "\n")

// decide closes it or sends it on.
func (d *Desk) decide(v *visit) {
	filled := filledForm(v.r)
	decision := queue.Decision{Outcome: queue.Outcome(filled.Outcome), Reason: lineEnds.Replace(filled.Reason), To: filled.To, Right: filled.Right}
	decision.Until, _ = schemas.ParseDate(filled.Until) // what is no day is none, and missed by the queue
	d.act(v, func() error {
		_, err := d.decideOn(v.r.Context(), v.r.PathValue("id"), v.account.Name, decision, filled.With)
		return err
	})
}

// decideOn decides a case. with is the token of a candidate.
func (d *Desk) decideOn(ctx context.Context, id, officer string, decision queue.Decision, with string) (queue.Case, error) {
	if with != "" {
		c, _, err := d.Queue.Get(ctx, id)
		if err != nil {
			return queue.Case{}, err
		}
		decision.With = candidateOf(&c, with)
	}
	return d.Queue.Decide(ctx, id, officer, decision)
}

// revoke takes a link decision back.
func (d *Desk) revoke(v *visit) {
	reason := lineEnds.Replace(v.r.PostFormValue("reason"))
	d.act(v, func() error {
		_, err := d.Queue.Revoke(v.r.Context(), v.r.PathValue("id"), v.account.Name, reason)
		return err
	})
}

// filledForm is a decision as it was filled in.
func filledForm(r *http.Request) decisionForm {
	return decisionForm{
		Outcome: r.PostFormValue("outcome"), Reason: r.PostFormValue("reason"), To: r.PostFormValue("to"),
		Right: r.PostFormValue("right"), Until: r.PostFormValue("until"), With: r.PostFormValue("with"),
	}
}

// act does something to a case and shows the case again: by a redirect, so that a reload does it no second time, or
// with what stood in the way.
func (d *Desk) act(v *visit, do func() error) {
	if v.account.Role != access.Officer {
		d.message(v.w, v.r, http.StatusForbidden, "error.role.title", "error.role")
		return
	}
	err := do()
	form := filledForm(v.r)
	var taken *queue.TakenError
	var state *queue.StateError
	var decision *queue.DecisionError
	switch {
	case err == nil && claimedAnew(v.r):
		d.showCase(v, http.StatusOK, form)
	case err == nil:
		http.Redirect(v.w, v.r, address("/cases/"+v.r.PathValue("id"), v.r.URL.RawQuery), http.StatusSeeOther)
	case errors.Is(err, queue.ErrUnknown):
		d.notFound(v.w, v.r)
	case errors.As(err, &taken):
		v.Alert = v.T("case.taken", taken.By, d.clock(taken.Until))
		d.showCase(v, http.StatusConflict, form)
	case errors.As(err, &state):
		v.Alert = v.T("case.moved", v.T("state."+string(state.State)))
		d.showCase(v, http.StatusConflict, form)
	case errors.Is(err, queue.ErrNotHeld):
		v.Alert = v.T("case.notheld")
		d.showCase(v, http.StatusConflict, form)
	case errors.Is(err, queue.ErrNoLink):
		v.Alert = v.T("case.nolink")
		d.showCase(v, http.StatusConflict, form)
	case errors.As(err, &decision):
		v.Alert = v.T("decide.incomplete")
		form.tell(v.Language, decision.Field)
		d.showCase(v, http.StatusUnprocessableEntity, form)
	default:
		d.fail(v.w, v.r, err)
	}
}

// claimedAnew says whether a case was claimed with a decision half written, after a claim that ran out: what was typed must
// not be lost in a redirect, and a claim may be repeated.
func claimedAnew(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/claim") && r.PostFormValue("reason") != ""
}

// tell says at the field what is wrong with it.
func (f *decisionForm) tell(l Language, field string) {
	key, args := lacking(field)
	switch text := l.T(key, args...); field {
	case "outcome":
		f.OutcomeError = text
	case "reason":
		f.ReasonError = text
	case "to":
		f.ToError = text
	case "right":
		f.RightError = text
	case "until":
		f.UntilError = text
	case "with":
		f.WithError = text
	}
}

// lacking is the words for what is wrong with a field of a decision.
func lacking(field string) (key string, args []any) {
	switch field {
	case "outcome":
		return "decide.outcome.missing", nil
	case "reason":
		return "decide.reason.missing", []any{queue.MaxReasonRunes}
	case "to":
		return "decide.to.missing", nil
	case "right":
		return "decide.right.missing", nil
	case "until":
		return "decide.until.missing", []any{queue.MaxAcceptMonths}
	case "with":
		return "decide.with.missing", nil
	}
	return "decide.incomplete", nil
}

// next goes to the case that follows in the list.
func (d *Desk) next(v *visit) {
	f, err := d.parseFilter(v.r.URL.Query(), string(queue.Open))
	if err != nil {
		d.message(v.w, v.r, http.StatusBadRequest, "error.filter.title", "error.filter")
		return
	}
	c, _, err := d.Queue.Get(v.r.Context(), v.r.PathValue("id"))
	if errors.Is(err, queue.ErrUnknown) {
		d.notFound(v.w, v.r)
		return
	}
	var following []queue.Case
	if err == nil {
		following, err = d.Queue.List(v.r.Context(), f.queue(v.account.Name), c.Cursor(), 1)
	}
	if err != nil {
		d.fail(v.w, v.r, err)
		return
	}
	if len(following) == 0 {
		http.Redirect(v.w, v.r, address("/cases", f.query("end", "1")), http.StatusSeeOther)
		return
	}
	http.Redirect(v.w, v.r, f.page(following[0].ID, ""), http.StatusSeeOther)
}

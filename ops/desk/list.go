package desk

import (
	"errors"
	"net/http"

	"hebian/matcher/queue"
	"hebian/schemas"
)

// listRows is how many cases a page of the list shows: some three screens.
const listRows = 50

type listPage struct {
	frame
	Filter     filter
	Tabs       []tab
	Rules      []tab
	Severities []choice
	Agencies   []choice
	Month      string // as the browser's month field wants it
	Cards      []card
	Total      int64
	First      string // address of the first page; empty on it
	Next       string // address of the next page; empty on the last
	Clear      string // address without the filters of the form; empty when there are none
}

// tab is a part of the list to change to.
type tab struct {
	Word     string
	Severity string
	Count    int64
	Link     string
	Current  bool
}

// choice is an option of a form.
type choice struct {
	Value, Word string
	Chosen      bool
}

// list shows the cases that a filter lets through.
func (d *Desk) list(v *visit) {
	f, err := d.parseFilter(v.r.URL.Query(), string(queue.Open))
	if err != nil {
		d.message(v.w, v.r, http.StatusBadRequest, "error.filter.title", "error.filter")
		return
	}
	after := v.r.URL.Query().Get("after")
	cases, err := d.Queue.List(v.r.Context(), f.queue(v.account.Name), after, listRows+1)
	if errors.Is(err, queue.ErrCursor) {
		d.message(v.w, v.r, http.StatusBadRequest, "error.filter.title", "error.filter")
		return
	}
	if err != nil {
		d.fail(v.w, v.r, err)
		return
	}
	p := listPage{frame: v.frame, Filter: f}
	if v.r.URL.Query().Get("end") != "" {
		p.Note = p.T("list.end")
	}
	if after != "" {
		p.First = f.list()
	}
	if len(cases) > listRows {
		cases = cases[:listRows]
		p.Next = address("/cases", f.query("after", cases[listRows-1].Cursor()))
	}
	for i := range cases {
		p.Cards = append(p.Cards, d.card(v, f, &cases[i]))
	}
	if err := d.facets(v, &p); err != nil {
		d.fail(v.w, v.r, err)
		return
	}
	d.choices(&p)
	p.Title = p.T("list.title")
	d.show(v.w, v.r, http.StatusOK, "list", p)
}

// facets counts what other tabs and rules would show, each with the rest of the filter kept.
func (d *Desk) facets(v *visit, p *listPage) error {
	wide := p.Filter.queue(v.account.Name)
	wide.States, wide.Code, wide.Officer = nil, "", ""
	all, err := d.Queue.Counts(v.r.Context(), wide)
	if err != nil {
		return err
	}
	wide.Officer = v.account.Name
	mine, err := d.Queue.Counts(v.r.Context(), wide)
	if err != nil {
		return err
	}
	p.Tabs = stateTabs(p, all, mine)
	if p.Filter.Mine {
		all = mine
	}
	p.Rules = d.ruleTabs(p, all)
	p.Total = total(all, p.Filter.State, p.Filter.Code)
	return nil
}

func stateTabs(p *listPage, all, mine []queue.Count) (tabs []tab) {
	add := func(word, state string, own bool, counts []queue.Count) {
		to := p.Filter
		to.State, to.Mine = state, own
		tabs = append(tabs, tab{Word: p.T(word), Count: total(counts, state, p.Filter.Code), Link: to.list(), Current: own == p.Filter.Mine && (own || state == p.Filter.State)})
	}
	for _, s := range queue.States() {
		add("state."+string(s), string(s), false, all)
	}
	add("state.any", anyState, false, all)
	add("list.tab.mine", anyState, true, mine)
	return tabs
}

// ruleTabs leaves out the rules that have no case in the tab shown.
func (d *Desk) ruleTabs(p *listPage, counts []queue.Count) (tabs []tab) {
	to := p.Filter
	to.Code = ""
	tabs = append(tabs, tab{Word: p.T("list.rules.all"), Count: total(counts, to.State, ""), Link: to.list(), Current: p.Filter.Code == ""})
	for _, code := range d.codes {
		n := total(counts, p.Filter.State, code)
		if to.Code = code; n > 0 || to == p.Filter {
			tabs = append(tabs, tab{Word: d.rule(p.Language, code), Severity: d.texts[code].Severity, Count: n, Link: to.list(), Current: to == p.Filter})
		}
	}
	return tabs
}

// total adds up the counts of a state, or anyState, and a rule, or all.
func total(counts []queue.Count, state, code string) (n int64) {
	for _, c := range counts {
		if (state == anyState || state == string(c.State)) && (code == "" || code == c.Code) {
			n += c.Main
		}
	}
	return n
}

// choices fills the form of the filter.
func (d *Desk) choices(p *listPage) {
	for _, s := range severities {
		p.Severities = append(p.Severities, choice{s, p.T("severity." + s), s == p.Filter.Severity})
	}
	for _, a := range d.Queue.Agencies() {
		p.Agencies = append(p.Agencies, choice{a, p.agency(a), a == p.Filter.Agency})
	}
	if m, ok := schemas.ParseMonth(p.Filter.Month); ok {
		p.Month = m.First().String()[:len("2006-01")]
	}
	bare := p.Filter
	bare.Severity, bare.Agency, bare.Month, bare.Unit, bare.Code = "", "", "", "", ""
	if bare != p.Filter {
		p.Clear = bare.list()
	}
}

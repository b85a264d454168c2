package desk

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"hebian/matcher/queue"
)

// entityCases bounds the cases that an entity's page shows: all of nearly every entity.
const entityCases = 50

// entityPage is a legal entity: what each source says of it, what holds, and what was done about it.
type entityPage struct {
	frame
	ID, Code   string
	Called     string // its name; Name is the officer's
	Status     string
	StatusWord string
	Former     []string
	Back       string // address of the search it was found by

	Columns   []columnView
	Rows      []fieldView
	Conflicts int
	Lags      int

	Codes     []codeView
	Cases     []card
	CasesMore string // address of the list that has all; empty where these are all
	CasesLost bool   // they can't be read at this moment
	Open      int
	History   []entityEntry
	Tables    []tableView
	Chart     *chart
	Events    []eventView
}

// columnView is a source: all rows of one agency.
type columnView struct {
	Agency string
	Rows   []placeView
}

// placeView is a row of a source and where it stands.
type placeView struct{ Key, UpdatedOn, Place, Receipt string }

// fieldView is a field as the sources say it.
type fieldView struct {
	Label     string
	Golden    *goldenView
	Cells     []cellView // one for each column
	Conflicts int
	Lags      int
}

// goldenView is the value that holds.
type goldenView struct{ Text, Means, Source, Since string }

// cellView is what one source says of one field: in one way, or its rows in several.
type cellView struct {
	Note string // the worst: conflict, lag, authority or none
	Says []sayView
}

type sayView struct {
	Text, Means string
	Note        string
	Keys        []string // of the rows that say so, where others of the source do not
}

// codeView is a code of an entity.
type codeView struct {
	Kind, Value     string
	Verdict, Word   string
	Reason, Sources string
}

// entityEntry is a line of an entity's history.
type entityEntry struct {
	at       time.Time
	At, Text string
	Reason   string
	Place    string
	Link     string // the case that it is of
	Entities []linkView
}

type linkView struct{ Text, Link string }

// tableView is a table of reference rows.
type tableView struct {
	Label, Agency string
	Columns       []string
	Rows          []rowView
	Marked        bool // some row has a mark
}

type rowView struct {
	Cells          []string
	Mark, MarkWord string
}

// eventView is a registration event.
type eventView struct{ Effective, Event, Agency, What, Document, Place string }

// entity shows a legal entity.
func (d *Desk) entity(v *visit) {
	query := maskText(v.r.URL.Query().Get("q"))
	x, err := d.dossier(v.r.Context(), v.r.PathValue("id"))
	if d.noEntity(v, err) {
		return
	}
	if err != nil {
		d.fail(v.w, v.r, err)
		return
	}
	if x.MergedInto != "" && x.MergedInto != x.ID {
		to := address("/entities/"+x.MergedInto, "from="+x.ID)
		http.Redirect(v.w, v.r, to, http.StatusSeeOther)
		return
	}
	p := d.entityPage(v, &x)
	p.Query, p.Here.RawQuery = query, queryOf(query)
	if query != "" {
		p.Back = address("/entities", p.Here.RawQuery)
	}
	if from := v.r.URL.Query().Get("from"); from != "" { // anybody can write an address
		if was, err := d.Entities.Entity(v.r.Context(), from); err == nil && was.MergedInto == x.ID {
			p.Note = v.T("entity.merged", from)
		}
	}
	d.addCases(v, &p)
	slices.SortStableFunc(p.History, func(a, b entityEntry) int { return b.at.Compare(a.at) })
	d.show(v.w, v.r, http.StatusOK, "entity", p)
}

// dossier reads an entity, with what may be an identity number masked.
func (d *Desk) dossier(ctx context.Context, id string) (Dossier, error) {
	x, err := d.Entities.Entity(ctx, id)
	if err != nil {
		return Dossier{}, fmt.Errorf("look up entity %q: %w", id, err)
	}
	return x.masked(), nil
}

// addCases adds the entity's cases to a page, and what officers decided on them to its history.
func (d *Desk) addCases(v *visit, p *entityPage) {
	ctx := v.r.Context()
	cases, err := d.Queue.List(ctx, queue.Filter{Entity: p.ID}, "", entityCases+1)
	if len(cases) > entityCases {
		cases, p.CasesMore = cases[:entityCases], filter{State: anyState, Unit: p.Code}.list()
	}
	for i := range cases {
		c := &cases[i]
		t := d.card(v, filter{State: anyState}, c)
		if done := c.State == queue.Settled || c.State == queue.Explained; done {
			p.Cases = append(p.Cases, t)
		} else { // these come first
			p.Cases = slices.Insert(p.Cases, p.Open, t)
			p.Open++
		}
		if c.Decisions == 0 {
			continue
		}
		var events []queue.Event
		if _, events, err = d.Queue.Get(ctx, c.ID); err != nil {
			break
		}
		for j := range events {
			if e := d.entry(v.Language, &events[j]); events[j].Kind == queue.EventDecided || events[j].Kind == queue.EventRevoked {
				about := strings.TrimSpace(t.Rule + " " + t.Detail)
				p.History = append(p.History, entityEntry{at: events[j].At, At: e.At, Text: about + v.T("colon") + e.Text, Reason: e.Reason, Link: t.Link})
			}
		}
	}
	if err != nil { // the rest of the page is worth showing
		d.Report(fmt.Errorf("list cases of entity %s: %w", p.ID, err))
		p.CasesLost = true
	}
}

func (d *Desk) entityPage(v *visit, x *Dossier) entityPage {
	l := v.Language
	p := entityPage{frame: v.frame, ID: x.ID, Code: x.Code, Called: cmp.Or(x.Name, x.Code), Former: x.Former}
	p.Title = p.Called
	for _, f := range x.Fields {
		if f.Name == "status" {
			p.Status, p.StatusWord = f.Golden.Normal, l.entityStatus(f.Golden.Normal)
		}
	}
	columns := d.columns(l, x.Sources)
	for _, c := range columns {
		p.Columns = append(p.Columns, c.columnView)
	}
	for i := range x.Fields {
		if row, ok := d.fieldView(l, x, &x.Fields[i], columns); ok {
			p.Rows = append(p.Rows, row)
			p.Conflicts, p.Lags = p.Conflicts+row.Conflicts, p.Lags+row.Lags
		}
	}
	for _, c := range x.Codes {
		t := codeView{Kind: l.known("entity.code."+c.Kind, c.Kind), Value: c.Value, Verdict: c.Verdict, Word: l.known("entity.verdict."+c.Verdict, c.Verdict), Sources: l.agencies(c.Sources)}
		if c.Reason != "" {
			t.Reason = l.known("entity.reason."+strings.ToLower(c.Reason), plain(c.Reason))
		}
		p.Codes = append(p.Codes, t)
	}
	for i := range x.History {
		p.History = append(p.History, d.change(l, &x.History[i]))
	}
	for i := range x.Tables {
		p.Tables = append(p.Tables, l.table(&x.Tables[i]))
	}
	p.Chart = chartOf(l, x.Figures)
	for i := range x.Events {
		p.Events = append(p.Events, l.registrationEvent(&x.Events[i]))
	}
	return p
}

// column is a column of the comparison and the rows of a dossier that it stands for.
type column struct {
	columnView
	rows []int
}

// columns puts the rows of one agency into one column.
func (d *Desk) columns(l Language, sources []DossierSource) (all []column) {
	at := map[string]int{}
	for i, s := range sources {
		n, ok := at[s.Agency]
		if !ok {
			n, at[s.Agency] = len(all), len(all)
			all = append(all, column{columnView: columnView{Agency: l.agency(s.Agency)}})
		}
		row := placeView{Key: s.Key, UpdatedOn: s.UpdatedOn, Place: l.placeOf(s.File, s.Line)}
		switch {
		case s.Delivery != 0 && !s.Taken.IsZero():
			row.Receipt = l.T("case.sources.taken", s.Delivery, d.local(s.Taken, timeFormat))
		case s.Delivery != 0:
			row.Receipt = l.T("entity.receipt", s.Delivery)
		}
		all[n].Rows, all[n].rows = append(all[n].Rows, row), append(all[n].rows, i)
	}
	return all
}

// placeOf says where a row stands; empty where that is not known.
func (l Language) placeOf(file string, line int64) string {
	if file == "" {
		return ""
	}
	return l.T("case.sources.place", file, line)
}

// fieldView compares a field; false for one that nobody says anything of.
func (d *Desk) fieldView(l Language, x *Dossier, f *DossierField, columns []column) (fieldView, bool) {
	t := fieldView{Label: l.entityField(f.Name)}
	says := false
	if g := f.Golden; g.Text != "" {
		says = true
		t.Golden = &goldenView{Text: g.Text, Means: g.Means, Source: strings.TrimSpace(l.agency(g.Agency) + " " + g.As)}
		if f.Name == "status" && g.Means == "" {
			t.Golden.Means = l.entityStatus(g.Normal)
		}
		if !g.At.IsZero() {
			t.Golden.Since = l.T("entity.since", d.date(g.At))
		}
	}
	for _, c := range columns {
		cell := cellOf(x, f, c.rows)
		for _, s := range cell.Says {
			says = true
			switch s.Note {
			case "conflict":
				t.Conflicts++
			case "lag":
				t.Lags++
			}
		}
		t.Cells = append(t.Cells, cell)
	}
	return t, says
}

// notes from the one that an officer must see to the one that says all is well.
var notes = []string{"conflict", "lag", "authority", ""}

// cellOf gathers what the rows of one source say.
func cellOf(x *Dossier, f *DossierField, rows []int) (t cellView) {
	for _, i := range rows {
		if i >= len(f.Cells) || f.Cells[i].Text == "" {
			continue
		}
		c := f.Cells[i]
		at := slices.IndexFunc(t.Says, func(s sayView) bool { return s.Text == c.Text && s.Note == c.Note })
		if at < 0 {
			at = len(t.Says)
			t.Says = append(t.Says, sayView{Text: c.Text, Means: c.Means, Note: c.Note})
		}
		t.Says[at].Keys = append(t.Says[at].Keys, x.Sources[i].Key)
	}
	if len(t.Says) == 1 {
		t.Says[0].Keys = nil // nobody of the source says otherwise
	}
	for _, note := range notes {
		if slices.ContainsFunc(t.Says, func(s sayView) bool { return s.Note == note }) {
			t.Note = note
			break
		}
	}
	return t
}

// entityField names a field of a legal entity.
func (l Language) entityField(name string) string { return l.known("entity.field."+name, plain(name)) }

func (l Language) agencies(short []string) string {
	var names []string
	for _, s := range short {
		names = append(names, l.agency(s))
	}
	return strings.Join(names, l.T("and"))
}

// change says a line of an entity's history.
func (d *Desk) change(l Language, c *DossierChange) entityEntry {
	e := entityEntry{at: c.At, At: d.local(c.At, timeFormat)}
	nothing := l.T("entity.nothing")
	switch c.Kind {
	case "value", "code":
		what := l.known("entity.code."+c.Field, l.entityField(c.Field))
		e.Text = l.T("entity.change.value", what, cmp.Or(c.From, nothing), cmp.Or(c.To, nothing))
	default:
		e.Text = l.known("entity.change."+c.Kind, plain(c.Kind))
	}
	for _, id := range c.Entities {
		e.Entities = append(e.Entities, linkView{id, entityPath(id, "")})
	}
	var place []string
	if c.Agency != "" {
		place = append(place, l.agency(c.Agency))
	}
	if at := l.placeOf(c.File, c.Line); at != "" {
		place = append(place, at)
	}
	if c.Delivery != 0 {
		place = append(place, l.T("entity.receipt", c.Delivery))
	}
	e.Place = strings.Join(place, " · ")
	return e
}

func (l Language) table(x *DossierTable) tableView {
	agency, subject, _ := strings.Cut(x.Name, ".")
	t := tableView{Label: l.pick(x.Label, plain(subject)), Agency: l.agency(agency)}
	for _, c := range x.Columns {
		t.Columns = append(t.Columns, l.field(c.Name, c.Label))
	}
	for _, r := range x.Rows {
		row := rowView{Cells: r.Cells, Mark: r.Mark}
		if r.Mark != "" {
			row.MarkWord, t.Marked = l.known("entity.mark."+r.Mark, plain(r.Mark)), true
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (l Language) registrationEvent(x *DossierEvent) eventView {
	t := eventView{Effective: x.Effective, Event: x.Event, Agency: l.agency(x.Agency), Document: x.Document, Place: l.placeOf(x.File, x.Line)}
	switch nothing := l.T("entity.nothing"); {
	case x.Field == "":
	case x.From == "" && x.To == "":
		t.What = l.entityField(x.Field)
	default:
		t.What = l.T("entity.change.value", l.entityField(x.Field), cmp.Or(x.From, nothing), cmp.Or(x.To, nothing))
	}
	return t
}

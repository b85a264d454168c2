package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"hebian/matcher/entity"
	"hebian/matcher/entity/search"
	"hebian/matcher/evidence"
	"hebian/ops/desk"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// dossiers tells the desk of legal entities in its words.
type dossiers struct{ *service }

// Search finds entities by a code, or any part of a present or former name.
func (d dossiers) Search(_ context.Context, q string, limit int) ([]desk.EntityHit, error) {
	var hits []desk.EntityHit
	for _, found := range d.register.names.Find(q, limit) {
		e, ok := d.register.standing.Entity(found.ID)
		if !ok || e.ID != found.ID { // it went a moment ago
			continue
		}
		hit := desk.EntityHit{
			ID: e.ID.String(), Code: e.Code, Match: d.match(found, e, q), Name: e.Golden[entity.FieldName].Value, Status: e.Golden[entity.FieldStatus].Normal,
			Division: d.divisionName(e.Golden[entity.FieldDivision].Value), Former: found.Former,
		}
		for i := range e.Members {
			if agency := e.Members[i].Source.String(); !slices.Contains(hit.Agencies, agency) {
				hit.Agencies = append(hit.Agencies, agency)
			}
		}
		hits = append(hits, hit)
	}
	return hits, nil
}

// Entity puts together all that is known of an entity.
func (d dossiers) Entity(ctx context.Context, id string) (desk.Dossier, error) {
	number, ok := entity.ParseID(id)
	if !ok {
		return desk.Dossier{}, desk.ErrNoEntity
	}
	e, ok := d.register.standing.Entity(number)
	if !ok && !d.register.book.Knows(number) {
		return desk.Dossier{}, desk.ErrNoEntity
	}
	x := desk.Dossier{ID: id}
	if ok && e.ID != number {
		x.MergedInto = e.ID.String()
		e = nil
	}
	since, err := d.addHistory(ctx, &x, number)
	if err != nil || e == nil {
		return x, err
	}
	x.Code, x.Name = e.Code, e.Golden[entity.FieldName].Value
	x.Former = d.formerNames(e)
	if err := d.addSources(ctx, &x, e); err != nil {
		return x, err
	}
	d.addFields(&x, e, since)
	addCodes(&x, e)
	return x, d.addReference(ctx, &x, e)
}

// formerNames are those that the golden record had, and those that registers say the entity had, the newest first.
func (d dossiers) formerNames(e *entity.Entity) []string {
	names := d.register.book.Former(e.ID).Names
	for _, name := range d.register.renamedFrom(e.Code) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Reverse(names)
	return names
}

// match is the former name or code that a query found; empty where it found a present one, which the page shows.
func (d dossiers) match(hit search.Hit[entity.ID], e *entity.Entity, q string) string {
	if !hit.Former {
		return ""
	}
	was := d.register.book.Former(e.ID)
	for _, text := range append(append(was.Names, was.Codes...), d.register.renamedFrom(e.Code)...) {
		if strings.Contains(entity.TextKey(text), entity.TextKey(q)) {
			return text
		}
	}
	return ""
}

func (d dossiers) addSources(ctx context.Context, x *desk.Dossier, e *entity.Entity) error {
	taken := map[int64]time.Time{}
	for i := range e.Members {
		m := &e.Members[i]
		if _, known := taken[m.Delivery]; !known {
			receipt, err := d.deliveries.Get(ctx, m.Delivery)
			if err != nil {
				return err
			}
			taken[m.Delivery] = receipt.Finished
		}
		x.Sources = append(x.Sources, desk.DossierSource{
			Agency: m.Source.String(), Key: m.Key, File: m.File, Line: m.Line, Delivery: m.Delivery, Taken: taken[m.Delivery], UpdatedOn: updatedOn(m),
		})
	}
	return nil
}

func updatedOn(m *entity.Record) string {
	if !m.HasUpdated {
		return ""
	}
	return m.UpdatedOn.String()
}

// addFields puts in what each member says of each field: those that are compared, then the others.
func (d dossiers) addFields(x *desk.Dossier, e *entity.Entity, since map[string]time.Time) {
	for _, f := range entity.Fields() {
		row := desk.DossierField{Name: f.String()}
		if g := e.Golden[f]; g.Member >= 0 {
			m := &e.Members[g.Member]
			row.Golden = desk.DossierGolden{
				Text: m.Said(f), Means: d.means(f, g.Value, g.Normal, m.CapitalUnit == entity.InWan), Normal: g.Normal, Agency: m.Source.String(), Key: m.Key, As: updatedOn(m), At: since[f.String()],
			}
		}
		for i := range e.Members {
			m := &e.Members[i]
			cell := desk.DossierCell{Text: m.Said(f)}
			if cell.Text != "" {
				cell.Means = d.means(f, m.Value(f), "", false)
				cell.Note = noteOf(e, f, i)
			}
			row.Cells = append(row.Cells, cell)
		}
		x.Fields = append(x.Fields, row)
	}
	for _, other := range []struct {
		name string
		of   func(*entity.Record) string
	}{
		{"second_name", func(m *entity.Record) string { return m.SecondName }},
		{"entity_type", func(m *entity.Record) string { return m.EntityType }},
		{"parent", func(m *entity.Record) string { return m.Parent }},
		{"employees", func(m *entity.Record) string { return m.Employees }},
	} {
		row, said := desk.DossierField{Name: other.name}, false
		for i := range e.Members {
			text := other.of(&e.Members[i])
			said = said || text != ""
			row.Cells = append(row.Cells, desk.DossierCell{Text: text})
		}
		if said {
			x.Fields = append(x.Fields, row)
		}
	}
}

// noteOf says how what a member says of a field stands to the authoritative value.
func noteOf(e *entity.Entity, f entity.Field, member int) string {
	if e.Golden[f].Member == member {
		return "authority"
	}
	for i := range e.Findings {
		if finding := &e.Findings[i]; finding.HasField && finding.Field == f {
			for _, side := range finding.Sides {
				if side.Member == member {
					return side.State
				}
			}
		}
	}
	return ""
}

// means puts a value into words where they say more.
func (d dossiers) means(f entity.Field, value, normal string, inWan bool) string {
	switch f {
	case entity.FieldDivision:
		if name := d.divisionName(value); name != value {
			return name
		}
	case entity.FieldCapital:
		var fen int64
		if _, err := fmt.Sscan(normal, &fen); err == nil && inWan {
			return schemas.Fen(fen).String() + " 元"
		}
	}
	return ""
}

// divisionName is a division as an officer says it: with those above it.
func (d dossiers) divisionName(code string) string {
	return cmp.Or(strings.Join(d.register.standing.DivisionNames(code), ""), code)
}

// addCodes puts in each code that a member bears, with what its check says.
func addCodes(x *desk.Dossier, e *entity.Entity) {
	add := func(kind, value, agency string, check func(string) ident.Number) {
		if value == "" {
			return
		}
		at := slices.IndexFunc(x.Codes, func(c desk.DossierCode) bool { return c.Kind == kind && c.Value == value })
		if at < 0 {
			n := check(value)
			at = len(x.Codes)
			x.Codes = append(x.Codes, desk.DossierCode{Kind: kind, Value: value, Verdict: string(n.Verdict), Reason: string(n.Reason)})
		}
		if c := &x.Codes[at]; !slices.Contains(c.Sources, agency) {
			c.Sources = append(c.Sources, agency)
		}
	}
	for i := range e.Members {
		m := &e.Members[i]
		agency := m.Source.String()
		add("uscc", m.USCC, agency, ident.USCC)
		add("org_code", m.OrgCode, agency, ident.OrgCode)
		add("reg_no", m.RegNo, agency, ident.Registration)
		add("tax_no", m.TaxNo, agency, taxNumber)
	}
	slices.SortStableFunc(x.Codes, func(a, b desk.DossierCode) int { return cmp.Compare(kindRank(a.Kind), kindRank(b.Kind)) })
}

func kindRank(kind string) int {
	return slices.Index([]string{"uscc", "org_code", "reg_no", "tax_no"}, kind)
}

// taxNumber checks a taxpayer number of 15 places, which may be either of two kinds.
func taxNumber(s string) ident.Number {
	if n := ident.Tax(s); n.Verdict != ident.Invalid {
		return n
	}
	return ident.Registration(s)
}

// addHistory tells what became of the entity, version by version of its golden record, and since when each of its values holds. Of one
// that is no more the name is the last that it had.
func (d dossiers) addHistory(ctx context.Context, x *desk.Dossier, id entity.ID) (since map[string]time.Time, err error) {
	versions, err := d.register.book.History(ctx, id)
	if err != nil {
		return nil, err
	}
	since = map[string]time.Time{}
	for i := range versions {
		v := &versions[i]
		at, err := time.Parse(time.RFC3339, v.At)
		if err != nil {
			return nil, fmt.Errorf("version %d of %s: %w", v.Version, v.Entity, err)
		}
		for _, f := range v.Fields {
			if i == 0 || valueIn(&versions[i-1], f.Field) != f.Value {
				since[f.Field] = at
			}
			if f.Field == entity.FieldName.String() {
				x.Name, x.Code = f.Value, v.Code
			}
		}
		switch {
		case v.MergedInto != nil:
			x.History = append(x.History, desk.DossierChange{At: at, Kind: "merged", Entities: []string{*v.MergedInto}})
			continue
		case i == 0 && v.SplitFrom != nil:
			x.History = append(x.History, desk.DossierChange{At: at, Kind: "split", Entities: []string{*v.SplitFrom}})
		case v.Version == 1:
			x.History = append(x.History, desk.DossierChange{At: at, Kind: "first", To: v.Code})
		case v.SplitFrom != nil && (versions[i-1].SplitFrom == nil || versions[i-1].MergedInto != nil):
			x.History = append(x.History, desk.DossierChange{At: at, Kind: "split", Entities: []string{*v.SplitFrom}})
		}
		if i > 0 {
			if joined := joined(&versions[i-1], v); len(joined) > 0 {
				x.History = append(x.History, desk.DossierChange{At: at, Kind: "merged", Entities: joined})
			}
			x.History = append(x.History, changes(&versions[i-1], v, at)...)
		}
	}
	slices.Reverse(x.History)
	return since, nil
}

// valueIn is what a version says of a field; empty: nothing.
func valueIn(g *schemas.Golden, field string) string {
	for i := range g.Fields {
		if g.Fields[i].Field == field {
			return g.Fields[i].Value
		}
	}
	return ""
}

// joined lists the entities whose registrations came to be among those of a version.
func joined(before, after *schemas.Golden) (ids []string) {
	for _, m := range after.Members {
		was := slices.ContainsFunc(before.Members, func(o schemas.GoldenMember) bool { return o.Home == m.Home })
		if m.Home != after.Entity && !was && !slices.Contains(ids, m.Home) {
			ids = append(ids, m.Home)
		}
	}
	return ids
}

// changes lists in what two versions differ.
func changes(before, after *schemas.Golden, at time.Time) (all []desk.DossierChange) {
	if before.Code != after.Code && before.Code != "" {
		all = append(all, desk.DossierChange{At: at, Kind: "code", From: before.Code, To: after.Code})
	}
	if before.MergedInto != nil || len(before.Members) == 0 { // it is back
		return all
	}
	for _, f := range after.Fields {
		if was := valueIn(before, f.Field); was != f.Value {
			all = append(all, desk.DossierChange{At: at, Kind: "value", Field: f.Field, From: was, To: f.Value, Agency: f.Source, File: f.File, Line: f.Line, Delivery: f.Delivery})
		}
	}
	for _, f := range before.Fields {
		if valueIn(after, f.Field) == "" {
			all = append(all, desk.DossierChange{At: at, Kind: "value", Field: f.Field, From: f.Value})
		}
	}
	return all
}

// addReference puts in what agencies keep about an institution beside its registration.
func (d dossiers) addReference(ctx context.Context, x *desk.Dossier, e *entity.Entity) error {
	rows, err := evidence.Rows(ctx, d.log, d.deliveries, d.register.institutions.Of(e.Code))
	if err != nil {
		return err
	}
	today := d.today()
	for i := range rows {
		switch r := &rows[i]; r.Subject {
		case "hall.case_figure":
			addFigure(x, r)
		case "entity.event":
			x.Events = append(x.Events, eventOf(r))
		default:
			addRow(x, r, today)
		}
	}
	slices.SortFunc(x.Figures, func(a, b desk.DossierFigure) int { return cmp.Compare(a.Month, b.Month) })
	slices.SortStableFunc(x.Events, func(a, b desk.DossierEvent) int { return cmp.Compare(b.Effective, a.Effective) })
	return nil
}

// said is what a row says in a field.
func said(r *evidence.Row, name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func addFigure(x *desk.Dossier, r *evidence.Row) {
	month := said(r, "month")
	at := slices.IndexFunc(x.Figures, func(f desk.DossierFigure) bool { return f.Month == month })
	if at < 0 {
		at = len(x.Figures)
		x.Figures = append(x.Figures, desk.DossierFigure{Month: month})
	}
	f := &x.Figures[at]
	for name, sum := range map[string]*int64{"accepted": &f.Accepted, "finished": &f.Finished, "overdue": &f.Overdue, "poor_ratings": &f.Poor} {
		var n int64
		fmt.Sscan(said(r, name), &n) //nolint:errcheck // the schema has a number there
		*sum += n
	}
}

func eventOf(r *evidence.Row) desk.DossierEvent {
	return desk.DossierEvent{
		Effective: said(r, "effective"), Event: said(r, "event"), Agency: r.Agency, Field: said(r, "field"), From: said(r, "old_value"), To: said(r, "new_value"),
		Document: said(r, "document_no"), File: r.File, Line: r.Line, Delivery: r.Delivery,
	}
}

// expiringDays is how long before its end an online name is marked.
const expiringDays = 60

// addRow puts a row into the table of its subject.
func addRow(x *desk.Dossier, r *evidence.Row, today schemas.Date) {
	at := slices.IndexFunc(x.Tables, func(t desk.DossierTable) bool { return t.Name == r.Subject })
	if at < 0 {
		at = len(x.Tables)
		table := desk.DossierTable{Name: r.Subject, Label: r.Label}
		for _, f := range r.Fields {
			if f.Name != "unit" && f.Name != "rest" {
				table.Columns = append(table.Columns, desk.DossierColumn{Name: f.Name, Label: f.Label})
			}
		}
		x.Tables = append(x.Tables, table)
	}
	t := &x.Tables[at]
	row := desk.DossierRow{File: r.File, Line: r.Line, Delivery: r.Delivery}
	for _, c := range t.Columns {
		row.Cells = append(row.Cells, said(r, c.Name))
	}
	if day, ok := schemas.ParseDate(said(r, "expires_on")); ok {
		switch {
		case day <= today:
			row.Mark = "expired"
		case day <= today+expiringDays:
			row.Mark = "expiring"
		}
	}
	if day, ok := schemas.ParseDate(said(r, "valid_to")); ok && day <= today {
		row.Mark = "ended"
	}
	t.Rows = append(t.Rows, row)
}

// maxValueBytes bounds a value in a golden record, for the same reason.
const maxValueBytes = 64 << 10

// cut cuts a text that is no honest value to what has room, and says so by an ellipsis.
func cut(s string) string {
	if len(s) <= maxValueBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxValueBytes], "") + "…"
}

// maxMemberBytes bounds the keys of members in a golden record, far above what any honest entity has: the log takes no record without end. A
// member beyond it is placed anew after a restart, by its links.
const maxMemberBytes = 1 << 20

// goldenOf is an entity's golden record as the hub writes it. from is the entity that it was split from just now, if it was.
func goldenOf(e *entity.Entity, from entity.ID) *schemas.Golden {
	g := &schemas.Golden{Entity: e.ID.String(), Code: e.Code, Members: []schemas.GoldenMember{}, Fields: []schemas.GoldenField{}}
	if from != 0 {
		text := from.String()
		g.SplitFrom = &text
	}
	room := maxMemberBytes
	for i := range e.Members {
		m := &e.Members[i]
		if room -= len(m.Key); room < 0 {
			break
		}
		g.Members = append(g.Members, schemas.GoldenMember{Source: m.Source.String(), SourceKey: m.Key, Record: hex.EncodeToString(m.ID[:]), Home: e.Homes[i].String()})
	}
	for _, f := range entity.Fields() {
		value := &e.Golden[f]
		if value.Member < 0 {
			continue
		}
		m := &e.Members[value.Member]
		field := schemas.GoldenField{
			Field: f.String(), Value: cut(value.Value), Normal: cut(value.Normal), Source: m.Source.String(), SourceKey: m.Key, File: m.File, Line: m.Line,
			Delivery: m.Delivery, Record: hex.EncodeToString(m.ID[:]),
		}
		if m.HasUpdated {
			field.UpdatedOn = &m.UpdatedOn
		}
		g.Fields = append(g.Fields, field)
	}
	return g
}

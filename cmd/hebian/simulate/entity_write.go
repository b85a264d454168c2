package simulate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"

	"hebian/schemas"
)

// MaxEntities bounds the legal entities: their codes have six places for a number.
const MaxEntities = 900_000

// EntitiesFor is how many legal entities a county of so many persons has.
func EntitiesFor(persons int) int { return persons / 5 }

// registers are the registers of legal entities while they are written, and what is to be found in them.
type registers struct {
	*folder
	gb    *encoding.Encoder
	kinds []entityKind
	dealt []uint8 // the kinds of the cases to come, as indexes
	every int     // of so many entities in a row one is a case

	files     [sources]*table
	piles     [sources]pile
	history   [classes]*table // events, by who registers
	divisions *table

	findings []string // lines of conflicts.csv
	links    []string // lines of entities.csv
	wrong    int      // entities with a finding
}

// entitiesAtOnce is how many entities' rows are shuffled together. No two sources keep them in the same order.
const entitiesAtOnce = 1 << 15

// A few broken rows a file, and more in large ones.
const entitiesPerBreak = 20_000

func (c *county) writeEntities(ctx context.Context, dir string) error {
	r := &registers{folder: c.folder, kinds: entityKinds()}
	if err := r.open(dir); err != nil {
		return err
	}
	c.registers = r
	r.deal()
	r.writeDivisions()
	if err := r.writeReference(dir); err != nil {
		return err
	}
	e := &entity{registers: r, rows: make([]registration, 0, maxRows)}
	for index := range r.plan.Entities {
		if index > 0 && index%entitiesAtOnce == 0 {
			r.writePiles(index)
			if err := errors.Join(ctx.Err(), r.failed()); err != nil {
				return err
			}
		}
		r.fill(e, index)
		r.keep(e)
		if e.twin != nil {
			r.keep(e.twin)
		}
	}
	r.writePiles(r.plan.Entities)
	return r.failed()
}

// deal sets the cases among the entities that are no unit of the county, in a drawn order, each kind at least once as far as a third
// of them suffices.
func (r *registers) deal() {
	const share = 45 // of each kind among 100,000
	units, n := len(r.plan.units), r.plan.Entities
	if n-units < 3 {
		return
	}
	for i := range r.kinds {
		for range max(1, n*share/100_000) {
			r.dealt = append(r.dealt, uint8(i))
		}
	}
	d := drawsOf(r.plan.Seed, streamEntitySchedule, 0)
	for i := len(r.dealt) - 1; i > 0; i-- {
		j := d.below(i + 1)
		r.dealt[i], r.dealt[j] = r.dealt[j], r.dealt[i]
	}
	r.dealt = r.dealt[:min(len(r.dealt), (n-units)/3)]
	r.every = (n - units) / len(r.dealt)
}

// fill makes e the entity at an index, with its rows and what is to be found.
func (r *registers) fill(e *entity, index int) {
	k := r.kindOf(index)
	e.reset(index, r.classOf(index, k))
	if e.kind = k; k != nil {
		k.build(e)
		if !k.harmless {
			r.wrong++
		}
	} else {
		e.ordinary()
	}
	e.recall()
}

// kindOf is the kind of case that an entity is, nil for an ordinary one.
func (r *registers) kindOf(index int) *entityKind {
	units := len(r.plan.units)
	if index < units {
		return r.unitKind(index)
	}
	turn := (index - units) / max(1, r.every)
	if turn >= len(r.dealt) {
		return nil
	}
	d := drawsOf(r.plan.Seed, streamEntitySchedule, uint64(turn)+1)
	if (index-units)%r.every != d.below(r.every) {
		return nil
	}
	return &r.kinds[r.dealt[turn]]
}

// unitKind makes a case of a unit now and then. A former one would rise again.
func (r *registers) unitKind(index int) *entityKind {
	d := drawsOf(r.plan.Seed, streamEntitySchedule, uint64(index)+1<<40)
	k := &r.kinds[d.below(len(r.kinds))]
	if index >= r.plan.live || !d.chance(60) || k.class != classes && k.class != publicBody {
		return nil
	}
	return k
}

func (r *registers) classOf(index int, k *entityKind) class {
	if index < len(r.plan.units) {
		return publicBody
	}
	if k != nil && k.class != classes {
		return k.class
	}
	d := drawsOf(r.plan.Seed, streamEntitySchedule, uint64(index)+1<<41)
	switch lot := d.below(100); {
	case lot < 12:
		return publicBody
	case lot < 24:
		return socialBody
	}
	return enterprise
}

// keep takes the rows of an entity to those that are to be written.
func (r *registers) keep(e *entity) {
	for i := range e.rows {
		row := &e.rows[i]
		r.links = append(r.links, cmp.Or(row.entity, e.code)+","+row.source.String()+","+row.key)
		r.piles[row.source].add(r.encode(e, row))
	}
	r.writeEvents(e)
}

// expect is a line of what is to be found.
func (r *registers) expect(cells ...string) {
	r.findings = append(r.findings, strings.Join(cells, ","))
}

func (e *entity) expectConflict(f datum, r *registration, state string) {
	e.expect("CONFLICT", e.code, f.String(), r.source.String(), r.key, state)
}

func (e *entity) expectBadCode(code string, r *registration) {
	e.expect("BAD_CODE", e.code, code, r.source.String(), r.key, "")
}

func (e *entity) expectReview(r *registration) {
	e.expect("LINK_REVIEW", r.entity, "", r.source.String(), r.key, "")
}

func (e *entity) expectOrphan(r *registration) {
	e.expect("ORPHAN", cmp.Or(r.entity, e.code), "", r.source.String(), r.key, "")
}

// settleEntities writes the lists beside in/, sorted, no line twice. Lines sort as their cells do: no cell has a character that sorts
// before the comma.
func (c *county) settleEntities(dir string, s *Summary) error {
	r := c.registers
	if r == nil {
		return nil
	}
	s.Entities, s.WrongEntities = r.plan.Entities, r.wrong
	for _, lines := range []*[]string{&r.findings, &r.links} {
		slices.Sort(*lines)
		*lines = slices.Compact(*lines)
	}
	for _, line := range r.findings {
		kind, _, _ := strings.Cut(line, ",")
		s.Findings = countCode(s.Findings, kind)
	}
	return errors.Join(
		writeList(dir, "conflicts.csv", "kind,entity,field,source,source_key,state", len(r.findings), func(i int) []string { return strings.Split(r.findings[i], ",") }),
		writeList(dir, "entities.csv", "entity,source,source_key", len(r.links), func(i int) []string { return strings.Split(r.links[i], ",") }),
	)
}

// pile holds rows until they are shuffled and written.
type pile struct {
	text []byte
	ends []int
}

func (p *pile) add(row []byte) {
	p.text = append(p.text, row...)
	p.ends = append(p.ends, len(p.text))
}

// writePiles writes the rows so far, those of each source in an order of its own.
func (r *registers) writePiles(index int) {
	for s := range r.piles {
		p, t := &r.piles[s], r.files[s]
		d := drawsOf(r.plan.Seed, streamOrder, uint64(index)*uint64(sources)+uint64(s))
		order := make([]int, len(p.ends))
		for i := range order {
			j := d.below(i + 1)
			order[i], order[j] = order[j], i
		}
		breakEvery := max(1, len(order)/(brokenRows+len(order)/entitiesPerBreak))
		for i, at := range order {
			if i%breakEvery == 0 {
				t.due++
			}
			from := 0
			if at > 0 {
				from = p.ends[at-1]
			}
			t.endRow(append(t.row(), p.text[from:p.ends[at]]...))
		}
		p.text, p.ends = p.text[:0], p.ends[:0]
	}
}

func (r *registers) open(dir string) error {
	s := newSpeller()
	r.gb = s.gb
	event := func(name string) form {
		return form{path: "entities/" + name + "_events.ndjson", end: "\n", spoil: spoilJSON("effective", "name")}
	}
	for _, place := range []struct {
		table **table
		form  form
	}{
		{&r.files[establishmentOffice], csvForm("entities/staffing.csv",
			"source_id,uscc,name,second_name,entity_type,address,legal_rep,capital_wan,established,status,division,parent_uscc,updated_on", 12, 2)},
		{&r.files[civilAffairs], gbForm(s, "entities/civil.csv",
			"登记编号,统一社会信用代码,名称,类型,住所,法定代表人,开办资金_万元,成立日期,状态,行政区划,更新日期", 10, "2026-02-30", 2)},
		{&r.files[marketOffice], form{path: "entities/commerce.ndjson", end: "\n", spoil: spoilJSON("updated_on", "name")}},
		{&r.files[taxOffice], gbForm(s, "entities/tax.csv",
			"纳税人识别号,纳税人名称,注册地址,法定代表人,注册资本_元,开业日期,纳税人状态,行政区划,行业代码,更新日期", 9, "2026-02-30", 1)},
		{&r.files[statisticsOffice], csvForm("entities/statistics.csv",
			"source_id,uscc,org_code,name,address,legal_rep,status,division,industry,employees,updated_on", 10, 3)},
		{&r.files[codeCentre], csvForm("entities/quality.csv", "org_code,uscc,name,address,legal_rep,status,updated_on", 6, 2)},
		{&r.history[publicBody], event("staffing")},
		{&r.history[socialBody], event("civil")},
		{&r.history[enterprise], event("commerce")},
		{&r.divisions, csvForm("entities/divisions.csv", "code,name,parent,valid_from,valid_to,successor", 3, 1)},
	} {
		if err := r.folder.open(dir, place.form, place.table); err != nil {
			return err
		}
	}
	return s.err
}

// encode is a row in the form of its source.
func (r *registers) encode(e *entity, row *registration) []byte {
	updated := ""
	if row.updated != none {
		updated = row.updated.String()
	}
	switch row.source {
	case establishmentOffice:
		return csvRow(row.key, row.uscc, row.name, row.second, e.form, row.address, row.rep, row.capital, row.established, row.status, row.division, e.parent, updated)
	case civilAffairs:
		return r.toGB(csvRow(row.key, row.uscc, row.name, e.form, row.address, row.rep, row.capital, row.established, row.status, row.division, updated))
	case marketOffice:
		return jsonRow("source_id", row.key, "uscc", row.uscc, "reg_no", row.regNo, "name", row.name, "entity_type", e.form, "address", row.address, "legal_rep", row.rep,
			"capital_yuan", row.capital, "established", row.established, "status", row.status, "division", row.division, "industry", row.industry, "updated_on", updated)
	case taxOffice:
		return r.toGB(csvRow(row.key, row.name, row.address, row.rep, row.capital, row.established, row.status, row.division, row.industry, updated))
	case statisticsOffice:
		return csvRow(row.key, row.uscc, row.org, row.name, row.address, row.rep, row.status, row.division, row.industry, row.employees, updated)
	}
	return csvRow(row.key, row.uscc, row.name, row.address, row.rep, row.status, updated)
}

// toGB writes a row in GB18030, which has all characters that there are.
func (r *registers) toGB(row []byte) []byte {
	gb, _, err := transform.Append(r.gb, nil, row)
	if err != nil {
		panic("simulate: a row that GB18030 can't write: " + err.Error())
	}
	return gb
}

// csvRow puts cells together. Only amounts with groups of digits have commas.
func csvRow(texts ...string) []byte {
	row := make([]byte, 0, 256)
	for i, text := range texts {
		if i > 0 {
			row = append(row, ',')
		}
		if strings.IndexByte(text, ',') >= 0 {
			row = append(append(append(row, '"'), text...), '"')
		} else {
			row = append(row, text...)
		}
	}
	return row
}

// jsonRow puts keys and texts together. None of them needs an escape.
func jsonRow(texts ...string) []byte {
	row := make([]byte, 0, 512)
	for i, text := range texts {
		row = append(row, [...]string{`,"`, `:"`}[i%2]...)
		row = append(append(row, text...), '"')
	}
	row[0] = '{'
	return append(row, '}')
}

// writeDivisions writes the county's divisions and those that they succeeded.
func (r *registers) writeDivisions() {
	t := r.divisions
	t.due = brokenRows
	put(t, provinceCode, provinceName, "", "", "", "")
	put(t, cityCode, cityName, provinceCode, "", "", "")
	for i, name := range countyNames() {
		put(t, strconv.Itoa(firstDivision+i), name, cityCode, "2012-01-01", "", "")
	}
	for i, name := range formerNames() {
		put(t, formerDivision(i), name, cityCode, "1980-01-01", "2012-01-01", strconv.Itoa(firstDivision+i))
	}
}

// registryEvent is something that happened to an entity on its register.
type registryEvent struct {
	what     string
	on       schemas.Date
	of       string // what was changed
	old, new string
}

// changed is a change at the registrar's.
func (e *entity) changed(f datum, old, new string, on schemas.Date) {
	if f == datumStatus && new == "注销" {
		e.events = append(e.events, registryEvent{what: "注销", on: on})
		return
	}
	of := [data]string{"名称", "法定代表人", "住所", "注册资本", "成立日期", "状态", "行政区划", "行业"}[f]
	e.events = append(e.events, registryEvent{"变更", on, of, old, new})
}

// recall adds events that explain nothing.
func (e *entity) recall() {
	d := &e.draw
	asOf := e.plan.asOf
	if e.established > asOf-3*365 {
		e.events = append(e.events, registryEvent{what: "登记", on: e.established})
	}
	if d.chance(60) {
		e.changed(datumRep, e.person(), e.rep, asOf-schemas.Date(d.between(100, 2000)))
	}
	if d.chance(100) {
		e.events = append(e.events, registryEvent{what: "年检", on: asOf.Month().First() - schemas.Date(d.between(1, 200))})
	}
	if d.chance(10) {
		e.events = append(e.events, registryEvent{what: "公告", on: asOf - schemas.Date(d.between(1, 400))})
	}
	if e.standing == closed && e.kind == nil {
		e.changed(datumStatus, "", "注销", asOf-schemas.Date(d.between(60, 1500)))
	}
}

// writeEvents writes what the registrar has of an entity that it has.
func (r *registers) writeEvents(e *entity) {
	registrar := e.class.registrar()
	if !slices.ContainsFunc(e.rows, func(row registration) bool { return row.source == registrar && row.uscc != "" }) {
		return
	}
	t := r.history[e.class]
	for i, x := range e.events {
		if t.count.Read%int64(entitiesPerBreak) == 0 {
			t.due += brokenRows
		}
		number, id := "", e.serial*maxRows+i+1
		if x.what != "年检" {
			number = strconv.Itoa(int(x.on.Month())/100) + "登字第" + strconv.Itoa(id) + "号"
		}
		t.endRow(append(t.row(), jsonRow("source_id", string(serial(nil, "SX", id)), "uscc", e.code, "name", e.name, "event", x.what, "effective", x.on.String(),
			"field", x.of, "old_value", x.old, "new_value", x.new, "document_no", number)...))
	}
}

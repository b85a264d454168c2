package simulate

import (
	"strconv"

	"hebian/schemas"
)

// source is an agency that describes legal entities. They are in the order in which they are believed where nothing else decides.
type source uint8

const (
	establishmentOffice source = iota
	civilAffairs
	marketOffice
	taxOffice
	statisticsOffice
	codeCentre
	sources // how many there are
)

func (s source) String() string {
	return [sources]string{"staffing", "civil", "commerce", "tax", "statistics", "quality"}[s]
}

// class is what kind of legal entity it is, and thereby who registers it.
type class uint8

const (
	publicBody class = iota // an organ or a public institution
	socialBody
	enterprise
	classes // how many there are; as the class of a case: any
)

// registrar is the source that registers entities of the class.
func (c class) registrar() source {
	return [classes]source{establishmentOffice, civilAffairs, marketOffice}[c]
}

// datum is something that several sources say of an entity.
type datum uint8

const (
	datumName datum = iota
	datumRep
	datumAddress
	datumCapital
	datumEstablished
	datumStatus
	datumDivision
	datumIndustry
	data // how many there are
)

func (f datum) String() string {
	return [data]string{"name", "legal_rep", "address", "capital", "established", "status", "division", "industry"}[f]
}

// maxRows bounds the rows of one entity, so that a pointer to one stays good while others are added.
const maxRows = 12

// entity is a legal entity as it is, and the rows that the sources hold on it. One entity is reused for all. Cases are written in its
// verbs: known, differ, doubled …
type entity struct {
	*registers
	index  int
	serial int // even; the odd one after it is the twin's
	class  class
	kind   *entityKind // nil: an ordinary entity
	draw   draws

	code, org, regNo string // credit code, organisation code, and for enterprises the old registration number
	name             string
	second           string // on a second signboard; most have none
	former           string // name that it no longer bears
	county           int
	street           string // address below the county
	rep              string // legal representative
	yuan             int64  // capital
	established      schemas.Date
	standing         standing
	industry         string // letter and four digits
	form             string // legal form, as it is called
	parent           string // code of the body above it

	rows   []registration
	events []registryEvent
	twin   *entity // a second entity of the same case
}

// registration is a row of one source, as written.
type registration struct {
	source           source
	key              string
	uscc, org, regNo string
	name, second     string
	address, rep     string
	capital          string
	established      string
	status           string
	division         string
	industry         string
	employees        string
	updated          schemas.Date // none: empty
	entity           string       // the entity it belongs to, if not the one that holds it
}

// value is what the row says of a datum; empty: nothing.
func (r *registration) value(f datum) string {
	return [data]string{r.name, r.rep, r.address, r.capital, r.established, r.status, r.division, r.industry}[f]
}

// reset makes e the entity at an index, without rows.
func (e *entity) reset(index int, c class) {
	e.index, e.class, e.kind, e.twin = index, c, nil, nil
	e.draw = drawsOf(e.plan.Seed, streamEntity, uint64(index))
	e.rows, e.events = e.rows[:0], e.events[:0]
	e.serial = 2 * index
	e.identify()
	e.describe()
	if index < len(e.plan.units) {
		e.takeUnit(&e.plan.units[index])
	}
}

// identify draws who the entity is. The serial keeps its codes, keys and names apart from all others.
func (e *entity) identify() {
	d := &e.draw
	e.county = d.below(countyCount)
	head, endings := "", []string(nil)
	area := countyNames()[e.county]
	e.regNo = ""
	switch e.class {
	case publicBody:
		e.form, head, e.industry = "事业单位", "12", "S9124"
		endings = []string{"小学", "中学", "幼儿园", "卫生院", "文化站", "敬老院", "林场", "水库管理所", "技术推广站", "档案馆"}
	case socialBody:
		n := d.below(3)
		e.form = [...]string{"社会团体", "民办非企业单位", "基金会"}[n]
		head, e.industry = [...]string{"51", "52", "53"}[n], "S9521"
		endings = [...][]string{{"商会", "书法协会", "志愿者协会", "养殖协会"}, {"养老服务中心", "艺术培训学校", "社会工作服务社"}, {"慈善基金会", "教育基金会"}}[n]
	default:
		n := 0
		if d.chance(80) {
			n = 1
		}
		e.form = [...]string{"有限责任公司", "农民专业合作社"}[n]
		head = [...]string{"91", "93"}[n]
		e.industry = [...]string{"F5191", "F5212", "C1411", "E4710", "I6510", "H6210", "A0141", "L7240"}[d.below(8)]
		endings = []string{"商贸有限公司", "建筑工程有限公司", "食品有限公司", "信息技术有限公司", "餐饮管理有限公司", "运输有限公司", "机械股份有限公司", "（集团）有限公司"}
		if n == 1 {
			endings = []string{"种植专业合作社", "农机专业合作社"}
		}
		area = [...]string{area, cityName, ""}[d.below(3)]
		e.regNo = registrationNumber(e.division(), e.serial+1)
	}
	e.org = organisationCode([...]string{"QJ", "QK"}[e.serial%2], e.serial/2+1)
	e.code = checkedCreditCode(head + e.division() + e.org)
	ending := endings[d.below(len(endings))]
	e.name, e.former = area+brandOf(2*e.serial)+ending, area+brandOf(2*e.serial+1)+ending
	e.second, e.parent = "", ""
	if e.class == publicBody && d.chance(150) {
		e.second = e.name + "附属培训学校"
	}
}

// describe draws what needs to be no entity's own.
func (e *entity) describe() {
	d := &e.draw
	roads := [...]string{"人民路", "解放路", "学府街", "滨河大道", "文昌巷", "迎宾路", "建设路", "富民街"}
	e.street = roads[d.below(len(roads))] + strconv.Itoa(1+d.below(400)) + "号"
	switch d.below(10) {
	case 0:
		e.street += "（东院）"
	case 1:
		e.street += strconv.Itoa(1+d.below(20)) + "幢"
	}
	e.rep = e.person()
	e.yuan = int64(10+d.below(9990)) * wanYuan
	if d.chance(200) {
		e.yuan += int64(d.below(100)) * 100
	}
	e.established = e.plan.asOf - schemas.Date(d.between(400, 15000))
	e.standing = active
	if d.chance(100) {
		e.standing = standing(d.below(int(standings)))
	}
}

// takeUnit makes e the legal entity of a unit of the county.
func (e *entity) takeUnit(u *unit) {
	e.code, e.org = u.code, u.code[8:17]
	e.name, e.former = u.name.utf8, u.name.utf8+"筹备处"
	if e.second != "" {
		e.second = e.name + "附属培训学校"
	}
	e.county = e.index % countyCount
	e.form = "事业单位"
	if u.kind.category == organ {
		e.form, e.industry = "机关法人", "S9221"
	}
	if e.standing = active; u.until != none {
		e.standing = closed
	}
	e.established = u.since
	if e.index%4 == 1 {
		e.parent = e.plan.units[0].code
	}
}

// CodeAndName gives the credit code and the name of the n-th of a million made-up legal entities, all of them different.
func CodeAndName(n int) (code, name string) {
	e := entity{serial: n, class: enterprise, draw: drawsOf(0, streamEntity, uint64(n))}
	if n%8 < int(enterprise) {
		e.class = class(n % 8)
	}
	e.identify()
	return e.code, e.name
}

// newTwin adds a second entity of the same class.
func (e *entity) newTwin() *entity {
	e.twin = &entity{registers: e.registers, index: e.index, class: e.class, rows: make([]registration, 0, maxRows)}
	e.twin.draw = drawsOf(e.plan.Seed, streamTwin, uint64(e.index))
	e.twin.serial = e.serial + 1
	e.twin.identify()
	e.twin.describe()
	e.twin.standing = active
	return e.twin
}

func (e *entity) division() string { return strconv.Itoa(firstDivision + e.county) }

// person is a person's name.
func (e *entity) person() string {
	name, _ := e.plan.names.name(&e.draw, nil, nil)
	return string(name)
}

// ordinary is in order: all sources that know the entity agree, whatever they write it like and whatever code they know it by.
func (e *entity) ordinary() {
	for s := range sources {
		if s == e.class.registrar() || e.draw.chance(e.seenBy(s)) {
			e.known(s)
		}
	}
	lone := e.draw.chance(60) // one row may be without a code: it is found by name, division and representative
	for i := range e.rows {
		if r := &e.rows[i]; r.source != e.class.registrar() {
			e.forget(r)
			if lone && e.loseCodes(r) {
				lone = false
			} else {
				e.oldCodes(r)
			}
		}
	}
}

// seenBy is how many of a thousand entities a source knows beside those that it registers.
func (e *entity) seenBy(s source) int {
	return [classes][sources]int{
		{1000, 400, 700, 850, 900, 950},
		{250, 1000, 500, 800, 850, 900},
		{120, 220, 1000, 950, 950, 950}, // welfare enterprises, enterprises of institutions
	}[e.class][s]
}

// known adds a row that says what is so, in one of the ways to write it.
func (e *entity) known(s source) *registration {
	if len(e.rows) == maxRows {
		panic("simulate: an entity has too many rows")
	}
	d := &e.draw
	e.rows = append(e.rows, registration{
		source: s, key: e.keyAt(s), uscc: e.code, name: e.spelledName(e.name), address: e.spelledAddress(), rep: e.spelledRep(e.rep),
		status: e.standing.word(s, d), division: e.division(), updated: e.plan.asOf - schemas.Date(d.between(1, 2500)),
	})
	r := &e.rows[len(e.rows)-1]
	switch s {
	case establishmentOffice:
		r.second = e.second
	case marketOffice:
		r.regNo = e.regNo
	case statisticsOffice:
		r.employees = strconv.Itoa(1 + d.below(300))
	case codeCentre:
		r.division = ""
	}
	if s <= taxOffice {
		r.capital, r.established = e.spelledCapital(s), e.spelledDate(e.established, s == e.class.registrar())
	}
	if s >= marketOffice && s != codeCentre {
		r.industry = e.spelledIndustry()
	}
	if s != taxOffice && s != codeCentre {
		r.uscc = e.spelledCode(r.uscc)
	}
	return r
}

// keyAt is the number under which a source keeps the entity.
func (e *entity) keyAt(s source) string {
	switch s {
	case taxOffice:
		return e.code
	case codeCentre:
		return e.org
	}
	return string(serial(nil, [sources]string{"BZ", "MZ", "SC", "", "TJ", ""}[s], e.serial*maxRows+len(e.rows)+1))
}

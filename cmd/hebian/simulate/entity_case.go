package simulate

import (
	"strings"

	"hebian/schemas"
)

// entityKind is a kind of case: an entity with something wrong, or one that is a hard case for who links it.
type entityKind struct {
	name     string
	class    class // that it needs; classes: any
	harmless bool  // nothing is to be found
	build    func(*entity)
}

// entityKinds lists the cases. Each states what is to be found itself, from what it plants: nothing here links or compares.
func entityKinds() []entityKind {
	kinds := []entityKind{
		{name: "closed, open elsewhere", class: classes, build: (*entity).openElsewhere},
		{name: "open, closed elsewhere", class: classes, build: (*entity).closedElsewhere},
		{name: "registrar alone says otherwise", class: classes, build: (*entity).registrarAlone},
		{name: "last day of the lag", class: classes, build: func(e *entity) { e.disagree(datumRep, e.workingDaysBack(lagDays)) }},
		{name: "day after the lag", class: classes, build: func(e *entity) { e.disagree(datumRep, e.workingDaysBack(lagDays+1)) }},
		{name: "registrar ahead of the day", class: classes, build: func(e *entity) { e.disagree(datumAddress, e.plan.asOf+3) }},
		{name: "registrar not later", class: classes, build: (*entity).notLater},
		{name: "without a day of update", class: classes, build: (*entity).undated},
		{name: "bad credit code", class: classes, build: (*entity).badCreditCode},
		{name: "bad taxpayer number", class: classes, build: (*entity).badTaxpayerNumber},
		{name: "bad old tax number", class: classes, build: (*entity).badOldTaxNumber},
		{name: "bad registration number", class: enterprise, build: (*entity).badRegistrationNumber},
		{name: "bad organisation code", class: classes, build: (*entity).badOrganisationCode},
		{name: "one code twice at the registrar", class: classes, build: func(e *entity) { e.doubled(e.class.registrar()) }},
		{name: "one code twice elsewhere", class: classes, build: func(e *entity) { e.doubled(e.other(datumStatus).source) }},
		{name: "two codes in one row", class: classes, build: func(e *entity) { e.bridged() }},
		{name: "two codes in one row, another row settled", class: classes, build: (*entity).bridgedSettled},
		{name: "two codes in one row, another row left", class: classes, build: (*entity).bridgedLeft},
		{name: "one name under two codes", class: classes, build: (*entity).twoCodes},
		{name: "two that a row may belong to", class: classes, build: (*entity).tied},
		{name: "two rows without a code", class: classes, build: (*entity).twoLone},
		{name: "orphan", class: classes, build: (*entity).orphan},
		{name: "orphan without a code", class: classes, build: (*entity).orphanWithoutCode},

		{name: "orphan that is closed", class: classes, harmless: true, build: (*entity).closedOrphan},
		{name: "known by the second name", class: publicBody, harmless: true, build: (*entity).secondName},
		{name: "row twice", class: classes, harmless: true, build: (*entity).rowTwice},
		{name: "old codes only", class: enterprise, harmless: true, build: (*entity).oldCodesOnly},
		{name: "found by name and address", class: classes, harmless: true, build: (*entity).foundByAddress},
		{name: "former division", class: classes, harmless: true, build: (*entity).formerlyDivided},
	}
	for f := range data {
		kinds = append(kinds,
			entityKind{name: f.String() + " differs", class: classes, build: func(e *entity) { e.disagree(f, e.longAgo()) }},
			entityKind{name: f.String() + " lags", class: classes, build: func(e *entity) { e.disagree(f, e.justNow()) }})
	}
	return kinds
}

// lagDays is how many working days others have to follow the source that is right.
const lagDays = 30

// The states of a difference.
const (
	stateConflict = "conflict"
	stateLag      = "lag"
)

// knownToAll has a plain row in every source that has something to say of it.
func (e *entity) knownToAll() {
	e.standing = active
	for s := range sources {
		if s == e.class.registrar() || s >= taxOffice || s == marketOffice && e.draw.chance(500) {
			e.known(s)
		}
	}
}

// authority is the row that the others are held against.
func (e *entity) authority(f datum) *registration {
	s := e.class.registrar()
	if f == datumIndustry {
		s = statisticsOffice
	}
	return e.at(s)
}

// at is the first row of a source.
func (e *entity) at(s source) *registration {
	for i := range e.rows {
		if e.rows[i].source == s {
			return &e.rows[i]
		}
	}
	panic("simulate: no row of " + s.String())
}

// other draws one of the rows that say something of a datum and are not held against.
func (e *entity) other(f datum) *registration {
	if len(e.rows) == 0 {
		e.knownToAll()
	}
	var some []*registration
	for i := range e.rows {
		if r := &e.rows[i]; r.value(f) != "" && r != e.authority(f) {
			some = append(some, r)
		}
	}
	return some[e.draw.below(len(some))]
}

// disagree has one row that says something else. The source that is right says so since a day.
func (e *entity) disagree(f datum, since schemas.Date) {
	r := e.other(f)
	e.misstate(r, f)
	right := e.authority(f)
	right.updated = since
	r.updated = since - schemas.Date(e.draw.between(1, 900))
	state := stateConflict
	if since <= e.plan.asOf && since >= e.workingDaysBack(lagDays) {
		state = stateLag
		if f != datumIndustry {
			e.changed(f, r.value(f), right.value(f), since)
		}
	}
	e.expectConflict(f, r, state)
}

// justNow is a day that others may still lag behind, longAgo is not.
func (e *entity) justNow() schemas.Date { return e.workingDaysBack(e.draw.below(lagDays + 1)) }
func (e *entity) longAgo() schemas.Date {
	return e.workingDaysBack(lagDays+1) - schemas.Date(e.draw.below(800))
}

// workingDaysBack is the last day after which, up to the as-of date, come so many working days: Monday to Friday.
func (e *entity) workingDaysBack(n int) schemas.Date {
	on := e.plan.asOf
	for n > 0 {
		if weekday := (int(on) + 3) % 7; weekday < 5 { // day 0 was a Thursday
			n--
		}
		on--
	}
	return on
}

// misstate makes a row say something else.
func (e *entity) misstate(r *registration, f datum) {
	d := &e.draw
	switch f {
	case datumName:
		r.name = e.spelledName(e.former)
	case datumRep:
		for r.rep = e.rep; r.rep == e.rep; {
			r.rep = e.person()
		}
	case datumAddress:
		r.address = "新城大道" + e.street[strings.IndexAny(e.street, "123456789"):] // nobody else's road
	case datumCapital:
		if text := wanText(e.yuan, 0); r.source > civilAffairs && d.chance(500) {
			r.capital = text // the amount in wan where yuan are asked for
		} else if r.source > civilAffairs {
			r.capital = groupedYuan(e.yuan*3/2 + 5*wanYuan)
		} else {
			r.capital = wanText(e.yuan*3/2+5*wanYuan, d.below(3))
		}
	case datumEstablished:
		r.established = e.spelledDate(e.established.AddMonths(-12*d.between(1, 5)), false)
	case datumStatus:
		r.status = standing(d.between(int(active)+1, int(closed)-1)).word(r.source, d)
	case datumDivision:
		// Without names in front, since those of the other division would be taken for a part of the address.
		r.division, r.address = e.elsewhere(), e.street
	case datumIndustry:
		e.authority(f).industry = e.industry // with its letter: without one, digits are all that counts
		r.industry = [...]string{"B0610", "0610", e.industry[:1] + "0690", "Q" + e.industry[1:]}[d.below(4)]
	}
}

// elsewhere is the code of another county.
func (e *entity) elsewhere() string {
	other := entity{county: (e.county + e.draw.between(1, countyCount-1)) % countyCount}
	return other.division()
}

func (e *entity) openElsewhere() {
	e.knownToAll()
	e.standing = closed
	for i := range e.rows {
		e.rows[i].status = closed.word(e.rows[i].source, &e.draw)
	}
	r := e.other(datumStatus)
	r.status = active.word(r.source, &e.draw)
	e.outdated(r)
	e.changed(datumStatus, "存续", "注销", e.authority(datumStatus).updated)
	e.expectConflict(datumStatus, r, stateConflict)
}

func (e *entity) closedElsewhere() {
	r := e.other(datumStatus)
	r.status = closed.word(r.source, &e.draw)
	e.outdated(r)
	e.expectConflict(datumStatus, r, stateConflict)
}

// outdated: the registrar has been right for too long for others to lag.
func (e *entity) outdated(r *registration) {
	e.authority(datumStatus).updated = e.longAgo()
	r.updated = e.authority(datumStatus).updated - 1
}

// registrarAlone is held against by all others, who have said so since longer ago than a lag lasts.
func (e *entity) registrarAlone() {
	e.knownToAll()
	f := [...]datum{datumName, datumRep, datumAddress}[e.draw.below(3)]
	right := e.authority(f)
	e.misstate(right, f)
	if f == datumName {
		right.second = ""
	}
	right.updated = e.longAgo()
	for i := range e.rows {
		if r := &e.rows[i]; r != right {
			e.expectConflict(f, r, stateConflict)
		}
	}
}

// notLater: a day of update that is not before the registrar's is no lag.
func (e *entity) notLater() {
	e.disagree(datumRep, e.plan.asOf+1)
	day := e.justNow()
	e.authority(datumRep).updated = day
	for i := range e.rows {
		if r := &e.rows[i]; r != e.authority(datumRep) {
			r.updated = day
		}
	}
}

// undated: where a day of update is missing there is no lag.
func (e *entity) undated() {
	e.disagree(datumAddress, e.plan.asOf+1)
	e.authority(datumAddress).updated = e.justNow()
	for i := range e.rows {
		if r := &e.rows[i]; r != e.authority(datumAddress) {
			r.updated = none
		}
	}
	if e.draw.chance(500) {
		for i := range e.rows {
			e.rows[i].updated = none
		}
	}
}

// badCreditCode is in a row that is found by the organisation code in it.
func (e *entity) badCreditCode() {
	e.knownToAll()
	r := e.at([...]source{statisticsOffice, codeCentre}[e.draw.below(2)])
	r.uscc = e.spoiledCode(e.code)
	if r.source == statisticsOffice {
		r.org = e.org
	}
	e.expectBadCode(r.uscc, r)
}

// badTaxpayerNumber is in a row that is found by name, division and representative.
func (e *entity) badTaxpayerNumber() {
	e.knownToAll()
	r := e.at(taxOffice)
	r.key = e.spoiledCode(e.code)
	e.expectBadCode(r.key, r)
}

func (e *entity) badOldTaxNumber() {
	e.knownToAll()
	r := e.at(taxOffice)
	r.key = e.division() + e.spoiledCode(e.org)
	e.expectBadCode(r.key, r)
}

func (e *entity) badRegistrationNumber() {
	e.knownToAll()
	r := e.at(marketOffice)
	last := e.regNo[len(e.regNo)-1]
	r.regNo = e.regNo[:len(e.regNo)-1] + string('0'+(last-'0'+byte(e.draw.between(1, 9)))%10)
	e.expectBadCode(r.regNo, r)
}

// badOrganisationCode stands beside a good credit code.
func (e *entity) badOrganisationCode() {
	e.knownToAll()
	r := e.at([...]source{statisticsOffice, codeCentre}[e.draw.below(2)])
	bad := e.spoiledCode(e.org)
	if r.source == statisticsOffice {
		r.org = bad
	} else {
		r.key = bad
	}
	e.expectBadCode(bad, r)
}

// spoiledCode has another check character.
func (e *entity) spoiledCode(code string) string {
	last := code[len(code)-1]
	wrong := byte('0' + e.draw.below(10))
	if wrong == last {
		wrong = '0' + (wrong-'0'+1)%10
	}
	return code[:len(code)-1] + string(wrong)
}

// doubled has two rows of one source, under one code and with two names.
func (e *entity) doubled(s source) {
	if len(e.rows) == 0 {
		e.knownToAll()
	}
	if s == codeCentre {
		s = statisticsOffice // an organisation code is the key of the code centre's rows
	}
	first := e.at(s)
	first.updated = e.longAgo()
	second := e.known(s)
	second.name, second.second = e.spelledName(e.former), ""
	second.updated = first.updated - schemas.Date(e.draw.between(1, 900))
	if s != e.class.registrar() {
		e.at(e.class.registrar()).updated = second.updated
	}
	e.expect("DUPLICATE_CODE", e.code, "", s.String(), "", "")
	e.expectConflict(datumName, second, stateConflict)
}

// bridged has a row that names the twin's organisation code beside its own credit code. It gives the row.
func (e *entity) bridged() *registration {
	twin := e.newTwin()
	e.knownToAll()
	twin.knownToAll()
	r := e.at(statisticsOffice)
	r.uscc, r.org = e.code, twin.org
	e.expect("CODE_CLASH", min(e.code, twin.code), "", "", "", "")
	return r
}

// bridgedSettled: beside the bridge there is a row of the twin without a credit code. Its organisation code fits both parts, what it
// says fits only one.
func (e *entity) bridgedSettled() {
	e.bridged()
	e.twin.at(taxOffice).key = e.twin.oldTaxNumber()
}

// bridgedLeft: the same, but the row says too little to tell whose it is.
func (e *entity) bridgedLeft() {
	e.bridged()
	r := e.twin.at(codeCentre)
	r.uscc, r.key, r.entity = "", e.twin.org, "quality:"+e.twin.org
	e.expectReview(r)
}

// twoCodes has one name, division and representative under two credit codes, each in one source alone.
func (e *entity) twoCodes() {
	e.standing = active
	twin := e.namesake()
	e.known(e.class.registrar())
	r := twin.known(taxOffice)
	e.expect("CODE_CLASH", min(e.code, twin.code), "", "", "", "")
	twin.expectOrphan(r)
}

// namesake is a twin with the same name, division and representative. Its credit code names another division.
func (e *entity) namesake() *entity {
	twin := e.newTwin()
	twin.name, twin.second, twin.county, twin.rep = e.name, "", e.county, e.rep
	return twin
}

// tied has a row without a code that fits the entity and its namesake.
func (e *entity) tied() {
	e.knownToAll()
	e.namesake().knownToAll()
	e.lone(statisticsOffice)
}

// lone adds a row without a code that is to be found nowhere or more than once.
func (e *entity) lone(s source) {
	r := e.known(s)
	r.uscc, r.regNo, r.entity = "", "", s.String()+":"+r.key
	e.expectReview(r)
	if s == statisticsOffice {
		e.expectOrphan(r)
	}
}

// twoLone has two rows without a code, so that each fits two others.
func (e *entity) twoLone() {
	e.knownToAll()
	e.lone(statisticsOffice)
	e.lone(establishmentOffice)
}

// orphan is unknown to all who register.
func (e *entity) orphan() {
	e.standing = active
	e.expectOrphan(e.known(taxOffice))
	e.expectOrphan(e.known(statisticsOffice))
	if e.draw.chance(500) {
		e.known(codeCentre)
	}
}

func (e *entity) orphanWithoutCode() {
	e.standing = active
	r := e.known(statisticsOffice)
	r.uscc, r.entity = "", "statistics:"+r.key
	e.expectOrphan(r)
}

func (e *entity) closedOrphan() {
	e.standing = closed
	e.known(taxOffice)
	e.known(statisticsOffice)
}

func (e *entity) secondName() {
	if e.second == "" {
		e.second = e.name + "附属培训学校"
	}
	r := e.other(datumStatus)
	r.name = e.spelledName(e.second)
}

// rowTwice is a source that keeps the entity twice, in one way or another the same.
func (e *entity) rowTwice() {
	e.knownToAll()
	e.known([...]source{e.class.registrar(), statisticsOffice}[e.draw.below(2)])
}

// oldCodesOnly is known by codes of the time before credit codes, and at the registrar by a registration number that nobody else has.
func (e *entity) oldCodesOnly() {
	for s := marketOffice; s < sources; s++ {
		r := e.known(s)
		r.uscc, r.entity = "", e.org
		switch s {
		case taxOffice:
			r.key = e.oldTaxNumber()
		case statisticsOffice:
			r.org = e.spelledOrganisation(e.org)
		}
	}
}

func (e *entity) foundByAddress() {
	e.knownToAll()
	r := e.at(statisticsOffice)
	r.uscc, r.rep = "", ""
}

// formerlyDivided has a row that still names the division which its own has succeeded.
func (e *entity) formerlyDivided() {
	r := e.other(datumDivision)
	r.division, r.address = formerDivision(e.county), e.street
}

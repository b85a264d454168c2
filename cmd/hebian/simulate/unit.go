package simulate

import (
	"strconv"
	"strings"

	"hebian/schemas"
)

// registered is when the units were first registered, before every succession.
const registered schemas.Month = 198001

// none stands where a date is empty: no day, or still open.
const none = schemas.MinDate

// slotType, channel and wage are values of a column; String gives the text.
type (
	slotType uint8
	channel  uint8
	wage     uint8
)

const (
	slotAdmin slotType = iota
	slotPolice
	slotCivil
	slotFull
	slotPartial
	slotSelf
	slotWorker
	slotTypes // how many there are
)

const (
	fundFull channel = iota
	fundPartial
	fundSelf
	funds // how many there are
)

const (
	wageBasic wage = iota
	wageAllowance
	wagePerformance
	wageBackPay
	wageBonus
	wageOffset
	wagePension
	wageVeteranPension
	wageSurvivor
	wageGrant
	wageLiving
	wageLabour
	wages // how many there are
)

func (t slotType) String() string {
	return [slotTypes]string{"行政", "政法专项", "参公", "事业全额", "事业差额", "事业自收自支", "工勤"}[t]
}

func (c channel) String() string { return [funds]string{"财政全额", "财政差额", "自筹"}[c] }

func (w wage) String() string {
	return [wages]string{"基本工资", "津贴补贴", "绩效工资", "补发", "年终奖", "冲减", "退休费", "离休费", "遗属补助", "抚恤金", "生活费", "劳务费"}[w]
}

// The categories of the credit codes of the establishment office.
const (
	organ       = '1'
	institution = '2'
)

// unitType is what a unit type may hold and how it is paid for.
type unitType struct {
	name     string
	category byte
	slots    []slotType
	stranger slotType // a type that it may not hold
	fund     channel
	endings  []string // of names
}

func newUnitTypes() []unitType {
	return []unitType{
		{"行政机关", organ, []slotType{slotAdmin, slotPolice, slotWorker}, slotFull, fundFull, []string{"局", "委员会", "办公室"}},
		{"参公事业", institution, []slotType{slotCivil, slotWorker}, slotAdmin, fundFull, []string{"执法大队", "服务中心", "管理所"}},
		{"全额事业", institution, []slotType{slotFull, slotWorker}, slotAdmin, fundFull, []string{"小学", "中学", "研究所", "图书馆"}},
		{"差额事业", institution, []slotType{slotPartial, slotWorker}, slotFull, fundPartial, []string{"医院", "卫生院", "保健站"}},
		{"自收自支事业", institution, []slotType{slotSelf}, slotPartial, fundSelf, []string{"招待所", "勘测队", "检测站"}},
	}
}

// unit is a unit as the establishment office registers it.
type unit struct {
	code         string
	name         word
	kind         *unitType
	division     string
	since, until schemas.Date // until: none, or the day on which it ceased
	heir         int          // the unit that it has become by the as-of date, often itself; -1: none or several
	head         string       // code and name in GB18030 with the commas behind them, the head of every pay line
}

// family is a unit that is no more, and what became of it. The units are indexes.
type family struct {
	former    int
	middle    int // what a chain of successions went through; else the former unit
	heirs     []int
	kind      string       // of the succession
	effective schemas.Date // from former to heirs, or to middle
	onward    schemas.Date // from middle to heirs; without a chain the same day
}

// payerIn is the unit that pays the family's staff in a month.
func (f *family) payerIn(m *month) int {
	switch {
	case m.last < f.effective:
		return f.former
	case m.last < f.onward:
		return f.middle
	}
	return f.heirs[0]
}

// families groups the former units by what became of them.
type families struct{ renamed, merged, split, chained, abolished []family }

func (f *families) all() []family {
	var all []family
	for _, some := range [][]family{f.renamed, f.merged, f.split, f.chained, f.abolished} {
		all = append(all, some...)
	}
	return all
}

// Every so many units the kinds of succession repeat.
const familyPeriod = 31

// newUnits lays out the live units and then the former ones.
func (p *plan) newUnits(s *speller) {
	live := max(12, p.Persons/40)
	kinds := newUnitTypes()
	for i := range live {
		p.newUnit(s, &kinds[i%len(kinds)], registered.First(), none)
		p.units[i].heir = i
	}
	p.live = live
	for i := 0; i < live; i++ {
		d := drawsOf(p.Seed, streamUnit, uint64(i)+1<<40)
		effective := p.successionDay(&d)
		switch f := &p.families; i % familyPeriod {
		case 0:
			p.units[i].since = effective
			f.renamed = append(f.renamed, p.newFamily(s, "rename", effective, i))
		case 1:
			f.merged = append(f.merged, p.newFamily(s, "merge", effective, i), p.newFamily(s, "merge", effective, i))
		case 2:
			if i+1 < live {
				f.split = append(f.split, p.newFamily(s, "split", effective, i, i+1))
			}
		case 4:
			f.chained = append(f.chained, p.newChain(s, effective, i))
		case 5:
			f.abolished = append(f.abolished, p.newFamily(s, "abolish", effective))
		}
	}
}

// successionDay is a day within the payroll months or in the ten years before.
func (p *plan) successionDay(d *draws) schemas.Date {
	index := -1 - d.below(120)
	if d.chance(500) {
		index = d.below(p.Months)
	}
	return p.monthAt(index).First() + schemas.Date(d.below(20))
}

func (p *plan) newFamily(s *speller, kind string, effective schemas.Date, heirs ...int) family {
	like := p.units[len(p.units)%p.live].kind
	heir := -1
	if len(heirs) > 0 {
		like = p.units[heirs[0]].kind
	}
	if len(heirs) == 1 {
		heir = heirs[0]
	}
	former := p.newUnit(s, like, registered.First(), effective)
	p.units[former].heir = heir
	return family{former: former, middle: former, heirs: heirs, kind: kind, effective: effective, onward: effective}
}

// newChain is a unit that was renamed and later merged.
func (p *plan) newChain(s *speller, onward schemas.Date, heir int) family {
	f := p.newFamily(s, "rename", onward.AddMonths(-14), heir)
	f.onward = onward
	f.middle = p.newUnit(s, p.units[heir].kind, f.effective, onward)
	p.units[f.middle].heir = heir
	return f
}

// newUnit gives the index of a new unit.
func (p *plan) newUnit(s *speller, kind *unitType, since, until schemas.Date) int {
	index := len(p.units)
	d := drawsOf(p.Seed, streamUnit, uint64(index))
	counties := countyNames()
	fields := [...]string{"教育", "民政", "水利", "农业农村", "林业", "交通运输", "卫生健康", "文化", "统计", "审计", "档案", "生态环境", "司法",
		"住房", "商务", "科技", "体育", "信访", "气象", "财政", "应急", "医保", "粮食", "市场监管"}
	county := index % len(counties)
	name := counties[county] + fields[d.below(len(fields))] + kind.endings[d.below(len(kind.endings))] + "（" + strconv.Itoa(index+1) + "）"
	u := unit{name: s.word(name), kind: kind, division: strconv.Itoa(firstDivision + county), since: since, until: until}
	u.code = creditCode(kind.category, u.division, index+1)
	u.head = u.code + "," + u.name.gb + ","
	p.units = append(p.units, u)
	return index
}

// countyCount is how many counties there are.
const countyCount = 6

// countyNames are the names of the divisions from firstDivision on.
func countyNames() [countyCount]string {
	return [countyCount]string{"临溪县", "云岫区", "望舒县", "清砚县", "松涧区", "枕河县"}
}

// creditCode is a credit code of the establishment office with both its check characters.
func creditCode(category byte, division string, serial int) string {
	return checkedCreditCode("1" + string(category) + division + organisationCode("QH", serial))
}

// organisationCode is an organisation code with its check character (GB 11714).
func organisationCode(letters string, serial int) string {
	var serialText [6]byte
	putDigits(serialText[:], serial)
	organisation := letters + string(serialText[:])
	sum := 0
	for i, weight := range [8]int{3, 7, 9, 10, 5, 8, 4, 2} {
		c := organisation[i]
		if c >= 'A' {
			c -= 'A' - '9' - 1
		}
		sum += int(c-'0') * weight
	}
	return organisation + string("0X987654321"[sum%11])
}

// checkedCreditCode adds the check character (GB 32100) to the 17 places before it.
func checkedCreditCode(code string) string {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	sum := 0
	weight := 1
	for i := range len(code) {
		sum += strings.IndexByte(alphabet, code[i]) * weight
		weight = weight * 3 % 31
	}
	return code + string(alphabet[(31-sum%31)%31])
}

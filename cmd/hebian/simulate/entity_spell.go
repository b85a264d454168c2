package simulate

import (
	"strconv"
	"strings"

	"hebian/schemas"
)

// None of the ways in which something is written here makes it another thing: no conflict comes of them.

// The made-up place that all divisions of the county lie in.
const (
	provinceName = "河北省"
	provinceCode = "130000"
	cityName     = "云川市"
	cityCode     = "139700"
)

// formerNames are the names of what the counties were made of. Their codes are formerDivision's.
func formerNames() [6]string {
	return [...]string{"临川县", "云峡县", "望江县", "清源县", "松坪县", "枕山县"}
}

func formerDivision(county int) string { return strconv.Itoa(firstDivision + 20 + county) }

const wanYuan = 10_000

// standing is how an entity stands, whatever word a source has for it.
type standing uint8

const (
	active standing = iota
	preparing
	suspended
	liquidating
	revoked
	withdrawn
	moved
	closed
	standings // how many there are
)

// word is the word of a source.
func (s standing) word(of source, d *draws) string {
	switch s {
	case active:
		if of == taxOffice && d.chance(30) {
			return "非正常"
		}
		return [...]string{"存续", "在业", "正常", "开业"}[d.below(4)]
	case suspended:
		return [...]string{"停业", "歇业"}[d.below(2)]
	}
	return [standings]string{preparing: "筹建", liquidating: "清算", revoked: "吊销", withdrawn: "撤销", moved: "迁出", closed: "注销"}[s]
}

func (e *entity) spelledName(name string) string {
	switch d := &e.draw; d.below(20) {
	case 0:
		return bracketed(name, "(", ")")
	case 1:
		return bracketed(name, "【", "】")
	case 2:
		return bracketed(name, "〔", "〕")
	case 3:
		runes := []rune(name)
		at := d.between(2, len(runes)-1)
		return string(runes[:at]) + [...]string{" ", "\u3000"}[d.below(2)] + string(runes[at:])
	case 4:
		return wideDigits(name)
	}
	return name
}

func bracketed(text, left, right string) string {
	return strings.NewReplacer("（", left, "）", right).Replace(text)
}

// wideDigits writes digits full-width.
func wideDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + '０'
		}
		return r
	}, text)
}

// spelledAddress puts none, some or all of province, city and county in front.
func (e *entity) spelledAddress() string {
	d := &e.draw
	county := countyNames()[e.county]
	front := [...]string{provinceName + cityName + county, cityName + county, county, provinceName + county, cityName, ""}[d.below(6)]
	street := e.street
	switch d.below(12) {
	case 0:
		street = bracketed(street, "(", ")")
	case 1:
		street = wideDigits(street)
	case 2:
		street += "，"
	case 3:
		front += " "
	}
	return front + street
}

func (e *entity) spelledRep(rep string) string {
	switch d := &e.draw; {
	case strings.Contains(rep, "·") && d.chance(500):
		return strings.ReplaceAll(rep, "·", [...]string{"•", "・", "．"}[d.below(3)])
	case d.chance(50):
		runes := []rune(rep)
		return string(runes[:1]) + [...]string{" ", "\u3000"}[d.below(2)] + string(runes[1:])
	}
	return rep
}

// spelledCapital is the capital in the unit of the source. The registrar writes the exact amount, and so does everybody who uses the
// registrar's unit; yuan against wan need to agree to the wan only.
func (e *entity) spelledCapital(s source) string {
	d := &e.draw
	own := s == e.class.registrar()
	inWan := func(s source) bool { return s <= civilAffairs }
	yuan := e.yuan
	if !own && inWan(s) != inWan(e.class.registrar()) && d.chance(300) {
		yuan = (yuan + wanYuan/2) / wanYuan * wanYuan
	}
	if inWan(s) {
		return wanText(yuan, d.below(3))
	}
	cents := ".00"
	switch n := d.below(6); {
	case n == 0 && !own:
		cents = ".40"
	case n == 1:
		return groupedYuan(yuan) + cents
	case n > 3:
		cents = ""
	}
	return strconv.FormatInt(yuan, 10) + cents
}

// wanText writes yuan in units of 10,000: 1234.5, 1234.5000 or 1,234.5.
func wanText(yuan int64, style int) string {
	whole, rest := strconv.FormatInt(yuan/wanYuan, 10), strconv.FormatInt(wanYuan+yuan%wanYuan, 10)[1:]
	if style == 2 {
		whole = groupedYuan(yuan / wanYuan)
	}
	if style != 1 {
		rest = strings.TrimRight(rest, "0")
	}
	if rest == "" {
		return whole
	}
	return whole + "." + rest
}

// groupedYuan writes a number in groups of three digits.
func groupedYuan(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// spelledDate writes the day, or only its month or year.
func (e *entity) spelledDate(on schemas.Date, exact bool) string {
	text := on.String()
	switch n := e.draw.below(10); {
	case n < 2 && !exact, n == 2:
		return text[:len("2006-01")]
	case n == 3 && !exact:
		return text[:len("2006")]
	}
	return text
}

// spelledIndustry writes the code to the last digit or less exactly, with its letter or without.
func (e *entity) spelledIndustry() string {
	switch e.draw.below(10) {
	case 0:
		return e.industry[1:]
	case 1:
		return e.industry[:4]
	case 2:
		return e.industry[1:3]
	case 3:
		return strings.ToLower(e.industry)
	}
	return e.industry
}

// spelledCode writes a code as it is, or as somebody typed it.
func (e *entity) spelledCode(code string) string {
	if code == "" {
		return ""
	}
	switch e.draw.below(25) {
	case 0:
		return strings.ToLower(code)
	case 1:
		return code[:8] + "-" + code[8:]
	case 2:
		return code[:8] + " " + code[8:]
	case 3:
		return wideDigits(code[:2]) + code[2:]
	}
	return code
}

// forget leaves out what a source that does not register the entity need not know.
func (e *entity) forget(r *registration) {
	for _, text := range []*string{&r.address, &r.rep, &r.capital, &r.established} {
		if e.draw.chance(40) {
			*text = ""
		}
	}
	if r.source != statisticsOffice && e.draw.chance(40) {
		r.industry = ""
	}
	if e.draw.chance(40) {
		r.division = ""
	}
	if e.draw.chance(100) {
		r.updated = none
	}
	if e.second != "" && e.draw.chance(50) {
		r.name = e.spelledName(e.second)
	}
}

// loseCodes leaves a row without any code, if it can still be found by what it says.
func (e *entity) loseCodes(r *registration) bool {
	if r.source == taxOffice || r.source == codeCentre || r.division == "" || r.rep == "" && r.address == "" {
		return false
	}
	r.uscc, r.regNo = "", ""
	return true
}

// oldCodes writes a row with codes of the time before credit codes, by which it is found as well.
func (e *entity) oldCodes(r *registration) {
	d := &e.draw
	switch {
	case r.source == statisticsOffice && d.chance(100):
		r.uscc, r.org = "", e.spelledOrganisation(e.org)
	case r.source == statisticsOffice && d.chance(100):
		r.org = e.org
	case r.source == codeCentre && d.chance(200):
		r.uscc = ""
	case r.source == codeCentre && d.chance(100):
		r.key = e.org[:8] + "-" + e.org[8:]
	case r.source == taxOffice && d.chance(50):
		r.key = e.oldTaxNumber()
	case r.source == taxOffice && e.regNo != "" && d.chance(40):
		r.key = e.regNo // the registrar's row has it beside the credit code
	}
}

// spelledOrganisation writes an organisation code: as it is, with a hyphen, or as statistics mark a local unit of the head office.
func (e *entity) spelledOrganisation(org string) string {
	switch e.draw.below(4) {
	case 0:
		return org[:8] + "-" + org[8:]
	case 1:
		return org[:8] + "B"
	}
	return org
}

// oldTaxNumber is the entity's taxpayer number of the time before credit codes.
func (e *entity) oldTaxNumber() string { return e.division() + e.org }

// registrationNumber is a registration number of the time before credit codes, with its check digit (MOD 11,10).
func registrationNumber(division string, serial int) string {
	var digits [8]byte
	putDigits(digits[:], serial)
	number := division + string(digits[:])
	product := 10
	for i := range len(number) {
		sum := (product + int(number[i]-'0')) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	return number + string(rune('0'+(11-product)%10))
}

// brandOf is the part of a name that no other entity bears: three characters, from a quarter of a million on four. Nothing that stands
// before or behind it in a name is made of its characters.
func brandOf(n int) string {
	const characters = "云山海川风华瑞祥恒泰安康盛达鑫隆宏远嘉禾清泉松柏兰竹金玉锦绣春晖朝阳星月晨曦博雅翰德厚诚和顺明亮启航腾飞聚源润泽福寿岳峰岚霖雁鹭"
	const size, bits = len("云"), 6
	places, step := 3, 0x9e37d
	if n >= 1<<(3*bits) {
		places, step = 4, 0x9e3779
	}
	n = n * step & (1<<(places*bits) - 1) // an odd step meets every number once
	brand := make([]byte, 0, 4*size)
	for i := range places {
		at := size * (n >> (i * bits) & (1<<bits - 1))
		brand = append(brand, characters[at:at+size]...)
	}
	return string(brand)
}

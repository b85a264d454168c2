package entity

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Likeness is what speaks for and against a record being about an entity.
type Likeness struct {
	For, Against []Reason
	Worth        bool // enough for somebody to look at the two
}

// Alike holds a record against the members of an entity that it is not linked to. It links nothing: a person decides.
//
// Worth a look is an equal name with anything that supports it, and a name nearly equal with the same representative or address in
// what may be the same division; never where both have a USCC and not the same.
func (b *Bench) Alike(lone *Record, members []Record) Likeness {
	var rep, address, division, established, uscc, org outcome
	name := nameDiffers
	codes := lone.Codes()
	for i := range members {
		m := &members[i]
		name = max(name, b.compareNames(lone, m))
		if lone.LegalRep != "" && m.LegalRep != "" {
			rep.note(sameText(lone.LegalRep, m.LegalRep))
		}
		if lone.Address != "" && m.Address != "" {
			address.note(b.Divisions.sameAddress(lone.Address, lone.Division, m.Address, m.Division, b.Day))
		}
		if lone.Division != "" && m.Division != "" {
			division.note(b.Divisions.Same(lone.Division, m.Division, b.Day))
		}
		if lone.Established != "" && m.Established != "" {
			established.note(sameDate(lone.Established, m.Established))
		}
		theirs := m.Codes()
		if codes.USCC != "" && theirs.USCC != "" {
			uscc.note(codes.USCC == theirs.USCC)
		}
		if codes.Org != "" && theirs.Org != "" {
			org.note(codes.sharesOrg(&theirs))
		}
	}
	var l Likeness
	switch name {
	case nameEqual:
		l.For = append(l.For, ReasonNameEqual)
	case nameAlike:
		l.For = append(l.For, ReasonNameAlike)
	default:
		l.Against = append(l.Against, ReasonNameDiffers)
	}
	l.add(rep, ReasonRepEqual, ReasonRepDiffers)
	l.add(address, ReasonAddressEqual, ReasonAddressDiffers)
	l.add(division, ReasonDivisionEqual, ReasonDivisionDiffers)
	l.add(established, ReasonEstablishedEqual, ReasonEstablishedDiffers)
	if uscc == unknown {
		l.add(org, ReasonCodeEqual, ReasonCodeDiffers)
	} else {
		l.add(uscc, ReasonCodeEqual, ReasonCodeDiffers)
	}
	supported := rep == equal || address == equal
	switch {
	case uscc == differs:
	case name == nameEqual:
		l.Worth = supported || division == equal && (rep == unknown || address == unknown)
	case name == nameAlike:
		l.Worth = supported && division != differs && org != differs
	}
	return l
}

func (l *Likeness) add(o outcome, same, different Reason) {
	switch o {
	case equal:
		l.For = append(l.For, same)
	case differs:
		l.Against = append(l.Against, different)
	}
}

// sharesOrg says whether any organisation code of one is one of the other's.
func (c *Codes) sharesOrg(o *Codes) bool {
	return c.Org == o.Org || c.Org2 != "" && (c.Org2 == o.Org || c.Org2 == o.Org2) || o.Org2 != "" && c.Org == o.Org2
}

// outcome is how a record compares with the members of an entity in one respect. The best of them counts.
type outcome uint8

const (
	unknown outcome = iota // one side says nothing
	differs
	equal
)

func (o *outcome) note(same bool) {
	if same {
		*o = equal
	} else {
		*o = max(*o, differs)
	}
}

// likeName is how alike two names are.
type likeName uint8

const (
	nameDiffers likeName = iota
	nameAlike
	nameEqual
)

// compareNames compares all names of one record with all of the other.
func (b *Bench) compareNames(x, y *Record) likeName {
	if sameName(x, y) {
		return nameEqual
	}
	for _, nameX := range [...]string{x.Name, x.SecondName} {
		for _, nameY := range [...]string{y.Name, y.SecondName} {
			if nameX != "" && nameY != "" && alikeNames(b.parseName(nameX, x.Division), b.parseName(nameY, y.Division)) {
				return nameAlike
			}
		}
	}
	return nameDiffers
}

// orgName is a name in parts.
type orgName struct {
	core   string
	branch string // the word that says that it is a part of another: 分公司
}

// parseName takes a name apart.
func (b *Bench) parseName(name, division string) orgName {
	n := orgName{core: string(appendBare(nil, name))}
	way, depth := b.Divisions.way(division, b.Day)
	for _, d := range way[levels-depth:] {
		rest, found := strings.CutPrefix(n.core, d.bare)
		if !found {
			rest, found = strings.CutPrefix(n.core, shortName(d.bare))
		}
		if found && rest != "" {
			n.core = rest
		}
	}
	for _, word := range [...]string{
		"分公司", "分店", "分厂", "分行", "支行", "分社", "分院", "分校", "分园", "分所", "分局", "分会", "分队", "分中心", "营业部", "经营部", "门市部",
		"服务部", "办事处", "代表处", "工作站", "校区", "院区", "园区", "校友会", "工会", "党委", "党总支", "食堂",
	} {
		if rest, found := strings.CutSuffix(n.core, word); found && rest != "" {
			n.core, n.branch = rest, word
			break
		}
	}
	for _, form := range [...]string{ // the longer before those that they end in
		"特殊普通合伙", "普通合伙", "有限合伙", "合伙企业", "个人独资企业", "股份有限公司", "有限责任公司", "有限公司", "股份公司", "农民专业合作社", "专业合作社",
		"股份", "集团", "公司",
	} {
		if rest, found := strings.CutSuffix(n.core, form); found {
			if utf8.RuneCountInString(rest) < 2 {
				break // of what is left nobody would know the name
			}
			n.core = rest
		}
	}
	return n
}

// shortName is a division's name as people say it: 青岚 of 青岚县. A name of two characters is said whole.
func shortName(name string) string {
	_, size := utf8.DecodeLastRuneInString(name)
	if short := name[:len(name)-size]; utf8.RuneCountInString(short) > 1 {
		return short
	}
	return name
}

// alikeNames says whether two names, not equal, may be spellings of one: the same core, or one with a single mistake. Part and whole
// are never alike, nor two parts with anything different, nor names that count differently: 一中 is not 二中.
func alikeNames(x, y orgName) bool {
	if x.branch != y.branch {
		return false
	}
	var roomX, roomY [64]rune
	coreX, coreY := appendRunes(roomX[:0], x.core), appendRunes(roomY[:0], y.core)
	if slices.Equal(coreX, coreY) {
		return true
	}
	return x.branch == "" && min(len(coreX), len(coreY)) >= minMistaken && oneMistake(coreX, coreY) && sameTelling(coreX, coreY)
}

// minMistaken is how long a name must be for a mistake in it. Most names of three characters are one away from another.
const minMistaken = 4

func appendRunes(dst []rune, s string) []rune {
	for _, r := range s {
		dst = append(dst, countable(r))
	}
	return dst
}

// countable makes one of the two ways to write a figure.
func countable(r rune) rune {
	if r >= '0' && r <= '9' {
		return [...]rune{'零', '一', '二', '三', '四', '五', '六', '七', '八', '九'}[r-'0']
	}
	if r == '〇' {
		return '零'
	}
	return r
}

// oneMistake says whether one character put in, left out or changed, or two neighbours swapped, make one text of the other.
func oneMistake(x, y []rune) bool {
	if len(x) > len(y) {
		x, y = y, x
	}
	i := 0
	for i < len(x) && x[i] == y[i] {
		i++
	}
	x, y = x[i:], y[i:]
	switch {
	case len(y) > len(x)+1:
		return false
	case len(y) > len(x):
		return slices.Equal(x, y[1:])
	case len(x) == 0 || slices.Equal(x[1:], y[1:]):
		return true
	}
	return x[0] == y[1] && x[1] == y[0] && slices.Equal(x[2:], y[2:])
}

// sameTelling says whether two texts have the same figures and directions in the same order: those tell organisations apart that
// have all else alike.
func sameTelling(x, y []rune) bool {
	i, j := 0, 0
	for {
		for i < len(x) && !telling(x[i]) {
			i++
		}
		for j < len(y) && !telling(y[j]) {
			j++
		}
		if i == len(x) || j == len(y) {
			return i == len(x) && j == len(y)
		}
		if x[i] != y[j] {
			return false
		}
		i, j = i+1, j+1
	}
}

func telling(r rune) bool {
	return strings.ContainsRune("零一二三四五六七八九十百千两甲乙丙丁戊己庚辛壬癸东西南北中上下前后左右大小新老男女", r)
}

package connectors

import (
	"slices"
	"strings"
	"sync"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// namesakes are words that agencies use in place of each other in headers.
var namesakes = [][]string{
	{"身份证号", "身份证号码", "身份证件号码", "公民身份号码", "证件号码", "证件号", "身份证", "社会保障号码", "社保号码", "idnumber", "idno", "idcard", "sfzh", "sfzhm"},
	{"姓名", "人员姓名", "职工姓名", "参保人姓名", "fullname", "xm"},
	{"统一社会信用代码", "信用代码", "社会信用代码", "统一代码", "uscc", "creditcode", "tyshxydm"},
	{"单位代码", "机构代码", "单位编码", "单位统一社会信用代码", "统一社会信用代码", "uscc", "unitcode", "dwdm"},
	{"发放单位代码", "单位代码", "单位编码", "机构代码", "单位统一社会信用代码", "dwdm"},
	{"参保单位代码", "单位代码", "单位编码", "单位统一社会信用代码", "参保单位统一社会信用代码"},
	{"单位名称", "机构名称", "名称", "法人名称", "企业名称", "unitname", "dwmc"},
	{"发放单位名称", "单位名称", "机构名称", "单位", "unitname", "dwmc"},
	{"法定代表人", "法人代表", "负责人", "legalrep", "legalrepresentative", "fddbr"},
	{"住所", "地址", "注册地址", "经营场所", "address"},
	{"成立日期", "开业日期", "注册日期", "设立日期", "established"},
	{"更新日期", "修改日期", "updatedon", "updatedat", "gxsj"},
	{"金额", "应发金额", "发放金额", "实发金额", "应发工资", "amount", "je"},
	{"工资类别", "工资项目", "发放项目", "wagetype"},
	{"所属期", "所属月份", "工资月份", "period"},
	{"参保月份", "缴费月份", "费款所属期", "month"},
	{"经费渠道", "经费形式", "经费来源", "fundchannel"},
	{"行政区划", "区划代码", "行政区划代码", "division", "xzqh"},
	{"来源编号", "登记编号", "登记号", "sourceid"},
	{"编制序号", "编制编号", "编制号", "slotno"},
	{"编制类型", "编制性质", "slottype"},
	{"生效日期", "开始日期", "起始日期", "有效期起", "入编日期", "validfrom"},
	{"失效日期", "结束日期", "终止日期", "截止日期", "有效期止", "validto"},
	{"返岗日期", "结束日期", "终止日期"},
}

// sameParts are parts of headers that mean the same.
var sameParts = strings.NewReplacer("时间", "日期", "编码", "代码", "号码", "号", "类型", "类别", "种类", "类别")

// plainNamesakes are the namesakes with parts that mean the same made equal.
var plainNamesakes = sync.OnceValue(func() [][]string {
	all := make([][]string, len(namesakes))
	for i, words := range namesakes {
		for _, word := range words {
			all[i] = append(all[i], sameParts.Replace(word))
		}
	}
	return all
})

// named says how much a header looks like that of a field, 0 to 1.
func named(f *schemas.SubjectField, header string) (likeness float64, why string) {
	if slices.Contains(f.Headers, header) {
		return 1, "the same header"
	}
	plain := sameParts.Replace(sameHeader(header))
	known := append([]string{f.Label, f.Name}, f.Headers...)
	for i, name := range known {
		known[i] = sameParts.Replace(sameHeader(name))
	}
	if slices.Contains(known, plain) {
		return 0.95, "nearly the same header"
	}
	for _, words := range plainNamesakes() {
		if slices.Contains(words, plain) && slices.ContainsFunc(known, func(name string) bool { return slices.Contains(words, name) }) {
			return 0.8, "another word for " + f.Label
		}
	}
	for i, name := range known {
		shorter, longer := min(len(name), len(plain)), max(len(name), len(plain))
		if shorter >= len("姓名") && (strings.Contains(plain, name) || strings.Contains(name, plain)) {
			if like := 0.3 + 0.4*float64(shorter)/float64(longer); like > likeness {
				likeness, why = like, "a header like "+append([]string{f.Label, f.Name}, f.Headers...)[i]
			}
		}
	}
	return likeness, why
}

// telling is how much values alone say that a column is of a field, whatever its header is: an identity number is hardly ever anything else.
func telling(f *schemas.SubjectField) float64 {
	switch f.Kind {
	case schemas.KindIDNumber:
		return 0.5
	case schemas.KindUnitCode, schemas.KindSet:
		return 0.4
	case schemas.KindMonth:
		return 0.3
	}
	return 0
}

// holds says which share of a column's cells go with a field. It is the same for all fields of a kind, which is looked at once.
func (l *look) holds(f *schemas.SubjectField, column int) float64 {
	key := heldKey{f.Kind, strings.Join(f.Labels, ","), column}
	share, known := l.held[key]
	if !known {
		fits := 0
		for _, cell := range l.cells[column] {
			if fitting(f, cell) {
				fits++
			}
		}
		share = float64(fits) / float64(len(l.cells[column]))
		l.held[key] = share
	}
	return share
}

// look is a look at a sample: its cells by column, without the empty ones, and what is known of them.
type look struct {
	*Sample
	cells [][]string
	held  map[heldKey]float64
}

type heldKey struct {
	kind   schemas.Kind
	labels string
	column int
}

func newLook(s *Sample) *look {
	l := &look{Sample: s, held: map[heldKey]float64{}}
	for j := range s.Headers {
		l.cells = append(l.cells, s.column(j))
	}
	return l
}

// goes says how well a column goes with a field, 0 to 1, and why.
func (l *look) goes(f *schemas.SubjectField, column int) (points float64, why string) {
	likeness, why := named(f, l.Headers[column])
	if len(l.cells[column]) == 0 {
		return 0.6 * likeness, why
	}
	switch share := l.holds(f, column); {
	case share > 0.9:
		if alone := telling(f); likeness < alone { // values tell numbers of persons from dates, but not one date from another
			return alone, "by its values"
		}
		return likeness, why + ", values that fit"
	case share > 0.5:
		return 0.7 * likeness, why + ", values that mostly fit"
	case f.Kind == schemas.KindSet && likeness >= 0.8:
		return 0.5 * likeness, why + "; say in values what its own words mean"
	case share > 0:
		return 0.3 * likeness, why + ", few values that fit"
	}
	return 0.1 * likeness, why + ", no value that fits yet"
}

// fitting says whether a cell, cleaned in some way that a profile can name, is a value of the field.
func fitting(f *schemas.SubjectField, cell string) (ok bool) {
	switch f.Kind {
	case schemas.KindIDNumber:
		return isPerson(cell)
	case schemas.KindUnitCode:
		return isUnit(cell)
	case schemas.KindDate:
		_, ok = schemas.ParseDate(plainDate(cell))
	case schemas.KindPartialDate:
		_, ok = schemas.ParsePartialDate(plainDate(cell))
	case schemas.KindMonth:
		_, ok = schemas.ParseMonth(cell)
	case schemas.KindFen, schemas.KindYuan, schemas.KindWan:
		_, ok = schemas.ParseWan(cell)
	case schemas.KindIndustry:
		_, ok = schemas.ParseIndustryCode(cell)
	case schemas.KindNumber:
		_, ok = parseCount(cell)
	case schemas.KindSet:
		return labelOf(f, cell) != ""
	default:
		return !isPerson(cell)
	}
	return ok
}

func isPerson(cell string) bool { return ident.PersonKey(ident.Clean(cell)) != "" }

func isUnit(cell string) bool {
	clean := ident.Clean(cell)
	return ident.USCC(clean).Verdict != ident.Invalid || ident.OrgCode(clean).Verdict != ident.Invalid
}

// affirmations are how agencies say yes and no.
var affirmations = map[string][]string{"Y": {"是", "有", "1", "yes", "true"}, "N": {"否", "无", "0", "no", "false"}}

// labelOf is the word of the schema that a cell of a set stands for; "": none.
func labelOf(f *schemas.SubjectField, cell string) string {
	if slices.Contains(f.Labels, cell) {
		return cell
	}
	if at := slices.Index(f.Symbols, strings.ToUpper(cell)); at >= 0 {
		return f.Labels[at]
	}
	for _, label := range f.Labels {
		if words := affirmations[label]; words != nil && slices.Contains(words, strings.ToLower(cell)) {
			return label
		}
	}
	return ""
}

// clean proposes the cleaning that the values of a column need.
func (l *look) clean(c *Column, f *schemas.SubjectField, at int) {
	cells := l.cells[at]
	switch f.Kind {
	case schemas.KindDate, schemas.KindPartialDate:
		if slices.ContainsFunc(cells, func(cell string) bool { return plainDate(cell) != cell }) {
			c.Dates = "any"
		}
	case schemas.KindSet:
		for _, cell := range cells {
			if label := labelOf(f, cell); label != "" && label != cell {
				if c.Values == nil {
					c.Values = map[string]string{}
				}
				c.Values[cell] = label
			}
		}
	}
	for _, none := range []string{"无", "-", "—", "/", "NULL", "null", "N/A", "\\N"} {
		if f.Kind != schemas.KindText && slices.Contains(cells, none) && c.Values[none] == "" {
			c.Empty = append(c.Empty, none)
		}
	}
}

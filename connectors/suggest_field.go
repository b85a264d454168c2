package connectors

import (
	"slices"
	"strings"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// namesakes are words that agencies use in place of each other in headers.
var namesakes = [][]string{
	{"身份证号", "身份证号码", "身份证件号码", "公民身份号码", "证件号码", "证件号", "身份证", "idnumber", "idno", "idcard"},
	{"姓名", "人员姓名", "职工姓名", "fullname", "name", "xm"},
	{"统一社会信用代码", "信用代码", "社会信用代码", "统一代码", "uscc", "creditcode", "tyshxydm"},
	{"单位名称", "机构名称", "发放单位名称", "名称", "unitname"},
	{"单位代码", "机构代码", "发放单位代码", "unitcode", "unit"},
	{"法定代表人", "法人代表", "负责人", "legalrep", "legalrepresentative", "fddbr"},
	{"住所", "地址", "注册地址", "经营场所", "address"},
	{"成立日期", "开业日期", "注册日期", "设立日期", "established"},
	{"更新日期", "更新时间", "修改时间", "updatedon", "updatedat", "gxsj"},
	{"金额", "应发金额", "发放金额", "实发金额", "amount", "je"},
	{"行政区划", "区划代码", "行政区划代码", "division", "xzqh"},
}

// named says how much a header looks like that of a field, 0 to 1.
func named(f *schemas.SubjectField, header string) (likeness float64, why string) {
	plain := sameHeader(header)
	known := append([]string{f.Label, f.Name}, f.Headers...)
	for _, name := range f.Headers {
		if name == header {
			return 1, "the same header"
		}
	}
	for _, name := range known {
		if sameHeader(name) == plain {
			return 0.95, "nearly the same header"
		}
	}
	for _, words := range namesakes {
		if slices.Contains(words, plain) && slices.ContainsFunc(known, func(name string) bool { return slices.Contains(words, sameHeader(name)) }) {
			return 0.8, "another word for " + f.Label
		}
	}
	for _, name := range known {
		if same := sameHeader(name); len(same) >= len("姓名") && len(plain) >= len("姓名") && (strings.Contains(plain, same) || strings.Contains(same, plain)) {
			return 0.5, "a header like " + name
		}
	}
	return 0, ""
}

// holds says how well the values of a column go with a field, 0 to 1.
func holds(f *schemas.SubjectField, cells []string) (share float64, says string) {
	if len(cells) == 0 {
		return 0.6, ""
	}
	fits := 0
	for _, cell := range cells {
		if fitting(f, cell) {
			fits++
		}
	}
	share = float64(fits) / float64(len(cells))
	switch {
	case share > 0.9:
		return 1, ", values that fit"
	case share > 0.5:
		return 0.7, ", values that mostly fit"
	case share > 0:
		return 0.3, ", few values that fit"
	}
	return 0.1, ", no value that fits yet"
}

// fitting says whether a cell, cleaned in some way that a profile can name, is a value of the field.
func fitting(f *schemas.SubjectField, cell string) bool {
	switch f.Kind {
	case schemas.KindIDNumber:
		return ident.PersonKey(ident.Clean(cell)) != ""
	case schemas.KindUnitCode:
		clean := ident.Clean(cell)
		return ident.USCC(clean).Verdict != ident.Invalid || ident.OrgCode(clean).Verdict != ident.Invalid
	case schemas.KindDate:
		_, ok := schemas.ParseDate(plainDate(cell))
		return ok
	case schemas.KindMonth:
		_, ok := schemas.ParseMonth(cell)
		return ok
	case schemas.KindFen, schemas.KindYuan, schemas.KindWan:
		_, ok := schemas.ParseWan(cell)
		return ok
	case schemas.KindNumber:
		_, ok := parseCount(cell)
		return ok
	case schemas.KindSet:
		return slices.Contains(f.Labels, cell)
	}
	return true
}

// clean proposes the cleaning that the values of a column need.
func (s *Sample) clean(c *Column, f *schemas.SubjectField, at int) {
	cells := s.column(at)
	switch f.Kind {
	case schemas.KindDate:
		if slices.ContainsFunc(cells, func(cell string) bool { return plainDate(cell) != cell }) {
			c.Dates = "any"
		}
	case schemas.KindSet:
		for _, cell := range cells {
			if slices.Contains(f.Labels, cell) {
				continue
			}
			if at := slices.Index(f.Symbols, strings.ToUpper(cell)); at >= 0 {
				if c.Values == nil {
					c.Values = map[string]string{}
				}
				c.Values[cell] = f.Labels[at]
			}
		}
	}
	for _, none := range []string{"无", "-", "—", "/", "NULL", "null", "N/A", "\\N"} {
		if f.Kind != schemas.KindText && slices.Contains(cells, none) {
			c.Empty = append(c.Empty, none)
		}
	}
}

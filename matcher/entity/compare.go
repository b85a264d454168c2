package entity

import (
	"strings"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// The words in which statuses are compared.
const (
	active      = "ACTIVE"
	preparing   = "PREPARING"
	suspended   = "SUSPENDED"
	liquidating = "LIQUIDATING"
	revoked     = "REVOKED"
	withdrawn   = "WITHDRAWN"
	closed      = "CLOSED"
	moved       = "MOVED"
)

// StatusWords gives a status as agencies write it and the word in which it is compared.
func StatusWords(s schemas.RegistrationStatus) (written, normal string) {
	switch s {
	case "":
		return "", ""
	case schemas.StatusExisting:
		return "存续", active
	case schemas.StatusInOperation:
		return "在业", active
	case schemas.StatusNormal:
		return "正常", active
	case schemas.StatusOpen:
		return "开业", active
	case schemas.StatusAbnormal: // a taxpayer that can't be found; the legal person is there
		return "非正常", active
	case schemas.StatusPreparing:
		return "筹建", preparing
	case schemas.StatusSuspended:
		return "停业", suspended
	case schemas.StatusOutOfBusiness:
		return "歇业", suspended
	case schemas.StatusLiquidating:
		return "清算", liquidating
	case schemas.StatusRevoked:
		return "吊销", revoked
	case schemas.StatusWithdrawn:
		return "撤销", withdrawn
	case schemas.StatusClosed:
		return "注销", closed
	case schemas.StatusMoved:
		return "迁出", moved
	}
	panic("a registration with the status " + string(s))
}

// has says whether the record has a value in a field.
func (r *Record) has(f Field) bool {
	switch f {
	case FieldName:
		return r.Name != ""
	case FieldLegalRep:
		return r.LegalRep != ""
	case FieldAddress:
		return r.Address != ""
	case FieldCapital:
		return r.CapitalUnit != NoCapital
	case FieldEstablished:
		return r.Established != ""
	case FieldStatus:
		return r.Status != ""
	case FieldDivision:
		return r.Division != ""
	case FieldIndustry:
		return r.Industry != ""
	case fieldEntityType:
		return r.EntityType != ""
	}
	panic("no such field")
}

// Value gives the record's value in a field, as written; empty: it has none.
func (r *Record) Value(f Field) string {
	switch f {
	case FieldName:
		return r.Name
	case FieldLegalRep:
		return r.LegalRep
	case FieldAddress:
		return r.Address
	case FieldCapital:
		return r.Capital
	case FieldEstablished:
		return r.Established
	case FieldStatus:
		written, _ := StatusWords(r.Status)
		return written
	case FieldDivision:
		return r.Division
	case FieldIndustry:
		return r.Industry
	}
	panic("no such field")
}

// Said is what the record says in a field for a person to read: as written, and an amount with its unit, or nobody could compare it.
func (r *Record) Said(f Field) string {
	text := r.Value(f)
	switch {
	case f != FieldCapital || text == "":
		return text
	case r.CapitalUnit == InWan:
		return text + " 万元"
	}
	return text + " 元"
}

// sameStatus says whether two statuses come down to the same.
func sameStatus(a, b schemas.RegistrationStatus) bool {
	if a == b {
		return true
	}
	_, wordA := StatusWords(a)
	_, wordB := StatusWords(b)
	return wordA == wordB
}

// sameName says whether any name of one record equals any name of the other.
func sameName(a, b *Record) bool {
	return a.Name == b.Name || sameText(a.Name, b.Name) ||
		a.SecondName != "" && sameText(a.SecondName, b.Name) ||
		b.SecondName != "" && sameText(a.Name, b.SecondName) ||
		a.SecondName != "" && b.SecondName != "" && sameText(a.SecondName, b.SecondName)
}

const (
	fenPerYuan = 100
	fenPerWan  = 10_000 * fenPerYuan
)

// sameMoney says whether two amounts agree in the coarser of their units. Amounts in wan are more exact than that among themselves.
func sameMoney(a int64, unitA CapitalUnit, b int64, unitB CapitalUnit) bool {
	if a == b {
		return true
	}
	if unitA == unitB {
		return rounded(a, fenPerYuan) == rounded(b, fenPerYuan)
	}
	return rounded(a, fenPerWan) == rounded(b, fenPerWan)
}

// rounded gives an amount of fen in a unit, half a unit away from zero.
func rounded(fen int64, unit uint64) int64 {
	if fen < 0 {
		return -int64((uint64(-fen) + unit/2) / unit) // the least int64 is right as well: -fen wraps, the conversion does too
	}
	return int64((uint64(fen) + unit/2) / unit)
}

// sameDate says whether two dates agree to the precision of the shorter one.
func sameDate(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

// sameIndustry says whether two codes of the classification of industries can be of the same one: a class is of its group, and the
// letter of the section may be left out.
func sameIndustry(a, b string) bool {
	if a == b {
		return true
	}
	letterA, digitsA := splitIndustry(ident.Clean(a))
	letterB, digitsB := splitIndustry(ident.Clean(b))
	return (letterA == letterB || letterA == "" || letterB == "") &&
		(strings.HasPrefix(digitsA, digitsB) || strings.HasPrefix(digitsB, digitsA))
}

func splitIndustry(code string) (letter, digits string) {
	if code != "" && code[0] >= 'A' && code[0] <= 'Z' {
		return code[:1], code[1:]
	}
	return "", code
}

package matcher

import (
	"cmp"

	"hebian/schemas"
)

// Key tells findings apart: the same finding has the same key in every judgement.
type Key struct {
	Code   string
	Person schemas.IDNumber // the person key; BAD_IDENTITY has the number as cleaned; empty where a unit is judged
	Unit   schemas.UnitCode // empty where no unit is in the key
	Month  schemas.Month    // 0 where no month is in the key
	Detail string
	Entity string // ID of the legal entity that is judged; empty where persons and units are
}

// KeyOf is the key of a finding.
func KeyOf(f *Finding) Key {
	return Key{Code: f.Code, Person: f.Person, Unit: f.Unit, Month: f.Month, Detail: f.Detail}
}

// Compare orders keys as flags.csv does.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Code, o.Code), cmp.Compare(k.Person, o.Person), cmp.Compare(k.Unit, o.Unit),
		cmp.Compare(k.Month, o.Month), cmp.Compare(k.Detail, o.Detail), cmp.Compare(k.Entity, o.Entity))
}

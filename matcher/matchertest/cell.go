package matchertest

import (
	"reflect"
	"slices"
	"strconv"
	"testing"

	"hebian/schemas"
)

// Set reads a cell, as agencies write it, into the field of a row.
func Set(t testing.TB, row schemas.Row, field, cell string) {
	t.Helper()
	f := SubjectOf(t, row).Field(field)
	if f == nil {
		t.Fatalf("%T has no field %s", row, field)
	}
	v := fieldOf(row, field)
	if f.Optional {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	ok := true
	switch f.Kind {
	case schemas.KindDate:
		var d schemas.Date
		d, ok = schemas.ParseDate(cell)
		v.SetInt(int64(d))
	case schemas.KindMonth:
		var m schemas.Month
		m, ok = schemas.ParseMonth(cell)
		v.SetInt(int64(m))
	case schemas.KindFen:
		var fen schemas.Fen
		fen, ok = schemas.ParseFen(cell)
		v.SetInt(int64(fen))
	case schemas.KindNumber:
		n, err := strconv.ParseInt(cell, 10, 64)
		ok = err == nil
		v.SetInt(n)
	case schemas.KindSet:
		i := slices.Index(f.Labels, cell)
		if ok = i >= 0; ok {
			v.SetString(f.Symbols[i])
		}
	default:
		v.SetString(cell)
	}
	if !ok {
		t.Fatalf("%T: can't read %q as %s", row, cell, field)
	}
}

func fieldOf(row schemas.Row, name string) reflect.Value {
	v := reflect.ValueOf(row).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("avro") == name {
			return v.Field(i)
		}
	}
	panic("no field " + name)
}

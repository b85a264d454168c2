package state

import (
	"testing"
	"unsafe"

	"hebian/schemas"
)

// TestRowSize: a county has tens of millions of rows.
func TestRowSize(t *testing.T) {
	if size := unsafe.Sizeof(row{}); size != 40 {
		t.Errorf("a row takes %d bytes, not 40", size)
	}
}

// TestRoomIsUsedAgain: rows that come and go every day take no more room than those of one day.
func TestRoomIsUsedAgain(t *testing.T) {
	var table table
	for day := range 1000 {
		for n := range 10 {
			table.apply(&schemas.Record{ID: schemas.ID{byte(n)}}, uint32(n%3), row{a: int32(day)})
		}
		for n := range 10 {
			table.apply(&schemas.Record{ID: schemas.ID{byte(n)}, Op: schemas.Retract}, uint32(n%3), row{a: int32(day)})
		}
	}
	if table.used > 11 || table.owed != 0 {
		t.Errorf("room for %d rows, %d owed", table.used, table.owed)
	}
}

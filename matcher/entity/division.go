package entity

import (
	"bytes"
	"slices"
	"strings"

	"hebian/schemas"
)

// Divisions are the administrative divisions, with their names and successors, each for the days it holds. A nil one knows none.
type Divisions struct {
	byCode map[string][]division // those of one code in the order of their rows
	dated  bool
}

// division is what a row says of a division.
type division struct {
	name      string
	bare      string // the name as it stands in front of an address, in the form that addresses are compared in
	parent    string
	successor string
	from, to  schemas.Date
}

const (
	// levels are province, city and county: there are no codes below.
	levels = 3
	// maxSuccessions bounds the way from a division to what it is today. Codes that succeed each other in a circle have no end.
	maxSuccessions = 8
)

// NewDivisions takes rows in the order of their file: of those of one code that hold on the same day, the last counts.
func NewDivisions(rows []schemas.Division) *Divisions {
	d := &Divisions{byCode: make(map[string][]division, len(rows))}
	for i := range rows {
		row := &rows[i]
		v := division{name: row.Name, bare: string(appendBare(nil, row.Name)), from: schemas.MinDate, to: schemas.MaxDate + 1}
		if row.Parent != nil {
			v.parent = *row.Parent
		}
		if row.Successor != nil {
			v.successor = *row.Successor
		}
		if row.ValidFrom != nil {
			v.from, d.dated = *row.ValidFrom, true
		}
		if row.ValidTo != nil {
			v.to, d.dated = *row.ValidTo, true
		}
		d.byCode[row.Code] = append(d.byCode[row.Code], v)
	}
	return d
}

// Dated says whether anything that is known hangs on the day.
func (d *Divisions) Dated() bool { return d != nil && d.dated }

// Names gives the names on a division's way from the province down to itself; none if it is not known.
func (d *Divisions) Names(code string, day schemas.Date) []string {
	way, n := d.way(code, day)
	var names []string
	for _, v := range way[levels-n:] {
		names = append(names, v.name)
	}
	return names
}

// Same says whether two codes are of the same division on a day: equal, or one succeeded by the other.
func (d *Divisions) Same(a, b string, day schemas.Date) bool {
	return a == b || d != nil && d.today(a, day) == d.today(b, day)
}

// AddressKey is the form in which addresses are compared: their text key without punctuation and without the names of province, city
// and county in front, each of them once.
func (d *Divisions) AddressKey(address, code string, day schemas.Date) string {
	way, n := d.way(code, day)
	if isBare(address) {
		for _, v := range way[levels-n:] {
			address = strings.TrimPrefix(address, v.bare)
		}
		return address
	}
	var room [textRoom]byte
	return string(trimNames(appendBare(room[:0], address), way[levels-n:]))
}

// sameAddress says whether two addresses, each of its division, have the same key.
func (d *Divisions) sameAddress(a, codeA, b, codeB string, day schemas.Date) bool {
	if a == b && codeA == codeB {
		return true
	}
	var roomA, roomB [textRoom]byte
	wayA, n := d.way(codeA, day)
	keyA := trimNames(appendBare(roomA[:0], a), wayA[levels-n:])
	wayB, n := d.way(codeB, day)
	keyB := trimNames(appendBare(roomB[:0], b), wayB[levels-n:])
	return bytes.Equal(keyA, keyB)
}

func trimNames(key []byte, way []*division) []byte {
	for _, v := range way {
		if bytes.HasPrefix(key, []byte(v.bare)) { // the compiler makes no copy
			key = key[len(v.bare):]
		}
	}
	return key
}

// way gives the divisions on the way from the province to a code: the last n. One that leads back to itself ends there.
func (d *Divisions) way(code string, day schemas.Date) (way [levels]*division, n int) {
	for v := d.find(code, day); v != nil && n < levels && !slices.Contains(way[levels-n:], v); v = d.find(v.parent, day) {
		n++
		way[levels-n] = v
	}
	return way, n
}

// find gives what a code stands for on a day: where it holds on none such, what its last row says, since addresses outlive divisions.
func (d *Divisions) find(code string, day schemas.Date) *division {
	if d == nil || code == "" {
		return nil
	}
	rows := d.byCode[code]
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].from <= day && day < rows[i].to {
			return &rows[i]
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return &rows[len(rows)-1]
}

// today follows the successors of a code as far as they are due.
func (d *Divisions) today(code string, day schemas.Date) string {
	for range maxSuccessions {
		v := d.find(code, day)
		if v == nil || v.successor == "" || v.to <= schemas.MaxDate && v.to > day {
			break
		}
		code = v.successor
	}
	return code
}

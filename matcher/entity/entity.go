// Package entity judges legal entities: which of the agencies' registrations are about the same one, where they contradict each
// other, and what the golden record says.
//
// It goes by codes, names and what supports them, as written down; it guesses nothing, and where two answers are possible it asks. What
// officers do about a finding, and who gets a correction, is not its business.
package entity

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Entity is what links put together: the registrations of one legal entity, and what is found when they are held against each other.
type Entity struct {
	ID      ID
	Code    string   // its name in files: its USCC, else its smallest organisation code, else its smallest source key (see CodeOf)
	Members []Record // in the order of Record.Compare; at least one
	Homes   []ID     // for each of Members, the entity that it was first placed in; nil where nobody needs it

	// What linking leaves to be looked at.
	Review     []int         // members that found no place, or more than one
	Candidates [][]Candidate // for each of Review
	Clash      []string      // all USCCs of the component that this entity was split from, on the part with the smallest of them; else nil

	// What Bench.Judge fills.
	Golden   [NumFields]GoldenValue
	Findings []Finding // by kind, then in the order of fields or members
	DayBound bool      // another day may bring other findings
}

// ID names an entity for good, whatever codes its members come to bear. 0 is none.
type ID uint64

// String writes E00000042.
func (id ID) String() string { return fmt.Sprintf("E%08d", uint64(id)) }

// ParseID reads what String writes.
func ParseID(s string) (id ID, ok bool) {
	digits, found := strings.CutPrefix(s, "E")
	n, err := strconv.ParseUint(digits, 10, 64)
	if !found || err != nil || n == 0 || ID(n).String() != s {
		return 0, false
	}
	return ID(n), true
}

// GoldenValue is what the golden record says of a field, and by whom.
type GoldenValue struct {
	Member int    // whose value it is; -1: nobody has one
	Value  string // as written
	Normal string // the form in which values are compared; of capital the fen
}

// Field is a field that registrations are compared in.
type Field uint8

// The fields.
const (
	FieldName Field = iota
	FieldLegalRep
	FieldAddress
	FieldCapital
	FieldEstablished
	FieldStatus
	FieldDivision
	FieldIndustry

	NumFields = iota

	fieldEntityType Field = NumFields // not compared; it may choose whom to believe
)

var fieldNames = [NumFields]string{"name", "legal_rep", "address", "capital", "established", "status", "division", "industry"}

// Fields gives all fields in their order.
func Fields() []Field {
	return []Field{FieldName, FieldLegalRep, FieldAddress, FieldCapital, FieldEstablished, FieldStatus, FieldDivision, FieldIndustry}
}

// String is the field's name in files.
func (f Field) String() string { return fieldNames[f] }

// CodeOf names an entity by its members: its smallest valid USCC, else its smallest organisation code, else its smallest
// "source:key". A record that splitting left alone is named by its source key whatever codes it bears; that is for the splitter.
func CodeOf(members []Record) string {
	uscc, org := "", ""
	for i := range members {
		c := members[i].Codes()
		uscc = smaller(uscc, c.USCC)
		org = smaller(smaller(org, c.Org), c.Org2)
	}
	if uscc != "" || org != "" {
		return cmp.Or(uscc, org)
	}
	key := ""
	for i := range members {
		key = smaller(key, members[i].SourceKey())
	}
	return key
}

// smaller gives the smaller of two texts, of which an empty one is none.
func smaller(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

package entity

import (
	"cmp"
	"slices"
)

// Change is what a delivery, a decision or another day changes. Lists are in the order of their IDs.
type Change struct {
	// The findings by their keys; what they say now, Standing.Entity tells.
	Opened    []CaseFinding
	Refreshed []CaseFinding // still there, on other grounds
	Closed    []CaseFinding

	Golden  []ID      // entities that are new, or whose golden record, code or members changed
	Retired []ID      // IDs that name no entity any more: their entities merged into others, or lost all their records
	Lineage []Lineage // what became of what

	Rows map[string]int64 // net rows folded, by subject
}

// CaseFinding is the key of a finding: the same finding has the same key in every judgement.
type CaseFinding struct {
	Entity ID
	Kind   Kind
	Detail string
}

// Compare orders keys by entity, kind and detail.
func (f CaseFinding) Compare(o CaseFinding) int {
	return cmp.Or(cmp.Compare(f.Entity, o.Entity), cmp.Compare(f.Kind, o.Kind), cmp.Compare(f.Detail, o.Detail))
}

// Lineage is an entity that became part of another, or parts that became entities.
type Lineage struct {
	Kind LineageKind
	From []ID // of a split, the one entity that was
	Into []ID // of a merge, the one entity that is
}

// LineageKind says which of the two it is.
type LineageKind string

// The kinds of lineage.
const (
	Merged LineageKind = "merged" // From are retired, what was theirs is in Into
	Split  LineageKind = "split"  // Into are new, or back from retirement, with what was of From; From may live on
)

func (c *Change) sort() {
	slices.SortFunc(c.Opened, CaseFinding.Compare)
	slices.SortFunc(c.Refreshed, CaseFinding.Compare)
	slices.SortFunc(c.Closed, CaseFinding.Compare)
	slices.Sort(c.Golden)
	slices.Sort(c.Retired)
}

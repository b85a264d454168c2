package entity_test

import (
	"testing"

	"pgregory.net/rapid"

	"hebian/matcher/entity"
)

func TestID(t *testing.T) {
	if got := entity.ID(42).String(); got != "E00000042" {
		t.Errorf("got %q", got)
	}
	for _, s := range []string{"", "E", "E0", "E00000000", "E42", "E000000042", "00000042", "e00000042", "E0000004x", "E-0000042", "E18446744073709551616"} {
		if id, ok := entity.ParseID(s); ok {
			t.Errorf("%q is read as %s", s, id)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		id := entity.ID(rapid.Uint64Min(1).Draw(t, "id"))
		if got, ok := entity.ParseID(id.String()); !ok || got != id {
			t.Fatalf("%s is read as %s %t", id, got, ok)
		}
	})
}

func TestNames(t *testing.T) {
	for i, s := range entity.Sources() {
		if got, ok := entity.SourceOf(s.String()); !ok || got != s || int(s) != i {
			t.Errorf("%s is read as %s %t, at place %d", s, got, ok, i)
		}
	}
	for i, f := range entity.Fields() {
		if int(f) != i {
			t.Errorf("%s is at place %d", f, i)
		}
	}
	if len(entity.Fields()) != entity.NumFields {
		t.Error("a field is missing")
	}
	if s, ok := entity.SourceOf("finance"); ok {
		t.Errorf("finance is %s", s)
	}
}

package entity_test

import (
	"strings"
	"testing"

	"hebian/matcher/entity"
)

// TestAuthority asks whose representative counts, where every source has one.
func TestAuthority(t *testing.T) {
	for _, test := range []struct {
		name, yaml, entityType string
		uscc                   string // of the entity
		want                   entity.Source
	}{
		{"built in", "", "", "9", entity.Commerce},
		{"built in, without a code", "", "", "", entity.Staffing},
		{"nothing but comments", "# nothing\n", "", "5", entity.Civil},
		{"another registrar", "registrars: {\"9\": quality}", "", "9", entity.Quality},
		{"a number as character", "registrars: {9: quality}", "", "9", entity.Quality},
		{"a registrar more", "registrars: {N: statistics}", "", "N", entity.Statistics},
		{"the others stay", "registrars: {N: statistics}", "", "5", entity.Civil},
		{"another order", "order: [quality, tax, statistics, registrar, staffing, civil, commerce]", "", "9", entity.Quality},
		{"an order for the field", "fields: {legal_rep: [tax, registrar]}", "", "9", entity.Tax},
		{"the registrar in it", "fields: {legal_rep: [registrar, tax]}", "", "1", entity.Staffing},
		{"no registrar in it", "fields: {legal_rep: [registrar, tax]}", "", "", entity.Tax},
		{"an order for another field", "fields: {name: [tax]}", "", "9", entity.Commerce},
		{"a type", "types: {企业（法人）: {legal_rep: [quality]}}", "企 业(法人)", "9", entity.Quality},
		{"a type, another field", "types: {企业: {name: [quality]}}", "企业", "9", entity.Commerce},
		{"a type before the field", "fields: {legal_rep: [tax]}\ntypes: {企业: {legal_rep: [quality]}}", "企业", "9", entity.Quality},
		{"a type that leaves it to the field", "fields: {legal_rep: [tax]}\ntypes: {企业: {name: [quality]}}", "企业", "9", entity.Tax},
		{"another type", "types: {企业: {legal_rep: [quality]}}", "机关", "9", entity.Commerce},
	} {
		t.Run(test.name, func(t *testing.T) {
			authority, err := entity.ParseAuthority([]byte(test.yaml))
			if err != nil {
				t.Fatal(err)
			}
			e := &entity.Entity{}
			for _, s := range entity.Sources() {
				r := record(t, 1, []string{s.String(), "1", "rep=张三", "type=" + strings.ReplaceAll(test.entityType, " ", "␣")})
				r.USCC = codes[test.uscc]
				e.Members = append(e.Members, r)
			}
			(&entity.Bench{Authority: authority}).Judge(e)
			if got := entity.Source(e.Golden[entity.FieldLegalRep].Member); got != test.want {
				t.Errorf("%s is believed, want %s", got, test.want)
			}
		})
	}
}

// TestOnlyNamedSourcesCount: an order of a field is all that is asked.
func TestOnlyNamedSourcesCount(t *testing.T) {
	authority, err := entity.ParseAuthority([]byte("fields: {legal_rep: [tax]}"))
	if err != nil {
		t.Fatal(err)
	}
	e := &entity.Entity{Members: []entity.Record{record(t, 1, strings.Fields("staffing S1 rep=张三")), record(t, 2, strings.Fields("quality Q1 rep=李四"))}}
	(&entity.Bench{Authority: authority}).Judge(e)
	if got := verdict(e, false); got != "nothing\n" || e.Golden[entity.FieldLegalRep].Member != -1 {
		t.Errorf("found %s and took the value of %d", got, e.Golden[entity.FieldLegalRep].Member)
	}
}

func TestParseAuthorityErrors(t *testing.T) {
	for _, test := range []struct{ name, yaml, want string }{
		{"no such key", "order: [registrar, staffing, civil, commerce, tax, statistics, quality]\nfield: {}\n", `[2:1] unknown field "field"`},
		{"no such field", "fields:\n  employees: [tax]\n", `[2:3] unknown field "employees"`},
		{"no such source", "fields:\n  name: [registrar, finance]\n", `[2:21] "finance" is no source: want registrar, staffing, civil, commerce, tax, statistics or quality`},
		{"no list", "order: tax\n", `[1:8] want a list of sources, [registrar, staffing, …]`},
		{"an empty list", "fields: {name: []}\n", `[1:16] want a list of sources, [registrar, staffing, …]`},
		{"twice in a list", "fields: {name: [tax, civil, tax]}\n", `[1:29] "tax" stands here twice`},
		{"a source left out", "order: [registrar, staffing, civil, commerce, tax, statistics]\n", `order: quality is missing: nobody would believe it in anything`},
		{"no registrar's character", "registrars:\n  \"91\": commerce\n", `[2:3] "91" is no first character of a unified social credit code: want one of 0 to 9, A to Z`},
		{"no registrar", "registrars: {\"1\": registrar}\n", `[1:19] "registrar" is no source: want staffing, civil, commerce, tax, statistics or quality`},
		{"no pairs", "registrars: [civil]\n", `[1:13] want pairs of a character and a source, "1": staffing`},
		{"a character twice", "registrars: {\"1\": tax, 1: civil}\n", `[1:24] mapping key "1" already defined at [1:14]`},
		{"a type twice", "types: {甲（乙）: {name: [tax]}, 甲(乙): {name: [civil]}}\n", `types: "甲（乙）" stands there twice`},
		{"no such field of a type", "types:\n  企业:\n    nam: [tax]\n", `[3:5] unknown field "nam"`},
		{"no YAML", "order: [\n", `[1:8] sequence end token ']' not found`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := entity.ParseAuthority([]byte(test.yaml))
			if err == nil {
				t.Fatal("no error")
			}
			if got, _, _ := strings.Cut(err.Error(), "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func FuzzParseAuthority(f *testing.F) {
	f.Add([]byte("registrars: {\"1\": civil}\norder: [registrar, staffing, civil, commerce, tax, statistics, quality]\nfields: {name: [tax]}\ntypes: {甲: {status: [civil]}}\n"))
	f.Add([]byte("order: &a [tax]\nfields: {name: *a}\n"))
	f.Add([]byte("registrars: ~\norder: ~\nfields: ~\ntypes: ~\n"))
	f.Add([]byte("registrars: {? [1] : civil}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := entity.ParseAuthority(text)
		if err != nil {
			return
		}
		e := &entity.Entity{Members: enterprise()}
		(&entity.Bench{Authority: a, Day: asOf}).Judge(e)
		for f, g := range e.Golden {
			if g.Member >= 0 && g.Value != e.Members[g.Member].Value(entity.Field(f)) {
				t.Errorf("%s is %q of %d", entity.Field(f), g.Value, g.Member)
			}
		}
	})
}

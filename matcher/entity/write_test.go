package entity_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/matcher/entity"
)

// county is some judged entities in the order that an Each has to give: by code, then first member.
func county(t *testing.T) entity.Each {
	bench := &entity.Bench{Divisions: divisions(), Day: asOf}
	member := func(file, text string, line int64) entity.Record {
		r := record(t, line, strings.Fields(text))
		r.File = file
		return r
	}
	all := []*entity.Entity{
		{Members: []entity.Record{
			member("entities/commerce.ndjson", "commerce CO2 uscc=9 name=甲\"（集团）\"\\ yuan=1,000 status=注销 updated=2026-09-29", 3),
			member("entities/tax.csv", "tax 91 name=甲\"（集团）\"\\ yuan=-1.05 status=正常 address=a,b updated=2026-09-01", 2),
			member("entities/tax.csv", "tax 91 name=甲\"（集团）\"\\ yuan=-1.05 status=正常 address=a,b updated=2026-09-01", 7),
		}},
		{Code: "quality:Q,1", Members: []entity.Record{member("entities/quality.csv", "quality Q,1 org=坏\"", 2)}},
		{Code: "quality:Q,1", Members: []entity.Record{member("entities/quality.csv", "quality Q,1 org=坏\"", 3)}},
		{Code: "tax:2", Members: []entity.Record{member("entities/tax.csv", "tax 2 name=<乙>", 4), member("entities/statistics.csv", "statistics 3", 4)}, Review: []int{0}, Clash: []string{"x"}},
	}
	return func(fn func(*entity.Entity) error) error {
		for _, e := range all {
			if e.Code == "" {
				e.Code = entity.CodeOf(e.Members)
			}
			bench.Judge(e)
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestWrite(t *testing.T) {
	for _, test := range []struct {
		name  string
		write func(*bytes.Buffer, entity.Each) error
		want  string
	}{
		{"entities", func(b *bytes.Buffer, each entity.Each) error { return entity.WriteEntities(b, each) }, `entity,source,source_key
91139722QD0000111B,commerce,CO2
91139722QD0000111B,tax,91
"quality:Q,1",quality,"Q,1"
tax:2,statistics,3
tax:2,tax,2
`},
		{"conflicts", func(b *bytes.Buffer, each entity.Each) error { return entity.WriteConflicts(b, each) }, `kind,entity,field,source,source_key,state
BAD_CODE,"quality:Q,1","坏""",quality,"Q,1",
CODE_CLASH,tax:2,,,,
CONFLICT,91139722QD0000111B,capital,tax,91,lag
CONFLICT,91139722QD0000111B,status,tax,91,lag
CONFLICT,tax:2,name,statistics,3,conflict
LINK_REVIEW,tax:2,,tax,2,
ORPHAN,tax:2,,statistics,3,
ORPHAN,tax:2,,tax,2,
`},
		{"golden", func(b *bytes.Buffer, each entity.Each) error { return entity.WriteGolden(b, each) },
			`{"entity":"91139722QD0000111B","fields":{"name":{"value":"甲\"（集团）\"\\","normal":"甲\"（集团）\"\\","source":"commerce","source_key":"CO2","file":"entities/commerce.ndjson","line":3},` +
				`"address":{"value":"a,b","normal":"ab","source":"tax","source_key":"91","file":"entities/tax.csv","line":2},` +
				`"capital":{"value":"1,000","normal":100000,"source":"commerce","source_key":"CO2","file":"entities/commerce.ndjson","line":3},` +
				`"status":{"value":"注销","normal":"CLOSED","source":"commerce","source_key":"CO2","file":"entities/commerce.ndjson","line":3}}}
{"entity":"quality:Q,1","fields":{"name":{"value":"甲局","normal":"甲局","source":"quality","source_key":"Q,1","file":"entities/quality.csv","line":2},"status":{"value":"存续","normal":"ACTIVE","source":"quality","source_key":"Q,1","file":"entities/quality.csv","line":2}}}
{"entity":"quality:Q,1","fields":{"name":{"value":"甲局","normal":"甲局","source":"quality","source_key":"Q,1","file":"entities/quality.csv","line":3},"status":{"value":"存续","normal":"ACTIVE","source":"quality","source_key":"Q,1","file":"entities/quality.csv","line":3}}}
{"entity":"tax:2","fields":{"name":{"value":"<乙>","normal":"<乙>","source":"tax","source_key":"2","file":"entities/tax.csv","line":4},"status":{"value":"存续","normal":"ACTIVE","source":"tax","source_key":"2","file":"entities/tax.csv","line":4}}}
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := test.write(&got, county(t)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.String()); diff != "" {
				t.Error(diff)
			}
			for line := range bytes.Lines(got.Bytes()) {
				if test.name == "golden" && !json.Valid(line) {
					t.Errorf("no JSON: %s", line)
				}
			}
			got.Reset()
			stop := errors.New("stop")
			err := test.write(&got, func(func(*entity.Entity) error) error { return stop })
			if !errors.Is(err, stop) {
				t.Errorf("an error of the entities is lost: %v", err)
			}
		})
	}
}

// TestWriteFails: an error of the file comes back, however little was written.
func TestWriteFails(t *testing.T) {
	full := errors.New("no space left")
	w := failing{full}
	for name, err := range map[string]error{
		"entities": entity.WriteEntities(w, county(t)), "conflicts": entity.WriteConflicts(w, county(t)), "golden": entity.WriteGolden(w, county(t)),
	} {
		if !errors.Is(err, full) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// FuzzWriteGolden: whatever a source writes, a line is JSON and says it again.
func FuzzWriteGolden(f *testing.F) {
	f.Add("甲\"\\\x00\u2028<&>", "a\nb", "\xff")
	f.Fuzz(func(t *testing.T, name, key, file string) {
		e := &entity.Entity{Code: "c", Members: []entity.Record{record(t, 1, strings.Fields("tax 1"))}}
		e.Members[0].Name, e.Members[0].Key, e.Members[0].File = "x"+name, key, file
		(&entity.Bench{}).Judge(e)
		var b bytes.Buffer
		if err := entity.WriteGolden(&b, func(fn func(*entity.Entity) error) error { return fn(e) }); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Fields map[string]struct {
				Value     string
				SourceKey string `json:"source_key"`
				File      string
			}
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%v in %s", err, b.Bytes())
		}
		if g := got.Fields["name"]; g.Value != valid("x"+name) || g.SourceKey != valid(key) || g.File != valid(file) {
			t.Errorf("%q %q %q became %+v", name, key, file, g)
		}
		if bytes.Count(b.Bytes(), []byte("\n")) != 1 {
			t.Errorf("more than a line: %s", b.Bytes())
		}
	})
}

func valid(s string) string { return string([]rune(s)) }

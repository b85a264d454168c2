package search_test

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher/entity/search"
	"hebian/schemas/ident"
)

// number is an ID.
type number uint64

type hit = search.Hit[number]

func TestFind(t *testing.T) {
	x := search.New[number]()
	x.Put(1, []string{"12139721QD00000580", "QD0000058"}, []string{"青岚县第一中学", "青岚县实验学校"}, []string{"青岚县立中学"})
	x.Put(2, []string{"91139721QD00001112"}, []string{"青岚县明德（集团）有限公司"}, nil)
	x.Put(3, []string{"92139721QD0000222X"}, []string{"第一中学书店"}, nil)
	x.Put(4, nil, []string{"𠮷祥Abc贸易·分公司"}, []string{"QD0000058", "第一中学"})
	x.Put(7000, []string{"52139721QD00003335"}, []string{"第一中学"}, nil)
	for name, c := range map[string]struct {
		query string
		want  []hit
	}{
		"a code":                          {"12139721QD00000580", []hit{{ID: 1, Match: search.Code}}},
		"a code, then a former one":       {"QD0000058", []hit{{ID: 1, Match: search.Code}, {ID: 4, Match: search.Name, Former: true}}},
		"a code as somebody types it":     {" ９１１３ 9721-qd00001112\n", []hit{{ID: 2, Match: search.Code}}},
		"the beginning of a code":         {"9213", []hit{{ID: 3, Match: search.Prefix}}},
		"a part of a code":                {"0222X", []hit{{ID: 3, Match: search.Part}}},
		"a name, a beginning, a part":     {"第一中学", []hit{{ID: 7000, Match: search.Name}, {ID: 3, Match: search.Prefix}, {ID: 1, Match: search.Part}, {ID: 4, Match: search.Name, Former: true}}},
		"a second name":                   {"实验", []hit{{ID: 1, Match: search.Part}}},
		"a former name":                   {"县立", []hit{{ID: 1, Match: search.Part, Former: true}}},
		"one character":                   {"岚", []hit{{ID: 1, Match: search.Part}, {ID: 2, Match: search.Part}}},
		"a character of the second plane": {"𠮷", []hit{{ID: 4, Match: search.Prefix}}},
		"another case and width":          {"祥ａBC", []hit{{ID: 4, Match: search.Part}}},
		"other brackets":                  {"〔集团]", []hit{{ID: 2, Match: search.Part}}},
		"a name cut at its dot":           {"贸易.", []hit{{ID: 4, Match: search.Part}}},
		"white space within":              {"青岚县 明德", []hit{{ID: 2, Match: search.Prefix}}},
		"nobody":                          {"第二", nil},
		"across two texts":                {"中学青岚", nil},
		"nothing":                         {" - ", nil},
		"no text":                         {"\xe9", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := gocmp.Diff(c.want, x.Find(c.query, 10)); diff != "" {
				t.Errorf("Find(%q): -want +got\n%s", c.query, diff)
			}
		})
	}
	if got := x.Find("青", 1); !gocmp.Equal(got, []hit{{ID: 1, Match: search.Prefix}}) {
		t.Errorf("Find of one = %v, want entity 1", got)
	}
	if got := x.Find("青", 0); got != nil {
		t.Errorf("Find of none = %v", got)
	}
}

// borne is what an entity bears.
type borne struct{ Codes, Names, Former []string }

// scan is Find without an index: every text of everybody is looked at.
func scan(all map[number]borne, query string, limit int) []hit {
	wanted := plain(query)
	if wanted == "" {
		return nil
	}
	var hits []hit
	for id, b := range all {
		best := hit{ID: id, Match: search.Part + 1}
		for i, texts := range [][]string{b.Codes, b.Names, b.Former} {
			for _, s := range texts {
				h := hit{ID: id, Former: i == 2}
				switch s := plain(s); {
				case s == wanted && i == 0:
					h.Match = search.Code
				case s == wanted:
					h.Match = search.Name
				case strings.HasPrefix(s, wanted):
					h.Match = search.Prefix
				case strings.Contains(s, wanted):
					h.Match = search.Part
				default:
					continue
				}
				if best.Match > search.Part || compare(h, best) < 0 {
					best = h
				}
			}
		}
		if best.Match <= search.Part {
			hits = append(hits, best)
		}
	}
	slices.SortFunc(hits, compare)
	return hits[:min(limit, len(hits)):min(limit, len(hits))]
}

func compare(a, b hit) int {
	former := map[bool]int{true: 1}
	return cmp.Or(former[a.Former]-former[b.Former], cmp.Compare(a.Match, b.Match), cmp.Compare(a.ID, b.ID))
}

// plain is the form in which texts are held against each other, made in another way.
func plain(s string) string {
	s = strings.ToUpper(ident.NameKey(strings.ToValidUTF8(s, "\uFFFD")))
	for to, from := range map[string]string{"(": "[【〔", ")": "]】〕", "·": ".•・‧∙⋅", "": "-\u00AD‐‑‒–—―−"} {
		for _, r := range from {
			s = strings.ReplaceAll(s, string(r), to)
		}
	}
	return s
}

// Texts of few characters, so that they have to do with each other: some beyond the first plane, wide and narrow, with brackets and dots.
var characters = []rune("一中学公司公司德德𠮷𠮷𠀀青 　-—·.．（(]1１2Aaａ\U0002F800")

func texts() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom(characters), 0, 9, -1)
}

func bearers() *rapid.Generator[borne] {
	list := rapid.SliceOfN(texts(), 0, 3)
	return rapid.Custom(func(t *rapid.T) borne {
		return borne{list.Draw(t, "codes"), list.Draw(t, "names"), list.Draw(t, "former")}
	})
}

// TestFindIsScan: whatever came and went, Find gives what looking at every text gives.
func TestFindIsScan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x, all := search.New[number](), map[number]borne{}
		// Neighbours, and others in drawers of their own.
		id := rapid.SampledFrom([]number{0, 1, 2, 62, 63, 64, 65, 4095, 4096, 4097, 20_000, 1 << 20})
		for range rapid.IntRange(1, 60).Draw(rt, "changes") {
			switch id := id.Draw(rt, "id"); rapid.IntRange(0, 4).Draw(rt, "change") {
			case 0:
				x.Remove(id)
				delete(all, id)
			default:
				b := bearers().Draw(rt, "borne")
				x.Put(id, b.Codes, b.Names, b.Former)
				all[id] = b
			}
		}
		for range 20 {
			query, limit := texts().Draw(rt, "query"), rapid.IntRange(1, 12).Draw(rt, "limit")
			if diff := gocmp.Diff(scan(all, query, limit), x.Find(query, limit)); diff != "" {
				rt.Fatalf("Find(%q, %d) among %v: -scan +found\n%s", query, limit, all, diff)
			}
		}
	})
}

// TestFindBesideWriters: entities that nobody touches are found whatever happens to their neighbours.
func TestFindBesideWriters(t *testing.T) {
	x := search.New[number]()
	var want []hit
	for id := number(0); id < 9000; id += 100 {
		x.Put(id, nil, []string{"不动中学"}, nil)
		want = append(want, hit{ID: id, Match: search.Part})
	}
	var writing sync.WaitGroup
	for w := range number(2) {
		writing.Go(func() {
			for round := range number(40) {
				for id := 1 + w; id < 9000; id += 100 {
					x.Put(id+round%7, nil, []string{"流动小学"}, nil)
					x.Remove(id + (round+3)%7)
				}
			}
		})
	}
	for range 200 {
		if diff := gocmp.Diff(want, x.Find("动中", 1000)); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
	}
	writing.Wait()
}

// FuzzFind: no query whatever breaks Find, and it gives what a scan gives.
func FuzzFind(f *testing.F) {
	all := map[number]borne{
		1: {Codes: []string{"12139721QD00000580", "QD0000058"}, Names: []string{"青岚县第一中学"}, Former: []string{"青岚县立中学"}},
		2: {Codes: []string{"commerce:CO-1"}, Names: []string{"𠮷祥Abc（集团）", "德德德"}},
		3: {Names: []string{"德德", "\x00", "\uFFFD"}},
	}
	x := search.New[number]()
	for id, b := range all {
		x.Put(id, b.Codes, b.Names, b.Former)
	}
	for _, query := range []string{"中学", "qd00", "德", "𠮷", "", "\xff", "青岚县\xe7", "﷽", "\U0010FFFF", strings.Repeat("德", 5000)} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if diff := gocmp.Diff(scan(all, query, 10), x.Find(query, 10)); diff != "" {
			t.Errorf("Find(%q): -scan +found\n%s", query, diff)
		}
	})
}

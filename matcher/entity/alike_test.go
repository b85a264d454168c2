package entity_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher/entity"
)

// TestAlikeNames compares names at the same address in the same county.
func TestAlikeNames(t *testing.T) {
	bench := &entity.Bench{Divisions: divisions(), Day: asOf}
	for _, test := range []struct {
		name, a, b string
		want       entity.Reason
	}{
		{"equal", "青岚县康诚商贸有限公司", "青岚县康诚商贸有限公司", entity.ReasonNameEqual},
		{"equal in form", "青岚县康诚(集团)有限公司", "青岚县康诚（集团）有限公司", entity.ReasonNameEqual},
		{"without the county", "青岚县康诚商贸有限公司", "康诚商贸有限公司", entity.ReasonNameAlike},
		{"the whole way to the county", "河北省云溪市青岚县康诚商贸有限公司", "青岚康诚商贸有限公司", entity.ReasonNameAlike},
		{"another legal form", "青岚县康诚商贸有限公司", "青岚县康诚商贸有限责任公司", entity.ReasonNameAlike},
		{"a group", "青岚县康诚（集团）股份有限公司", "青岚县康诚有限公司", entity.ReasonNameAlike},
		{"one character", "青岚县康诚商贸有限公司", "青岚县康城商贸有限公司", entity.ReasonNameAlike},
		{"one more", "青岚县康诚商贸有限公司", "青岚县康诚诚商贸有限公司", entity.ReasonNameAlike},
		{"one less at the end", "青岚县康诚商贸行业", "青岚县康诚商贸行", entity.ReasonNameAlike},
		{"two swapped", "青岚县康诚商贸有限公司", "青岚县诚康商贸有限公司", entity.ReasonNameAlike},
		{"two characters", "青岚县康诚商贸有限公司", "青岚县康城商茂有限公司", entity.ReasonNameDiffers},
		{"one of three", "青岚县康诚行", "青岚县康城行", entity.ReasonNameDiffers},
		{"figures written otherwise", "青岚县第1中学", "青岚县第一中学", entity.ReasonNameAlike},
		{"another figure", "青岚县第一实验中学", "青岚县第二实验中学", entity.ReasonNameDiffers},
		{"a figure more", "青岚县第十实验中学", "青岚县第十一实验中学", entity.ReasonNameDiffers},
		{"another direction", "青岚县东城商贸有限公司", "青岚县西城商贸有限公司", entity.ReasonNameDiffers},
		{"part and whole", "青岚县康诚商贸有限公司", "青岚县康诚商贸有限公司分公司", entity.ReasonNameDiffers},
		{"two parts", "康诚商贸有限公司人民路分店", "康诚商贸有限公司人名路分店", entity.ReasonNameDiffers},
		{"the same part", "青岚县康诚商贸人民路分店", "康诚商贸人民路分店", entity.ReasonNameAlike},
		{"nothing but a division", "青岚县", "青岚", entity.ReasonNameDiffers},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := record(t, 1, strings.Fields("tax T1 address=人民路1号 division=139721")), record(t, 1, strings.Fields("commerce M1 address=人民路1号 division=139721"))
			a.Name, b.Name = test.a, test.b
			for _, names := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
				a.Name, b.Name = names[0], names[1]
				l := bench.Alike(&a, []entity.Record{b})
				got := append(l.For, l.Against...)
				if !slices.Contains(got, test.want) {
					t.Errorf("%s and %s: %v", a.Name, b.Name, got)
				}
				if want := test.want != entity.ReasonNameDiffers; l.Worth != want {
					t.Errorf("%s and %s: worth a look %t, want %t", a.Name, b.Name, l.Worth, want)
				}
			}
		})
	}
}

func TestAlike(t *testing.T) {
	bench := &entity.Bench{Divisions: divisions(), Day: asOf}
	for _, test := range []struct {
		name, lone string
		members    []string
		want       entity.Likeness
	}{
		{
			"what rule 4 has no division for", "quality Q1 rep=张三", []string{"tax T1 rep=张␣三 division=139721"},
			entity.Likeness{For: []entity.Reason{"NAME_EQUAL", "REP_EQUAL"}, Worth: true},
		},
		{
			"against the whole entity", "quality Q1 rep=张三 address=甲路 established=2001", []string{"tax T1 rep=李四 established=2001-02", "commerce M1 rep=张三 address=乙路 second=丙"},
			entity.Likeness{For: []entity.Reason{"NAME_EQUAL", "REP_EQUAL", "ESTABLISHED_EQUAL"}, Against: []entity.Reason{"ADDRESS_DIFFERS"}, Worth: true},
		},
		{
			"a name in a division and nothing else known", "tax T1 division=139721", []string{"commerce M1 division=139721 rep=张三"},
			entity.Likeness{For: []entity.Reason{"NAME_EQUAL", "DIVISION_EQUAL"}, Worth: true},
		},
		{
			"a name in a division and all else different", "tax T1 division=139721 rep=张三 address=甲路", []string{"commerce M1 division=139721 rep=李四 address=乙路"},
			entity.Likeness{For: []entity.Reason{"NAME_EQUAL", "DIVISION_EQUAL"}, Against: []entity.Reason{"REP_DIFFERS", "ADDRESS_DIFFERS"}},
		},
		{
			"only a name", "tax T1", []string{"commerce M1"},
			entity.Likeness{For: []entity.Reason{"NAME_EQUAL"}},
		},
		{
			"two USCCs", "tax T1 uscc=9 rep=张三", []string{"commerce M1 uscc=9b rep=张三"},
			entity.Likeness{For: []entity.Reason{"NAME_EQUAL", "REP_EQUAL"}, Against: []entity.Reason{"CODE_DIFFERS"}},
		},
		{
			"a USCC that fails its check", "tax T1 uscc=9bad rep=张三", []string{"commerce M1 uscc=9b rep=张三"},
			entity.Likeness{For: []entity.Reason{"NAME_EQUAL", "REP_EQUAL"}, Worth: true},
		},
		{
			"two organisation codes and an equal name", "quality Q1 org=org9 rep=张三", []string{"commerce M1 uscc=9b rep=张三"},
			entity.Likeness{For: []entity.Reason{"NAME_EQUAL", "REP_EQUAL"}, Against: []entity.Reason{"CODE_DIFFERS"}, Worth: true},
		},
		{
			"two organisation codes and a name nearly equal", "quality Q1 org=org9 rep=张三 name=康城商贸有限公司", []string{"commerce M1 uscc=9b rep=张三 name=康诚商贸有限公司"},
			entity.Likeness{For: []entity.Reason{"NAME_ALIKE", "REP_EQUAL"}, Against: []entity.Reason{"CODE_DIFFERS"}},
		},
		{
			"a name nearly equal in another division", "quality Q1 division=139721 rep=张三 name=康城商贸有限公司", []string{"commerce M1 division=139722 rep=张三 name=康诚商贸有限公司"},
			entity.Likeness{For: []entity.Reason{"NAME_ALIKE", "REP_EQUAL"}, Against: []entity.Reason{"DIVISION_DIFFERS"}},
		},
		{
			"a second name", "quality Q1 rep=张三 name=康城商贸有限公司", []string{"staffing M1 rep=张三 second=康诚商贸有限公司"},
			entity.Likeness{For: []entity.Reason{"NAME_ALIKE", "REP_EQUAL"}, Worth: true},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			lone := record(t, 1, strings.Fields(test.lone))
			var members []entity.Record
			for _, m := range test.members {
				members = append(members, record(t, 1, strings.Fields(m)))
			}
			if diff := cmp.Diff(test.want, bench.Alike(&lone, members)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNameCore(t *testing.T) {
	bench := &entity.Bench{Divisions: divisions(), Day: asOf}
	for name, want := range map[string]string{
		"河北省云溪市青岚县康诚（集团）股份有限公司": "康诚",
		"青岚康诚商贸有限责任公司":          "康诚商贸",
		"康诚商贸有限公司人民路分店":         "康诚商贸有限公司人民路分店",
		"有限公司": "有限公司",
		"青岚县":  "青岚县",
		"":     "",
	} {
		if got := bench.NameCore(name, "139721"); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// TestAlikeLaw: likeness is the same from both sides, and records with two USCCs are never worth a look.
func TestAlikeLaw(t *testing.T) {
	bench := &entity.Bench{Divisions: divisions(), Day: asOf}
	rapid.Check(t, func(t *rapid.T) {
		a, b := records().Draw(t, "a"), records().Draw(t, "b")
		b.USCC = rapid.SampledFrom([]string{b.USCC, codes["9b"]}).Draw(t, "code")
		one, other := bench.Alike(&a, []entity.Record{b}), bench.Alike(&b, []entity.Record{a})
		if diff := cmp.Diff(one, other); diff != "" {
			t.Fatal(diff)
		}
		codeA, codeB := a.Codes().USCC, b.Codes().USCC
		if one.Worth && codeA != "" && codeB != "" && codeA != codeB {
			t.Fatal("worth a look, with two USCCs")
		}
	})
}

package entity_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"hebian/matcher/entity"
	"hebian/schemas/ident"
)

func TestTextKey(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"ordinary", "云溪市第一中学", "云溪市第一中学"},
		{"white space", " 云　溪\t市\u00A0", "云溪市"},
		{"every bracket", "(一)[二]【三】〔四〕（五）［六］", "（一）（二）（三）（四）（五）（六）"},
		{"brackets that NFKC makes", "㈠⑴﹝二﹞︵三︶", "（一）（1）（二）（三）"},
		{"other brackets stay", "《一》{二}「三」", "《一》{二}「三」"},
		{"full-width forms", "ＡＢ１２－，", "AB12-,"},
		{"letters keep their case", "abC", "abC"},
		{"dots between Han", "买买提•吐．尔.逊", "买买提·吐·尔·逊"},
		{"white space goes before dots are judged", "买 . 提", "买·提"},
		{"a full stop elsewhere", "2．5公里A.B", "2.5公里A.B"},
		{"compatibility ideograph", "\uF907", "龜"},
		{"private use that has a character", "\uE863", "䶮"},
		{"zero-width", "甲\u200B乙", "甲乙"},
		{"combining", "ｅ\u0301", "é"},
		{"no UTF-8", "甲\xff(", "甲\xff（"},
		{"empty", "", ""},
		{"white space only", "　", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := entity.TextKey(test.in); got != test.want {
				t.Errorf("%q: got %q, want %q", test.in, got, test.want)
			}
		})
	}
}

// texts are of all that has a way of its own through TextKey.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOf(rapid.SampledFrom([]rune("甲乙中一龥鿿丙 \u3000\t\u00A0()[]【】〔〕（）［］·•．.、。，-Ａa1１⑴㈠\u200B\uFE0F\u0301\uE863\uF907々〇"))),
		rapid.String(),
	)
}

// TestTextKeyLaw holds the quick way against the definition: white space removed, K2, one kind of brackets.
func TestTextKeyLaw(t *testing.T) {
	brackets := strings.NewReplacer("(", "（", "[", "（", "【", "（", "〔", "（", ")", "）", "]", "）", "】", "）", "〕", "）")
	rapid.Check(t, func(t *rapid.T) {
		s := texts().Draw(t, "s")
		without := strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return -1
			}
			return r
		}, s)
		want := brackets.Replace(ident.NameKey(without))
		if got := entity.TextKey(s); got != want {
			t.Fatalf("%q: got %q, want %q", s, got, want)
		}
	})
}

// TestEveryCharacter holds the quick way against the definition for each character alone.
func TestEveryCharacter(t *testing.T) {
	brackets := strings.NewReplacer("(", "（", "[", "（", "【", "（", "〔", "（", ")", "）", "]", "）", "】", "）", "〕", "）")
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		for _, s := range []string{string(r), "甲" + string(r) + "甲"} {
			if got, want := entity.TextKey(s), brackets.Replace(ident.NameKey(s)); got != want {
				t.Errorf("%U in %q: got %q, want %q", r, s, got, want)
			}
		}
	}
}

// TestAddressKeyLaw holds the quick way against the definition: the text key without punctuation, and without the three names in front.
func TestAddressKeyLaw(t *testing.T) {
	d := divisions()
	rapid.Check(t, func(t *rapid.T) {
		front := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"河北省", "云溪市", "白鹭（新）县", "白鹭新县", "白鹭(新)县", "，", " "}), 0, 4).Draw(t, "front"), "")
		s := front + texts().Draw(t, "s")
		want := strings.Map(func(r rune) rune {
			if unicode.IsPunct(r) {
				return -1
			}
			return r
		}, entity.TextKey(s))
		if !utf8.ValidString(s) {
			return
		}
		for _, name := range []string{"河北省", "云溪市", "白鹭新县"} {
			want = strings.TrimPrefix(want, name)
		}
		if got := d.AddressKey(s, "139722", asOf); got != want {
			t.Fatalf("%q: got %q, want %q", s, got, want)
		}
	})
}

func FuzzTextKey(f *testing.F) {
	for _, s := range []string{"云溪甲(第一)局", "\xff【", "㈠.甲", "甲．乙"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key := entity.TextKey(s)
		if utf8.ValidString(s) != utf8.ValidString(key) {
			t.Errorf("%q has key %q", s, key)
		}
		if again := entity.TextKey(entity.TextKey(key)); again != entity.TextKey(key) { // the first key may hold what NFKC made of rare characters
			t.Errorf("%q has key %q, then %q", s, key, again)
		}
	})
}

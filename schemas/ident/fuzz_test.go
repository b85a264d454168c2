package ident_test

import (
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"hebian/schemas/ident"
)

func FuzzClean(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.input)
	}
	f.Add("\xff - ａ")
	f.Fuzz(func(t *testing.T, s string) {
		cleaned := ident.Clean(s)
		if again := ident.Clean(cleaned); again != cleaned {
			t.Errorf("clean %q: %q, again %q", s, cleaned, again)
		}
		if utf8.ValidString(s) != utf8.ValidString(cleaned) {
			t.Errorf("clean %q: %q", s, cleaned)
		}
	})
}

func FuzzPersonKey(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.input)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ident.Mask(s)
		ident.Person(s, asOf).Parts()
		key := ident.PersonKey(s)
		if kind := ident.TravelDocument(s); len(s) == 18 && kind != "" {
			t.Errorf("%q is taken for %s", s, kind)
		}
		if again := ident.PersonKey(key); again != key {
			t.Fatalf("%q has key %q, and that has key %q", s, key, again)
		}
		packed, ok := ident.Pack(key)
		if ok != (key != "") || packed.String() != key {
			t.Fatalf("%q has key %q, packed %d %t, back %q", s, key, packed, ok, packed)
		}
		if _, ok := ident.Pack(s); ok != (s != "" && key == s) {
			t.Fatalf("%q packs %t, its key is %q", s, ok, key)
		}
	})
}

// FuzzKey takes keys that nobody packed, from a damaged snapshot perhaps: they must do no harm.
func FuzzKey(f *testing.F) {
	f.Add(uint64(0))
	f.Add(^uint64(0))
	f.Fuzz(func(t *testing.T, n uint64) {
		key := ident.Key(n)
		if year, month, day, ok := key.Birth(); ok && (year > 9999 || month > 12 || day > 31) {
			t.Errorf("%d: born %d-%d-%d", n, year, month, day)
		}
		if short := key.Short(); short != "" && len(short) != 15 {
			t.Errorf("%d: short form %q", n, short)
		}
		if packed, ok := ident.Pack(key.String()); ok && packed.String() != key.String() {
			t.Errorf("%d: %s, packed %d, back %s", n, key, packed, packed)
		}
	})
}

// FuzzNameKey: a key is its own key, but for what NFKC itself makes of rare characters: a space of
// a lone accent, a full stop of a small one, an ideograph of a circled one. The second key has none.
func FuzzNameKey(f *testing.F) {
	for _, s := range []string{"欧阳某", "阿卜杜 ． 拉", "\uE863.\uE816", "㊀﹒㊀", "´", "葛\U000E0100\u200B", " \xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key := ident.NameKey(s)
		again := ident.NameKey(key)
		if third := ident.NameKey(again); third != again {
			t.Errorf("%q has key %q, then %q, then %q", s, key, again, third)
		}
		if norm.NFKC.IsNormalString(s) && again != key {
			t.Errorf("%q has key %q, then %q", s, key, again)
		}
		if utf8.ValidString(s) && !norm.NFKC.IsNormalString(key) {
			t.Errorf("%q has key %q", s, key)
		}
	})
}

func FuzzUSCC(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.input)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, inspect := range []func(string) ident.Number{ident.USCC, ident.OrgCode, ident.Registration, ident.Tax} {
			n := inspect(s)
			n.Parts()
			if (n.Verdict == ident.Invalid) != (n.Normalized == "") {
				t.Errorf("%q: %+v", s, n)
			}
			if again := inspect(n.Normalized); n.Normalized != "" && again.Normalized != n.Normalized {
				t.Errorf("%q: %+v, then %+v", s, n, again)
			}
		}
	})
}

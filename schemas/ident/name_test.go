package ident_test

import (
	"fmt"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/schemas/ident"
)

func TestNameKey(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"ordinary", "欧阳某", "欧阳某"},
		{"white space inside", "王 　某", "王某"},
		{"zero-width and direction marks", "\uFEFF王\u200B\u200E某\u2060", "王某"},
		{"variation selectors", "葛\U000E0100城\uFE00\u180B", "葛城"},
		{"every dot", "一•一・一･一‧一∙一⋅一．一.一·一", "一·一·一·一·一·一·一·一·一·一"},
		{"white space about the dot", "阿卜杜 . 拉", "阿卜杜·拉"},
		{"zero-width about the dot", "阿卜杜\u200B•\uFE0F拉", "阿卜杜·拉"},
		{"a dot at an end is none between parts", ".王某.", ".王某."},
		{"two dots are none between parts", "王..某", "王..某"},
		{"beside a letter", "王A．某", "王A.某"},
		{"full-width stop beside letters", "Ｊ．Ｓｍｉｔｈ", "J.Smith"},
		{"a Han radical and a Han number count as Han", "⺁.〇", "⺁·〇"},
		{"beside private use that is mapped", "\uE863.\uE816", "䶮·𠂇"},
		{"other private use is not Han and stays", "王.\uE000", "王.\uE000"},
		{"compatibility ideograph", "\uF907", "龜"},
		{"compatibility ideograph is Han", "\uF907.某", "龜·某"},
		{"a circled ideograph is not Han when the dot is judged", "㊀.某", "一.某"},
		{"beyond U+FFFF", "𠮷某", "𠮷某"},
		{"variants stay apart", "峰峯旸暘", "峰峯旸暘"},
		{"half-width katakana", "ｱ", "ア"},
		{"empty", "", ""},
		{"white space only", "\u3000 ", ""},
		{"no UTF-8", " 王\xff", " 王\xff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := ident.NameKey(test.in); got != test.want {
				t.Errorf("%q: got %q, want %q", test.in, got, test.want)
			}
		})
	}
}

// TestFromPrivateUse derives the table anew: what a GB18030 decoder reads in a cell that has had
// its character since 2000, and for the 14 others the characters that came later.
func TestFromPrivateUse(t *testing.T) {
	later := map[byte]rune{
		0x51: 0x20087, 0x52: 0x20089, 0x53: 0x200CC, 0x59: 0x9FB4, 0x61: 0x9FB5, 0x66: 0x9FB6, 0x67: 0x9FB7,
		0x6C: 0x215D7, 0x6D: 0x9FB8, 0x76: 0x2298F, 0x7E: 0x9FB9, 0x90: 0x9FBA, 0x91: 0x241FE, 0xA0: 0x9FBB,
	}
	private := rune(0xE815)
	for trail := byte(0x50); trail <= 0xA0; trail++ {
		if trail == 0x7F {
			continue
		}
		want, isLater := later[trail]
		if !isLater {
			decoded, err := simplifiedchinese.GB18030.NewDecoder().String(string([]byte{0xFE, trail}))
			if err != nil {
				t.Fatal(err)
			}
			want = []rune(decoded)[0]
		}
		if got, ok := ident.FromPrivateUse(private); got != want || !ok || got == 0xFFFD {
			t.Errorf("%U, cell FE%02X: got %U %t, want %U", private, trail, got, ok, want)
		}
		private++
	}
	if private != 0xE865 {
		t.Errorf("the cells end before %U", private)
	}
	for _, r := range []rune{0xE814, 0xE865, 0xE000, 'A', '某', -1} {
		if got, ok := ident.FromPrivateUse(r); got != r || ok {
			t.Errorf("%U: got %U %t", r, got, ok)
		}
	}
}

func ExampleNameKey() {
	fmt.Println(ident.NameKey("阿卜杜拉 ． 某某"))
	// Output: 阿卜杜拉·某某
}

package ident_test

import (
	"testing"

	"hebian/schemas/ident"
)

func BenchmarkClean(b *testing.B) {
	run(b, map[string]string{"clean": "42010219031117008X", "spaces": " 420102 19031117 008x ", "full-width": "４２０１０２１９０３１１１７００８Ｘ"},
		func(s string) { ident.Clean(s) })
}

func BenchmarkPersonKey(b *testing.B) {
	run(b, map[string]string{"18": "42010219031117008X", "15": "320106050101001", "2017": "USA310002030517", "wrong": "320106190307120151"},
		func(s string) { ident.PersonKey(s) })
}

func BenchmarkPack(b *testing.B) {
	run(b, map[string]string{"18": "42010219031117008X", "2017": "USA310002030517"},
		func(s string) { ident.Pack(s) })
}

func BenchmarkUnpack(b *testing.B) {
	key, _ := ident.Pack("42010219031117008X")
	room := make([]byte, 0, 18)
	b.ReportAllocs()
	for b.Loop() {
		room = key.AppendTo(room[:0])
	}
}

func BenchmarkPerson(b *testing.B) {
	run(b, map[string]string{"18": "42010219031117008X"}, func(s string) { ident.Person(s, asOf) })
}

func BenchmarkUSCC(b *testing.B) {
	run(b, map[string]string{"valid": "12320106QW00004870"}, func(s string) { ident.USCC(s) })
}

func BenchmarkNameKey(b *testing.B) {
	run(b, map[string]string{"three": "欧阳某", "dot": "阿卜杜拉·某某", "other dot": "阿卜杜拉•某某"},
		func(s string) { ident.NameKey(s) })
}

func run(b *testing.B, inputs map[string]string, f func(string)) {
	for name, s := range inputs {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f(s)
			}
		})
	}
}

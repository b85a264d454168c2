package schemas_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/schemas"
	"hebian/schemas/ident"
)

func TestParseIndustryCode(t *testing.T) {
	for text, want := range map[string]string{
		"F5193": "F5193", "519": "519", "51": "51", "f51": "F51", "Ｆ５１": "F51", " F 51-9 ": "F519", "Z00": "Z00",
		"F": "", "F5": "", "5": "", "51931": "", "F51931": "", "FF51": "", "5F1": "", "51F": "", "ä51": "", "五一": "", "": "", "-": "", "F5.1": "", "٥١": "",
	} {
		c, ok := schemas.ParseIndustryCode(text)
		if ok != (want != "") || ok && (string(c) != text || c.Cleaned() != want) {
			t.Errorf("%q reads as %q, cleaned %q, %t; want %q", text, c, c.Cleaned(), ok, want)
		}
	}
}

func FuzzParseIndustryCode(f *testing.F) {
	f.Add("Ｆ51-93")
	form := regexp.MustCompile(`^[A-Z]?[0-9]{2,4}$`)
	f.Fuzz(func(t *testing.T, s string) {
		if _, ok := schemas.ParseIndustryCode(s); ok != form.MatchString(ident.Clean(s)) {
			t.Errorf("%q, cleaned %q: %t", s, ident.Clean(s), ok)
		}
	})
}

// One struct is filled by the rows of a file, one after the other: nothing that was derived from a row may stay for the next.
func TestDeriveForgets(t *testing.T) {
	keys := rapid.SampledFrom([]string{"9113 9721qd00000154", "139721QD0000306", "QD000015-4", "坏7", "-"})
	amounts := rapid.SampledFrom([]schemas.Yuan{"1", "5,000.5"})
	rapid.Check(t, func(t *rapid.T) {
		from := schemas.Delivered{Agency: rapid.SampledFrom([]string{"commerce", "tax", "quality"}).Draw(t, "agency")}
		used := &schemas.Registration{Status: schemas.StatusOpen}
		for range rapid.IntRange(1, 4).Draw(t, "rows") {
			used.SourceKey, used.CapitalYuan = keys.Draw(t, "key"), rapid.Ptr(amounts, true).Draw(t, "capital")
			fresh := &schemas.Registration{SourceKey: used.SourceKey, CapitalYuan: used.CapitalYuan, Status: used.Status}
			for _, r := range []*schemas.Registration{used, fresh} {
				if field, reason := r.Derive(from); reason != "" {
					t.Fatalf("%s: %s", field, reason)
				}
			}
			if diff := cmp.Diff(fresh, used); diff != "" {
				t.Fatalf("a row after another (-alone +after):\n%s", diff)
			}
			if want := from.Agency + ":" + used.SourceKey; used.Key() != want {
				t.Fatalf("key %q, want %q", used.Key(), want)
			}
		}
	})
}

func TestOnlineName(t *testing.T) {
	for domain, ok := range map[string]bool{
		"某局.政务": true, "下属.某局.公益": true, "xn--zfr164b.xn--ZFR164B": true, "a-1.xn--55qw42g": true,
		"政务": false, ".政务": false, "某局.政务.": false, "某局..政务": false, "某 局.政务": false, "某局.政务.cn": false, "某局.公司": false, "某局。政务": false, "": false, ".": false,
	} {
		if field, reason := onlineName(domain); (reason == "") != ok || !ok && field != "domain" {
			t.Errorf("%q: %s %s, want it taken: %t", domain, field, reason, ok)
		}
	}
}

func FuzzOnlineName(f *testing.F) {
	f.Add("某局.政务")
	f.Add("xn--zfr164b.XN--55qw42g")
	form := regexp.MustCompile(`^([^.\p{Z}\x{9}-\x{D}\x{85}]+\.)+(政务|公益|[xX][nN]--([zZ][fF][rR]164[bB]|55[qQ][wW]42[gG]))$`)
	f.Fuzz(func(t *testing.T, domain string) {
		if _, reason := onlineName(domain); (reason == "") != form.MatchString(domain) {
			t.Errorf("%q: %q", domain, reason)
		}
	})
}

func onlineName(domain string) (field string, reason schemas.Reason) {
	return (&schemas.OnlineName{Domain: domain, RegisteredOn: 1, ExpiresOn: 2}).Derive(schemas.Delivered{})
}

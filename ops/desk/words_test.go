package desk

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"hebian/matcher/queue"
)

var verb = regexp.MustCompile(`%[0-9]*[a-z]`)

func TestWordsAreComplete(t *testing.T) {
	for key, text := range words {
		if strings.TrimSpace(text.zh) == "" || strings.TrimSpace(text.en) == "" {
			t.Errorf("%s is not said in both languages: %q, %q", key, text.zh, text.en)
		}
		if han := strings.ContainsFunc(text.zh, isHan); !han && strings.ContainsFunc(strings.TrimSpace(verb.ReplaceAllString(text.zh, "")), unicode.IsLetter) && key != "language" {
			t.Errorf("%s is not Chinese: %q", key, text.zh)
		}
		if strings.ContainsFunc(text.en, isHan) && key != "language" {
			t.Errorf("%s is not English: %q", key, text.en)
		}
		if zh, en := verb.FindAllString(text.zh, -1), verb.FindAllString(text.en, -1); !slices.Equal(verbKinds(zh), verbKinds(en)) {
			t.Errorf("%s takes %q in Chinese and %q in English", key, zh, en)
		}
	}
}

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

func verbKinds(verbs []string) (kinds []string) {
	for _, v := range verbs {
		kinds = append(kinds, v[len(v)-1:])
	}
	return kinds
}

// What is said by a key that the code puts together.
func TestWordsForEveryValue(t *testing.T) {
	var keys []string
	for _, s := range queue.States() {
		keys = append(keys, "state."+string(s))
	}
	for _, o := range queue.Outcomes() {
		keys = append(keys, "outcome."+string(o), "outcome."+string(o)+".means")
	}
	for _, e := range queue.EventKinds() {
		keys = append(keys, "event."+string(e))
	}
	texts, err := queue.Texts()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		keys = append(keys, "owner."+text.Owner, "severity."+text.Severity)
	}
	for code := range reasonFields {
		keys = append(keys, "reason."+strings.ToLower(code))
	}
	for _, r := range []queue.Role{queue.RoleAuthority, queue.RoleDiffers, queue.RoleLag} {
		keys = append(keys, "note."+noteOf(r), "note."+noteOf(r)+".means")
	}
	for _, name := range reviewFields {
		if chinese := Chinese.reviewLabel(name); chinese == plain(name) {
			t.Errorf("no words for the field %s", name)
		}
	}
	for _, key := range keys {
		if _, ok := words[key]; !ok {
			t.Errorf("no words for %s", key)
		}
	}
}

// Every key that a page or the code asks for is in the table, and the table holds no others.
func TestWordsAreUsed(t *testing.T) {
	asked := regexp.MustCompile(`\bT "([a-z_.]+)"`)
	literal := regexp.MustCompile(`"([a-z_]+(?:\.[a-z_]+)*\.?)"`)
	used := map[string]bool{}
	var prefixes []string
	for _, pattern := range []string{"templates/*.html", "*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if name == "words.go" || strings.HasSuffix(name, "_test.go") {
				continue
			}
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range literal.FindAllStringSubmatch(string(content), -1) {
				used[found[1]] = true
				if strings.HasSuffix(found[1], ".") {
					prefixes = append(prefixes, found[1])
				}
			}
			for _, found := range asked.FindAllStringSubmatch(string(content), -1) {
				if _, ok := words[found[1]]; !ok {
					t.Errorf("%s asks for %s, which is not in the table", name, found[1])
				}
			}
		}
	}
	for key := range words {
		if !used[key] && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			t.Errorf("nobody says %s", key)
		}
	}
}

func TestMaskText(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"号码 13972119900307002X，已核实", "号码 139721***********X，已核实"},
		{"13972119900307002x", "139721***********X"},
		{"139721900307002", "139721*********"},
		{"13972119900307002", "139721***********"},
		{"单位 123397214000000011 与 12139721400000001A", "单位 123397214000000011 与 12139721400000001A"},
		{"139721199013070021", "139721199013070021"}, // no such day: no birth date to hide
		{"回执 20260930", "回执 20260930"},
		{"113972119900307002X", "11*****************"},
		{"139721 19900307 002X", "139721***********X"},
		{"139721-19900307-002X", "139721***********X"},
	} {
		if got := maskText(test.text); got != test.want {
			t.Errorf("%q was masked to %q, want %q", test.text, got, test.want)
		}
	}
}

func TestPlain(t *testing.T) {
	for code, want := range map[string]string{"PAID_NO_SLOT": "Paid no slot", "valid_from": "Valid from", "": "", "其他": "其他"} {
		if got := plain(code); got != want {
			t.Errorf("%q is %q in plain words, want %q", code, got, want)
		}
	}
}

func TestLocalPath(t *testing.T) {
	for next, want := range map[string]string{
		"/cases?state=any": "/cases?state=any", "": "/cases", "https://evil.example/": "/cases", "//evil.example": "/cases",
		`/\evil.example`: "/cases", "cases": "/cases", "/cases/\r\nX: y": "/cases", "javascript:alert(1)": "/cases",
	} {
		if got := localPath(next); got != want {
			t.Errorf("after sign-in %q leads to %q, want %q", next, got, want)
		}
	}
}

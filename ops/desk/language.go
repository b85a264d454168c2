package desk

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"hebian/schemas"
)

// Language is what an officer reads.
type Language string

// The languages.
const (
	Chinese Language = "zh-CN"
	English Language = "en"
)

const (
	languageCookie  = "hebian-lang"
	rememberSeconds = 365 * 24 * 60 * 60
	timeFormat      = "2006-01-02 15:04"
)

// languageOf chooses: what the address asks for, else what was chosen before, else what the browser likes best.
func languageOf(r *http.Request) Language {
	if l, ok := parseLanguage(r.URL.Query().Get("lang")); ok {
		return l
	}
	if c, err := r.Cookie(languageCookie); err == nil {
		if l, ok := parseLanguage(c.Value); ok {
			return l
		}
	}
	for wanted := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		if l, ok := parseLanguage(strings.TrimSpace(wanted)); ok {
			return l
		}
	}
	return Chinese
}

func parseLanguage(s string) (Language, bool) {
	switch {
	case len(s) < 2:
		return "", false
	case strings.EqualFold(s[:2], "zh"):
		return Chinese, true
	case strings.EqualFold(s[:2], "en"):
		return English, true
	}
	return "", false
}

// rememberLanguage keeps the language that an address asks for.
func rememberLanguage(w http.ResponseWriter, r *http.Request) {
	if l, ok := parseLanguage(r.URL.Query().Get("lang")); ok {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: string(l), Path: "/", MaxAge: rememberSeconds, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
}

// T says something in the language. A key that is not in the table is a broken build.
func (l Language) T(key string, args ...any) string {
	text, ok := words[key]
	if !ok {
		panic("no words for " + key)
	}
	pattern := text.zh
	if l == English {
		pattern = text.en
	}
	if len(args) == 0 {
		return pattern
	}
	return fmt.Sprintf(pattern, args...)
}

// Other is the language that a page offers to change to.
func (l Language) Other() Language {
	if l == English {
		return Chinese
	}
	return English
}

// known says something if the table has it, else what it is given.
func (l Language) known(key, otherwise string) string {
	if _, ok := words[key]; !ok {
		return otherwise
	}
	return l.T(key)
}

// agency names an agency; those that the table does not know go by their short names.
func (l Language) agency(short string) string { return l.known("agency."+short, short) }

// field names a field of a source: by its label, which is Chinese, or by what its name says.
func (l Language) field(name, label string) string {
	return l.pick(label, l.known("field."+name, l.reviewLabel(name)))
}

// pick chooses between what others wrote in both languages.
func (l Language) pick(zh, en string) string {
	if l == English {
		return en
	}
	return zh
}

func (l Language) month(m schemas.Month) string {
	if m == 0 {
		return ""
	}
	return l.T("month", int(m)/100, int(m)%100)
}

// plain makes words of a code or a field name: PAID_NO_SLOT is "Paid no slot".
func plain(code string) string {
	text := strings.ToLower(strings.ReplaceAll(code, "_", " "))
	_, first := utf8.DecodeRuneInString(text)
	return strings.ToUpper(text[:first]) + text[first:]
}

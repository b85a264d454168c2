package desk

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"hebian/matcher/queue"
	"hebian/schemas"
)

// maxUnitRunes bounds the text that a unit is searched by.
const maxUnitRunes = 64

// anyState stands for all states in an address; without a state, pages show the open cases.
const anyState = "any"

// filter is which cases a list shows, as an address says it.
type filter struct {
	State    string // one of queue.States, or anyState
	Code     string
	Severity string
	Agency   string
	Month    string // YYYYMM
	Unit     string
	Mine     bool
}

// filterError says which part of an address names no cases, and what it could be.
type filterError struct {
	Parameter string
	Want      string
}

func (e *filterError) Error() string { return fmt.Sprintf("%s: want %s", e.Parameter, e.Want) }

// parseFilter reads an address. standard is the state where none is asked for.
func (d *Desk) parseFilter(v url.Values, standard string) (filter, error) {
	f := filter{
		State: v.Get("state"), Code: strings.ToUpper(v.Get("code")), Severity: v.Get("severity"), Agency: v.Get("agency"),
		Month: strings.ReplaceAll(v.Get("month"), "-", ""), Unit: strings.TrimSpace(v.Get("unit")), Mine: v.Get("mine") == "1",
	}
	if f.State == "" {
		if f.State = standard; f.Mine {
			f.State = anyState
		}
	}
	states := []string{anyState}
	for _, s := range queue.States() {
		states = append(states, string(s))
	}
	for _, check := range []struct {
		parameter, value string
		known            []string
	}{
		{"state", f.State, states},
		{"code", f.Code, d.codes},
		{"severity", f.Severity, severities},
		{"agency", f.Agency, d.Queue.Agencies()},
	} {
		if check.value != "" && !slices.Contains(check.known, check.value) {
			return filter{}, &filterError{check.parameter, "one of " + strings.Join(check.known, ", ")}
		}
	}
	if _, ok := schemas.ParseMonth(f.Month); f.Month != "" && !ok {
		return filter{}, &filterError{"month", "YYYYMM"}
	}
	if n := utf8.RuneCountInString(f.Unit); n > maxUnitRunes || !utf8.ValidString(f.Unit) {
		return filter{}, &filterError{"unit", fmt.Sprintf("at most %d characters", maxUnitRunes)}
	}
	return f, nil
}

// severities of cases, the worst first.
var severities = []string{"critical", "high", "medium", "low"}

// queue says the same to the queue. officer is who "mine" means.
func (f filter) queue(officer string) queue.Filter {
	q := queue.Filter{Code: f.Code, Severity: f.Severity, Agency: f.Agency, Unit: f.Unit}
	if f.State != anyState {
		q.States = []queue.State{queue.State(f.State)}
	}
	if f.Mine {
		q.Officer = officer
	}
	q.Month, _ = schemas.ParseMonth(f.Month) // was checked; 0 where there is none
	return q
}

// query writes the filter as an address has it, with further names and values behind.
func (f filter) query(more ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	for name, value := range map[string]string{"code": f.Code, "severity": f.Severity, "agency": f.Agency, "month": f.Month, "unit": f.Unit} {
		if value != "" {
			v.Set(name, value)
		}
	}
	standard := string(queue.Open)
	if f.Mine {
		v.Set("mine", "1")
		standard = anyState
	}
	if f.State != standard {
		v.Set("state", f.State)
	}
	return v.Encode()
}

// list is the address of the list.
func (f filter) list() string { return address("/cases", f.query()) }

// page is an address under a case that keeps the list it was found in.
func (f filter) page(id, action string) string {
	p := "/cases/" + url.PathEscape(id)
	if action != "" {
		p += "/" + action
	}
	return address(p, f.query())
}

func address(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}

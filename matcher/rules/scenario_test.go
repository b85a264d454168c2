package rules_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"hebian/matcher"
	"hebian/matcher/matchertest"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// TestScenarios runs the cases in testdata. A case is a judgement: its rows above, what it says
// below, each finding with the lines of the rows that it stands on. -rewrite writes the lower part
// anew; read it in the diff, against the rule.
//
//	judge [as-of=2026-09-30] [limits] [complete=(subject=month, …)] [exit_grace=1] …
//
// OVER_QUOTA, OVER_POSTS and CONTRACT_OVER are left out without limits: most cases grant nobody
// anything. A finding is provisional where complete doesn't reach; without complete all sources do.
// Rows are written as in columns below; - is an empty value, and what is left out at the end is
// nothing that the case is about. Persons are A to Z, a to z their numbers of 15 places; other
// numbers stand as written.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				if d.Cmd != "judge" {
					d.Fatalf(t, "unknown command %q", d.Cmd)
				}
				return newScenario(t, d).judge()
			})
		})
	}
}

// columns are the cells of a row, by its first word.
var columns = map[string]string{
	"institution": "unit unit_type valid_from valid_to",
	"quota":       "unit slot_type quota valid_from valid_to",
	"posts":       "unit chief deputy valid_from valid_to",
	"control":     "unit control_number valid_from valid_to",
	"succession":  "unit kind to_unit effective",
	"slot":        "id_number unit slot_type fund_channel valid_from valid_to permit_no permit_date leader name",
	"permit":      "id_number unit permit_date",
	"exemption":   "id_number unit category valid_from valid_to",
	"secondment":  "id_number from_unit unit approval_no valid_from valid_to",
	"event":       "id_number unit event effective",
	"absence":     "id_number unit kind approved from_date to_date",
	"death":       "id_number died_on",
	"penalty":     "id_number pay_effect effective ended",
	"insurance":   "id_number unit period",
	"pay":         "id_number unit period wage_type amount_fen name",
}

type scenario struct {
	t          *testing.T
	d          *datadriven.TestData
	log        matchertest.Log
	lines      []int // of the entries
	asOf       schemas.Date
	parameters rules.Parameters
	limits     bool
	marks      matcher.Marks
}

func newScenario(t *testing.T, d *datadriven.TestData) *scenario {
	s := &scenario{t: t, d: d, parameters: rules.Defaults(), marks: matcher.AllComplete{}}
	s.asOf, _ = schemas.ParseDate("2026-09-30")
	for _, arg := range d.CmdArgs {
		value := strings.Join(arg.Vals, "")
		number := func() int { n, err := strconv.Atoi(value); s.must(err == nil, "number "+value); return n }
		switch arg.Key {
		case "as-of":
			var ok bool
			s.asOf, ok = schemas.ParseDate(value)
			s.must(ok, "date "+value)
		case "limits":
			s.limits = true
		case "complete":
			s.marks = s.complete(arg.Vals)
		case "entry_grace":
			s.parameters.EntryGrace = number()
		case "exit_grace":
			s.parameters.ExitGrace = number()
		case "transfer_overlap":
			s.parameters.TransferOverlap = number()
		case "no_pay_months":
			s.parameters.NoPayMonths = number()
		case "secondment_limit":
			s.parameters.SecondmentLimit = number()
		case "absent_limit":
			s.parameters.AbsentLimit = number()
		default:
			s.must(false, "argument "+arg.Key)
		}
	}
	for i, line := range strings.Split(d.Input, "\n") {
		if cells := strings.Fields(line); len(cells) > 0 && cells[0] != "#" {
			s.row(cells)
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

func (s *scenario) must(ok bool, what string) {
	s.t.Helper()
	if !ok {
		s.d.Fatalf(s.t, "can't read %s", what)
	}
}

// complete reads subject=month. Subjects not named are complete; one with month 0 is not at all.
func (s *scenario) complete(vals []string) matcher.Marks {
	marks := matcher.AgencyMarks{}
	for _, topic := range state.Topics() {
		marks[topic] = map[string]schemas.Month{"x": 999912}
	}
	for _, v := range vals {
		subject, month, _ := strings.Cut(v, "=")
		n, err := strconv.Atoi(month)
		s.must(err == nil && marks[subject] != nil, v)
		marks[subject]["x"] = schemas.Month(n)
	}
	return marks
}

// row adds a row to the log.
func (s *scenario) row(cells []string) {
	row, file := emptyRow(cells[0])
	s.must(row != nil, "row "+cells[0])
	names := strings.Fields(columns[cells[0]])
	s.must(len(cells)-1 <= len(names), strings.Join(cells, " "))
	for i, cell := range cells[1:] {
		if cell == "-" {
			if slot, ok := row.(*schemas.Slot); ok && names[i] == "permit_no" {
				slot.PermitNo = nil
			}
			continue
		}
		if names[i] == "id_number" {
			cell = number(cell)
		}
		matchertest.Set(s.t, row, names[i], cell)
	}
	if line, ok := row.(*schemas.PayLine); ok {
		line.PaymentMonth = line.Period
		file = "finance/payroll-" + line.Period.String() + ".csv"
	}
	s.log.Assert(s.t, file, row)
}

// emptyRow makes a row in which what no case is about is filled in.
func emptyRow(word string) (row schemas.Row, file string) {
	p := "P1"
	switch word {
	case "institution":
		return &schemas.Institution{Name: "某单位", Status: schemas.UnitNormal, ValidFrom: schemas.MinDate}, "staffing/institutions.csv"
	case "quota":
		return &schemas.Quota{ValidFrom: schemas.MinDate}, "staffing/quotas.csv"
	case "posts":
		return &schemas.LeaderPost{ValidFrom: schemas.MinDate}, "staffing/leader_posts.csv"
	case "control":
		return &schemas.ControlNumber{ValidFrom: schemas.MinDate}, "finance/control_numbers.csv"
	case "succession":
		return &schemas.Succession{}, "staffing/successions.csv"
	case "slot":
		return &schemas.Slot{Name: "王某", SlotNo: "S1", PermitNo: &p}, "staffing/slots.csv"
	case "permit":
		return &schemas.Permit{PermitNo: "P1", SlotType: schemas.SlotFull}, "staffing/permits.csv"
	case "exemption":
		return &schemas.Exemption{}, "staffing/exemptions.csv"
	case "secondment":
		return &schemas.Secondment{}, "staffing/secondments.csv"
	case "event":
		return &schemas.StaffEvent{}, "hr/events.ndjson"
	case "absence":
		return &schemas.Absence{}, "hr/absences.csv"
	case "death":
		return &schemas.Death{}, "civil/deaths.csv"
	case "penalty":
		return &schemas.Penalty{}, "discipline/penalties.csv"
	case "insurance":
		return &schemas.Insurance{}, "social/insurance.csv"
	case "pay":
		return &schemas.PayLine{Name: "王某", WageType: schemas.WageBasic, AmountFen: 500000}, ""
	}
	return nil, ""
}

// number gives the made-up number of a person, of a division that was never issued.
func number(person string) string {
	if len(person) != 1 {
		return person
	}
	if c := person[0]; c >= 'a' && c <= 'z' {
		return fmt.Sprintf("1397218001010%02d", c-'a'+1)
	}
	key, _ := ident.Pack(ident.PersonKey(number(strings.ToLower(person))))
	return key.String()
}

func person(n schemas.IDNumber) string {
	for c := 'A'; c <= 'Z'; c++ {
		for _, letter := range []string{string(c), strings.ToLower(string(c))} {
			if number(letter) == string(n) {
				return letter
			}
		}
	}
	return string(n)
}

func (s *scenario) judge() string {
	st, entries := s.log.Fold(s.t, nil)
	r, err := matcher.Judge(context.Background(), st, s.asOf, s.parameters, s.marks)
	if err != nil {
		s.t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range r.Findings {
		if !s.limits && (strings.HasPrefix(f.Code, "OVER_") || f.Code == "CONTRACT_OVER") {
			continue
		}
		var lines []int
		for _, ref := range f.Evidence {
			lines = append(lines, s.lines[entries[ref]])
		}
		slices.Sort(lines)
		provisional := ""
		if f.Provisional {
			provisional = " provisional"
		}
		fmt.Fprintf(&out, "%s %v%s\n", words(f.Code, person(f.Person), string(f.Unit), month(f.Month), f.Detail), lines, provisional)
	}
	for _, e := range r.Explained {
		fmt.Fprintf(&out, "not %s: %s\n", words(e.Code, person(e.Person), string(e.Unit), month(e.Month)), e.Reason)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&out, "warning: %s\n", w)
	}
	return out.String()
}

func month(m schemas.Month) string {
	if m == 0 {
		return ""
	}
	return m.String()
}

// words joins what is not empty.
func words(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), " ")
}

// TestEveryRuleHasScenarios: a file of its own, in which the rule speaks.
func TestEveryRuleHasScenarios(t *testing.T) {
	for _, r := range rules.All() {
		file := filepath.Join("testdata", strings.ToLower(r.Code)+".txt")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(text), "\n"+r.Code+" ") {
			t.Errorf("%s never finds anything in %s", r.Code, file)
		}
	}
}

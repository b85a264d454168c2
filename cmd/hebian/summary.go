package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"hebian/connectors"
	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/matcher/rules"
)

// summary is what a check says on the screen and in summary.json.
type summary struct {
	AsOf           string           `json:"as_of"`
	Months         []string         `json:"months"` // evaluated
	Parameters     rules.Parameters `json:"parameters"`
	Files          int              `json:"files"`
	RowsRead       int64            `json:"rows_read"`
	Accepted       int64            `json:"accepted"`
	Quarantined    int64            `json:"quarantined"`
	Flags          int              `json:"flags"`
	Opened         int              `json:"opened"` // since the check before on the same data folder
	Refreshed      int              `json:"refreshed"`
	Closed         int              `json:"closed"`
	Rules          []ruleCount      `json:"rules"`
	Explained      []explainedCount `json:"explained"`
	Entities       *entitySummary   `json:"entities,omitempty"` // none where no register was delivered
	Failed         []failedFile     `json:"failed"`
	Missing        []missingFile    `json:"missing"`
	UnknownFiles   []string         `json:"unknown_files"`
	UnknownColumns []unknownColumns `json:"unknown_columns"`
	Warnings       []string         `json:"warnings"`
}

type ruleCount struct {
	Code     string `json:"code"`
	Label    string `json:"label"`
	Severity string `json:"severity"`
	Flags    int    `json:"flags"`
	Opened   int    `json:"opened"`
	Closed   int    `json:"closed"`
}

// explainedCount counts what looks like a finding and is none.
type explainedCount struct {
	Code   string `json:"code"` // of the finding that it looks like
	Reason string `json:"reason"`
	Cases  int    `json:"cases"`
}

type failedFile struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

// missingFile is a file that no agency delivered; it counts as delivered and empty.
type missingFile struct {
	File  string   `json:"file"`
	Rules []string `json:"rules"` // that lean on it
}

type unknownColumns struct {
	File    string   `json:"file"`
	Columns []string `json:"columns"`
}

func summarize(t taken, counts map[int64]string, j judgement) (*summary, error) {
	texts, err := rules.Texts()
	if err != nil {
		return nil, err
	}
	sum := &summary{ // empty lists are lists in JSON, too
		Months: []string{}, Rules: []ruleCount{}, Explained: []explainedCount{}, Failed: []failedFile{}, Missing: []missingFile{},
		UnknownColumns: []unknownColumns{},
		AsOf:           j.AsOf.String(), Parameters: j.Parameters, Files: len(t.receipts), Flags: len(j.Findings),
		Opened: len(j.opened), Refreshed: len(j.refreshed), Closed: len(j.closed), Warnings: append([]string{}, j.Warnings...), UnknownFiles: append([]string{}, t.folder.Unknown...),
	}
	for _, m := range j.Months {
		sum.Months = append(sum.Months, m.String())
	}
	for _, r := range t.receipts {
		sum.addReceipt(r)
	}
	for _, file := range t.folder.Missing {
		if !deliveredBefore(file, counts) && (!file.Optional || file.Subject == registrationSubject && j.entities.Counts().Records > 0) {
			sum.Missing = append(sum.Missing, missingFile{strings.ReplaceAll(file.Path, "{month}", "YYYYMM"), leaning(file.Subject)})
		}
	}
	for _, text := range texts {
		n := ruleCount{Code: text.Code, Label: text.Label, Severity: text.Severity}
		n.Flags, n.Opened, n.Closed = countCode(text.Code, j.Findings), countCode(text.Code, j.opened), countCode(text.Code, j.closed)
		if n.Flags+n.Closed > 0 {
			sum.Rules = append(sum.Rules, n)
		}
	}
	sum.countExplained(j.Explained)
	sum.Warnings = append(sum.Warnings, j.entities.Warnings()...)
	return sum, nil
}

// deliveredBefore says whether a file is in the log already, from an earlier run on the data folder.
func deliveredBefore(file *connectors.File, counts map[int64]string) bool {
	for _, name := range counts {
		if _, ok := file.Match(name); ok {
			return true
		}
	}
	return false
}

func (sum *summary) addReceipt(r hub.Receipt) {
	sum.RowsRead += r.RowsRead
	sum.Accepted += r.Accepted
	sum.Quarantined += r.Quarantined
	if r.Outcome == hub.Failed {
		sum.Failed = append(sum.Failed, failedFile{r.File, r.Error})
	}
	if len(r.UnknownColumns) > 0 {
		sum.UnknownColumns = append(sum.UnknownColumns, unknownColumns{r.File, r.UnknownColumns})
	}
}

func (sum *summary) countExplained(all []rules.Explanation) {
	counts := map[explainedCount]int{}
	for _, e := range all {
		counts[explainedCount{Code: e.Code, Reason: string(e.Reason)}]++
	}
	for e, n := range counts {
		e.Cases = n
		sum.Explained = append(sum.Explained, e)
	}
	slices.SortFunc(sum.Explained, func(a, b explainedCount) int {
		return strings.Compare(a.Code+" "+a.Reason, b.Code+" "+b.Reason)
	})
}

// leaning lists the rules that need a subject.
func leaning(subject string) []string {
	var codes []string
	if subject == registrationSubject {
		codes = append(codes, string(entity.KindConflict), string(entity.KindLinkReview), string(entity.KindOrphan))
	}
	for _, r := range rules.All() {
		if slices.ContainsFunc(r.Needs, func(n rules.Need) bool { return n.Subject == subject }) {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

func countCode(code string, findings []rules.Finding) int {
	n := 0
	for i := range findings {
		if findings[i].Code == code {
			n++
		}
	}
	return n
}

// write prints the summary for a person.
func (sum *summary) write(w io.Writer, out string) {
	months := "no month"
	if len(sum.Months) > 0 {
		months = strings.Join(sum.Months, ", ")
	}
	fmt.Fprintf(w, "As of %s, pay of %s: %s rows of %d files, %s in quarantine.\n\n", sum.AsOf, months, count(sum.RowsRead), sum.Files, count(sum.Quarantined))
	t := newTable(w, "flag", "名称", "severity", "flags", "new", "gone")
	for _, r := range sum.Rules {
		t.AppendRow([]any{r.Code, r.Label, r.Severity, count(r.Flags), count(r.Opened), count(r.Closed)})
	}
	t.AppendFooter([]any{"", "", "", count(sum.Flags), count(sum.Opened), count(sum.Closed)})
	t.Render()
	if len(sum.Explained) > 0 {
		fmt.Fprintln(w, "\nLooked like a finding and is none:")
		t := newTable(w, "flag", "because", "cases")
		for _, e := range sum.Explained {
			t.AppendRow([]any{e.Code, e.Reason, count(e.Cases)})
		}
		t.Render()
	}
	fmt.Fprintln(w)
	for _, f := range sum.Failed {
		fmt.Fprintf(w, "Not read: %s\n", f.Error)
	}
	for _, m := range sum.Missing {
		fmt.Fprintf(w, "Not delivered: %s, taken as empty; it matters to %s\n", m.File, strings.Join(m.Rules, ", "))
	}
	for _, file := range sum.UnknownFiles {
		fmt.Fprintf(w, "Not read: %s, no profile describes it\n", printable(file))
	}
	for _, u := range sum.UnknownColumns {
		fmt.Fprintf(w, "Unknown columns of %s, kept and not used: %s\n", u.File, printable(strings.Join(u.Columns, ", ")))
	}
	sum.Entities.write(w)
	for _, warning := range sum.Warnings {
		fmt.Fprintf(w, "Note: %s\n", warning)
	}
	if out != "" {
		fmt.Fprintf(w, "Written to %s: flags.csv, flags.ndjson, entities.csv, conflicts.csv, golden.ndjson, quarantine.csv, quarantine.ndjson, summary.json\n", out)
	}
}

// printable is a text from outside without what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

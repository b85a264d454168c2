package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hebian/connectors/push"
	"hebian/ops/desk"
)

// caseCommand is the commands that work on the cases of a hub that runs.
type caseCommand struct {
	List    caseList    `cmd:"" help:"List cases, the worst first, then the oldest."`
	Show    caseShow    `cmd:"" help:"Show a case with its evidence and history."`
	Claim   caseClaim   `cmd:"" help:"Claim a case for half an hour."`
	Release caseRelease `cmd:"" help:"Give a case back."`
	Decide  caseDecide  `cmd:"" help:"Claim a case, if need be, and decide it."`
	Revoke  caseRevoke  `cmd:"" help:"Take back what was decided on a link."`
}

type caseList struct {
	State    string `default:"open" enum:"any,open,claimed,decided,sent,settled,explained" help:"How far the cases have come."`
	Code     string `help:"Code of the rule."`
	Severity string `help:"critical, high, medium or low."`
	Agency   string `help:"Agency that must act."`
	Month    string `placeholder:"YYYYMM" help:"Month of the finding."`
	Unit     string `help:"A unit's code or a part of it."`
	Mine     bool   `help:"Only those that the account holds or decided."`
	Limit    int    `default:"50" help:"Cases at most."`
	hubAddress
	format
}

func (c *caseList) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{"state": {c.State}, "limit": {strconv.Itoa(c.Limit)}}
	for name, value := range map[string]string{"code": c.Code, "severity": c.Severity, "agency": c.Agency, "month": c.Month, "unit": c.Unit} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if c.Mine {
		query.Set("mine", "true")
	}
	var page struct {
		Cases []desk.CaseRow `json:"cases"`
		Next  string         `json:"next,omitempty"`
	}
	if err := client.Call(ctx, http.MethodGet, "/v1/cases?"+query.Encode(), nil, &page); err != nil {
		return err
	}
	return c.print(s.out, page, func(w io.Writer) {
		t := newTable(w, "case", "severity", "code", "", "person", "unit or entity", "month or detail", "for", "state", "officer")
		for _, r := range page.Cases {
			t.AppendRow([]any{r.ID, r.Severity, r.Code, r.Label, r.Person, cmp.Or(r.EntityName, r.UnitName, r.Unit), cmp.Or(r.Month, r.Detail), strings.Join(r.Agencies, " "), r.State, r.Officer})
		}
		t.Render()
		if page.Next != "" {
			fmt.Fprintln(w, "There are more: narrow the list down, or ask for more with --limit.")
		}
	})
}

// oneCase is a case of a hub.
type oneCase struct {
	ID string `arg:"" help:"The case, as case list gives it."`
	hubAddress
	format
}

func (c *oneCase) path(action string) string { return "/v1/cases/" + url.PathEscape(c.ID) + action }

// act does something to the case and prints how it stands then.
func (c *oneCase) act(ctx context.Context, s streams, do func(*push.Client) (desk.CaseRow, error)) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	row, err := do(client)
	if err != nil {
		return err
	}
	return c.print(s.out, row, func(w io.Writer) { fmt.Fprintf(w, "case %s is %s\n", row.ID, row.State) })
}

type caseShow struct{ oneCase }

func (c *caseShow) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var detail desk.CaseDetail
	if err := client.Call(ctx, http.MethodGet, c.path(""), nil, &detail); err != nil {
		return err
	}
	return c.print(s.out, detail, func(w io.Writer) { writeCase(w, &detail) })
}

// writeCase prints a case for a person.
func writeCase(w io.Writer, c *desk.CaseDetail) {
	fmt.Fprintf(w, "%s %s: %s %s %s %s\n", c.Code, c.Label, c.Person, cmp.Or(c.EntityName, c.UnitName, c.Unit), c.Month, c.Detail)
	fmt.Fprintf(w, "%s, %s", c.State, c.Severity)
	if c.Officer != "" {
		fmt.Fprintf(w, ", %s", c.Officer)
	}
	if c.Entity != "" {
		fmt.Fprintf(w, ", entity %s (%s)", c.Entity, c.Unit)
	}
	if c.Due != "" {
		fmt.Fprintf(w, ", answers are due by %s", c.Due)
	}
	fmt.Fprintf(w, "\n%s\n%s\nIt can be decided as %s.\n", c.Sentence, c.Check, strings.Join(c.Outcomes, ", "))
	writeSides(w, c.Sides)
	fmt.Fprintf(w, "\nIt stands on %d rows:\n", c.Rows)
	for _, row := range c.Evidence {
		fmt.Fprintf(w, "  %s, line %d, delivery %d\n   ", row.File, row.Line, row.Delivery)
		for _, f := range row.Fields {
			if f.Value != "" {
				fmt.Fprintf(w, " %s=%s", f.Label, f.Value)
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	t := newTable(w, "at", "what", "state", "officer", "outcome", "to", "delivery", "reason")
	for _, e := range c.History {
		delivery := ""
		if e.Delivery != 0 {
			delivery = strconv.FormatInt(e.Delivery, 10)
		}
		t.AppendRow([]any{instant(e.At), e.Kind, e.State, e.Officer, e.Outcome, e.To, delivery, strings.ReplaceAll(e.Reason, "\n", " ")})
	}
	t.Render()
}

// writeSides prints what each registration says.
func writeSides(w io.Writer, sides []desk.CaseSide) {
	if len(sides) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable(w, "role", "agency", "key", "says", "for", "against", "candidate")
	for _, s := range sides {
		t.AppendRow([]any{s.Role, s.Agency, s.Key, s.Value, strings.Join(s.For, " "), strings.Join(s.Against, " "), s.Candidate})
	}
	t.Render()
}

type caseRevoke struct {
	oneCase
	Reason string `required:"" help:"Why, in a sentence."`
}

func (c *caseRevoke) Run(ctx context.Context, s streams) error {
	return c.act(ctx, s, func(client *push.Client) (row desk.CaseRow, err error) {
		return row, client.Call(ctx, http.MethodPost, c.path("/revoke"), map[string]string{"reason": c.Reason}, &row)
	})
}

type caseClaim struct{ oneCase }

func (c *caseClaim) Run(ctx context.Context, s streams) error {
	return c.act(ctx, s, func(client *push.Client) (row desk.CaseRow, err error) {
		return row, client.Call(ctx, http.MethodPost, c.path("/claim"), nil, &row)
	})
}

type caseRelease struct{ oneCase }

func (c *caseRelease) Run(ctx context.Context, s streams) error {
	return c.act(ctx, s, func(client *push.Client) (row desk.CaseRow, err error) {
		return row, client.Call(ctx, http.MethodPost, c.path("/release"), nil, &row)
	})
}

type caseDecide struct {
	oneCase
	Outcome string `required:"" enum:"confirmed,explained,data_error,forwarded,authority,disputed,accepted,same,different" help:"confirmed, explained, data_error, forwarded; of legal entities also authority, disputed, accepted; of links same, different. case show lists those of a case."`
	Reason  string `required:"" help:"Why, in a sentence."`
	To      string `help:"Agency that the correction goes to. Default: the one that the case names."`
	Right   string `placeholder:"AGENCY" help:"Of disputed: the agency whose value is right."`
	Until   string `placeholder:"YYYY-MM-DD" help:"Of accepted: the last day on which the difference is left alone."`
	With    string `placeholder:"CANDIDATE" help:"Of same and different: the candidate, as case show names it."`
}

func (c *caseDecide) Run(ctx context.Context, s streams) error {
	return c.act(ctx, s, func(client *push.Client) (row desk.CaseRow, err error) {
		if err := client.Call(ctx, http.MethodPost, c.path("/claim"), nil, nil); err != nil {
			return row, err
		}
		decision := map[string]string{"outcome": c.Outcome, "reason": c.Reason}
		for name, value := range map[string]string{"to": c.To, "right": c.Right, "until": c.Until, "with": c.With} {
			if value != "" {
				decision[name] = value
			}
		}
		return row, client.Call(ctx, http.MethodPost, c.path("/decide"), decision, &row)
	})
}

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
		t := newTable(w, "case", "severity", "code", "", "person", "unit", "month", "for", "state", "officer")
		for _, r := range page.Cases {
			t.AppendRow([]any{r.ID, r.Severity, r.Code, r.Label, r.Person, cmp.Or(r.UnitName, r.Unit), r.Month, r.Agency, r.State, r.Officer})
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
	fmt.Fprintf(w, "%s %s: %s %s %s %s\n", c.Code, c.Label, c.Person, cmp.Or(c.UnitName, c.Unit), c.Month, c.Detail)
	fmt.Fprintf(w, "%s, %s", c.State, c.Severity)
	if c.Officer != "" {
		fmt.Fprintf(w, ", %s", c.Officer)
	}
	fmt.Fprintf(w, "\n%s\n%s\n\nIt stands on %d rows:\n", c.Sentence, c.Check, c.Rows)
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
	Outcome string `required:"" enum:"confirmed,explained,data_error,forwarded" help:"confirmed, explained, data_error or forwarded."`
	Reason  string `required:"" help:"Why, in a sentence."`
	To      string `help:"Agency that the correction goes to. Default: the one that the case names."`
}

func (c *caseDecide) Run(ctx context.Context, s streams) error {
	return c.act(ctx, s, func(client *push.Client) (row desk.CaseRow, err error) {
		if err := client.Call(ctx, http.MethodPost, c.path("/claim"), nil, nil); err != nil {
			return row, err
		}
		decision := map[string]string{"outcome": c.Outcome, "reason": c.Reason}
		if c.To != "" {
			decision["to"] = c.To
		}
		return row, client.Call(ctx, http.MethodPost, c.path("/decide"), decision, &row)
	})
}

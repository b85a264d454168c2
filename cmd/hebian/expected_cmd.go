package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"hebian/connectors/push"
	"hebian/schemas"
)

// expectedCommand is the command that says what agencies have promised.
type expectedCommand struct {
	Agency string `help:"Of this agency only."`
	From   string `placeholder:"YYYYMM" help:"First month. Default: the one before the last asked for."`
	To     string `placeholder:"YYYYMM" help:"Last month. Default: the last that has ended."`
	hubAddress
	format
}

func (expectedCommand) Help() string {
	return `A file is expected before its day, due on it, late within the grace that its profile gives, and missing after that.`
}

func (c *expectedCommand) Run(ctx context.Context, s streams) error {
	query := url.Values{}
	for name, month := range map[string]string{"from": c.From, "to": c.To} {
		if month == "" {
			continue
		}
		if _, ok := schemas.ParseMonth(month); !ok {
			return usageError(fmt.Sprintf("--%s is %q, want YYYYMM", name, month))
		}
		query.Set(name, month)
	}
	if c.Agency != "" {
		query.Set("agency", c.Agency)
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var all struct {
		Expected []push.Expected `json:"expected"`
	}
	if err := client.Call(ctx, http.MethodGet, "/v1/expected?"+query.Encode(), nil, &all); err != nil {
		return err
	}
	return c.print(s.out, all, func(w io.Writer) {
		t := newTable(w, "agency", "file", "period", "due", "missing after", "state", "came")
		for _, e := range all.Expected {
			t.AppendRow([]any{e.Agency, printable(e.File), e.Period, e.Due, e.Late, e.State, e.Came})
		}
		t.Render()
	})
}

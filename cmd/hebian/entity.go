package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hebian/ops/desk"
)

// entityCommand is the commands that look at the legal entities of a hub that runs.
type entityCommand struct {
	Find entityFind `cmd:"" help:"Find legal entities by a code, or a part of a present or former name."`
	Show entityShow `cmd:"" help:"Show a legal entity: what each source says, what holds, its history and cases."`
}

type entityFind struct {
	Query string `arg:"" help:"A code, or a part of a name."`
	Limit int    `default:"50" help:"Entities at most."`
	hubAddress
	format
}

func (c *entityFind) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var page struct {
		Entities []desk.EntityHit `json:"entities"`
		More     bool             `json:"more"`
	}
	query := url.Values{"q": {c.Query}, "limit": {strconv.Itoa(c.Limit)}}
	if err := client.Call(ctx, http.MethodGet, "/v1/entities?"+query.Encode(), nil, &page); err != nil {
		return err
	}
	return c.print(s.out, page, func(w io.Writer) {
		t := newTable(w, "entity", "code", "name", "status", "division", "sources")
		for _, e := range page.Entities {
			t.AppendRow([]any{e.ID, e.Code, printable(e.Name), e.Status, e.Division, strings.Join(e.Agencies, " ")})
		}
		t.Render()
		if page.More {
			fmt.Fprintln(w, "There are more: type more of the name, or ask for more with --limit.")
		}
	})
}

type entityShow struct {
	ID string `arg:"" help:"The entity, as entity find gives it."`
	hubAddress
	format
}

func (c *entityShow) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var x desk.EntityDetail
	if err := client.Call(ctx, http.MethodGet, "/v1/entities/"+url.PathEscape(c.ID), nil, &x); err != nil {
		return err
	}
	return c.print(s.out, x, func(w io.Writer) { writeEntity(w, &x) })
}

// writeEntity prints an entity for a person: fields in rows, sources in columns.
func writeEntity(w io.Writer, x *desk.EntityDetail) {
	if x.MergedInto != "" {
		fmt.Fprintf(w, "%s is part of %s now.\n", x.ID, x.MergedInto)
		return
	}
	fmt.Fprintf(w, "%s %s %s\n\n", x.ID, x.Code, printable(x.Name))
	head := []any{"field", "holds", "by"}
	for _, source := range x.Sources {
		head = append(head, source.Agency+" "+printable(source.Key))
	}
	t := newTable(w, head...)
	for _, f := range x.Fields {
		row := []any{f.Name, printable(f.Golden.Text), f.Golden.Agency}
		for _, cell := range f.Cells {
			text := printable(cell.Text)
			if cell.Note == "conflict" || cell.Note == "lag" {
				text += " (" + cell.Note + ")"
			}
			row = append(row, text)
		}
		t.AppendRow(row)
	}
	t.Render()
	if len(x.Cases) > 0 {
		fmt.Fprintln(w)
		t = newTable(w, "case", "severity", "code", "detail", "for", "state")
		for i := range x.Cases {
			k := &x.Cases[i]
			t.AppendRow([]any{k.ID, k.Severity, k.Code, k.Detail, strings.Join(k.Agencies, " "), k.State})
		}
		t.Render()
	}
	fmt.Fprintln(w)
	t = newTable(w, "at", "what", "field", "from", "to", "entities", "by")
	for i := range x.History {
		h := &x.History[i]
		t.AppendRow([]any{instant(h.At), h.Kind, h.Field, printable(h.From), printable(h.To), strings.Join(h.Entities, " "), h.Agency})
	}
	t.Render()
}

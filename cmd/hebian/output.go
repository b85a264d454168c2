package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/jedib0t/go-pretty/v6/table"
)

// format is how a command prints its result on the screen.
type format struct {
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"How to print: table, json or yaml."`
}

// print writes v as JSON or YAML, or calls asTable.
func (f format) print(w io.Writer, v any, asTable func(io.Writer)) error {
	switch f.Output {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	case "yaml":
		text, err := yaml.MarshalWithOptions(v, yaml.UseJSONMarshaler())
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	lines := bufio.NewWriter(w) // keeps the first error
	asTable(lines)
	return lines.Flush()
}

// newTable is a table without ruled lines, whose columns stand straight with 汉字 in them.
func newTable(w io.Writer, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = 0 // as written
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.AppendHeader(header)
	return t
}

// count writes a number in groups of three.
func count[T ~int | ~int64](n T) string {
	digits := fmt.Sprint(n)
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, groups...), ",")
}

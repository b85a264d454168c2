package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/cmd/hebian/simulate"
	"hebian/connectors"
	"hebian/schemas"
)

// The registers of legal entities are of a county of their own, as it is when the demo opens: what lags then ripens while the
// months pass. Its institutions are those of the other.

// makeRegisters makes the registers up, into a folder below another.
func makeRegisters(ctx context.Context, dir string, o simulate.Options, s streams) (string, error) {
	o.AsOf, o.Months, o.Entities = demoNewest.Add(demoAtOnce-demoMonths), 1, simulate.EntitiesFor(o.Persons)
	_, err := makeUp(ctx, filepath.Join(dir, "registers"), o, s)
	return filepath.Join(dir, "registers", "in"), err
}

// isRegister says whether a file is of the county of the registers: those that no month needs.
func isRegister(f connectors.Found) bool { return f.Optional }

// answerEntity puts right what a correction asks for in a register of the agency, and hands it over; "" where the clerk would have to
// guess.
func (a *agency) answerEntity(ctx context.Context, c *schemas.Correction, rows []citation) (string, error) {
	if c.Field == "" || c.Proposed == "" {
		return "", nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var mended []*book
	for _, r := range rows {
		if !slices.Contains(a.books, r.book) {
			continue
		}
		row, err := a.mend(r.book, r.book.rows[r.place], c)
		if err != nil {
			return "", err
		}
		if row == "" {
			continue
		}
		r.book.rows[r.place] = row
		if !slices.Contains(mended, r.book) {
			mended = append(mended, r.book)
		}
	}
	var says []string
	for _, b := range mended {
		r, err := a.deliver(ctx, b)
		if err != nil {
			return "", err
		}
		says = append(says, fmt.Sprintf("%s with %s as %s says, %s", r.File, c.Field, c.ProposedBy, plural(r.Added, "new row")))
	}
	return strings.Join(says, "; "), nil
}

// mend gives a row of a register with the value that a correction proposes, and today as the day of the change; "" where the register
// has no such column.
func (a *agency) mend(b *book, row string, c *schemas.Correction) (string, error) {
	profiles, err := connectors.Profiles()
	if err != nil {
		return "", err
	}
	found, _ := connectors.Describe(profiles, b.name)
	file := found.File
	column, value := columnOf(file, c.Field), c.Proposed
	if c.Field == "capital" {
		if column = columnOf(file, "capital_yuan"); column == "" {
			column = columnOf(file, "capital_wan")
		}
		value = amountIn(c.Proposed, strings.Contains(column, "wan") || strings.Contains(column, "万元"))
	}
	if column == "" || value == "" {
		return "", nil
	}
	cells := map[string]string{column: value, columnOf(file, "updated_on"): a.through.Last().String()}
	if file.Form == connectors.NDJSON {
		return mendObject(row, cells)
	}
	return mendCells(b.head, row, cells, file.Encoding == "gb18030")
}

// columnOf is the column that gives a field; empty if the file has none.
func columnOf(file *connectors.File, field string) string {
	at := slices.IndexFunc(file.Columns, func(c connectors.Column) bool { return c.Field == field })
	if at < 0 {
		return ""
	}
	return file.Columns[at].Header
}

// amountIn writes an amount as corrections have it, with its unit, in the unit of a register.
func amountIn(amount string, wan bool) string {
	number, unit, _ := strings.Cut(amount, " ")
	number = strings.ReplaceAll(number, ",", "")
	if wan == (unit == "万元") {
		return number
	}
	n, err := strconv.ParseFloat(number, 64) // of the size of a capital, exact enough to be written with two places
	if err != nil {
		return ""
	}
	if wan {
		return strconv.FormatFloat(n/10_000, 'f', 6, 64)
	}
	return strconv.FormatFloat(n*10_000, 'f', 2, 64)
}

// mendObject replaces values of an NDJSON row.
func mendObject(row string, values map[string]string) (string, error) {
	object := map[string]any{}
	if err := json.Unmarshal([]byte(row), &object); err != nil {
		return "", fmt.Errorf("mend a row: %w", err)
	}
	for key, value := range values {
		object[key] = value
	}
	text, err := json.Marshal(object)
	return string(text), err
}

// mendCells replaces cells of a CSV row.
func mendCells(head, row string, values map[string]string, gb bool) (string, error) {
	read, write := func(s string) string { return s }, func(s string) (string, error) { return s, nil }
	if gb {
		read, write = fromGB18030, simplifiedchinese.GB18030.NewEncoder().String
	}
	columns := strings.Split(strings.TrimPrefix(strings.TrimSpace(read(head)), "\ufeff"), ",")
	cells, err := csv.NewReader(strings.NewReader(read(row))).Read()
	if err != nil {
		return "", fmt.Errorf("mend a row: %w", err)
	}
	for i, column := range columns {
		if value, ok := values[column]; ok && i < len(cells) {
			cells[i] = value
		}
	}
	var out strings.Builder
	w := csv.NewWriter(&out)
	if err := w.Write(cells); err != nil {
		return "", err
	}
	w.Flush()
	return write(strings.TrimSuffix(out.String(), "\n"))
}

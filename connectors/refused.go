package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"hebian/connectors/sheet"
	"hebian/connectors/text"
	"hebian/schemas"
)

// QuarantinedRow is a row in quarantine, with what is needed to read it again.
type QuarantinedRow struct {
	Row      string   `json:"row" doc:"ID of the row in quarantine."`
	Delivery int64    `json:"delivery" doc:"Delivery that brought it."`
	Line     int64    `json:"line" doc:"Line or row of the file, from 1."`
	Column   string   `json:"column,omitempty" doc:"Header of the cell at fault, if one is."`
	Reason   string   `json:"reason" doc:"A stable code." example:"UNREADABLE"`
	Detail   string   `json:"detail,omitempty" doc:"What was expected."`
	Raw      []byte   `json:"-"` // as it came; of a form without lines of text, as CSV in UTF-8
	Whole    bool     `json:"-"` // Raw is all of the row
	Form     Form     `json:"-"` // of the file that it came in
	Encoding string   `json:"-"` // likewise
	Columns  []string `json:"-"` // its header row, if it had one
}

// The columns that stand in front of a refused row when it is handed back.
const (
	noteRow    = "_row"
	noteLine   = "_line"
	noteColumn = "_column"
	noteReason = "_reason"
	noteDetail = "_detail"
	noteRaw    = "_raw" // behind the others: the row as it came, where it can't be cut into cells
)

var notes = []string{noteRow, noteLine, noteColumn, noteReason, noteDetail, noteRaw}

// RefusedForms are the forms in which refused rows are handed back.
var RefusedForms = []Form{CSV, NDJSON, XLSX}

// WriteRefused writes refused rows as a file in a form, the reason of each in front of its own columns: corrected, the file can be
// handed in as a mended one. A table has the columns of all rows; a row that can't be cut into cells stands in
// the column _raw. In CSV and workbooks a cell that a spreadsheet program would run is disarmed.
func WriteRefused(w io.Writer, form Form, encoding string, rows []QuarantinedRow) error {
	switch form {
	case NDJSON:
		return writeObjects(w, rows)
	case XLSX:
		out, err := sheet.NewWriter(w, refusedHeader(rows))
		if err != nil {
			return err
		}
		return errors.Join(writeCells(rows, out.Row), out.Close())
	case CSV:
		enc := text.UTF8
		if encoding == "gb18030" {
			enc = text.GB18030
		}
		out := text.NewWriter(w, enc, true)
		if err := out.Row(refusedHeader(rows)...); err != nil {
			return err
		}
		return errors.Join(writeCells(rows, out.Row), out.Flush())
	}
	return fmt.Errorf("refused rows are handed back as %v, not as %s", RefusedForms, form)
}

// refusedHeader is the header of a table of refused rows.
func refusedHeader(rows []QuarantinedRow) []string {
	header := slices.Clone(notes[:len(notes)-1])
	header = append(header, tableColumns(rows)...)
	return append(header, noteRaw)
}

// tableColumns are the columns that rows have, in the order they come: those of their headers, the keys of objects. What a download put in
// front of them is none.
func tableColumns(rows []QuarantinedRow) []string {
	var columns []string
	seen := map[string]bool{}
	for i := range rows {
		cells, _ := rows[i].own()
		for _, c := range cells {
			if !seen[c.Column] && len(columns) < sampleColumns {
				seen[c.Column] = true
				columns = append(columns, c.Column)
			}
		}
	}
	return columns
}

func writeCells(rows []QuarantinedRow, write func(cells ...string) error) error {
	columns := tableColumns(rows)
	for i := range rows {
		r := &rows[i]
		cells := []string{r.Row, strconv.FormatInt(r.Line, 10), r.Column, r.Reason, r.Detail}
		own, ok := r.cells(columns)
		raw := ""
		if !ok {
			own, raw = make([]string, len(columns)), r.text()
		}
		if err := write(append(append(cells, own...), raw)...); err != nil {
			return err
		}
	}
	return nil
}

// cells puts what the row holds into the columns of a table.
func (r *QuarantinedRow) cells(columns []string) ([]string, bool) {
	own, ok := r.own()
	cells := make([]string, len(columns))
	for _, m := range own {
		at := slices.Index(columns, m.Column)
		if at < 0 {
			return nil, false
		}
		cells[at] = m.Text
	}
	return cells, ok
}

// members cuts a row of an object form into its members.
func (r *QuarantinedRow) members() ([]schemas.Cell, bool) {
	line, ok := r.decoded()
	if !ok || r.Form.columned() {
		return nil, false
	}
	object := text.NewObject()
	return object.Rest, object.Read(line) == nil
}

// decoded is the row as text, if all of it is there. Bytes that stand for no character are written as U+FFFD and their digits,
// which no reading takes for text.
func (r *QuarantinedRow) decoded() (line string, ok bool) {
	return r.text(), r.Whole
}

// text is the row as text. In both encodings a comma is never part of a longer character, so that what is damaged spoils its own cell only.
func (r *QuarantinedRow) text() string {
	decoder := text.NewDecoder(r.encoding())
	if line, flaw := decoder.Decode(r.Raw); flaw == nil {
		return line
	}
	var b strings.Builder
	for i, piece := range bytes.Split(r.Raw, []byte{','}) {
		if i > 0 {
			b.WriteByte(',')
		}
		if cell, flaw := decoder.Decode(piece); flaw == nil {
			b.WriteString(cell)
			continue
		}
		damaged := false
		for _, c := range piece {
			switch plain := c >= ' ' && c < 0x7f; {
			case plain:
				b.WriteByte(c)
				damaged = false
				continue
			case !damaged:
				b.WriteRune('\uFFFD')
			}
			damaged = true
			fmt.Fprintf(&b, "%02X", c)
		}
	}
	return b.String()
}

func (r *QuarantinedRow) encoding() text.Encoding {
	if r.Encoding == "gb18030" && r.Form.encoded() && r.Form != DBF {
		return text.GB18030
	}
	return text.UTF8 // of other forms the hub itself wrote the row down
}

func writeObjects(w io.Writer, rows []QuarantinedRow) error {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false)
	for i := range rows {
		r := &rows[i]
		members := []schemas.Cell{{Column: noteRow, Text: r.Row}, {Column: noteLine, Text: strconv.FormatInt(r.Line, 10)}, {Column: noteColumn, Text: r.Column}, {Column: noteReason, Text: r.Reason}, {Column: noteDetail, Text: r.Detail}}
		own, ok := r.own()
		if !ok {
			own = []schemas.Cell{{Column: noteRaw, Text: r.text()}}
		}
		b.WriteByte('{')
		for n, m := range append(members, own...) {
			if n > 0 {
				b.WriteByte(',')
			}
			if err := errors.Join(member(lines, &b, m.Column), b.WriteByte(':'), member(lines, &b, m.Text)); err != nil {
				return err
			}
		}
		b.WriteString("}\n")
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
		b.Reset()
	}
	return nil
}

// own is what the row itself holds, as members. Notes of an earlier download are left out.
func (r *QuarantinedRow) own() (members []schemas.Cell, ok bool) {
	if !r.Form.columned() {
		members, ok = r.members()
	} else if line, whole := r.decoded(); whole && len(r.Columns) > 0 {
		cells, flaw := text.SplitFields(line, nil)
		if flaw == nil && len(cells) == len(r.Columns) {
			for i, cell := range cells {
				members = append(members, schemas.Cell{Column: r.Columns[i], Text: cell})
			}
			ok = true
		}
	}
	return slices.DeleteFunc(members, func(c schemas.Cell) bool { return slices.Contains(notes, c.Column) }), ok
}

// member writes a string in JSON, without the line end that an encoder puts behind it.
func member(lines *json.Encoder, b *bytes.Buffer, s string) error {
	if err := lines.Encode(s); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1)
	return nil
}

// Again says whether the row can be read again as it is: all of it is there, and it lost nothing in its form.
func (r *QuarantinedRow) Again() bool {
	return r.Whole && r.Reason != string(schemas.ReasonLost) && (!r.Form.columned() || len(r.Columns) > 0)
}

// ReadAgain reads rows in quarantine by the profile as it is now and hands them to taker, under the lines that they had. Rows that
// can't be read again are passed over.
func (d *Door) ReadAgain(ctx context.Context, found Found, rows []QuarantinedRow, taker Taker) (err error) {
	for len(rows) > 0 {
		first := &rows[0]
		n := 1
		for n < len(rows) && rows[n].Form == first.Form && rows[n].Encoding == first.Encoding && slices.Equal(rows[n].Columns, first.Columns) {
			n++
		}
		if first.Again() {
			again := found
			again.As, again.In = first.Form, first.Encoding
			p := &pipeline{door: d, found: again, encoding: first.encoding(), cutter: &shelf{rows: rows[:n]}, source: &watchedFile{}}
			if err := p.run(ctx, taker); err != nil {
				return err
			}
		}
		rows = rows[n:]
	}
	return nil
}

// shelf gives rows in quarantine as a file would: first the header row that they had.
type shelf struct {
	rows   []QuarantinedRow
	header bool // was given
}

// shelfRows is how many rows a block has.
const shelfRows = 1000

// Next is as of a splitter.
func (s *shelf) Next(b *text.Block) error {
	b.Reset()
	if !s.header && len(s.rows) > 0 && s.rows[0].Form.columned() {
		b.Append(headerOf(&s.rows[0]), 1, nil)
	}
	s.header = true
	for len(s.rows) > 0 && len(b.Records) < shelfRows {
		if r := &s.rows[0]; r.Again() {
			b.Append(r.Raw, r.Line, nil)
		}
		s.rows = s.rows[1:]
	}
	if len(b.Records) == 0 {
		return io.EOF
	}
	return nil
}

// Offset is not known.
func (s *shelf) Offset() int64 { return 0 }

// headerOf writes the header that a row had, in its encoding.
func headerOf(r *QuarantinedRow) []byte {
	var b bytes.Buffer
	w := text.NewWriter(&b, r.encoding(), false)
	if err := errors.Join(w.Row(r.Columns...), w.Flush()); err != nil { // into memory
		return nil
	}
	return bytes.TrimRight(b.Bytes(), "\r\n")
}

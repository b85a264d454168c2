package entity

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Each walks over entities in the order of their codes, those of one code in the order of their first rows by source, then line.
// An entity is good until fn returns; its texts stay.
type Each func(fn func(*Entity) error) error

// Write writes entities.csv, conflicts.csv and golden.ndjson in one walk.
func Write(entities, conflicts, golden io.Writer, each Each) error {
	return write(each, newRoster(entities), newComplaints(conflicts), newArchive(golden))
}

// WriteEntities writes entities.csv: who belongs to which entity. What several entities of one code have alike is written once.
func WriteEntities(w io.Writer, each Each) error { return write(each, newRoster(w)) }

// WriteConflicts writes conflicts.csv: what does not fit. It keeps the lines in memory to sort them.
func WriteConflicts(w io.Writer, each Each) error { return write(each, newComplaints(w)) }

// WriteGolden writes golden.ndjson: the golden record of every entity, with the row that each value comes from.
func WriteGolden(w io.Writer, each Each) error { return write(each, newArchive(w)) }

// sheet is a file about all entities.
type sheet interface {
	add(e *Entity) error
	end() error
}

func write(each Each, sheets ...sheet) error {
	if err := each(func(e *Entity) error {
		for _, s := range sheets {
			if err := s.add(e); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, s := range sheets {
		if err := s.end(); err != nil {
			return err
		}
	}
	return nil
}

// roster is entities.csv.
type roster struct {
	out   *bufio.Writer // keeps its error for Flush
	lines [][3]string   // of one code
}

func newRoster(w io.Writer) *roster {
	r := &roster{out: bufio.NewWriterSize(w, outBytes)}
	r.out.WriteString("entity,source,source_key\n")
	return r
}

func (r *roster) add(e *Entity) error {
	if len(r.lines) > 0 && r.lines[0][0] != e.Code {
		r.flush()
	}
	for i := range e.Members {
		m := &e.Members[i]
		r.lines = append(r.lines, [3]string{e.Code, m.Source.String(), m.Key})
	}
	return nil
}

func (r *roster) flush() {
	slices.SortFunc(r.lines, func(a, b [3]string) int { return slices.Compare(a[:], b[:]) })
	for _, line := range slices.Compact(r.lines) {
		writeLine(r.out, line[:])
	}
	r.lines = r.lines[:0]
}

func (r *roster) end() error {
	r.flush()
	return r.out.Flush()
}

// complaints is conflicts.csv.
type complaints struct {
	w     io.Writer
	lines [][6]string
}

func newComplaints(w io.Writer) *complaints { return &complaints{w: w} }

func (c *complaints) add(e *Entity) error {
	for i := range e.Findings {
		c.lines = append(c.lines, e.Findings[i].Lines(e)...)
	}
	return nil
}

func (c *complaints) end() error {
	slices.SortFunc(c.lines, func(a, b [6]string) int { return slices.Compare(a[:], b[:]) })
	out := bufio.NewWriterSize(c.w, outBytes)
	out.WriteString("kind,entity,field,source,source_key,state\n")
	for _, line := range slices.Compact(c.lines) {
		writeLine(out, line[:])
	}
	return out.Flush()
}

// archive is golden.ndjson.
type archive struct {
	out  *bufio.Writer
	line []byte
}

func newArchive(w io.Writer) *archive { return &archive{out: bufio.NewWriterSize(w, outBytes)} }

func (a *archive) add(e *Entity) error {
	a.line = appendGolden(a.line[:0], e)
	_, err := a.out.Write(a.line)
	return err
}

func (a *archive) end() error { return a.out.Flush() }

// outBytes is what is handed on at a time.
const outBytes = 1 << 16

func appendGolden(dst []byte, e *Entity) []byte {
	dst = append(dst, `{"entity":`...)
	dst = appendJSON(dst, e.Code)
	dst = append(dst, `,"fields":{`...)
	first := true
	for f := range e.Golden {
		g := &e.Golden[f]
		if g.Member < 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		m := &e.Members[g.Member]
		dst = append(append(append(dst, '"'), Field(f).String()...), `":{"value":`...)
		dst = appendJSON(dst, g.Value)
		dst = append(dst, `,"normal":`...)
		if Field(f) == FieldCapital {
			dst = append(dst, g.Normal...) // a number
		} else {
			dst = appendJSON(dst, g.Normal)
		}
		dst = append(append(append(dst, `,"source":"`...), m.Source.String()...), `","source_key":`...)
		dst = appendJSON(dst, m.Key)
		dst = append(dst, `,"file":`...)
		dst = appendJSON(dst, m.File)
		dst = append(dst, `,"line":`...)
		dst = append(strconv.AppendInt(dst, m.Line, 10), '}')
	}
	return append(dst, "}}\n"...)
}

// appendJSON appends a text in quotes.
func appendJSON(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return appendEscaped(dst, s)
		}
	}
	if !utf8.ValidString(s) {
		return appendEscaped(dst, s)
	}
	return append(append(append(dst, '"'), s...), '"')
}

func appendEscaped(dst []byte, s string) []byte {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // a text has always a form in JSON
	}
	return append(dst, strings.TrimSuffix(b.String(), "\n")...)
}

func writeLine(out *bufio.Writer, fields []string) {
	for i, field := range fields {
		if i > 0 {
			out.WriteByte(',')
		}
		if strings.ContainsAny(field, "\",\r\n") { // RFC 4180 needs quotes only here
			field = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
		}
		out.WriteString(field)
	}
	out.WriteByte('\n')
}

package text

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// AppendField appends a field of CSV (RFC 4180) to dst: in quotes where its form needs them, and where its beginning would be taken for the
// byte order mark of a file.
func AppendField(dst []byte, field string) []byte {
	if !strings.ContainsAny(field, "\",\r\n") && !strings.HasPrefix(field, "\uFEFF") {
		return append(dst, field...)
	}
	dst = append(dst, '"')
	for {
		quote := strings.IndexByte(field, '"')
		if quote < 0 {
			dst = append(dst, field...)
			return append(dst, '"')
		}
		dst = append(dst, field[:quote]...)
		dst = append(dst, `""`...)
		field = field[quote+1:]
	}
}

// writeBytes is how much a Writer holds back, so that it writes in large pieces. A row may make it longer.
const writeBytes = 64 << 10

// Writer writes CSV (RFC 4180) for agencies: rows end with CRLF, and what it writes a Splitter, a Decoder and SplitFields read as it was, but
// for white space around a cell. It writes no byte order mark. One goroutine uses a Writer at a time.
type Writer struct {
	w          io.Writer
	gb         *gbEncoder // nil: UTF-8
	neutralise bool
	rows       int64
	row        []byte // in UTF-8
	held       []byte
	err        error // the first of w: what came after it would be a file with a hole
}

// NewWriter gives a writer for an encoding. With neutralise set a spreadsheet takes no cell for a formula (Neutralise).
func NewWriter(w io.Writer, enc Encoding, neutralise bool) *Writer {
	writer := &Writer{w: w, neutralise: neutralise}
	if enc == GB18030 {
		writer.gb = newGBEncoder()
	}
	return writer
}

// Row writes a row. It returns an error where a cell isn't UTF-8, with nothing of the row written, and the errors of the writer below.
func (w *Writer) Row(cells ...string) error {
	if w.err != nil {
		return w.err
	}
	w.row = w.row[:0]
	for i, cell := range cells {
		if !utf8.ValidString(cell) {
			return fmt.Errorf("write row %d: cell %d is not valid UTF-8", w.rows+1, i+1)
		}
		if w.neutralise {
			cell = Neutralise(cell)
		}
		if i > 0 {
			w.row = append(w.row, ',')
		}
		w.row = AppendField(w.row, cell)
	}
	if len(cells) <= 1 && strings.TrimSpace(string(w.row)) == "" {
		w.row = append(append(append(w.row[:0], '"'), strings.Join(cells, "")...), '"') // else a blank line, which is no row
	}
	w.row = append(w.row, "\r\n"...)
	if w.gb == nil {
		w.held = append(w.held, w.row...)
	} else if w.held, w.err = w.gb.encode(w.held, w.row); w.err != nil {
		return w.err
	}
	if w.rows++; len(w.held) >= writeBytes {
		return w.Flush()
	}
	return nil
}

// Flush writes what is held back.
func (w *Writer) Flush() error {
	if w.err == nil && len(w.held) > 0 {
		if _, err := w.w.Write(w.held); err != nil {
			w.err = fmt.Errorf("write %d bytes, up to row %d: %w", len(w.held), w.rows, err)
		}
		w.held = w.held[:0]
	}
	return w.err
}

// Neutralise puts an apostrophe before a cell that a spreadsheet would take for a formula: one that begins with = + - @, a tab or a CR and is
// no plain number. A cell that begins so behind apostrophes of its own gets one more, so that Unneutralise gives back every cell.
func Neutralise(cell string) string {
	if isFormula(cell) {
		return "'" + cell
	}
	return cell
}

// Unneutralise takes the apostrophe away where Neutralise has put one.
func Unneutralise(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && isFormula(rest) {
		return rest
	}
	return cell
}

func isFormula(cell string) bool {
	rest := strings.TrimLeft(cell, "'")
	return rest != "" && strings.IndexByte("=+-@\t\r", rest[0]) >= 0 && !isPlainNumber(rest)
}

// isPlainNumber holds for a sign or none, digits with commas among them, and a fraction or none.
func isPlainNumber(cell string) bool {
	if cell[0] == '+' || cell[0] == '-' {
		cell = cell[1:]
	}
	whole, fraction, dot := strings.Cut(cell, ".")
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	other := func(r rune) bool { return !digit(r) }
	return whole != "" && whole[0] != ',' && strings.IndexFunc(strings.ReplaceAll(whole, ",", ""), other) < 0 &&
		(!dot || fraction != "" && strings.IndexFunc(fraction, other) < 0)
}

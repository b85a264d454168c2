package sheet

import (
	"io"

	"hebian/connectors/text"
)

// next reads up to the end of the next row that has a value.
func (r *Reader) next() (text.Record, error) {
	if r.state == beforeRows {
		if err := r.findRows(); err != nil {
			return text.Record{}, err
		}
	}
	for r.state == inRows {
		kind, err := r.xml.next()
		if err != nil {
			return text.Record{}, err
		}
		switch {
		case kind == endTag: // of sheetData
			if err := r.finish(); err != nil {
				return text.Record{}, err
			}
		case kind != startTag:
		case string(r.xml.name) != "row":
			if err := r.xml.skip(); err != nil {
				return text.Record{}, err
			}
		default:
			record, ok, err := r.row()
			if ok || err != nil {
				return record, err
			}
		}
	}
	return text.Record{}, io.EOF
}

// findRows goes to the sheet's rows.
func (r *Reader) findRows() error {
	if err := r.xml.root("worksheet"); err != nil {
		return err
	}
	for {
		kind, err := r.xml.next()
		switch {
		case err != nil:
			return err
		case kind == startTag && string(r.xml.name) == "sheetData":
			r.state = inRows
			return nil
		case kind == startTag:
			if err := r.xml.skip(); err != nil {
				return err
			}
		case kind == endOfPart:
			return unfit("the sheet has no rows (sheetData)")
		}
	}
}

// finish reads what stands behind the rows, for a part that is damaged further on is no sheet: its
// checksum stands at the end.
func (r *Reader) finish() error {
	r.state = afterRows
	for {
		kind, err := r.xml.next()
		switch {
		case err != nil || kind == endOfPart:
			return err
		case kind == startTag && string(r.xml.name) == "sheetData" && len(r.xml.starts) == 2:
			return unfit("the sheet has its rows (sheetData) twice")
		}
	}
}

// row reads the row that has just begun.
func (r *Reader) row() (text.Record, bool, error) {
	line := r.rows.line + 1
	for _, a := range r.xml.attrs {
		if string(r.xml.key(a)) != "r" {
			continue
		}
		value, err := r.xml.value(a)
		if err != nil {
			return text.Record{}, false, err
		}
		n, ok := rowNumber(value)
		if !ok || n < line {
			return text.Record{}, false, unfit("the number of a row is none, or not larger than the one before it")
		}
		line = n
	}
	if line > maxRows {
		return text.Record{}, false, unfit("the sheet has more than %d rows", maxRows)
	}
	r.rows.start(line)
	for {
		kind, err := r.xml.next()
		switch {
		case err != nil:
			return text.Record{}, false, err
		case kind == endTag:
			return r.rows.end()
		case kind != startTag:
		case string(r.xml.name) == "c":
			err = r.cell()
		default:
			err = r.xml.skip()
		}
		if err != nil {
			return text.Record{}, false, err
		}
	}
}

package connectors

import (
	"fmt"
	"slices"
	"strings"

	"hebian/connectors/text"
	"hebian/schemas"
)

// worker turns blocks of one file into records. It keeps one struct, one decoder and one encoder and
// uses them for every row.
type worker struct {
	file      string
	scope     [32]byte
	delivered schemas.Delivered
	layout    layout
	decoder   *text.Decoder
	object    *text.Object // NDJSON; nil for CSV
	row       *binding
	encoder   *schemas.Encoder
	schemaID  uint32
	misfits   *schemas.Encoder
	misfitID  uint32
	misfit    schemas.Misfit
	column    string
	fields    []string
	cells     []string
	others    []schemas.Cell
	seen      map[string]bool // unknown keys met so far
	key       *rowKey         // of a file whose rows are known by a key; else nil
	lossy     bool            // the form may have lost what stood in a cell
	lines     map[int64]bool  // that are read; nil: all
	mended    bool            // rows that were refused come back corrected
}

func (p *pipeline) worker() (*worker, error) {
	subject, misfit := schemas.SubjectOf(p.found.Subject), schemas.SubjectOf("hub.misfit")
	row, err := bind(subject, p.found.Columns)
	if err != nil {
		return nil, err
	}
	w := &worker{
		file:      p.found.Name,
		scope:     schemas.Scope(p.found.Agency, p.found.Name),
		delivered: schemas.Delivered{Agency: p.found.Agency, PayMonth: p.found.Month},
		layout:    p.layout,
		decoder:   text.NewDecoder(p.encoding),
		row:       row,
		encoder:   schemas.NewEncoder(subject),
		schemaID:  p.door.SchemaID(subject.Name),
		misfits:   schemas.NewEncoder(misfit),
		misfitID:  p.door.SchemaID(misfit.Name),
		misfit:    schemas.Misfit{File: p.found.Name},
		cells:     make([]string, len(p.found.Columns)),
		seen:      map[string]bool{},
		key:       newRowKey(p.found.File),
		lossy:     !p.found.form().encoded() || p.found.form() == DBF,
		mended:    p.found.Mended,
		lines:     p.found.Lines,
	}
	if !p.found.form().columned() {
		w.object = text.NewObject(p.layout.keys...)
		w.cells = w.object.Values
	}
	return w, nil
}

// run fills the job's records and misfits from its block.
func (w *worker) run(j *job) {
	j.accepted, j.misfits, j.unknown, j.bytes, j.err = j.accepted[:0], j.misfits[:0], j.unknown[:0], j.bytes[:0], nil
	j.mends = j.mends[:0]
	for i := range j.block.Records {
		record := &j.block.Records[i]
		if w.lines != nil && !w.lines[record.Line] {
			continue
		}
		header, reason, detail := w.read(record, j)
		if reason == "" {
			j.err = w.accept(record, j)
		} else {
			j.err = w.refuse(record, header, reason, detail, j)
		}
		if j.err != nil {
			j.err = fmt.Errorf("line %d: %w", record.Line, j.err)
			return
		}
	}
}

// read brings a record's cells into the row struct. A reason comes back when it does not fit.
func (w *worker) read(record *text.Record, j *job) (header string, reason schemas.Reason, detail string) {
	if w.key != nil {
		w.key.key, w.key.is = w.key.key[:0], false
	}
	if record.Misfit != nil {
		reason := record.Misfit.Reason
		if w.lossy && reason == schemas.ReasonUnreadable {
			reason = schemas.ReasonLost
		}
		return record.Misfit.Column, reason, record.Misfit.Detail
	}
	line, flaw := w.decoder.Decode(record.Raw)
	if flaw == nil {
		w.others = w.others[:0]
		if w.object != nil {
			flaw = w.members(line, j)
		} else {
			flaw = w.split(line)
		}
	}
	if flaw != nil {
		return flaw.Column, flaw.Reason, flaw.Detail
	}
	if w.mended {
		w.others = w.unnoted(record.Line, j)
	}
	if w.key != nil {
		var missing string
		if w.others, missing = w.key.look(w.cells, w.others); missing != "" {
			return missing, schemas.ReasonMissing, "a row of this file is known by it"
		}
		if w.key.is {
			return "", "", ""
		}
	}
	return w.row.fill(w.cells, w.others, w.delivered)
}

// unnoted notes which row in quarantine a mended one stands for, and gives its other cells without what a download put there.
func (w *worker) unnoted(line int64, j *job) []schemas.Cell {
	for _, cell := range w.others {
		if cell.Column == noteRow {
			j.mends = append(j.mends, Mend{line, strings.Clone(cell.Text)})
		}
	}
	return slices.DeleteFunc(w.others, func(c schemas.Cell) bool { return slices.Contains(notes, c.Column) })
}

// split puts the fields of a CSV row in the order of the profile's columns.
func (w *worker) split(line string) (flaw *text.Flaw) {
	if w.fields, flaw = text.SplitFields(line, w.fields[:0]); flaw != nil {
		return flaw
	}
	if len(w.fields) != w.layout.fields {
		return &text.Flaw{Reason: schemas.ReasonFieldCount, Detail: fmt.Sprintf("%d fields, the header has %d", len(w.fields), w.layout.fields)}
	}
	if w.mended {
		for i, field := range w.fields {
			w.fields[i] = text.Unneutralise(field)
		}
	}
	for i, place := range w.layout.place {
		w.cells[i] = ""
		if place >= 0 {
			w.cells[i] = w.fields[place]
		}
	}
	for _, other := range w.layout.others {
		if text := w.fields[other.place]; text != "" {
			w.others = append(w.others, schemas.Cell{Column: other.header, Text: text})
		}
	}
	return nil
}

// members reads the values of an NDJSON row in the order of the profile's columns.
func (w *worker) members(line string, j *job) *text.Flaw {
	if flaw := w.object.Read(line); flaw != nil {
		return flaw
	}
	w.others = append(w.others, w.object.Rest...)
	for _, other := range w.object.Rest {
		if !w.seen[other.Column] && len(w.seen) < maxUnknown {
			key := strings.Clone(other.Column)
			w.seen[key] = true
			j.unknown = append(j.unknown, key)
		}
	}
	return nil
}

func (w *worker) accept(record *text.Record, j *job) (err error) {
	start := len(j.bytes)
	if w.key != nil && w.key.is {
		gone := w.record(j.bytes, start, start, record.Line)
		gone.Op = schemas.Retract
		j.accepted = append(j.accepted, gone)
		return nil
	}
	j.bytes = append(j.bytes, w.row.row.Key()...)
	value := len(j.bytes)
	if j.bytes, err = w.encoder.Append(j.bytes, w.schemaID, w.row.row); err != nil {
		return err
	}
	j.accepted = append(j.accepted, w.record(j.bytes, start, value, record.Line))
	return nil
}

// refuse keeps the row as it came, with the reason. Promise 3: a row is accepted or it is here.
func (w *worker) refuse(record *text.Record, header string, reason schemas.Reason, detail string, j *job) (err error) {
	m := &w.misfit
	m.Line, m.Column, m.Reason, m.Detail = record.Line, nil, reason, detail
	m.Raw, m.Length, m.Digest = record.Raw, int64(len(record.Raw)), nil
	if header != "" {
		w.column = header
		m.Column = &w.column
	}
	if record.Misfit != nil {
		m.Length, m.Digest = record.Misfit.Length, record.Misfit.Digest
	}
	if m.Digest == nil {
		m.Digest = []byte{}
	}
	start := len(j.bytes)
	j.bytes = append(j.bytes, w.file...)
	value := len(j.bytes)
	if j.bytes, err = w.misfits.Append(j.bytes, w.misfitID, m); err != nil {
		return err
	}
	misfit := w.record(j.bytes, start, value, record.Line)
	if w.key != nil { // by the row itself: the line that it stands on changes from fetch to fetch
		key := w.key.key
		if len(key) == 0 { // nobody can tell
			key = m.Raw
		}
		misfit.ID = schemas.KeyedID(w.scope, key, m.Raw)
	}
	j.misfits = append(j.misfits, misfit)
	return nil
}

// record gives the record whose key and value have just been written to the end of b.
func (w *worker) record(b []byte, start, value int, line int64) schemas.Record {
	r := schemas.Record{Line: line, Key: b[start:value:value], Value: b[value:len(b):len(b)]}
	_, payload, _ := schemas.SplitFrame(r.Value) // our own frame, or nothing
	if w.key == nil {
		r.ID = schemas.ContentID(w.scope, payload)
		return r
	}
	r.ID = schemas.KeyedID(w.scope, w.key.key, payload)
	return r
}

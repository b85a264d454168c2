// Package evidence shows the rows that a finding stands on as an officer reads them: where each was delivered, and its fields
// with their labels and values in words. It reads the log on demand, keeps nothing and judges nothing.
package evidence

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"hebian/hub"
	"hebian/matcher/state"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// Row is a row of evidence.
type Row struct {
	Ref      state.Ref
	File     string
	Line     int64
	Delivery int64
	Agency   string
	Subject  string
	Label    string    // Chinese name of the subject
	Record   string    // ID of the record
	Taken    time.Time // when its delivery was complete
	Fields   []Field   // in the order of the schema, then cells kept as written
}

// Field is a field of a row.
type Field struct {
	Name     string // of the schema; of a cell kept as written its column
	Label    string // Chinese name
	Value    string // as an officer reads it; empty where the row has none
	Identity bool   // an identity number, to be masked
}

// Receipts looks up receipts of deliveries.
type Receipts interface {
	Get(ctx context.Context, id int64) (hub.Receipt, error)
}

// Rows reads the rows at some places, in the order given.
func Rows(ctx context.Context, log hub.Log, receipts Receipts, refs []state.Ref) ([]Row, error) {
	known, err := subjects()
	if err != nil {
		return nil, err
	}
	return read(ctx, log, receipts, refs, func(ref state.Ref, receipt *hub.Receipt, record *schemas.Record) (Row, error) {
		s := known[ref.Topic()]
		row := Row{
			Ref: ref, File: receipt.File, Line: record.Line, Delivery: receipt.Delivery, Agency: receipt.Agency,
			Subject: s.Name, Label: s.Label, Record: record.ID.String(), Taken: receipt.Finished,
		}
		var err error
		row.Fields, err = s.fields(record.Value)
		return row, err
	})
}

// Cite finds where the rows at some places were delivered, in the order given.
func Cite(ctx context.Context, log hub.Log, receipts Receipts, refs []state.Ref) ([]schemas.CitedRow, error) {
	return read(ctx, log, receipts, refs, func(_ state.Ref, receipt *hub.Receipt, record *schemas.Record) (schemas.CitedRow, error) {
		return schemas.CitedRow{File: receipt.File, Line: record.Line, Delivery: receipt.Delivery, Record: record.ID.String()}, nil
	})
}

// subject is a subject with its walker.
type subject struct {
	*schemas.Subject
	walker *schemas.Walker
}

// subjects are those that findings can stand on, by name.
var subjects = sync.OnceValues(func() (map[string]*subject, error) {
	known := map[string]*subject{}
	for _, topic := range state.RefTopics() {
		s := schemas.SubjectOf(topic)
		walker, err := schemas.NewWalker(s.Avro)
		if err != nil {
			return nil, fmt.Errorf("read evidence of %s: %w", topic, err)
		}
		known[topic] = &subject{s, walker}
	}
	return known, nil
})

// read makes something of the records at some places and of the receipts they came with.
func read[T any](ctx context.Context, log hub.Log, receipts Receipts, refs []state.Ref,
	of func(state.Ref, *hub.Receipt, *schemas.Record) (T, error)) ([]T, error) {
	order := make([]int, len(refs)) // as the log lies
	at := make([]hub.Position, len(refs))
	for i := range refs {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(refs[a], refs[b]) })
	for n, i := range order {
		at[n] = hub.Position{Topic: refs[i].Topic(), Partition: refs[i].Partition(), Offset: refs[i].Offset()}
	}
	made := make([]T, len(refs))
	met := map[int64]*hub.Receipt{}
	n := 0
	err := hub.Trace(ctx, log, at, func(_ hub.Position, delivery int64, record *schemas.Record) error {
		receipt := met[delivery]
		if receipt == nil {
			got, err := receipts.Get(ctx, delivery)
			if err != nil {
				return err
			}
			receipt = &got
			met[delivery] = receipt
		}
		i := order[n]
		n++
		var err error
		made[i], err = of(refs[i], receipt, record)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %d rows of evidence: %w", len(refs), err)
	}
	return made, nil
}

// fields reads the fields of a framed record.
func (s *subject) fields(framed []byte) ([]Field, error) {
	_, datum, err := schemas.SplitFrame(framed)
	if err != nil {
		return nil, err
	}
	found := make([]schemas.Field, len(s.Fields))
	if err := s.walker.Walk(datum, found); err != nil {
		return nil, err
	}
	var fields []Field
	for i := range s.Fields {
		f, v := &s.Fields[i], &found[i]
		if f.Kind == schemas.KindCells {
			continue
		}
		fields = append(fields, Field{Name: f.Name, Label: f.Label, Value: value(f, v, datum), Identity: f.Kind == schemas.KindIDNumber})
	}
	cells, err := s.cells(framed)
	return append(fields, cells...), err
}

// value writes a field as an officer reads it.
func value(f *schemas.SubjectField, v *schemas.Field, datum []byte) string {
	if v.Null {
		return ""
	}
	switch f.Kind {
	case schemas.KindDate:
		return schemas.Date(v.Int).String()
	case schemas.KindMonth:
		return schemas.Month(v.Int).String()
	case schemas.KindFen:
		return schemas.Fen(v.Int).String()
	case schemas.KindNumber:
		return strconv.FormatInt(v.Int, 10)
	case schemas.KindSet:
		return f.Labels[v.Int]
	}
	return string(datum[v.Start:v.End])
}

// cells reads the cells that were kept as written.
func (s *subject) cells(framed []byte) ([]Field, error) {
	var kept struct {
		Rest []schemas.Cell `avro:"rest"`
	}
	if err := schemas.Decode(framed, s.walker, &kept); err != nil {
		return nil, err
	}
	var fields []Field
	for _, cell := range kept.Rest {
		fields = append(fields, Field{Name: cell.Column, Label: cell.Column, Value: cell.Text, Identity: s.identifies(cell)})
	}
	return fields, nil
}

// identifies says whether a cell holds an identity number, or may: whatever stands in a column for them, however damaged, and a number
// that gives a person wherever it stands.
func (s *subject) identifies(cell schemas.Cell) bool {
	for i := range s.Fields {
		if s.Fields[i].Kind == schemas.KindIDNumber && slices.Contains(s.Fields[i].Headers, cell.Column) {
			return true
		}
	}
	return ident.PersonKey(ident.Clean(cell.Text)) != ""
}

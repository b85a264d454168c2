package connectors

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// binding fills one record struct, again and again, from the cells of rows: pointers to its fields are
// taken once, so that a row costs no reflection.
type binding struct {
	row   schemas.Row
	cells []boundCell
	rest  *[]schemas.Cell
}

// boundCell reads one column's cell into its field.
type boundCell struct {
	Column
	asIs  bool                               // there is nothing to clean
	set   func(cell string) (problem string) // what was expected, or ""
	clear func()
	// written is the field's value after cleaning, for cells that cleaning may change; else nil.
	written *string
}

// bind prepares a struct of the subject to be filled by the columns in their order.
func bind(subject *schemas.Subject, columns []Column) (*binding, error) {
	b := &binding{row: subject.NewRow()}
	if b.row == nil {
		return nil, fmt.Errorf("no agency sends %s", subject.Name)
	}
	value := reflect.ValueOf(b.row).Elem()
	fields := map[string]reflect.Value{}
	for i := range value.NumField() {
		fields[value.Type().Field(i).Tag.Get("avro")] = value.Field(i)
	}
	b.rest = fields["rest"].Addr().Interface().(*[]schemas.Cell)
	for _, c := range columns {
		field, ok := fields[c.Field]
		if !ok {
			return nil, fmt.Errorf("column %q: %s has no field %q", c.Header, subject.Name, c.Field)
		}
		cell := boundCell{Column: c, asIs: c.plain()}
		described := subject.Field(c.Field)
		labels := map[string]string{}
		for i, label := range described.Labels {
			labels[label] = described.Symbols[i]
		}
		if err := cell.bind(field, labels); err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Header, err)
		}
		b.cells = append(b.cells, cell)
	}
	return b, nil
}

// fill reads a row's cells, which stand in the order of the columns, into the struct and derives the
// rest. It returns the header of the cell that is wrong, the reason and what was expected. Promise 6:
// what does not fit is refused whole; only identifiers are cleaned, and then kept as written, too.
func (b *binding) fill(cells []string, unknown []schemas.Cell, d schemas.Delivered) (header string, reason schemas.Reason, detail string) {
	*b.rest = append((*b.rest)[:0], unknown...)
	for i := range b.cells {
		c := &b.cells[i]
		cell := cells[i]
		if cell != "" && !c.asIs {
			var expected string
			if cell, expected = c.cleaned(cell); expected != "" {
				return c.Header, schemas.ReasonUnreadable, expected
			}
		}
		if cell == "" {
			if c.Required {
				return c.Header, schemas.ReasonMissing, "a value is required"
			}
			c.clear()
			continue
		}
		if expected := c.set(cell); expected != "" {
			return c.Header, schemas.ReasonUnreadable, expected
		}
		if c.written != nil && *c.written != cell {
			if *c.written == "" { // nothing but blanks and hyphens is no value
				if c.Required {
					return c.Header, schemas.ReasonMissing, "a value is required"
				}
				c.clear()
			}
			*b.rest = append(*b.rest, schemas.Cell{Column: c.Header, Text: cell})
		}
	}
	field, reason := b.row.Derive(d)
	if reason == "" {
		return "", "", ""
	}
	header = field // where no column has it
	if at := slices.IndexFunc(b.cells, func(c boundCell) bool { return c.Field == field }); at >= 0 {
		header = b.cells[at].Header
	}
	switch reason {
	case schemas.ReasonInterval:
		detail = "the end must be later than the start"
	case schemas.ReasonMissing:
		detail = "a value is required"
	case schemas.ReasonUnreadable:
		detail = "this is no value that the agency can give here"
	}
	return header, reason, detail
}

// bind chooses how a field is read by its Go type. labels are the values of an enum as agencies write
// them, with their symbols.
func (c *boundCell) bind(field reflect.Value, labels map[string]string) error {
	at := field.Addr().Interface()
	if field.Kind() == reflect.Pointer {
		return c.bindOptional(field, labels)
	}
	c.clear = field.SetZero
	switch p := at.(type) {
	case *schemas.Date:
		c.set = read(p, schemas.ParseDate, "want a date YYYY-MM-DD")
	case *schemas.Month:
		c.set = read(p, schemas.ParseMonth, "want a month YYYYMM")
	case *schemas.Fen:
		c.set = read(p, schemas.ParseFen, "want an amount such as 5432.1, 5,432.10 or -200")
	case *schemas.Yuan:
		c.set = read(p, schemas.ParseYuan, "want an amount in yuan with at most two decimals")
	case *schemas.Wan:
		c.set = read(p, schemas.ParseWan, "want an amount in units of 10,000 yuan with at most six decimals")
	case *schemas.PartialDate:
		c.set = read(p, schemas.ParsePartialDate, "want a date YYYY-MM-DD, YYYY-MM or YYYY")
	case *schemas.IndustryCode:
		c.set = read(p, schemas.ParseIndustryCode, "want a letter or none and two to four digits")
	case *int64:
		c.set = read(p, parseCount, "want a whole number, 0 or more")
	case *schemas.IDNumber, *schemas.UnitCode:
		s := asString(field)
		c.written = s
		c.set = func(cell string) string { *s = ident.Clean(cell); return "" }
	case *string:
		c.set = func(cell string) string { *p = cell; return "" }
	default:
		if field.Kind() != reflect.String || len(labels) == 0 {
			return fmt.Errorf("a cell can't be read into %s", field.Type())
		}
		s := asString(field)
		c.set = read(s, func(cell string) (string, bool) { symbol, ok := labels[cell]; return symbol, ok }, "want one of "+list(labels))
	}
	return nil
}

// bindOptional reads into a value of its own and points the field to it, or to nothing.
func (c *boundCell) bindOptional(field reflect.Value, labels map[string]string) error {
	value := reflect.New(field.Type().Elem())
	if err := c.bind(value.Elem(), labels); err != nil {
		return err
	}
	set := c.set
	c.clear = field.SetZero
	c.set = func(cell string) string { field.Set(value); return set(cell) }
	return nil
}

func read[T any](p *T, parse func(string) (T, bool), expected string) func(string) string {
	return func(cell string) string {
		v, ok := parse(cell)
		if !ok {
			return expected
		}
		*p = v
		return ""
	}
}

// asString points to a field of any string type.
func asString(field reflect.Value) *string {
	return field.Addr().Convert(reflect.TypeFor[*string]()).Interface().(*string)
}

// list names the values of a set as agencies write them.
func list(labels map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(labels)), ", ")
}

// parseCount reads a whole number of ASCII digits that int64 can hold.
func parseCount(s string) (int64, bool) {
	var n int64
	for i := range len(s) {
		d := int64(s[i]) - '0'
		if d < 0 || d > 9 || n > (1<<63-1-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, s != ""
}

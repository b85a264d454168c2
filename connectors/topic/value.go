package topic

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"hebian/connectors/container"
	"hebian/connectors/text"
)

// format turns messages into lines of NDJSON.
type format struct {
	kind      Format
	keyColumn []byte // quoted; nil: none
	schemaOf  func(uint32) (string, error)
	bare      *schema // avro
	known     map[uint32]*schema
	row       []byte
	fields    []string
}

// schema is how data of one schema become cells.
type schema struct {
	decoder
	names [][]byte // quoted
}

// decoder reads a datum as a CSV row.
type decoder interface {
	Row(dst, payload []byte) ([]byte, *text.Misfit, error)
}

// maxSchemas bounds how many schemas a topic's messages may have; a topic sees some ten in its life.
const maxSchemas = 1000

func newFormat(c *Config) (*format, error) {
	f := &format{kind: c.Format, schemaOf: c.SchemaOf, known: map[uint32]*schema{}}
	if c.KeyColumn != "" {
		f.keyColumn = appendText(nil, c.KeyColumn)
	}
	var err error
	switch c.Format {
	case "":
		f.kind = JSON
	case JSON:
	case Avro:
		if c.Schema == "" {
			return nil, errors.New("format is avro, so schema must be given")
		}
		f.bare, err = parseSchema(c.Schema)
	case Framed:
		if c.SchemaOf == nil {
			return nil, errors.New("format is framed, so schemas must be given")
		}
	default:
		return nil, fmt.Errorf("format is %q, want json, avro or framed", c.Format)
	}
	return f, err
}

func parseSchema(source string) (*schema, error) {
	parsed, err := container.ParseSchema([]byte(source))
	if err != nil {
		return nil, fmt.Errorf("schema can't be used: %w", err)
	}
	s := &schema{decoder: parsed}
	for _, field := range parsed.Fields() {
		s.names = append(s.names, appendText(nil, field.Name))
	}
	return s, nil
}

// line appends a message as one line. What is no row becomes a line that is none either, so that it ends in quarantine: the JSON
// string of its base64. An error is one that a person must look at before the message can be read.
func (f *format) line(to []byte, m message) ([]byte, error) {
	start := len(to)
	if m.value == nil {
		return f.gone(to, m)
	}
	if len(m.value) > text.MaxRecord {
		return poison(to, m.value), nil
	}
	var ok bool
	var err error
	switch f.kind {
	case JSON:
		to, ok = object(to, m.value)
	case Avro:
		to, ok, err = f.datum(to, f.bare, m.value)
	case Framed:
		to, ok, err = f.framed(to, m.value)
	}
	if err != nil {
		return to[:start], err
	}
	if ok && f.keyColumn != nil && m.key != nil {
		to, ok = f.key(to, m.key)
	}
	if !ok {
		return poison(to[:start], m.value), nil
	}
	return append(to, '\n'), nil
}

// object appends a JSON object without the blanks between its parts, if it is one.
func object(to, value []byte) ([]byte, bool) {
	trimmed := bytes.TrimLeft(value, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return to, false
	}
	out := bytes.NewBuffer(to)
	if err := json.Compact(out, value); err != nil {
		return to, false
	}
	return out.Bytes(), true
}

// key puts a message's key into the object that ends the text. It stands last, where it counts if the object has such a column itself.
func (f *format) key(to, key []byte) ([]byte, bool) {
	if !utf8.Valid(key) {
		return to, false
	}
	to = to[:len(to)-1]
	if to[len(to)-1] != '{' {
		to = append(to, ',')
	}
	to = append(append(to, f.keyColumn...), ':')
	return append(appendText(to, string(key)), '}'), true
}

// gone appends a message that says that its key has no row any more.
func (f *format) gone(to []byte, m message) ([]byte, error) {
	if m.key == nil || !utf8.Valid(m.key) {
		return poison(to, m.key), nil
	}
	to = append(to, `{"$gone":true,"$key":`...)
	to = append(appendText(to, string(m.key)), '}')
	if f.keyColumn != nil && string(f.keyColumn) != `"$key"` {
		to, _ = f.key(to, m.key)
	}
	return append(to, '\n'), nil
}

// framed appends a datum behind a zero byte and the number of its schema.
func (f *format) framed(to, value []byte) ([]byte, bool, error) {
	const head = 5
	if len(value) < head || value[0] != 0 {
		return to, false, nil
	}
	id := binary.BigEndian.Uint32(value[1:head])
	s := f.known[id]
	if s == nil {
		if len(f.known) >= maxSchemas {
			return to, false, unfit{fmt.Errorf("the messages have more than %d schemas", maxSchemas)}
		}
		source, err := f.schemaOf(id)
		if err == nil {
			s, err = parseSchema(source)
		}
		if err != nil {
			return to, false, unfit{fmt.Errorf("a message is of schema %d: %w", id, err)}
		}
		f.known[id] = s
	}
	return f.datum(to, s, value[head:])
}

// datum appends a datum as an object of its cells. Those that are empty say nothing.
func (f *format) datum(to []byte, s *schema, payload []byte) ([]byte, bool, error) {
	row, misfit, err := s.Row(f.row[:0], payload)
	if f.row = row; err != nil || misfit != nil {
		return to, false, nil
	}
	var flaw *text.Flaw
	if f.fields, flaw = text.SplitFields(string(row), f.fields[:0]); flaw != nil || len(f.fields) != len(s.names) {
		return to, false, nil
	}
	to = append(to, '{')
	for i, cell := range f.fields {
		if cell == "" {
			continue
		}
		if to[len(to)-1] != '{' {
			to = append(to, ',')
		}
		to = append(append(to, s.names[i]...), ':')
		to = appendText(to, cell)
	}
	return append(to, '}'), true, nil
}

// poison appends a line that is no row. Of what is too long as much is kept as makes the line too long, which says what it is.
func poison(to, value []byte) []byte {
	value = value[:min(len(value), text.MaxRecord)]
	to = append(to, '"')
	to = base64.StdEncoding.AppendEncode(to, value)
	return append(to, '"', '\n')
}

// appendText appends a JSON string.
func appendText(to []byte, s string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		to = append(to, s[start:i]...)
		if c < ' ' {
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			to = append(to, '\\', c)
		}
		start = i + 1
	}
	return append(append(to, s[start:]...), '"')
}

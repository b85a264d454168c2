package table

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"

	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/connectors"
)

// goneNote ends a row that takes back the row of its key.
const goneNote = `,"$gone":true`

// plan says what is read of a table and what becomes of it.
type plan struct {
	shape
	read   []column // columns that are read
	sends  int      // as many of them go out, the first ones
	heads  [][]byte // by column that goes out: a comma or brace, its key and the colon
	key    []int    // where the key's columns stand in read
	grows  int      // where the column that grows does
	gone   int      // where the column does that says that a row is gone; -1: there is none
	goneAs []string
}

// newPlan fits a configuration to a table.
func newPlan(c Config, s shape) (*plan, error) {
	if len(s.columns) == 0 {
		return nil, unfit("there is no table %s, or it may not be seen", c.Table)
	}
	p := &plan{shape: s, gone: -1}
	send := c.Columns
	if len(send) == 0 {
		for _, column := range s.columns {
			if !slices.Contains([]string{c.Status.Column, c.Status.ReadAt, c.Gone.Column}, column.name) {
				send = append(send, column.name)
			}
		}
	}
	if len(send) > maxColumns {
		return nil, unfit("table %s has more than %d columns", c.Table, maxColumns)
	}
	var err error
	find := func(name string) int {
		at := slices.IndexFunc(p.read, func(c column) bool { return c.name == name })
		if at >= 0 {
			return at
		}
		of := slices.IndexFunc(s.columns, func(c column) bool { return c.name == name })
		if of < 0 {
			if err == nil {
				err = unfit("table %s has no column %q, or it may not be seen", c.Table, name)
			}
			return 0
		}
		p.read = append(p.read, s.columns[of])
		return len(p.read) - 1
	}
	for _, name := range send {
		find(name)
	}
	p.sends = len(p.read)
	for _, name := range c.Key {
		p.key = append(p.key, find(name))
	}
	if c.Mode == Growing {
		p.grows = find(c.Growing)
	}
	if c.Gone.Column != "" {
		p.gone = find(c.Gone.Column)
		for _, value := range c.Gone.Values {
			p.goneAs = append(p.goneAs, inEncoding(s.encoding, value))
		}
	}
	for _, name := range []string{c.Status.Column, c.Status.ReadAt} {
		if name != "" && !slices.ContainsFunc(s.columns, func(c column) bool { return c.name == name }) && err == nil {
			err = unfit("table %s has no column %q, or it may not be seen", c.Table, name)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := p.setHeads(); err != nil {
		return nil, err
	}
	return p, nil
}

// setHeads makes what stands before each value.
func (p *plan) setHeads() error {
	for i, c := range p.read[:p.sends] {
		key, err := json.Marshal(c.name)
		if err != nil {
			return unfit("column %d has no name that can be written: %v", i+1, err)
		}
		head := "," + inEncoding(p.encoding, string(key)) + ":"
		if i == 0 {
			head = "{" + head[1:]
		}
		p.heads = append(p.heads, []byte(head))
	}
	return nil
}

// column gives a column that the table has.
func (p *plan) column(name string) column {
	return p.columns[slices.IndexFunc(p.columns, func(c column) bool { return c.name == name })]
}

// at gives some of the columns that are read.
func (p *plan) at(places []int) []column {
	columns := make([]column, len(places))
	for i, place := range places {
		columns[i] = p.read[place]
	}
	return columns
}

// pick copies some of the values of a row.
func pick(values [][]byte, places []int) []string {
	picked := make([]string, len(places))
	for i, place := range places {
		picked[i] = string(values[place])
	}
	return picked
}

// appendRow writes a row as a line of NDJSON. Values are text, whatever they are: a number of 18 digits stays what it is. What is no
// text stays as it is, too, so that it is seen where rows are read, which keeps the row in quarantine.
func (p *plan) appendRow(line []byte, values [][]byte) []byte {
	for i, head := range p.heads {
		line = append(line, head...)
		line = appendValue(line, p.read[i].kind, values[i])
	}
	if p.gone >= 0 && values[p.gone] != nil && slices.Contains(p.goneAs, string(values[p.gone])) {
		line = append(line, goneNote...)
	}
	return append(line, '}', '\n')
}

func appendValue(line []byte, kind kind, value []byte) []byte {
	if value == nil {
		return append(line, "null"...)
	}
	line = append(line, '"')
	switch kind {
	case boolean:
		line = appendBool(line, value[0] == 't')
	case bit:
		line = appendBool(line, value[len(value)-1] != 0)
	case bits:
		var n uint64
		for _, b := range value {
			n = n<<8 | uint64(b)
		}
		line = strconv.AppendUint(line, n, 10)
	case zoned:
		start := len(line)
		line = append(line, value...)
		asRFC3339(line[start:])
		if len(line) > 3 && (line[len(line)-3] == '+' || line[len(line)-3] == '-') {
			line = append(line, ":00"...)
		}
	case binary:
		line = base64.StdEncoding.AppendEncode(line, value)
	case hexBinary:
		plain := make([]byte, len(value)/2)
		n, _ := hex.Decode(plain, value[min(2, len(value)):]) // PostgreSQL wrote it
		line = base64.StdEncoding.AppendEncode(line, plain[:n])
	default:
		line = appendText(line, value)
	}
	return append(line, '"')
}

// asRFC3339 puts the T where PostgreSQL has a blank. Times before our era and infinity stay what they are.
func asRFC3339(value []byte) {
	if len(value) > 10 && value[10] == ' ' {
		value[10] = 'T'
	}
}

func appendBool(line []byte, is bool) []byte {
	return strconv.AppendBool(line, is)
}

// appendText writes text between quotes. The byte 00 stays: it stands for no character, and where rows are read that is seen.
func appendText(line, value []byte) []byte {
	start := 0
	for i, c := range value {
		if c >= ' ' && c != '"' && c != '\\' || c == 0 {
			continue
		}
		line = append(line, value[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			line = append(line, '\\', c)
		case '\n':
			line = append(line, '\\', 'n')
		case '\r':
			line = append(line, '\\', 'r')
		case '\t':
			line = append(line, '\\', 't')
		default:
			line = append(line, '\\', 'u', '0', '0', '0'+c>>4, "0123456789abcdef"[c&15])
		}
	}
	return append(line, value[start:]...)
}

// inEncoding gives a text of ours in the encoding that a database's text comes in.
func inEncoding(encoding, text string) string {
	if encoding == "" {
		return text
	}
	encoded, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		return text // it has no counterpart there
	}
	return encoded
}

// fromEncoding is the other way round, for names.
func fromEncoding(encoding, text string) string {
	if encoding == "" {
		return text
	}
	decoded, err := simplifiedchinese.GB18030.NewDecoder().String(text)
	if err != nil {
		return text
	}
	return decoded
}

// batch is what goes over of a table.
func (p *plan) batch(mode connectors.Mode, position string) connectors.Batch {
	return connectors.Batch{Form: connectors.NDJSON, Encoding: p.encoding, Mode: mode, Position: position}
}

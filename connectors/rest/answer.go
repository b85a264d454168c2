package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hebian/connectors"
	"hebian/connectors/outside"
)

// maxSteps bounds how deep a path leads.
const maxSteps = 16

// page is what one answer holds.
type page struct {
	rows  [][]byte  // one line each, without its end
	date  time.Time // the partner's clock; zero: not said
	next  string    // the next cursor or link; "": none
	more  bool      // the answer does not say that there is nothing more
	total int       // -1: not said
}

// read reads an answer.
func (c *Config) read(a *outside.Answer) (*page, error) {
	p := &page{more: true, total: -1}
	if date, err := http.ParseTime(a.Header.Get("Date")); err == nil {
		p.date = date
	}
	if c.Paging.Style == Links && c.Paging.NextAt == "" {
		p.next = linkNext(a.Header.Values("Link"))
	}
	body := bytes.TrimPrefix(a.Body, []byte("\uFEFF"))
	if a.Status == http.StatusNoContent || len(body) == 0 && c.RowsAt == Lines {
		return p, nil
	}
	if kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type")); kind == "text/html" {
		return nil, unfit("the answer is a page for people, not JSON")
	}
	if c.RowsAt == Lines {
		var err error
		p.rows, err = lines(body)
		return p, err
	}
	d := &document{body: body}
	if err := c.envelope(d, p); err != nil {
		return nil, err
	}
	rows, err := d.at(c.RowsAt)
	if err != nil {
		return nil, unfit("rows_at: %w", err)
	}
	if string(rows) == "null" && (c.Mode != connectors.Full || len(c.Expect) > 0) {
		return p, nil
	}
	p.rows, err = elements(rows)
	return p, err
}

// envelope reads what an answer holds beside the rows.
func (c *Config) envelope(d *document, p *page) error {
	for path, want := range c.Expect {
		value, err := d.at(path)
		if got := plain(value); err != nil || got != want {
			return &connectors.Trouble{Kind: connectors.Unreachable, Err: fmt.Errorf("the answer has %.40q at %s, want %q", got, path, want)}
		}
	}
	if path := c.Paging.NextAt; path != "" {
		value, err := d.at(path)
		if err == nil {
			p.next = plain(value)
		}
		if len(value) > 0 && (value[0] == '{' || value[0] == '[') {
			return unfit("paging.next_at: %s holds an object or array", path)
		}
		if len(p.next) > maxCursor {
			return unfit("paging.next_at: %d bytes, want at most %d", len(p.next), maxCursor)
		}
	}
	if path := c.Paging.MoreAt; path != "" {
		value, err := d.at(path)
		if err != nil || string(value) != "true" && string(value) != "false" {
			return unfit("paging.more_at: want true or false at %s", path)
		}
		p.more = string(value) == "true"
	}
	if path := c.Paging.TotalAt; path != "" {
		value, err := d.at(path)
		if err == nil {
			p.total, err = strconv.Atoi(plain(value))
		}
		if err != nil || p.total < 0 {
			return unfit("paging.total_at: want a number of rows at %s", path)
		}
	}
	return nil
}

// document is an answer of JSON that is looked into several times.
type document struct {
	body []byte
	top  map[string]json.RawMessage // the outermost object, once somebody wanted something in it
}

// at gives the value that keys lead to, without blanks around it.
func (d *document) at(path string) ([]byte, error) {
	steps := split(path)
	if len(steps) == 0 {
		return bytes.TrimSpace(d.body), nil
	}
	if d.top == nil {
		if err := json.Unmarshal(d.body, &d.top); errors.As(err, new(*json.SyntaxError)) {
			return nil, errors.New("the answer is not JSON")
		} else if err != nil || d.top == nil {
			return nil, errors.New("the answer is not an object")
		}
	}
	value, ok := d.top[steps[0]]
	if !ok {
		return nil, fmt.Errorf("nothing at %q", steps[0])
	}
	return at(value, steps[1:])
}

// at gives the value within another that keys lead to, without blanks around it.
func at(value []byte, path []string) ([]byte, error) {
	for _, step := range path {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(value, &object); err != nil || object == nil {
			return nil, fmt.Errorf("no object around %q", step)
		}
		inner, ok := object[step]
		if !ok {
			return nil, fmt.Errorf("nothing at %q", step)
		}
		value = inner
	}
	return bytes.TrimSpace(value), nil
}

// plain gives a string's text, a number or word as written, and "" for null.
func plain(value []byte) string {
	var s string
	if len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &s) == nil {
		return s
	}
	if string(value) == "null" {
		return ""
	}
	return string(value)
}

// elements gives the values of an array, each as it is written but on one line. One that is no object is a row like the others:
// it goes to quarantine where rows are read, and holds nobody up.
func elements(array []byte) ([][]byte, error) {
	var flat bytes.Buffer
	flat.Grow(len(array))
	if err := json.Compact(&flat, array); err != nil {
		return nil, unfit("the answer is not JSON: %w", err)
	}
	array = flat.Bytes()
	if len(array) == 0 || array[0] != '[' {
		return nil, unfit("rows_at: want an array of rows there")
	}
	var rows [][]byte
	depth, start := 0, 1
	for i := 0; i < len(array); i++ { // it is JSON without blanks, so brackets and commas outside of strings are all there is to see
		switch array[i] {
		case '"':
			for i++; array[i] != '"'; i++ {
				if array[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 1 {
				rows = append(rows, array[start:i:i])
				start = i + 1
			}
		}
	}
	if end := len(array) - 1; start < end {
		rows = append(rows, array[start:end:end])
	}
	return rows, nil
}

// lines cuts an answer of a row a line. A line that is no JSON is a row, unless none is JSON, or it is the last and has no end:
// then the answer is something else, or was cut off.
func lines(body []byte) ([][]byte, error) {
	var rows [][]byte
	good, cut := 0, false
	for line := range bytes.Lines(body) {
		ended := bytes.HasSuffix(line, []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var flat bytes.Buffer
		if json.Compact(&flat, line) == nil {
			line = flat.Bytes()
			good++
		} else if cut = !ended; cut {
			break
		}
		rows = append(rows, line)
	}
	switch {
	case cut:
		return nil, unfit("the answer ends within a row")
	case good == 0 && len(rows) > 0:
		return nil, unfit("the answer is not JSON, line by line")
	}
	return rows, nil
}

// linkNext gives the target of the link with rel="next" (RFC 8288), or "".
func linkNext(values []string) string {
	for _, value := range values {
		for value != "" {
			_, rest, found := strings.Cut(value, "<")
			if !found {
				break
			}
			target, rest, found := strings.Cut(rest, ">")
			if !found {
				break
			}
			params, others := cutLink(rest)
			value = others
			if isNext(params) {
				return target
			}
		}
	}
	return ""
}

// cutLink cuts a link's parameters from the links that follow; a comma within quotes belongs to it.
func cutLink(rest string) (params, others string) {
	quoted := false
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return rest[:i], rest[i+1:]
		}
	}
	return rest, ""
}

func isNext(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}

// goneError says that the partner no longer knows a cursor that an earlier fetch ended with.
type goneError struct{ err error }

func (e *goneError) Error() string { return e.err.Error() }
func (e *goneError) Unwrap() error { return e.err }

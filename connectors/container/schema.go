package container

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a schema. It comes with the file, or from the partner's registry.
const (
	maxSchema  = 1 << 20 // bytes of its text
	maxNesting = 100     // levels that it is written in; real ones have five
	// maxName bounds a name or symbol in bytes. Names are written again with every nested value, so a long one would make much of little.
	maxName = 256
	// maxPrecision bounds the digits of a decimal. Databases have 38 to 1,000.
	maxPrecision = 1000
)

// Schema is the schema that records were written with: a record at the top. It may be used by several goroutines at once.
type Schema struct {
	top    *node
	fields []Field
}

// Field is a top-level field of a schema, a column of the rows.
type Field struct {
	Name    string
	Aliases []string
	Doc     string
	Kind    string // the type's name in Avro; of a union of null and one other type the other's; "union" of other unions
	Logical string // the logical type that the text of cells goes by: "date", "decimal" and so on; "" if there is none
}

// Fields gives the top-level fields, in the order of the cells.
func (s *Schema) Fields() []Field { return s.fields }

// Header appends the header row to dst, as CSV: the names of the top-level fields.
func (s *Schema) Header(dst []byte) []byte {
	for i, f := range s.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCell(dst, []byte(f.Name))
	}
	return dst
}

// kind is a type of Avro.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindFixed
	kindEnum
	kindArray
	kindMap
	kindRecord
	kindUnion
)

var kindNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string", "fixed", "enum", "array", "map",
	"record", "union"}

func (k kind) String() string { return kindNames[k] }

// node is a type within a schema.
type node struct {
	kind     kind
	logical  logical
	scale    int      // of a decimal
	size     int      // bytes of a fixed
	name     string   // of a record, enum or fixed, in full
	symbols  []symbol // of an enum
	members  []member // of a record
	item     *node    // of an array or a map
	branches []*node  // of a union
	least    int      // no value takes fewer bytes
}

// member is a field of a record.
type member struct {
	name string
	key  string // `"name":`, as JSON
	node *node
}

// symbol is a symbol of an enum, ready to be written.
type symbol struct{ cell, json string }

// leastBytes is what a value of each kind takes at the least; of those that aren't here it hangs on what they hold.
var leastBytes = [...]int{kindBoolean: 1, kindInt: 1, kindLong: 1, kindFloat: 4, kindDouble: 8, kindBytes: 1, kindString: 1, kindEnum: 1,
	kindArray: 1, kindMap: 1, kindUnion: 1}

// ParseSchema reads a schema as Avro writes it, in JSON. Its top must be a record. Names may be in any script, aliases and defaults are
// of no concern. A logical type that isn't known counts as none, as the specification wants; but a decimal whose precision or scale is
// missing or impossible is an error, since its bytes would be taken for something else.
func ParseSchema(text []byte) (*Schema, error) {
	if len(text) > maxSchema {
		return nil, fmt.Errorf("the schema has %d bytes, more than %d", len(text), maxSchema)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("the schema is not UTF-8")
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, errors.New("the schema is no JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something stands behind the schema")
	}
	p := parser{named: map[string]*node{}}
	top, err := p.schema(tree, "", 0)
	if err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	if top.kind != kindRecord {
		return nil, fmt.Errorf("the schema is of %v, not of a record", top.kind)
	}
	if len(top.members) == 0 {
		return nil, errors.New("the schema is of a record without fields")
	}
	return &Schema{top: top, fields: fieldsOf(tree, top)}, nil
}

// parser turns a schema's JSON into nodes. A type with a name is known from where the name stands first.
type parser struct {
	named map[string]*node
}

// schema reads a type that stands in a namespace, depth levels deep.
func (p *parser) schema(tree any, space string, depth int) (*node, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("types lie more than %d levels deep", maxNesting)
	}
	switch tree := tree.(type) {
	case string:
		return p.simple(tree, space)
	case []any:
		return p.union(tree, space, depth)
	case map[string]any:
		name, ok := tree["type"].(string)
		if !ok {
			return nil, errors.New("a type has no name of its kind")
		}
		n, err := p.complex(name, tree, space, depth)
		if err != nil {
			return nil, err
		}
		return annotated(n, tree)
	}
	return nil, fmt.Errorf("%T where a type should be", tree)
}

func (p *parser) complex(name string, tree map[string]any, space string, depth int) (*node, error) {
	switch name {
	case "record":
		return p.record(tree, space, depth)
	case "enum":
		return p.enum(tree, space)
	case "fixed":
		return p.fixed(tree, space)
	case "array":
		item, err := p.schema(tree["items"], space, depth+1)
		if err != nil {
			return nil, fmt.Errorf("items of an array: %w", err)
		}
		return &node{kind: kindArray, item: item, least: 1}, nil
	case "map":
		item, err := p.schema(tree["values"], space, depth+1)
		if err != nil {
			return nil, fmt.Errorf("values of a map: %w", err)
		}
		return &node{kind: kindMap, item: item, least: 1}, nil
	}
	return p.simple(name, space)
}

// simple finds a type by its name: one of Avro's own, or one that stands before.
func (p *parser) simple(name, space string) (*node, error) {
	if k := slices.Index(kindNames[:kindFixed], name); k >= 0 {
		return &node{kind: kind(k), least: leastBytes[k]}, nil
	}
	if !strings.Contains(name, ".") && space != "" {
		name = space + "." + name
	}
	if n := p.named[name]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("no type has the name %.64q", name)
}

// define gives a node its name in full, and the namespace that what it holds stands in.
func (p *parser) define(n *node, tree map[string]any, space string) (string, error) {
	name, _ := tree["name"].(string)
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("%v: %w", n.kind, err)
	}
	if at := strings.LastIndexByte(name, '.'); at >= 0 {
		space = name[:at]
	} else {
		if own, ok := tree["namespace"].(string); ok {
			space = own
		}
		if space != "" {
			name = space + "." + name
		}
	}
	if n.name = name; len(name) > maxName {
		return "", fmt.Errorf("a name has %d bytes, more than %d", len(name), maxName)
	}
	if p.named[name] != nil || slices.Contains(kindNames[:], name) {
		return "", fmt.Errorf("two types have the name %.64q", name)
	}
	p.named[name] = n
	return space, nil
}

func (p *parser) record(tree map[string]any, space string, depth int) (*node, error) {
	n := &node{kind: kindRecord}
	space, err := p.define(n, tree, space)
	if err != nil {
		return nil, err
	}
	fields, ok := tree["fields"].([]any)
	if !ok {
		return nil, fmt.Errorf("record %s has no fields", n.name)
	}
	names := map[string]bool{}
	for _, tree := range fields {
		field, _ := tree.(map[string]any)
		name, _ := field["name"].(string)
		if err := checkName(name); err != nil {
			return nil, fmt.Errorf("field of record %s: %w", n.name, err)
		}
		if names[name] {
			return nil, fmt.Errorf("two fields of record %s have the name %.64q", n.name, name)
		}
		names[name] = true
		of, err := p.schema(field["type"], space, depth+1)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		key := append(appendString(nil, []byte(name)), ':')
		n.members = append(n.members, member{name: name, key: string(key), node: of})
	}
	// Only now: a record within itself counts as nothing, or no bound would ever come out.
	for _, m := range n.members {
		n.least = min(n.least+m.node.least, maxExpanded+1)
	}
	return n, nil
}

func (p *parser) enum(tree map[string]any, space string) (*node, error) {
	n := &node{kind: kindEnum, least: 1}
	if _, err := p.define(n, tree, space); err != nil {
		return nil, err
	}
	symbols, ok := tree["symbols"].([]any)
	if !ok || len(symbols) == 0 {
		return nil, fmt.Errorf("enum %s has no symbols", n.name)
	}
	seen := map[string]bool{}
	for _, tree := range symbols {
		name, _ := tree.(string)
		if err := checkName(name); err != nil {
			return nil, fmt.Errorf("symbol of enum %s: %w", n.name, err)
		}
		if seen[name] {
			return nil, fmt.Errorf("enum %s has the symbol %.64q twice", n.name, name)
		}
		seen[name] = true
		n.symbols = append(n.symbols, symbol{string(appendCell(nil, []byte(name))), string(appendString(nil, []byte(name)))})
	}
	return n, nil
}

func (p *parser) fixed(tree map[string]any, space string) (*node, error) {
	n := &node{kind: kindFixed}
	if _, err := p.define(n, tree, space); err != nil {
		return nil, err
	}
	size, ok := whole(tree["size"], maxExpanded)
	if !ok {
		return nil, fmt.Errorf("fixed %s has no size from 0 to %d", n.name, maxExpanded)
	}
	n.size, n.least = size, size
	return n, nil
}

func (p *parser) union(tree []any, space string, depth int) (*node, error) {
	n := &node{kind: kindUnion, least: 1}
	seen := map[string]bool{}
	for _, tree := range tree {
		branch, err := p.schema(tree, space, depth+1)
		if err != nil {
			return nil, err
		}
		name := branch.name
		if name == "" {
			name = branch.kind.String()
		}
		if branch.kind == kindUnion || seen[name] {
			return nil, fmt.Errorf("a union holds another, or %.64s twice", name)
		}
		seen[name] = true
		n.branches = append(n.branches, branch)
	}
	if len(n.branches) == 0 {
		return nil, errors.New("a union has no branches")
	}
	return n, nil
}

// fieldsOf tells of the fields of the record at the top what callers want to know.
func fieldsOf(tree any, top *node) []Field {
	fields, list := make([]Field, len(top.members)), tree.(map[string]any)["fields"].([]any)
	for i, m := range top.members {
		field := list[i].(map[string]any)
		f := Field{Name: m.name}
		f.Doc, _ = field["doc"].(string)
		aliases, _ := field["aliases"].([]any)
		for _, alias := range aliases {
			if name, ok := alias.(string); ok {
				f.Aliases = append(f.Aliases, name)
			}
		}
		n := m.node
		if n.kind == kindUnion && len(n.branches) == 2 && n.branches[0].kind == kindNull {
			n = n.branches[1]
		} else if n.kind == kindUnion && len(n.branches) == 2 && n.branches[1].kind == kindNull {
			n = n.branches[0]
		}
		f.Kind, f.Logical = n.kind.String(), n.logical.String()
		fields[i] = f
	}
	return fields
}

// checkName takes names in any script; the specification has ASCII only, and its libraries differ.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("a name is missing")
	case len(name) > maxName:
		return fmt.Errorf("a name has %d bytes, more than %d", len(name), maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }):
		return errors.New("a name holds characters that can't be seen")
	}
	return nil
}

// whole reads a whole number of JSON from 0 to most.
func whole(tree any, most int64) (int, bool) {
	number, _ := tree.(json.Number)
	n, err := number.Int64()
	return int(n), err == nil && n >= 0 && n <= most
}

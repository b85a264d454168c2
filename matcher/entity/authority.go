package entity

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

//go:embed authority.yaml
var defaultAuthority []byte

// Authority says whose value counts: for each field that of one source, the first of an order that has a value.
type Authority struct {
	registrars [256]Source              // by the first character of a USCC
	common     [numSources + 1][]Source // by registrar: the order of fields that have none of their own
	orders     *orders
	types      map[string]*orders // by the text key of the entity type; nil: all types are alike
}

// orders are the sources to ask, by registrar and field.
type orders [numSources + 1][NumFields][]Source

// none stands for the registrar where none is known.
const none Source = numSources

// DefaultAuthority is what holds where nothing is configured.
var DefaultAuthority = sync.OnceValue(func() *Authority {
	a, err := ParseAuthority(nil)
	if err != nil {
		panic(fmt.Sprintf("authority.yaml, which is built in: %v", err))
	}
	return a
})

// ParseAuthority reads a YAML file like authority.yaml, the built-in one, which holds for whatever the file does not name. Errors name
// line and column.
func ParseAuthority(text []byte) (*Authority, error) {
	var base, own authorityFile
	if err := base.decode(defaultAuthority); err != nil {
		return nil, err
	}
	if err := own.decode(text); err != nil {
		return nil, err
	}
	a := &Authority{}
	for i := range a.registrars {
		a.registrars[i] = none
	}
	for _, r := range slices.Concat(base.Registrars, own.Registrars) {
		a.registrars[r.character] = r.source
	}
	common := base.Order
	if own.Order != nil {
		common = own.Order
	}
	for _, s := range Sources() {
		if !slices.Contains(common, s) {
			return nil, fmt.Errorf("order: %s is missing: nobody would believe it in anything", s)
		}
	}
	for registrar := range a.common {
		a.common[registrar] = common.with(Source(registrar))
	}
	a.orders = ordersOf(common, own.Fields, base.Fields)
	for name, fields := range own.Types {
		key := TextKey(name)
		if a.types[key] != nil {
			return nil, fmt.Errorf("types: %q stands there twice", key)
		}
		if a.types == nil {
			a.types = map[string]*orders{}
		}
		a.types[key] = ordersOf(common, fields, own.Fields, base.Fields)
	}
	return a, nil
}

// ordersOf gives the order of every field: what the first of the files' parts says that says anything, else the common one.
func ordersOf(common order, parts ...fieldOrders) *orders {
	o := &orders{}
	for field := range o[none] {
		list := common
		for i := len(parts) - 1; i >= 0; i-- {
			if own := *parts[i].of(Field(field)); own != nil {
				list = own
			}
		}
		for registrar := range o {
			o[registrar][field] = list.with(Source(registrar))
		}
	}
	return o
}

// registrar gives the registrar of an entity by its USCC, which may be empty.
func (a *Authority) registrar(uscc string) Source {
	if uscc == "" {
		return none
	}
	return a.registrars[uscc[0]]
}

// authorityFile is the file as written.
type authorityFile struct {
	Registrars registrars             `yaml:"registrars"`
	Order      order                  `yaml:"order"`
	Fields     fieldOrders            `yaml:"fields"`
	Types      map[string]fieldOrders `yaml:"types"`
}

// decode reads the file. The library panics on some text that is no YAML; here that is an error as well.
func (f *authorityFile) decode(text []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is no YAML that can be read: %v", p)
		}
	}()
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(f)
	if errors.Is(err, io.EOF) { // an empty file says nothing
		return nil
	}
	return err
}

// fieldOrders are the orders that some fields have for themselves.
type fieldOrders struct {
	Name        order `yaml:"name"`
	LegalRep    order `yaml:"legal_rep"`
	Address     order `yaml:"address"`
	Capital     order `yaml:"capital"`
	Established order `yaml:"established"`
	Status      order `yaml:"status"`
	Division    order `yaml:"division"`
	Industry    order `yaml:"industry"`
}

func (o *fieldOrders) of(f Field) *order {
	return [NumFields]*order{&o.Name, &o.LegalRep, &o.Address, &o.Capital, &o.Established, &o.Status, &o.Division, &o.Industry}[f]
}

// order is a list of sources. none in it is the registrar.
type order []Source

// with gives the list for a registrar.
func (o order) with(registrar Source) []Source {
	var list []Source
	for _, s := range o {
		if s == none {
			s = registrar
		}
		if s != none && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// UnmarshalYAML reads a list of sources, each at most once.
func (o *order) UnmarshalYAML(node ast.Node) error {
	list, ok := node.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		return wrong(node, "want a list of sources, [registrar, staffing, …]")
	}
	*o = nil
	for _, value := range list.Values {
		s := none
		if name := value.GetToken().Value; name != "registrar" {
			if s, ok = SourceOf(name); !ok {
				return wrong(value, fmt.Sprintf("%q is no source: want registrar, %s", name, sourceNames()))
			}
		}
		if slices.Contains(*o, s) {
			return wrong(value, fmt.Sprintf("%q stands here twice", value.GetToken().Value))
		}
		*o = append(*o, s)
	}
	return nil
}

// registrars are those of entities by the first character of their USCC.
type registrars []struct {
	character byte
	source    Source
}

// UnmarshalYAML reads pairs of a character and a source.
func (r *registrars) UnmarshalYAML(node ast.Node) error {
	pairs, ok := node.(ast.MapNode)
	if !ok {
		return wrong(node, `want pairs of a character and a source, "1": staffing`)
	}
	for pair := pairs.MapRange(); pair.Next(); {
		character := pair.Key().GetToken().Value
		if len(character) != 1 || (character[0] < '0' || character[0] > '9') && (character[0] < 'A' || character[0] > 'Z') {
			return wrong(pair.Key(), fmt.Sprintf("%q is no first character of a unified social credit code: want one of 0 to 9, A to Z", character))
		}
		s, ok := SourceOf(pair.Value().GetToken().Value)
		if !ok {
			return wrong(pair.Value(), fmt.Sprintf("%q is no source: want %s", pair.Value().GetToken().Value, sourceNames()))
		}
		*r = append(*r, struct {
			character byte
			source    Source
		}{character[0], s})
	}
	return nil
}

// wrong is an error that names line and column, as those of the library do.
func wrong(node ast.Node, message string) error {
	return &yaml.SyntaxError{Message: message, Token: node.GetToken()}
}

func sourceNames() string {
	last := len(agencies) - 1
	return strings.Join(agencies[:last], ", ") + " or " + agencies[last]
}

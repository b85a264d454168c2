package connectors

import (
	"encoding/binary"
	"slices"
	"strings"

	"hebian/schemas"
)

// rowKey finds out what a row is known by in a file whose profile says which columns name a row, and whether it says that the row of
// that name is gone.
type rowKey struct {
	headers []string
	gone    Gone
	columns []Column
	key     []byte // of the row last looked at; empty: it has none
	is      bool   // that row is gone
}

// notesPrefix begins names of cells that are for the hub alone and are not kept with the row: "$gone", "$key".
const notesPrefix = "$"

// defaultGone is how sources that know of removed rows say so, where a profile has no words of its own for it.
var defaultGone = Gone{Column: "$gone", Values: []string{"true"}}

func newRowKey(f *File) *rowKey {
	if !f.Keyed() {
		return nil
	}
	k := &rowKey{headers: f.Key, gone: defaultGone, columns: f.Columns}
	if f.Gone != nil {
		k.gone = *f.Gone
	}
	return k
}

// look reads a row's key and gives its other cells without the notes. missing is the header of a cell of the key that is empty.
func (k *rowKey) look(cells []string, others []schemas.Cell) (rest []schemas.Cell, missing string) {
	k.key = k.key[:0]
	k.is = slices.Contains(k.gone.Values, k.cell(k.gone.Column, cells, others))
	for _, header := range k.headers {
		cell := k.cell(header, cells, others)
		if cell == "" && missing == "" {
			missing = header
		}
		k.key = binary.AppendUvarint(k.key, uint64(len(cell)))
		k.key = append(k.key, cell...)
	}
	if missing != "" {
		k.key = k.key[:0]
	}
	return slices.DeleteFunc(others, func(c schemas.Cell) bool { return strings.HasPrefix(c.Column, notesPrefix) }), missing
}

func (k *rowKey) cell(header string, cells []string, others []schemas.Cell) string {
	for i := range k.columns {
		if k.columns[i].Header == header {
			return cells[i]
		}
	}
	for i := range others {
		if others[i].Column == header {
			return others[i].Text
		}
	}
	return ""
}

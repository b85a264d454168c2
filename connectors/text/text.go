// Package text reads the text forms in which agencies hand over their files, CSV (RFC 4180), NDJSON and
// a JSON array, in UTF-8 or GB18030, and writes CSV for them.
//
// The work is cut in two. A Splitter, or an Array, walks the file once, in order, and finds where records begin
// and end; it looks at line ends and quotes only and hands out blocks of whole records. Any number
// of goroutines then turn the records of a block into text (Decoder) and the text into fields
// (SplitFields) or values (Object). A record that doesn't fit comes back with the reason, the rest
// goes on. The package doesn't know what columns mean, nor which ones a file must have.
package text

import "hebian/schemas"

// Encoding is the way a file writes characters as bytes.
type Encoding uint8

// The encodings that agencies use.
const (
	UTF8 Encoding = iota
	GB18030
)

// String names the encoding as the agencies' profiles do.
func (e Encoding) String() string {
	if e == GB18030 {
		return "GB18030"
	}
	return "UTF-8"
}

// Flaw says why a record can't be taken, as far as its form goes.
type Flaw struct {
	Reason schemas.Reason
	Column string // key of the value that is wrong; empty: the record as a whole
	Detail string // one sentence on what was found, without the value: it may be personal
}

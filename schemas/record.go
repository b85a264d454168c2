package schemas

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// ID names a record for good: the first 16 bytes of SHA-256 over agency, file, content and the
// ordinal among equal rows of the delivery. The same file sent again gives the same IDs; equal rows
// of one file get different ones. In a keyed file (KeyedID) the first 10 bytes stand for the row's key.
type ID [16]byte

// rowKeyBytes is how much of a KeyedID stands for the row's key. The rest, of the content, only has to tell the
// few versions of one row apart.
const rowKeyBytes = 10

// String writes the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// RowKey is what stands for the row's key in a KeyedID. In another ID it means nothing.
func (id ID) RowKey() [rowKeyBytes]byte { return [rowKeyBytes]byte(id[:rowKeyBytes]) }

// ParseID reads what String writes.
func ParseID(s string) (id ID, ok bool) {
	if len(s) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}

// Op says what a record does to what is known.
type Op uint8

const (
	// Assert adds the row.
	Assert Op = iota
	// Retract takes back a row asserted earlier under the same ID: a newer version of its file lacks it. On its way into
	// a merge it says that the row of this key is gone, whatever its content was.
	Retract
)

// Record is one row on its way through the hub, already in Avro.
type Record struct {
	ID    ID
	Op    Op
	Line  int64  // physical line of the delivered file where the row begins, from 1
	Key   []byte // what it is about: orders the records of one subject, chooses the partition
	Value []byte // Confluent framing: 00, schema id as four bytes big-endian, Avro
}

// Cell is a cell of a row kept as written: a column that no profile names, or an identifier that
// cleaning changed.
type Cell struct {
	Column string `avro:"column"`
	Text   string `avro:"text"`
}

// Delivered is where a row comes from, as far as the row's meaning hangs on it.
type Delivered struct {
	Agency   string // that hands the file over
	PayMonth Month  // payment month of a payroll file, from its name; 0 for other files
}

// Row is a record type: one of the words of the house. Pointers to its fields are filled from
// cells; Derive completes what follows from them.
type Row interface {
	// Derive fills the fields that follow from others and checks what concerns several fields. It
	// returns the name of the field that is wrong and the reason, or two empty strings.
	Derive(d Delivered) (field string, reason Reason)
	// Key is what the row is about: the person, else the number as cleaned, else the unit.
	Key() string
}

// Reason says why a row is in quarantine. The codes are stable; hebian explain lists them.
type Reason string

// The reasons for quarantine.
const (
	ReasonEncoding   Reason = "ENCODING"     // bytes that are no character in the file's encoding
	ReasonNoChar     Reason = "NO_CHARACTER" // a cell of GB18030 for private use or without a character, U+FFFD, NUL
	ReasonQuote      Reason = "QUOTE"        // a quote that breaks RFC 4180
	ReasonFieldCount Reason = "FIELD_COUNT"  // more or fewer fields than the header
	ReasonTooLong    Reason = "TOO_LONG"     // a record beyond 1 MiB
	ReasonJSON       Reason = "JSON"         // a line that is no JSON object
	ReasonType       Reason = "TYPE"         // neither text nor number under a named key
	ReasonMissing    Reason = "MISSING"      // a required value is empty
	ReasonUnreadable Reason = "UNREADABLE"   // a date, month, amount, number or value of a set that can't be read
	ReasonInterval   Reason = "INTERVAL"     // the end is not after the start
	ReasonLost       Reason = "LOST"         // the file itself no longer holds what stood there, as the last digits of a number in a workbook
	ReasonUnknownRow Reason = "UNKNOWN_ROW"  // a row to take back that the file does not hold
)

// ContentID is the ID of a row that has no equal before it in its file. scope names agency and file
// (Scope); content is the row's Avro without the framing, so that it stays when schema ids change.
func ContentID(scope [32]byte, content []byte) ID {
	var buf [1024]byte
	sum := sha256.Sum256(append(append(buf[:0], scope[:16]...), content...))
	return ID(sum[:16])
}

// KeyedID is the ID of a row of a keyed file: 10 bytes of SHA-256 over scope and the row's key, then 6 over scope and
// content. Versions of one row share the first part, and the same version gives the same ID. scope and content are as in
// ContentID; rowKey is the cells of the profile's row key, written so that no two keys look alike.
func KeyedID(scope [32]byte, rowKey, content []byte) ID {
	key, version := keyedHalf(scope, 1, rowKey), keyedHalf(scope, 2, content)
	return ID(append(key[:rowKeyBytes], version[:len(ID{})-rowKeyBytes]...))
}

// keyedHalf hashes what one part of a KeyedID stands for; half keeps the two apart.
func keyedHalf(scope [32]byte, half byte, of []byte) [sha256.Size]byte {
	var buf [1024]byte
	return sha256.Sum256(append(append(append(buf[:0], scope[:16]...), half), of...))
}

// Scope stands for an agency and a file in the IDs of its rows.
func Scope(agency, file string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d:%s %s", len(agency), agency, file))
}

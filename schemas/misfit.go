package schemas

// Misfit is a row that could not be taken: kept whole, as the bytes that came. A row beyond the
// longest record is kept with its first bytes, its length and its digest.
type Misfit struct {
	File   string  `avro:"file"`   // path relative to the county folder, with /
	Line   int64   `avro:"line"`   // physical line where the row begins, from 1
	Column *string `avro:"column"` // header or key of the cell; nil: the row as a whole
	Reason Reason  `avro:"reason"`
	Detail string  `avro:"detail"` // one sentence on what was expected
	Raw    []byte  `avro:"raw"`
	Length int64   `avro:"length"` // bytes of the whole row
	Digest []byte  `avro:"digest"` // SHA-256 of the whole row; empty where Raw holds all of it
}

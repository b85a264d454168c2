package text

// Bound makes the bounds of a splitter so small that short inputs cross all of them.
func (s *Splitter) Bound(block, record, head int) { s.bounds = bounds{block, record, head} }

// GB18030Cell gives the bytes of the nth cell of four bytes.
var GB18030Cell = gbFour

// Bound makes the bounds of an array so small that short inputs cross all of them.
func (a *Array) Bound(block, record, head int) { a.file.Bound(block, record, head) }

// ValidUTF8 is what Detect takes for utf8.Valid.
var ValidUTF8 = validUTF8

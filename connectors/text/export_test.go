package text

// Bound makes the bounds of a splitter so small that short inputs cross all of them.
func (s *Splitter) Bound(block, record, head int) { s.bounds = bounds{block, record, head} }

// GB18030Cell gives the bytes of the nth cell of four bytes.
var GB18030Cell = gbFour

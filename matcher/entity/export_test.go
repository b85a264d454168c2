package entity

// Small makes bounds so small that few records reach them: of the blocks of packed records, and of lists that are not gone through
// for each record in there.
func (s *Standing) Small() { s.arena.blockBytes, s.long = 600, 2 }

// PackedBytes is the room that packed records take.
func (s *Standing) PackedBytes() (n int) {
	for _, b := range s.arena.blocks {
		n += cap(b.bytes)
	}
	return n
}

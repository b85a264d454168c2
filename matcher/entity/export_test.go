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

// NameCore is what is left of an organisation's name when it is taken apart.
func (b *Bench) NameCore(name, division string) string {
	n := b.parseName(name, division)
	return n.core + n.branch
}

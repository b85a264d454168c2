package hub

import "hash/maphash"

// keyHash stands for a record key: 128 bits that nobody outside can aim at, so that two keys never meet.
type keyHash [2]uint64

// withdrawal counts, key by key, the accepted rows of a file that vanish against those that come. Rows that stay count
// on neither side. A corrected row vanishes and comes under the same key, and so withdraws nothing.
type withdrawal struct {
	seeds [2]maphash.Seed
	net   map[keyHash]int64 // vanished less come
}

func newWithdrawal() withdrawal {
	return withdrawal{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, net: map[keyHash]int64{}}
}

func (w *withdrawal) hash(key []byte) keyHash {
	return keyHash{maphash.Bytes(w.seeds[0], key), maphash.Bytes(w.seeds[1], key)}
}

func (w *withdrawal) added(key keyHash) { w.net[key]-- }

func (w *withdrawal) gone(key keyHash) { w.net[key]++ }

// rows is how many rows were withdrawn.
func (w *withdrawal) rows() int64 {
	var rows int64
	for _, net := range w.net {
		rows += max(0, net)
	}
	return rows
}

// held writes into the receipt of a whole file how much it withdraws, and says whether that needs an operator's yes. A merge
// has looked before it wrote anything.
func (s *Session) held() bool {
	switch {
	case s.merge != nil:
		return s.merge.held
	case s.change != nil:
		return false
	}
	s.receipt.Withdrawn, s.receipt.Earlier = s.withdrawal.rows(), s.before.Live
	return s.tooMuch(s.receipt.Withdrawn)
}

// sureToBeHeld says that so few rows came that, whatever their keys, too many are withdrawn.
func (s *Session) sureToBeHeld() bool { return s.tooMuch(s.before.Live - s.receipt.Accepted) }

func (s *Session) tooMuch(rows int64) bool {
	return !s.manifest.Confirmed && 100*rows > s.intake.percent*s.before.Live
}

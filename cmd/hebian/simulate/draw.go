package simulate

import "math/bits"

// The streams keep the draws for different purposes apart.
const (
	streamPerson         uint64 = iota + 1 // everything about a person
	streamUnit                             // everything about a unit
	streamSchedule                         // who gets which case
	streamNumber                           // where the identity numbers begin
	streamPosts                            // quotas, leader posts, control numbers
	streamEntity                           // everything about a legal entity
	streamTwin                             // everything about the second entity of a case
	streamEntitySchedule                   // which entity gets which case
	streamOrder                            // in which order the rows of legal entities are written
	streamReference                        // what is kept on institutions beside their registration
)

// draws is a splitmix64 sequence. It begins at a pure function of seed, stream and index, so that
// what is drawn for one person does not depend on what was drawn for another.
type draws struct{ state uint64 }

func drawsOf(seed, stream, index uint64) draws {
	return draws{mix(mix(seed+stream*0x9e3779b97f4a7c15) + index)}
}

func (d *draws) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return mix(d.state)
}

// below draws from 0 to n-1.
func (d *draws) below(n int) int {
	high, _ := bits.Mul64(d.next(), uint64(n))
	return int(high)
}

// between draws from low to high, both included.
func (d *draws) between(low, high int) int { return low + d.below(high-low+1) }

func (d *draws) chance(perThousand int) bool { return d.below(1000) < perThousand }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

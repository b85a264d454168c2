package entity

import "sync"

// Each calls fn for each entity in the order of their codes, those of one code in the order of their first rows. An entity is good
// until fn returns, and fn must not call the standing.
func (s *Standing) Each(fn func(*Entity) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.eachOf(s.inOrder(), fn)
}

// EachOf calls fn for the entities of some IDs, in their order; IDs that name none any more are passed over. An entity is good until fn
// returns, and fn must not call the standing.
func (s *Standing) EachOf(ids []ID, fn func(*Entity) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	bodies := make([]uint32, 0, len(ids))
	for _, id := range ids {
		if id < s.roll.next() && s.roll.bodies[id] != 0 {
			bodies = append(bodies, s.roll.bodies[id])
		}
	}
	return s.eachOf(bodies, fn)
}

// eachRound is how many entities are judged at once while others are handed out.
const eachRound = 256

func (s *Standing) eachOf(bodies []uint32, fn func(*Entity) error) error {
	round := min(eachRound, len(bodies))
	rounds := [2][]clerk{make([]clerk, round), make([]clerk, round)}
	judge := func(n int) {
		clerks := rounds[n%2]
		from := bodies[min(n*eachRound, len(bodies)):min((n+1)*eachRound, len(bodies))]
		inParallel(len(from), func(_ int, next func() (int, int)) {
			for first, last := next(); first < last; first, last = next() {
				for i := first; i < last; i++ {
					c := &clerks[i]
					c.Standing = s
					e := c.judge(from[i])
					e.Homes = e.Homes[:0]
					for _, n := range c.numbers {
						e.Homes = append(e.Homes, s.held.at(n).home)
					}
				}
			}
		})
	}
	judge(0)
	for n := 0; n*eachRound < len(bodies); n++ {
		var wait sync.WaitGroup
		wait.Go(func() { judge(n + 1) })
		var err error
		for i := range min(eachRound, len(bodies)-n*eachRound) {
			if err = fn(&rounds[n%2][i].entity); err != nil {
				break
			}
		}
		if wait.Wait(); err != nil {
			return err
		}
	}
	return nil
}

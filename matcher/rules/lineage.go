package rules

import (
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

const (
	// maxSteps bounds the walk through the successions of one day that starts at a unit. A reform has a
	// handful; seven units that all become each other on one day take 12,000.
	maxSteps = 1 << 14
	// maxBecome bounds how many units one unit may have become. A split has a handful of branches.
	maxBecome = 1 << 10
	// maxUnited bounds the work for all days together: units looked at while canons are put together. A
	// county's hundred successions need a few thousand; it takes a second or two.
	maxUnited = 1 << 24
)

// Successions says what units become: by renaming, merging, splitting, and ending.
//
// A way starts at a unit on the first day of time. It leaves the unit with the earliest succession
// that is not before its arrival, for every successor by a way of its own, and goes on there from
// that day. It uses no succession twice, so two units that become each other on the same day don't
// hold it. Where nothing leads on, it ends. The units at the ends of all ways, when only successions
// up to a day count, are what the unit has become on that day: its canon.
type Successions struct {
	node  []int32        // of each unit, from 1 on; 0 for one that no succession names, which stays itself
	self  []state.Unit   // every unit, at its own number
	nodes []state.Unit   // by node - 1
	days  []schemas.Date // on which something changes, in order
	turns [][]turn       // what changes, by day
	known []*Lineage     // by the number of days that count

	united int          // work done so far, up to maxUnited
	room   []state.Unit // for union
}

// A turn is what the successions of one day do to a unit: where ways that leave it on that day come
// to rest, to go on some later day if at all.
type turn struct {
	node  int32
	rests []int32 // nodes
	many  bool    // more steps than maxSteps: unknown
}

// NewSuccessions reads the successions of so many units.
func NewSuccessions(units int, rows []state.Succession) *Successions {
	s := &Successions{node: make([]int32, units), self: make([]state.Unit, units)}
	for i := range s.self {
		s.self[i] = state.Unit(i)
	}
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b state.Succession) int { return int(a.Effective) - int(b.Effective) })
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r state.Succession) bool { return r.Effective != rows[0].Effective })
		if n < 0 {
			n = len(rows)
		}
		s.days = append(s.days, rows[0].Effective)
		s.turns = append(s.turns, s.turnsOf(rows[:n]))
		rows = rows[n:]
	}
	s.known = make([]*Lineage, len(s.days)+1)
	return s
}

func (s *Successions) turnsOf(day []state.Succession) []turn {
	w := dayWalk{next: map[int32][]int32{}, on: map[int32]bool{}}
	var leaving []int32
	for _, row := range day {
		from := s.nodeOf(row.From)
		if _, known := w.next[from]; !known {
			leaving = append(leaving, from)
			w.next[from] = nil
		}
		if row.To != 0 {
			w.next[from] = append(w.next[from], s.nodeOf(row.To))
		}
	}
	for _, node := range leaving {
		slices.Sort(w.next[node])
		w.next[node] = slices.Compact(w.next[node]) // rows may say the same twice
	}
	var turns []turn
	for _, node := range leaving {
		w.steps, w.rests = 0, nil
		many := !w.leave(node)
		clear(w.on)
		slices.Sort(w.rests)
		turns = append(turns, turn{node, slices.Compact(w.rests), many})
	}
	return turns
}

func (s *Successions) nodeOf(u state.Unit) int32 {
	if s.node[u] == 0 {
		s.nodes = append(s.nodes, u)
		s.node[u] = int32(len(s.nodes))
	}
	return s.node[u]
}

// dayWalk goes all ways that the successions of one day make.
type dayWalk struct {
	next  map[int32][]int32 // successors of the units that leave on the day
	on    map[int32]bool    // units that the present way has left
	rests []int32
	steps int
}

// leave goes all ways from a unit. It is false when there are too many.
func (w *dayWalk) leave(node int32) bool {
	w.on[node] = true
	defer delete(w.on, node)
	for _, to := range w.next[node] {
		if w.steps++; w.steps > maxSteps {
			return false
		}
		if _, leaves := w.next[to]; !leaves || w.on[to] {
			w.rests = append(w.rests, to)
		} else if !w.leave(to) {
			return false
		}
	}
	return true
}

// Lineage is what units have become on a day.
type Lineage struct {
	successions *Successions
	canon       [][]state.Unit // by node - 1, in order
	Unknown     []state.Unit   // units that might have become too many others to say; they stay themselves
}

// On gives the lineage of a day. It may not be called by several goroutines at once.
func (s *Successions) On(d schemas.Date) *Lineage {
	n, found := slices.BinarySearch(s.days, d)
	if found {
		n++
	}
	if s.known[n] == nil {
		s.known[n] = s.lineage(n)
	}
	return s.known[n]
}

// lineage takes the first days. It begins with the last of them: what a unit becomes from some day
// on is what the units at which it comes to rest that day become from a later day on.
func (s *Successions) lineage(days int) *Lineage {
	l := &Lineage{successions: s, canon: make([][]state.Unit, len(s.nodes))}
	many := make([]bool, len(s.nodes))
	for i, u := range s.nodes {
		l.canon[i] = s.self[u : u+1 : u+1]
	}
	for day := days - 1; day >= 0; day-- {
		turns := s.turns[day]
		became := make([][]state.Unit, len(turns))
		tooMany := make([]bool, len(turns))
		for i, t := range turns {
			tooMany[i] = t.many || slices.ContainsFunc(t.rests, func(n int32) bool { return many[n-1] })
			if !tooMany[i] {
				became[i], tooMany[i] = l.union(t.rests)
			}
		}
		for i, t := range turns {
			l.canon[t.node-1], many[t.node-1] = became[i], tooMany[i]
			if tooMany[i] {
				l.canon[t.node-1] = nil
			}
		}
	}
	for i, u := range s.nodes {
		if many[i] {
			l.canon[i] = s.self[u : u+1 : u+1]
			l.Unknown = append(l.Unknown, u)
		}
	}
	return l
}

// union gives what the nodes have become together, unless that is too many units or too much work.
func (l *Lineage) union(nodes []int32) (units []state.Unit, tooMany bool) {
	if len(nodes) == 1 {
		return l.canon[nodes[0]-1], false
	}
	s := l.successions
	s.room = s.room[:0]
	for _, n := range nodes {
		s.room = append(s.room, l.canon[n-1]...)
	}
	if s.united += len(s.room); s.united > maxUnited {
		return nil, true
	}
	slices.Sort(s.room)
	s.room = slices.Compact(s.room)
	if len(s.room) > maxBecome {
		return nil, true
	}
	return slices.Clip(slices.Clone(s.room)), false
}

// Canon gives the units that u has become, in order: none if it has ended, itself if nothing
// happened. Nobody may write to it.
func (l *Lineage) Canon(u state.Unit) []state.Unit {
	if n := l.successions.node[u]; n != 0 {
		return l.canon[n-1]
	}
	return l.successions.self[u : u+1 : u+1]
}

// Unit gives the one unit that u has become, u if there is not exactly one.
func (l *Lineage) Unit(u state.Unit) state.Unit {
	if canon := l.Canon(u); len(canon) == 1 {
		return canon[0]
	}
	return u
}

// Ended says whether nothing is left of u.
func (l *Lineage) Ended(u state.Unit) bool { return len(l.Canon(u)) == 0 }

// Same says whether u and v are one unit or have to do with each other by succession.
func (l *Lineage) Same(u, v state.Unit) bool {
	if u == v {
		return true
	}
	if l.successions.node[u] == 0 || l.successions.node[v] == 0 {
		return false // no succession leads from or to it
	}
	a, b := l.Canon(u), l.Canon(v)
	_, vIsLeft := slices.BinarySearch(a, v)
	_, uIsLeft := slices.BinarySearch(b, u)
	return vIsLeft || uIsLeft || share(a, b)
}

// share says whether two ordered lists have a unit in common.
func share(a, b []state.Unit) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			return true
		}
	}
	return false
}

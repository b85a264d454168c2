package simulate

import (
	"strconv"

	"hebian/schemas"
)

// Of so many units with anybody to count, one has too little approved.
const overEvery = 25

// tally counts what the approvals must allow for on the as-of date, per live unit. The slots of
// renamed and merged units count for their heirs.
type tally struct {
	slots    [][slotTypes]int
	leaders  [][leaderRanks]int
	contract []int // persons paid a labour fee for the newest month
}

const (
	chief = iota
	deputy
	leaderRanks // how many there are
)

func newTally(p *plan) *tally {
	return &tally{
		slots:    make([][slotTypes]int, p.live),
		leaders:  make([][leaderRanks]int, p.live),
		contract: make([]int, p.live),
	}
}

// person counts a person; nobody knows whom a bad number stands for, so it does not count.
func (t *tally) person(d *dossier) {
	if !d.keyed {
		return
	}
	for i := range d.slots {
		s := &d.slots[i]
		heir := d.units[s.unit].heir
		if heir < 0 || s.since > d.asOf || s.until != none && s.until <= d.asOf {
			continue
		}
		t.slots[heir][s.kind]++
		switch s.leader {
		case "chief":
			t.leaders[heir][chief]++
		case "deputy":
			t.leaders[heir][deputy]++
		}
	}
	for i := range d.pays {
		if p := &d.pays[i]; p.of == labour && p.last == d.latest() {
			t.contract[p.unit]++
		}
	}
}

// short chooses the units that have one too few: among those for which count is above zero, evenly
// spread and at least one.
func short(d *draws, units int, count func(unit int) int) map[int]bool {
	var some []int
	for u := range units {
		if count(u) > 0 {
			some = append(some, u)
		}
	}
	chosen := map[int]bool{}
	if len(some) == 0 {
		return chosen
	}
	every := min(overEvery, len(some))
	for i := d.below(every); i < len(some); i += every {
		chosen[some[i]] = true
	}
	return chosen
}

// writeQuotas gives each unit a quota per slot type. A merged unit's heir still holds a part of it
// under the former code.
func (f *folder) writeQuotas(t *tally) (flags []Flag) {
	p := f.plan
	d := drawsOf(p.Seed, streamPosts, 0)
	over := short(&d, p.live, func(u int) int { return t.slots[u][p.units[u].kind.slots[0]] })
	former := map[int]int{}
	for i := range p.families.merged {
		former[p.families.merged[i].heirs[0]] = p.families.merged[i].former
	}
	for u := range p.live {
		main := p.units[u].kind.slots[0]
		for kind := range slotTypes {
			n := t.slots[u][kind]
			switch {
			case over[u] && kind == main:
				n--
				flags = append(flags, Flag{Code: overQuota, Unit: p.units[u].code, Detail: kind.String()})
			case n > 0 || kind == main:
				n += d.below(4)
			default:
				continue
			}
			if at, ok := former[u]; ok && kind == main && n > 1 {
				f.quota(at, kind, 1, none)
				n--
			}
			f.quota(u, kind, n, none)
		}
	}
	for _, x := range p.families.all() {
		f.quota(x.former, p.units[x.former].kind.slots[0], d.between(5, 40), p.units[x.former].until)
	}
	return flags
}

func (f *folder) quota(unit int, kind slotType, n int, until schemas.Date) {
	u := &f.plan.units[unit]
	row := append(append(f.quotas.row(), u.code...), ',')
	row = append(append(row, kind.String()...), ',')
	row = append(strconv.AppendInt(row, int64(n), 10), ',')
	f.quotas.endRow(f.approval(row, f.quotas, u.since, until))
}

// approval ends a row with the approval's number and its interval.
func (f *folder) approval(row []byte, t *table, since, until schemas.Date) []byte {
	row = strconv.AppendInt(append(row, "编发〔"...), int64(since.Month()/100), 10)
	row = strconv.AppendInt(append(row, "〕"...), t.count.Accepted+1, 10)
	return interval(append(row, "号,"...), since, until)
}

func (f *folder) writeLeaderPosts(t *tally) (flags []Flag) {
	p := f.plan
	d := drawsOf(p.Seed, streamPosts, 1)
	over := short(&d, p.live, func(u int) int { return t.leaders[u][chief] })
	for u := range p.live {
		posts := t.leaders[u]
		posts[deputy] += d.below(3)
		if rank := d.below(leaderRanks); over[u] {
			if t.leaders[u][rank] == 0 {
				rank = chief
			}
			posts[rank] = t.leaders[u][rank] - 1
			flags = append(flags, Flag{Code: overPosts, Unit: p.units[u].code, Detail: [...]string{"chief", "deputy"}[rank]})
		}
		f.posts(u, posts, none)
	}
	for _, x := range p.families.all() {
		f.posts(x.former, [leaderRanks]int{1, 2}, p.units[x.former].until)
	}
	return flags
}

func (f *folder) posts(unit int, posts [leaderRanks]int, until schemas.Date) {
	u := &f.plan.units[unit]
	row := append(append(f.leaderPosts.row(), u.code...), ',')
	for _, n := range posts {
		row = append(strconv.AppendInt(row, int64(n), 10), ',')
	}
	f.leaderPosts.endRow(f.approval(row, f.leaderPosts, u.since, until))
}

func (f *folder) writeControls(t *tally) (flags []Flag) {
	p := f.plan
	d := drawsOf(p.Seed, streamPosts, 2)
	over := short(&d, p.live, func(u int) int { return t.contract[u] })
	for u := range p.live {
		n := t.contract[u] + d.below(3)
		if over[u] {
			n = t.contract[u] - 1
			flags = append(flags, Flag{Code: contractOver, Unit: p.units[u].code})
		}
		row := append(append(f.controls.row(), p.units[u].code...), ',')
		row = append(strconv.AppendInt(row, int64(n), 10), ',')
		f.controls.endRow(interval(row, p.units[u].since, none))
	}
	return flags
}

func (f *folder) writeInstitutions() {
	p := f.plan
	for i := range p.units {
		u := &p.units[i]
		status := "正常"
		if u.until != none {
			status = "撤销"
		}
		row := append(append(f.institutions.row(), u.code...), ',')
		row = append(append(row, u.name.utf8...), ',')
		row = append(append(row, u.kind.name...), ",正科级,"...)
		row = append(append(row, u.division...), ',')
		if i%4 == 1 {
			row = append(row, p.units[0].code...)
		}
		row = append(append(row, ','), status...)
		f.institutions.endRow(interval(append(row, ','), u.since, u.until))
	}
}

func (f *folder) writeSuccessions() {
	p := f.plan
	put := func(from, to int, kind string, effective schemas.Date) {
		row := append(append(f.successions.row(), p.units[from].code...), ',')
		if to >= 0 {
			row = append(row, p.units[to].code...)
		}
		row = append(append(append(row, ','), kind...), ',')
		f.successions.endRow(day(row, effective))
	}
	for _, x := range p.families.all() {
		switch {
		case x.middle != x.former:
			put(x.former, x.middle, "rename", x.effective)
			put(x.middle, x.heirs[0], "merge", x.onward)
		case len(x.heirs) == 0:
			put(x.former, -1, x.kind, x.effective)
		}
		if x.middle == x.former {
			for _, heir := range x.heirs {
				put(x.former, heir, x.kind, x.effective)
			}
		}
	}
}

package entity_test

import (
	"cmp"
	"maps"
	"slices"

	"hebian/matcher/entity"
	"hebian/schemas"
)

// group is an entity as linking alone sees it. Lines name rows.
type group struct {
	Code   string
	Lines  []int64
	Review []int64
	Clash  []string
}

func grouping(all []description) (groups []group) {
	for _, d := range all {
		g := group{Code: d.Code, Clash: d.Clash}
		for _, m := range d.Members {
			g.Lines = append(g.Lines, m.Line)
		}
		for _, i := range d.Review {
			g.Review = append(g.Review, d.Members[i].Line)
		}
		slices.Sort(g.Lines)
		slices.Sort(g.Review)
		groups = append(groups, g)
	}
	return inOrder(groups)
}

func inOrder(groups []group) []group {
	slices.SortFunc(groups, func(a, b group) int { return cmp.Or(cmp.Compare(a.Code, b.Code), slices.Compare(a.Lines, b.Lines)) })
	return groups
}

// linking is linking as it is written down, row against row.
type linking struct {
	rows      []entity.Record
	codes     []entity.Codes
	sharers   map[string]int // by code
	most      int
	links     []entity.Link
	divisions *entity.Divisions
	day       schemas.Date
}

func reference(w *way) []group {
	r := linking{sharers: map[string]int{}, most: w.most, links: w.links, day: w.day}
	var divisions []schemas.Division
	for _, n := range w.journal.left() {
		if d, ok := w.journal.divisions[n]; ok {
			divisions = append(divisions, d)
			continue
		}
		row := w.journal.rows[n]
		c := row.Codes()
		r.rows, r.codes = append(r.rows, row), append(r.codes, c)
		for _, code := range []string{c.Org, c.Org2, "reg" + c.Reg} {
			r.sharers[code]++
		}
	}
	r.divisions = entity.NewDivisions(divisions)
	return r.groups()
}

func (r *linking) groups() []group {
	three := r.join(upTo(len(r.rows)), nil, func(i, j int) bool {
		return r.sameOrg(i, j) || r.sameReg(i, j) // an equal USCC is an equal organisation code
	})
	links, review := map[[2]int]bool{}, map[int]bool{}
	for i := range r.rows {
		var found []int
		for j := range r.rows {
			known := three[j] == three[i] || slices.ContainsFunc(found, func(f int) bool { return three[f] == three[j] })
			if !known && r.fits(i, j) && !r.barred(i, three, three[j]) {
				found = append(found, j)
			}
		}
		if alone := count(three, three[i]) == 1; alone && len(found) == 1 {
			links[[2]int{i, found[0]}] = true
		} else if alone && len(found) > 1 && !r.settled(i) {
			review[i] = true
		}
	}
	all := r.join(upTo(len(r.rows)), three, func(i, j int) bool {
		return links[[2]int{i, j}] || links[[2]int{j, i}] || r.said(i, j, true)
	})
	var groups []group
	for c := range r.rows {
		var members []int
		for i := range r.rows {
			if all[i] == c {
				members = append(members, i)
			}
		}
		if len(members) > 0 {
			groups = append(groups, r.split(members, review)...)
		}
	}
	return inOrder(groups)
}

// split makes entities of a component.
func (r *linking) split(members []int, review map[int]bool) []group {
	parts := map[string][]int{}
	for _, i := range members {
		if uscc := r.codes[i].USCC; uscc != "" {
			parts[uscc] = append(parts[uscc], i)
		}
	}
	if len(parts) < 2 {
		return []group{r.group("", members, review)}
	}
	codes := slices.Sorted(maps.Keys(parts))
	placed := maps.Clone(parts)
	var groups []group
	for _, i := range members {
		if r.codes[i].USCC != "" {
			continue
		}
		home := ""
		for _, rule := range []func(i, j int) bool{func(i, j int) bool { return r.said(i, j, true) }, r.sameOrg, r.sameReg, r.fits} {
			var fit []string
			for _, code := range codes {
				if r.any(i, parts[code], rule) && !r.any(i, parts[code], func(i, j int) bool { return r.said(i, j, false) }) {
					fit = append(fit, code)
				}
			}
			if len(fit) == 1 {
				home = fit[0]
				break
			}
		}
		if home != "" {
			placed[home] = append(slices.Clone(placed[home]), i)
			continue
		}
		for _, code := range codes {
			if !r.any(i, parts[code], func(i, j int) bool { return r.said(i, j, false) }) {
				review[i] = true
			}
		}
		groups = append(groups, r.group(r.rows[i].SourceKey(), []int{i}, review))
	}
	for n, code := range codes {
		g := r.group("", placed[code], review)
		if n == 0 {
			g.Clash = codes
		}
		groups = append(groups, g)
	}
	return groups
}

func (r *linking) group(code string, members []int, review map[int]bool) group {
	g := group{Code: code}
	var rows []entity.Record
	for _, i := range members {
		rows = append(rows, r.rows[i])
		g.Lines = append(g.Lines, r.rows[i].Line)
		c := r.codes[i]
		if review[i] || r.crowded(c.Org) || r.crowded(c.Org2) || r.crowded("reg"+c.Reg) {
			g.Review = append(g.Review, r.rows[i].Line)
		}
	}
	if code == "" {
		g.Code = entity.CodeOf(rows)
	}
	slices.Sort(g.Lines)
	slices.Sort(g.Review)
	return g
}

func (r *linking) crowded(code string) bool {
	return code != "" && code != "reg" && r.sharers[code] > r.most
}

func (r *linking) sameOrg(i, j int) bool {
	for _, a := range []string{r.codes[i].Org, r.codes[i].Org2} {
		for _, b := range []string{r.codes[j].Org, r.codes[j].Org2} {
			if a != "" && a == b && !r.crowded(a) {
				return true
			}
		}
	}
	return false
}

func (r *linking) sameReg(i, j int) bool {
	code := r.codes[i].Reg
	return code != "" && code == r.codes[j].Reg && !r.crowded("reg"+code)
}

func (r *linking) fits(i, j int) bool {
	a, b := &r.rows[i], &r.rows[j]
	if a.Division == "" || a.Division != b.Division {
		return false
	}
	names := func(r *entity.Record) []string {
		if r.SecondName == "" {
			return []string{entity.TextKey(r.Name)}
		}
		return []string{entity.TextKey(r.Name), entity.TextKey(r.SecondName)}
	}
	if !slices.ContainsFunc(names(a), func(name string) bool { return slices.Contains(names(b), name) }) {
		return false
	}
	rep := entity.TextKey(a.LegalRep)
	address := r.divisions.AddressKey(a.Address, a.Division, r.day)
	return rep != "" && rep == entity.TextKey(b.LegalRep) || address != "" && address == r.divisions.AddressKey(b.Address, b.Division, r.day)
}

// said says whether officers said that two rows are of the same entity, or of two.
func (r *linking) said(i, j int, same bool) bool {
	a, b := entity.RecordKey{Source: r.rows[i].Source, Key: r.rows[i].Key}, entity.RecordKey{Source: r.rows[j].Source, Key: r.rows[j].Key}
	for _, l := range slices.Backward(r.links) {
		if l.A == a && l.B == b || l.A == b && l.B == a {
			return l.A != l.B && l.Same == same
		}
	}
	return false
}

func (r *linking) settled(i int) bool {
	return r.any(i, upTo(len(r.rows)), func(i, j int) bool { return i != j && r.said(i, j, true) })
}

// barred says whether officers said that a row is of another entity than some row of a component.
func (r *linking) barred(i int, components []int, c int) bool {
	return r.any(i, upTo(len(r.rows)), func(i, j int) bool { return components[j] == c && r.said(i, j, false) })
}

func (r *linking) any(i int, others []int, holds func(i, j int) bool) bool {
	return slices.ContainsFunc(others, func(j int) bool { return holds(i, j) })
}

// join gives components, beginning with some that are there: each by its smallest row.
func (r *linking) join(rows, before []int, linked func(i, j int) bool) []int {
	of := slices.Clone(rows)
	if before != nil {
		of = slices.Clone(before)
	}
	for changed := true; changed; {
		changed = false
		for i := range of {
			for j := range of {
				if of[j] < of[i] && (linked(i, j) || before != nil && before[i] == before[j]) {
					of[i], changed = of[j], true
				}
				if of[i] < of[j] && (linked(i, j) || before != nil && before[i] == before[j]) {
					of[j], changed = of[i], true
				}
			}
		}
	}
	return of
}

func count(all []int, one int) (n int) {
	for _, c := range all {
		if c == one {
			n++
		}
	}
	return n
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

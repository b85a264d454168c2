package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"hebian/matcher/evidence"
	"hebian/matcher/queue"
)

// sideView is what one registration says in a finding about a legal entity.
type sideView struct {
	Agency, Key string
	Value       string
	Note        string // conflict, lag, authority or none
	Place       string
}

// noteOf says how a registration in a role is marked.
func noteOf(r queue.Role) string {
	switch r {
	case queue.RoleAuthority:
		return "authority"
	case queue.RoleDiffers:
		return "conflict"
	case queue.RoleLag:
		return "lag"
	}
	return ""
}

// sideViews says what each registration says. rows are those of the case's evidence, if they could be read.
func (l Language) sideViews(c *queue.Case, rows []evidence.Row) (all []sideView) {
	for i := range c.Grounds.Sides {
		s := &c.Grounds.Sides[i]
		t := sideView{Agency: l.agency(s.Agency), Key: maskCode(s.Key), Value: maskCode(s.Value), Note: noteOf(s.Role)}
		if row := rowOf(s, rows); row != nil {
			t.Place = l.placeOf(row.File, row.Line)
		}
		all = append(all, t)
	}
	return all
}

// rowOf finds the row of a side; nil where it is not there or could not be read.
func rowOf(s *queue.Side, rows []evidence.Row) *evidence.Row {
	if s.Row < 0 || s.Row >= len(rows) {
		return nil
	}
	return &rows[s.Row]
}

// maxCandidates bounds the candidates that stand side by side: more do not fit on a screen.
const maxCandidates = 5

// review holds a registration against the legal entities that it may belong to.
type review struct {
	Columns []reviewColumn // the registration, then the candidates
	Rows    []reviewRow
	More    int // candidates that are not shown
}

// reviewColumn is the registration under review or one of a candidate.
type reviewColumn struct {
	Entity, Link string // of a candidate
	Agency, Key  string
	Place        string
	For, Against []string
}

type reviewRow struct {
	Label string
	Cells []reviewCell // one for each column
}

type reviewCell struct{ Text, Note, Word string }

// reviewOf compares field by field; nil for other cases. What can't be read is left out: the reasons are in the case.
func (d *Desk) reviewOf(ctx context.Context, l Language, c *queue.Case, rows []evidence.Row) *review {
	sides := c.Grounds.Sides
	about := slices.IndexFunc(sides, func(s queue.Side) bool { return s.Role == queue.RoleMember })
	if about < 0 || c.Key.Code != queue.CodeLinkReview {
		return nil
	}
	r := &review{}
	lone := d.reviewRecord(l, &sides[about], rows)
	said := []map[string]value{lone}
	r.Columns = append(r.Columns, l.reviewColumn(&sides[about], rows))
	reasons := []*queue.Side{&sides[about]}
	for i := range sides {
		s := &sides[i]
		switch {
		case s.Role != queue.RoleCandidate:
		case len(said) > maxCandidates:
			r.More++
		default:
			column := l.reviewColumn(s, rows)
			if d.Entities != nil {
				column.Link = entityPath(s.Entity, "")
			}
			r.Columns, said, reasons = append(r.Columns, column), append(said, d.reviewCandidate(ctx, l, s)), append(reasons, s)
		}
	}
	for _, field := range reviewFields {
		row := reviewRow{}
		for i, values := range said {
			v := values[field]
			if row.Label == "" {
				row.Label = v.Label
			}
			row.Cells = append(row.Cells, l.reviewCell(reasons[i], field, v.Text))
		}
		if row.Label != "" {
			r.Rows = append(r.Rows, row)
		}
	}
	return r
}

// reviewFields are what tells whether two registrations are of one legal entity, in the order in which one looks.
var reviewFields = []string{"name", "second_name", "uscc", "org_code", "reg_no", "tax_no", "legal_rep", "address", "division", "established", "status", "industry"}

func (l Language) reviewColumn(s *queue.Side, rows []evidence.Row) reviewColumn {
	t := reviewColumn{Entity: s.Entity, Agency: l.agency(s.Agency), Key: maskCode(s.Key)}
	if row := rowOf(s, rows); row != nil {
		t.Place = l.placeOf(row.File, row.Line)
	}
	for _, r := range s.For {
		t.For = append(t.For, l.reason(r))
	}
	for _, r := range s.Against {
		t.Against = append(t.Against, l.reason(r))
	}
	return t
}

// reviewRecord is what the registration under review says, by field.
func (d *Desk) reviewRecord(l Language, s *queue.Side, rows []evidence.Row) map[string]value {
	said := map[string]value{}
	if s.Value != "" {
		said["name"] = value{Label: l.entityField("name"), Text: maskText(s.Value)}
	}
	if row := rowOf(s, rows); row != nil {
		for _, f := range row.Fields {
			if _, known := said[f.Name]; !known && f.Value != "" {
				said[f.Name] = value{Label: l.reviewLabel(f.Name), Text: d.text(f)}
			}
		}
	}
	return said
}

// reviewCandidate is what holds of a candidate, by field.
func (d *Desk) reviewCandidate(ctx context.Context, l Language, s *queue.Side) map[string]value {
	said := map[string]value{"name": {Label: l.entityField("name"), Text: maskText(s.Value)}}
	if d.Entities == nil {
		return said
	}
	x, err := d.dossier(ctx, s.Entity)
	if err != nil {
		if !errors.Is(err, ErrNoEntity) {
			d.Report(err)
		}
		return said
	}
	for _, f := range x.Fields {
		if g := f.Golden; g.Text != "" {
			said[f.Name] = value{Label: l.reviewLabel(f.Name), Text: strings.TrimSpace(g.Text + " " + g.Means)}
		}
	}
	for _, c := range x.Codes {
		if _, known := said[c.Kind]; !known {
			said[c.Kind] = value{Label: l.reviewLabel(c.Kind), Text: c.Value}
		}
	}
	return said
}

// reviewLabel names a field or a code.
func (l Language) reviewLabel(name string) string {
	return l.known("entity.code."+name, l.entityField(name))
}

// reviewCell says whether what stands in a field speaks for or against the link.
func (l Language) reviewCell(s *queue.Side, field, text string) reviewCell {
	t := reviewCell{Text: text}
	about := func(reason string) bool { return reasonFields[reason] == field }
	if at := slices.IndexFunc(s.Against, about); at >= 0 {
		t.Note, t.Word = "conflict", l.reason(s.Against[at])
	} else if at := slices.IndexFunc(s.For, about); at >= 0 {
		t.Note, t.Word = "authority", l.reason(s.For[at])
	}
	return t
}

// reasonFields are the fields that reasons for and against a link are about.
var reasonFields = map[string]string{
	"NAME_EQUAL": "name", "NAME_ALIKE": "name", "NAME_DIFFERS": "name", "REP_EQUAL": "legal_rep", "REP_DIFFERS": "legal_rep", "ADDRESS_EQUAL": "address",
	"ADDRESS_DIFFERS": "address", "DIVISION_EQUAL": "division", "DIVISION_DIFFERS": "division", "CODE_EQUAL": "uscc", "CODE_DIFFERS": "uscc",
	"ESTABLISHED_EQUAL": "established", "ESTABLISHED_DIFFERS": "established",
}

// reason says a reason for or against a link in words.
func (l Language) reason(code string) string {
	return l.known("reason."+strings.ToLower(code), plain(code))
}

// tokenOf names a candidate in forms and answers: its own name may hold an identity number.
func tokenOf(s *queue.Side) string {
	sum := sha256.Sum256([]byte(s.Name()))
	return hex.EncodeToString(sum[:8])
}

// candidateOf is the name of the candidate that a token stands for; empty if there is none.
func candidateOf(c *queue.Case, token string) string {
	for i := range c.Grounds.Sides {
		if s := &c.Grounds.Sides[i]; s.Role == queue.RoleCandidate && tokenOf(s) == token {
			return s.Name()
		}
	}
	return ""
}

// offered lists the outcomes that a case can have as it stands.
func offered(c *queue.Case) (all []queue.Outcome) {
	has := func(roles ...queue.Role) bool {
		return slices.ContainsFunc(c.Grounds.Sides, func(s queue.Side) bool { return slices.Contains(roles, s.Role) })
	}
	for _, o := range queue.OutcomesOf(c.Key.Code) {
		switch o {
		case queue.OutcomeAuthority:
			if !has(queue.RoleDiffers) {
				continue // nobody is asked while all may still follow
			}
		case queue.OutcomeDisputed:
			if !has(queue.RoleDiffers, queue.RoleLag) {
				continue
			}
		case queue.OutcomeSame, queue.OutcomeDifferent:
			if !has(queue.RoleCandidate) {
				continue
			}
		}
		all = append(all, o)
	}
	return all
}

// entityDetail says in words what tells findings about one legal entity apart: a field, a source, a row of it, a code.
func (l Language) entityDetail(code, detail string) string {
	if code == queue.CodeConflict {
		return l.entityField(detail)
	}
	agency, rest, _ := strings.Cut(detail, ":")
	if rest == "" {
		return l.agency(agency)
	}
	key, bad, found := strings.Cut(rest, ":")
	text := l.agency(agency) + " " + maskCode(key)
	if found {
		text += " " + maskCode(bad)
	}
	return text
}

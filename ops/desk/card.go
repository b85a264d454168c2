package desk

import (
	"cmp"
	"time"

	"hebian/matcher/queue"
	"hebian/ops/access"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// card is a case in an officer's words.
type card struct {
	ID           string
	Code         string
	Rule         string
	Severity     string
	SeverityWord string
	Unit         string // its name, else its code; a legal entity's
	UnitCode     string
	Entity       string // its ID; empty where a person or a unit is judged
	Agencies     string // that say something of the entity
	Person       string // masked
	Month        string
	Detail       string
	State        string
	StateWord    string
	Late         bool   // no answer came in time
	Holder       string // who holds or decided it, and until when
	Opened       string
	Updated      string

	Link  string
	Claim string // where to claim it; empty when this account can't
}

func (d *Desk) card(v *visit, f filter, c *queue.Case) card {
	s := standing(c, v.account, v.now)
	t := card{
		ID: c.ID, Code: c.Key.Code, Rule: d.rule(v.Language, c.Key.Code),
		Severity: c.Severity, SeverityWord: v.T("severity." + c.Severity),
		Unit: d.unit(c.Key.Unit), UnitCode: string(c.Key.Unit), Person: ident.Mask(string(c.Key.Person)),
		Month: v.month(c.Key.Month), Detail: v.detail(c.Key.Detail), Late: c.Escalated,
		State: string(s.state), StateWord: v.T("state." + string(s.state)),
		Opened: d.date(c.Opened), Updated: d.date(c.Updated), Link: f.page(c.ID, ""),
	}
	if t.Entity = c.Key.Entity; t.Entity != "" {
		t.UnitCode, t.Agencies, t.Detail = maskCode(c.Unit), v.agencies(c.Agencies), v.entityDetail(c.Key.Code, c.Key.Detail)
		t.Unit = cmp.Or(maskText(c.Title), t.UnitCode)
	}
	switch {
	case s.mine:
		t.Holder = v.T("list.mine", d.clock(c.Lease))
	case s.held:
		t.Holder = v.T("list.held", c.Officer, d.clock(c.Lease))
	case c.Outcome != "" && c.Officer != "":
		t.Holder = v.T("outcome." + string(c.Outcome))
	case c.Outcome != "":
		t.Holder = v.T("list.byitself")
	}
	if s.claimable {
		t.Claim = f.page(c.ID, "claim")
	}
	return t
}

// stand is how a case and an account stand to each other.
type stand struct {
	state     queue.State // open once a lease has run out
	mine      bool        // this account holds it
	held      bool        // another does
	claimable bool        // this account can take it
}

func standing(c *queue.Case, a access.Account, now time.Time) stand {
	s := stand{state: c.State}
	if c.State == queue.Claimed {
		switch {
		case !now.Before(c.Lease):
			s.state = queue.Open
		case c.Officer == a.Name:
			s.mine = true
		default:
			s.held = true
		}
	}
	s.claimable = s.state == queue.Open && a.Role == access.Officer
	return s
}

// rule names a rule: officers know it by its Chinese name, or by what its code says.
func (d *Desk) rule(l Language, code string) string {
	return l.pick(d.texts[code].Label, plain(code))
}

// unit names a unit.
func (d *Desk) unit(code schemas.UnitCode) string {
	if d.UnitName != nil && code != "" {
		if name := d.UnitName(code); name != "" {
			return name
		}
	}
	return string(code)
}

// detail says in words what tells findings of one rule apart: a rank, a type of slot, a file.
func (l Language) detail(s string) string {
	if s == "chief" || s == "deputy" {
		return l.T("detail." + s)
	}
	return maskText(s)
}

func (d *Desk) date(t time.Time) string { return d.local(t, time.DateOnly) }

func (d *Desk) clock(t time.Time) string { return d.local(t, "15:04") }

func (d *Desk) local(t time.Time, format string) string {
	if t.IsZero() {
		return ""
	}
	return t.In(d.Now().Location()).Format(format)
}

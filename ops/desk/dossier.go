package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"hebian/schemas/ident"
)

// Entities is what the desk reads of legal entities.
type Entities interface {
	// Search finds entities by their ID, any code, or any part of a present or former name, the best match first.
	Search(ctx context.Context, q string, limit int) ([]EntityHit, error)
	// Entity gives all that is known of an entity. ErrNoEntity if there never was one of this ID; of one that was merged into
	// another MergedInto is set, and its history may be all that is left of it.
	Entity(ctx context.Context, id string) (Dossier, error)
}

// ErrNoEntity says that there is no such entity.
var ErrNoEntity = errors.New("no such entity")

// EntityHit is an entity in a list of what was found.
type EntityHit struct {
	ID       string   `json:"id" example:"E00000042"`
	Code     string   `json:"code" doc:"Unified social credit code, else what the entity goes by."`
	Name     string   `json:"name" doc:"Of the golden record."`
	Status   string   `json:"status,omitempty" doc:"Of the golden record, in its normal form." example:"ACTIVE"`
	Division string   `json:"division,omitempty" doc:"Of the golden record, as an officer reads it."`
	Agencies []string `json:"agencies" doc:"Whose sources describe it."`
	Match    string   `json:"match,omitempty" doc:"The former code or name that was found; none where it was a present one."`
	Former   bool     `json:"former,omitempty" doc:"The name found is one that it had before."`
}

// Dossier is all that is known of a legal entity, as an officer reads it. Whoever fills it puts words to values; the desk
// knows only the names of fields, agencies, states and kinds.
type Dossier struct {
	ID         string          `json:"id" example:"E00000042"`
	Code       string          `json:"code" doc:"Unified social credit code, else what the entity goes by."`
	Name       string          `json:"name" doc:"Of the golden record."`
	MergedInto string          `json:"merged_into,omitempty" doc:"The entity that this one became part of."`
	Former     []string        `json:"former_names,omitempty" doc:"Names that it had before, the newest first."`
	Sources    []DossierSource `json:"sources" doc:"The rows that describe it, in the order of the sources."`
	Fields     []DossierField  `json:"fields"`
	Codes      []DossierCode   `json:"codes,omitempty"`
	History    []DossierChange `json:"history,omitempty" doc:"Newest first."`
	Tables     []DossierTable  `json:"tables,omitempty" doc:"What else agencies keep about it."`
	Figures    []DossierFigure `json:"figures,omitempty" doc:"Cases of the service hall, by month, oldest first."`
	Events     []DossierEvent  `json:"events,omitempty" doc:"Registration events, newest first."`
}

// DossierSource is a row that describes an entity, and where it came from.
type DossierSource struct {
	Agency    string    `json:"agency" example:"commerce"`
	Key       string    `json:"key" doc:"The row's key in its source, as written."`
	File      string    `json:"file"`
	Line      int64     `json:"line"`
	Delivery  int64     `json:"delivery"`
	Taken     time.Time `json:"taken,omitzero" doc:"When its delivery was complete."`
	UpdatedOn string    `json:"updated_on,omitempty" doc:"When the agency last changed it, as it says."`
	Former    []string  `json:"former_names,omitempty"`
}

// DossierField is what each row says of one field, and what holds.
type DossierField struct {
	Name   string        `json:"name" example:"legal_rep"`
	Golden DossierGolden `json:"golden,omitzero" doc:"What holds; empty for a field that is not compared."`
	Cells  []DossierCell `json:"cells" doc:"One for each of the sources, in their order."`
}

// DossierGolden is the value that holds, and whose it is.
type DossierGolden struct {
	Text   string    `json:"text" doc:"As written."`
	Means  string    `json:"means,omitempty" doc:"The same in words: a division's name, an amount in yuan."`
	Normal string    `json:"normal,omitempty" doc:"Normal form."`
	Agency string    `json:"agency"`
	Key    string    `json:"key" doc:"Of the row."`
	As     string    `json:"updated_on,omitempty" doc:"When the agency last changed the row, as it says."`
	At     time.Time `json:"at,omitzero" doc:"Since when the value holds here."`
}

// DossierCell is what one row says of one field.
type DossierCell struct {
	Text  string `json:"text" doc:"As written, an amount with its unit; empty where the row says nothing."`
	Means string `json:"means,omitempty" doc:"The same in words."`
	Note  string `json:"note,omitempty" enum:"conflict,lag,authority" doc:"How it stands to the authoritative value; none: it agrees, or is not compared."`
}

// DossierCode is a code of an entity.
type DossierCode struct {
	Kind    string   `json:"kind" enum:"uscc,org_code,reg_no,tax_no"`
	Value   string   `json:"value" doc:"As cleaned."`
	Verdict string   `json:"verdict" enum:"valid,warn,invalid"`
	Reason  string   `json:"reason,omitempty" doc:"Why it is not valid, as a stable word." example:"CHECK"`
	Sources []string `json:"sources" doc:"Agencies whose rows bear it."`
}

// DossierChange is a line of an entity's history.
type DossierChange struct {
	At       time.Time `json:"at"`
	Kind     string    `json:"kind" enum:"first,value,code,merged,split"`
	Field    string    `json:"field,omitempty" doc:"That changed."`
	From     string    `json:"from,omitempty"`
	To       string    `json:"to,omitempty"`
	Entities []string  `json:"entities,omitempty" doc:"IDs of those that it was merged with or split off from."`
	Agency   string    `json:"agency,omitempty" doc:"Whose row brought it."`
	File     string    `json:"file,omitempty"`
	Line     int64     `json:"line,omitempty"`
	Delivery int64     `json:"delivery,omitempty"`
}

// DossierTable is reference rows about an entity, of one subject.
type DossierTable struct {
	Name    string          `json:"name" example:"staffing.department" doc:"The subject."`
	Label   string          `json:"label" doc:"Chinese name."`
	Columns []DossierColumn `json:"columns"`
	Rows    []DossierRow    `json:"rows"`
}

// DossierColumn is a column of a table.
type DossierColumn struct {
	Name  string `json:"name" example:"expires_on"`
	Label string `json:"label" doc:"Chinese name."`
}

// DossierRow is a row of a table.
type DossierRow struct {
	Cells    []string `json:"cells" doc:"One for each column."`
	Mark     string   `json:"mark,omitempty" enum:"expired,expiring,ended" doc:"What an officer has to know about it."`
	File     string   `json:"file,omitempty"`
	Line     int64    `json:"line,omitempty"`
	Delivery int64    `json:"delivery,omitempty"`
}

// DossierFigure is what the service hall did for an entity in a month.
type DossierFigure struct {
	Month    string `json:"month" example:"202609"`
	Accepted int64  `json:"accepted"`
	Finished int64  `json:"finished"`
	Overdue  int64  `json:"overdue"`
	Poor     int64  `json:"poor_ratings"`
}

// DossierEvent is a registration event.
type DossierEvent struct {
	Effective string `json:"effective" doc:"From which day on."`
	Event     string `json:"event" doc:"In the agency's word." example:"变更"`
	Agency    string `json:"agency"`
	Field     string `json:"field,omitempty"`
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Document  string `json:"document,omitempty" doc:"Number of the document."`
	File      string `json:"file,omitempty"`
	Line      int64  `json:"line,omitempty"`
	Delivery  int64  `json:"delivery,omitempty"`
}

// masked gives the dossier with what may be an identity number masked.
func (x Dossier) masked() Dossier {
	x.Code, x.Name, x.Former = maskCode(x.Code), maskText(x.Name), maskAll(x.Former)
	x.Sources, x.Fields, x.Codes = slices.Clone(x.Sources), slices.Clone(x.Fields), slices.Clone(x.Codes)
	x.History, x.Tables, x.Events = slices.Clone(x.History), slices.Clone(x.Tables), slices.Clone(x.Events)
	for i := range x.Sources {
		s := &x.Sources[i]
		s.Key, s.Former = maskCode(s.Key), maskAll(s.Former)
	}
	for i := range x.Fields {
		f := &x.Fields[i]
		g := &f.Golden
		g.Text, g.Means, g.Normal, g.Key = maskCode(g.Text), maskText(g.Means), maskCode(g.Normal), maskCode(g.Key)
		f.Cells = slices.Clone(f.Cells)
		for j := range f.Cells {
			f.Cells[j].Text, f.Cells[j].Means = maskCode(f.Cells[j].Text), maskText(f.Cells[j].Means)
		}
	}
	for i := range x.Codes {
		// Registration numbers look like identity numbers of old now and then; the registrar's are none.
		if c := &x.Codes[i]; c.Kind != "reg_no" || c.Verdict != string(ident.Valid) || !slices.Contains(c.Sources, "commerce") {
			c.Value = maskCode(c.Value)
		}
	}
	for i := range x.History {
		c := &x.History[i]
		c.From, c.To = maskCode(c.From), maskCode(c.To)
	}
	for i := range x.Tables {
		t := &x.Tables[i]
		t.Rows = slices.Clone(t.Rows)
		for j := range t.Rows {
			t.Rows[j].Cells = maskAll(t.Rows[j].Cells)
		}
	}
	for i := range x.Events {
		e := &x.Events[i]
		e.From, e.To, e.Document = maskCode(e.From), maskCode(e.To), maskText(e.Document)
	}
	return x
}

// masked gives the hit with what may be an identity number masked.
func (h EntityHit) masked() EntityHit {
	h.Code, h.Name, h.Match = maskCode(h.Code), maskText(h.Name), maskCode(h.Match)
	return h
}

func maskAll(texts []string) []string {
	texts = slices.Clone(texts)
	for i := range texts {
		texts[i] = maskCode(texts[i])
	}
	return texts
}

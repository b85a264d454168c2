package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/matcher/queue"
	"hebian/ops/desk"
)

// goldenValue is a field of a golden record, as far as its form is fixed.
type goldenValue struct {
	Value     string `json:"value"`
	Normal    any    `json:"normal"`
	Source    string `json:"source"`
	SourceKey string `json:"source_key"`
}

type goldenLine struct {
	Entity string                 `json:"entity"`
	Fields map[string]goldenValue `json:"fields"`
}

// goldenLines reads a golden.ndjson.
func goldenLines(t *testing.T, text string) (lines []goldenLine) {
	t.Helper()
	for line := range strings.Lines(text) {
		var g goldenLine
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&g); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, g)
	}
	return lines
}

// checkEntities holds the hub's files about legal entities against those of a check.
func (h *served) checkEntities(t *testing.T, expected string) {
	t.Helper()
	for _, name := range []string{"entities.csv", "conflicts.csv"} {
		got := h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/"+name, nil).body
		if diff := cmp.Diff(readText(t, expected, name), string(got)); diff != "" {
			t.Errorf("%s differs (-want +got):\n%.3000s", name, diff)
		}
	}
	got := h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/golden.ndjson", nil).body
	if diff := cmp.Diff(goldenLines(t, readText(t, expected, "golden.ndjson")), goldenLines(t, string(got))); diff != "" {
		t.Errorf("golden.ndjson differs (-want +got):\n%.3000s", diff)
	}
}

// shop is an enterprise that all sources describe alike but for what a test wants otherwise.
const (
	shopCode = "91139721QD0002125Q"
	shopName = "青岚县明丰商贸有限公司"
)

// registers are the files of the six sources. The representatives are those of commerce, tax and statistics.
func registers(t *testing.T, commerce, tax, statistics string) map[string][]byte {
	t.Helper()
	line := func(rep string, cells string) string { return strings.ReplaceAll(cells, "REP", rep) }
	return map[string][]byte{
		"entities/divisions.csv":   []byte("code,name,parent\n130000,河北省,\n139700,云溪市,130000\n139721,青岚县,139700\n"),
		"entities/staffing.csv":    []byte("source_id,uscc,name,second_name,entity_type,address,legal_rep,capital_wan,established,status,division,parent_uscc,updated_on\n"),
		"entities/civil.csv":       gb18030("登记编号,统一社会信用代码,名称,类型,住所,法定代表人,开办资金_万元,成立日期,状态,行政区划,更新日期\n"),
		"entities/commerce.ndjson": []byte(line(commerce, `{"source_id":"C1","uscc":"`+shopCode+`","name":"`+shopName+`","address":"人民路1号","legal_rep":"REP","capital_yuan":"100000","status":"存续","division":"139721","updated_on":"2026-01-05"}`+"\n")),
		"entities/tax.csv":         gb18030(line(tax, "纳税人识别号,纳税人名称,注册地址,法定代表人,注册资本_元,开业日期,纳税人状态,行政区划,行业代码,更新日期\n"+shopCode+","+shopName+",青岚县人民路1号,REP,100000,,正常,139721,F5193,2025-05-06\n")),
		"entities/statistics.csv":  []byte(line(statistics, "source_id,uscc,org_code,name,address,legal_rep,status,division,industry,employees,updated_on\nS1,"+shopCode+",,"+shopName+",人民路1号,REP,在业,139721,5193,3,2025-04-06\n")),
		"entities/quality.csv":     []byte("org_code,uscc,name,address,legal_rep,status,updated_on\n"),
	}
}

// entityCases are the cases of legal entities, by code and detail.
func (h *served) entityCases(t *testing.T) map[string]desk.CaseRow {
	t.Helper()
	all := map[string]desk.CaseRow{}
	for _, c := range h.allCases(t) {
		if c.Entity != "" {
			all[c.Code+" "+c.Detail] = c
		}
	}
	return all
}

// decideEntity has an officer take a case and decide it.
func (h *served) decideEntity(t *testing.T, id string, decision map[string]string) {
	t.Helper()
	h.claim(t, officer, id)
	body, err := json.Marshal(decision)
	if err != nil {
		t.Fatal(err)
	}
	h.must(t, http.StatusOK, officer, http.MethodPost, "/v1/cases/"+id+"/decide", bytes.NewReader(body), "Content-Type", "application/json")
}

// A conflict goes its way: registers come in, a case of all that disagree, a decision, a correction to each of them, corrected
// registers, settled.
func TestServeEntityCircle(t *testing.T) {
	h := newServed(t, "--as-of", "2026-09-30")
	h.start(t)
	files := registers(t, "王明", "王民", "李四")
	names := slices.Sorted(maps.Keys(files))
	for i, name := range names {
		if early := h.entityCases(t); len(early) != 0 {
			t.Fatalf("%d cases after %v: a register is still to come", len(early), names[:i])
		}
		h.take(t, name, files[name])
		h.caughtUp(t, "2026-09-30")
	}
	eventually(t, "the case is open", func() bool { return len(h.entityCases(t)) == 1 })
	c := h.entityCases(t)["ENTITY_CONFLICT legal_rep"]
	if c.Unit != shopCode || c.EntityName != shopName || !slices.Equal(c.Agencies, []string{"tax", "statistics"}) || c.Severity != "medium" {
		t.Fatalf("the case is %+v", c)
	}
	h.decideEntity(t, c.ID, map[string]string{"outcome": string(queue.OutcomeAuthority), "reason": "以市场监管登记为准"})
	eventually(t, "the corrections are sent", func() bool { return h.look(t, c.ID).State == "sent" })
	asked := map[string]string{}
	for _, correction := range corrections(t, filepath.Join(h.data, "out")) {
		asked[correction.Agency] = fmt.Sprintf("%s: %s, not %s, says %s; %s", correction.Field, correction.Proposed, correction.Value, correction.ProposedBy, correction.EntityCode)
		if correction.Due == nil || len(correction.Rows) == 0 {
			t.Errorf("the correction to %s has no day to answer by, or no rows: %+v", correction.Agency, correction)
		}
	}
	want := map[string]string{
		"tax":        "legal_rep: 王明, not 王民, says commerce; " + shopCode,
		"statistics": "legal_rep: 王明, not 李四, says commerce; " + shopCode,
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("corrections differ (-want +got):\n%s", diff)
	}

	h.take(t, "entities/tax.csv", registers(t, "王明", "王明", "李四")["entities/tax.csv"])
	h.caughtUp(t, "2026-09-30")
	if state := h.look(t, c.ID).State; state != "sent" {
		t.Errorf("with one of two answers the case is %s, want sent", state)
	}
	h.kill()
	h.start(t)
	h.take(t, "entities/statistics.csv", registers(t, "王明", "王明", "王明")["entities/statistics.csv"])
	eventually(t, "the case settles", func() bool { return h.look(t, c.ID).State == "settled" })
	if kinds := steps(h.look(t, c.ID)); !slices.Equal(kinds, []string{"opened", "claimed", "decided", "sent", "sent", "refreshed", "settled"}) {
		t.Errorf("history: %v", kinds)
	}

	h.take(t, "entities/statistics.csv", registers(t, "王明", "王明", "赵六")["entities/statistics.csv"])
	eventually(t, "a relapse opens it again", func() bool { return h.look(t, c.ID).State == "open" })

	// The authority itself says otherwise before the agency has answered: what was asked for is no longer right.
	h.decideEntity(t, c.ID, map[string]string{"outcome": string(queue.OutcomeAuthority), "reason": "以市场监管登记为准"})
	eventually(t, "the correction is sent", func() bool { return h.look(t, c.ID).State == "sent" })
	h.take(t, "entities/commerce.ndjson", bytes.Replace(registers(t, "钱七", "", "")["entities/commerce.ndjson"], []byte("2026-01-05"), []byte("2026-01-06"), 1))
	eventually(t, "it is to be decided anew", func() bool { return h.look(t, c.ID).State == "open" })
}

// An entity of many rows whose keys are longer than the log takes records keeps nobody from being judged, nor a correction from being
// sent.
func TestServeLongTexts(t *testing.T) {
	h := newServed(t, "--as-of", "2026-09-30")
	h.start(t)
	files := registers(t, "王明", "王民", "王明")
	var rows bytes.Buffer
	many := 12
	if testing.Short() {
		many = 3
	}
	for i := range many {
		fmt.Fprintf(&rows, `{"source_id":"C%d%s","uscc":"%s","name":"%s%d","legal_rep":"王明","status":"存续","division":"139721","updated_on":"2020-01-05"}`+"\n",
			i, strings.Repeat("k", 900_000), shopCode, strings.Repeat("长", 2000), i)
	}
	files["entities/commerce.ndjson"] = append(files["entities/commerce.ndjson"], rows.Bytes()...)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h.take(t, name, files[name])
	}
	name := "ENTITY_CONFLICT name"
	eventually(t, "the names contradict each other", func() bool { return h.entityCases(t)[name].State == "open" })
	c := h.entityCases(t)[name]
	h.decideEntity(t, c.ID, map[string]string{"outcome": string(queue.OutcomeAuthority), "reason": "以登记为准"})
	eventually(t, "corrections are sent", func() bool { return h.entityCases(t)[name].State == "sent" })
	h.kill()
	h.start(t)
	if again := h.entityCases(t)[name]; again.State != "sent" || again.Entity != c.Entity {
		t.Errorf("after a kill the case of %s is %s of %s", c.Entity, again.State, again.Entity)
	}
}

// The officers' page and its API show the entity through all of it, under one ID.
func (h *served) entity(t *testing.T, id string) (x desk.Dossier) {
	t.Helper()
	h.must(t, http.StatusOK, officer, http.MethodGet, "/v1/entities/"+id, nil).into(t, &x)
	return x
}

// findEntities searches by code or name.
func (h *served) findEntities(t *testing.T, q string) (ids []string) {
	t.Helper()
	var page struct{ Entities []desk.EntityHit }
	h.must(t, http.StatusOK, officer, http.MethodGet, "/v1/entities?q="+q, nil).into(t, &page)
	for _, hit := range page.Entities {
		ids = append(ids, hit.ID)
	}
	return ids
}

// A registration without a code may belong to two entities. An officer says to which; taken back, everything is as before, under the
// same IDs, over a kill too.
func TestServeLinkReview(t *testing.T) {
	h := newServed(t, "--as-of", "2026-09-30")
	h.start(t)
	files := registers(t, "王明", "王明", "王明")
	// Two social bodies of one name, division and representative, and a row of quality inspection that names neither code.
	files["entities/civil.csv"] = append(files["entities/civil.csv"], gb18030("M1,52139721QD0000154B,青岚县德源幼儿园,,建设路1号,张三,,,正常,139721,2026-01-01\nM2,52139723QD0001202R,青岚县德源幼儿园,,河滨路2号,张三,,,正常,139721,2026-01-01\n")...)
	files["entities/statistics.csv"] = append(files["entities/statistics.csv"], []byte("S9,,,青岚县德源幼儿园,,张三,正常,139721,,,2026-01-01\n")...)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h.take(t, name, files[name])
	}
	review := "LINK_REVIEW statistics:S9"
	eventually(t, "the review is open", func() bool { return h.entityCases(t)[review].State == "open" })
	c := h.look(t, h.entityCases(t)[review].ID)
	before := h.findEntities(t, "德源幼儿园")
	if len(before) != 3 {
		t.Fatalf("%d entities of the name, want 3: %v", len(before), before)
	}
	lone := c.Entity
	with := ""
	for _, side := range c.Sides {
		if side.Role == string(queue.RoleCandidate) && side.Key == "M2" {
			with = side.Candidate
		}
	}
	h.decideEntity(t, c.ID, map[string]string{"outcome": string(queue.OutcomeSame), "reason": "电话核实", "with": with})
	eventually(t, "the two are one", func() bool { return len(h.findEntities(t, "德源幼儿园")) == 2 })
	joined := h.entity(t, lone)
	if joined.MergedInto == "" || len(h.entity(t, joined.MergedInto).Sources) != 2 {
		t.Errorf("entity %s became %+v", lone, joined)
	}
	h.kill()
	h.start(t)
	if after := h.entity(t, lone).MergedInto; after != joined.MergedInto {
		t.Errorf("after a kill %s is merged into %q, before into %q", lone, after, joined.MergedInto)
	}
	h.must(t, http.StatusOK, officer, http.MethodPost, "/v1/cases/"+c.ID+"/revoke", strings.NewReader(`{"reason":"核实有误"}`), "Content-Type", "application/json")
	eventually(t, "they are apart again", func() bool { return slices.Equal(h.findEntities(t, "德源幼儿园"), before) })
	if x := h.entity(t, lone); x.MergedInto != "" || len(x.Sources) != 1 || x.Sources[0].Key != "S9" {
		t.Errorf("entity %s is %+v", lone, x)
	}
	eventually(t, "the review is open again", func() bool { return h.look(t, c.ID).State == "open" })
}

// half keeps the first rows of a file.
func half(content []byte, lines int) []byte {
	return bytes.Join(bytes.SplitAfter(content, []byte("\n"))[:lines], nil)
}

// Half a register is held, and closes nothing of the other half; the whole again changes nothing.
func TestServeHalfRegister(t *testing.T) {
	h := newServed(t, "--as-of", sampleDay)
	h.start(t)
	files := countyFiles(t, filepath.Join(county, "a", "in"))
	for name, content := range files {
		if strings.HasPrefix(name, "entities/") {
			h.take(t, name, content)
		}
	}
	h.caughtUp(t, sampleDay)
	eventually(t, "cases are open", func() bool { return len(h.allCases(t)) > 50 })
	cases := h.allCases(t)
	if r, err := h.deliver("entities/statistics.csv", half(files["entities/statistics.csv"], 150)); err != nil || r.status != http.StatusAccepted {
		t.Fatalf("half a register: status %d, %v: %s", r.status, err, r.body)
	}
	h.take(t, "entities/tax.csv", files["entities/tax.csv"])
	h.caughtUp(t, sampleDay)
	if diff := cmp.Diff(cases, h.allCases(t)); diff != "" {
		t.Errorf("cases changed (-before +after):\n%.2000s", diff)
	}
	h.checkEntities(t, filepath.Join(county, "a", "expected"))
}

// A registration that no rule places, with a name only alike, is suggested for review, and in no file. What an officer said of it holds.
func TestServeSuggestion(t *testing.T) {
	h := newServed(t, "--as-of", "2026-09-30")
	h.start(t)
	files := registers(t, "王明", "王明", "王明")
	files["entities/civil.csv"] = append(files["entities/civil.csv"], gb18030("M1,52139721QD0000154B,青岚县德源幼儿园,,建设路1号,张三,,,正常,139721,2026-01-01\n")...)
	row := "S9,,,德源幼儿园,,张三,注销,139721,,,2026-01-01\n"
	files["entities/statistics.csv"] = append(files["entities/statistics.csv"], row...)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h.take(t, name, files[name])
	}
	review := "LINK_REVIEW statistics:S9"
	eventually(t, "the suggestion is a case", func() bool { return h.entityCases(t)[review].State == "open" })
	c := h.look(t, h.entityCases(t)[review].ID)
	if len(c.Sides) != 2 || c.Severity != "low" || c.Sides[1].Key != "M1" || !slices.Contains(c.Sides[1].For, "NAME_ALIKE") || !slices.Contains(c.Sides[1].For, "REP_EQUAL") {
		t.Errorf("it is %s, with the sides %+v", c.Severity, c.Sides)
	}
	if text := string(h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/conflicts.csv", nil).body); strings.Contains(text, "LINK_REVIEW") {
		t.Errorf("a suggestion is in conflicts.csv:\n%s", text)
	}
	// Gone while its row is gone, and back with it: the other entity may go too.
	without := bytes.Replace(files["entities/statistics.csv"], []byte(row), nil, 1)
	h.must(t, http.StatusAccepted, "statistics", http.MethodPost, "/v1/deliveries/statistics/statistics.csv", bytes.NewReader(without))
	for _, held := range h.status(t).Held {
		h.must(t, http.StatusOK, operator, http.MethodPost, fmt.Sprintf("/v1/receipts/%d/release", held.Delivery), nil)
	}
	eventually(t, "nothing is suggested without the row", func() bool { return h.look(t, c.ID).State == "explained" })
	h.take(t, "entities/statistics.csv", files["entities/statistics.csv"])
	eventually(t, "it is suggested again", func() bool { return h.look(t, c.ID).State == "open" })
	h.kill()
	h.start(t)
	h.decideEntity(t, c.ID, map[string]string{"outcome": string(queue.OutcomeDifferent), "reason": "两家幼儿园", "with": c.Sides[1].Candidate})
	eventually(t, "the officer's word holds", func() bool { return !h.look(t, c.ID).Present })
	h.take(t, "entities/statistics.csv", bytes.Replace(files["entities/statistics.csv"], []byte("S9,,,德源"), []byte("S9,,,青岚县德源"), 1))
	h.caughtUp(t, "2026-09-30")
	if found := h.findEntities(t, "德源幼儿园"); len(found) != 2 || h.look(t, c.ID).Present {
		t.Errorf("with the very name, %d entities, want 2 as the officer said; the review stands: %t", len(found), h.look(t, c.ID).Present)
	}
}

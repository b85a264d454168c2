package desk_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/matcher"
	"hebian/matcher/evidence"
	"hebian/matcher/queue"
	"hebian/matcher/state"
	"hebian/ops/access"
	"hebian/ops/desk"
	"hebian/schemas"
)

// register is a made-up register of legal entities.
type register struct {
	hits     []desk.EntityHit
	dossiers map[string]desk.Dossier
	at       time.Time // that the dossiers are of
	broken   error
	asked    []string // what was searched for
}

func (r *register) Search(_ context.Context, q string, limit int) (found []desk.EntityHit, err error) {
	r.asked = append(r.asked, q)
	if r.broken != nil {
		return nil, r.broken
	}
	for _, h := range r.hits {
		if strings.Contains(h.Name+" "+h.Code+" "+h.Match, q) && len(found) < limit {
			found = append(found, h)
		}
	}
	return found, nil
}

func (r *register) Entity(_ context.Context, id string) (desk.Dossier, error) {
	if r.broken != nil {
		return desk.Dossier{}, r.broken
	}
	x, ok := r.dossiers[id]
	if !ok {
		return desk.Dossier{}, desk.ErrNoEntity
	}
	return x, nil
}

const (
	inn    = "E00000042" // an entity of which the sources say different things
	closed = "E00000007" // merged into it
	trader = "E00000108" // goes by an identity number
)

func newRegister(now time.Time) *register {
	number := string(idNumber(31))
	r := &register{
		at: now,
		hits: []desk.EntityHit{
			{ID: inn, Code: "91139721QD0000015A", Name: "青川县云岭山庄宾馆有限公司", Status: "ACTIVE", Division: "青川县", Agencies: []string{"commerce", "tax", "statistics", "quality"}, Match: "青川县云岭招待所", Former: true},
			{ID: "E00000043", Code: "12139721QD0000023B", Name: "青川县云岭林场", Status: "CLOSED", Division: "青川县", Agencies: []string{"staffing", "tax"}, Match: "青川县云岭林场"},
			{ID: trader, Code: "tax:" + number + "00", Name: "张䶮云岭小吃店", Status: "ACTIVE", Agencies: []string{"tax"}, Match: number},
		},
		dossiers: map[string]desk.Dossier{
			inn:    innDossier(now),
			closed: {ID: closed, MergedInto: inn},
			trader: {
				ID: trader, Code: "tax:" + number + "00", Name: "张䶮云岭小吃店",
				Sources: []desk.DossierSource{{Agency: "tax", Key: number + "00", File: "entities/tax.csv", Line: 9, Delivery: 5}},
				Fields: []desk.DossierField{
					{Name: "name", Golden: desk.DossierGolden{Text: "张䶮云岭小吃店", Agency: "tax", Key: number + "00"}, Cells: []desk.DossierCell{{Text: "张䶮云岭小吃店", Note: "authority"}}},
					{Name: "address", Golden: desk.DossierGolden{Text: "证件 " + number, Agency: "tax", Key: number}, Cells: []desk.DossierCell{{Text: "证件 " + number, Note: "authority"}}},
					{Name: "capital", Cells: []desk.DossierCell{{}}},
				},
				Codes:   []desk.DossierCode{{Kind: "tax_no", Value: number + "00", Verdict: "invalid", Reason: "LENGTH", Sources: []string{"tax"}}},
				History: []desk.DossierChange{{At: now, Kind: "code", Field: "tax_no", To: number, Agency: "tax"}},
				Tables:  []desk.DossierTable{{Name: "staffing.duty", Label: "权责清单", Columns: []desk.DossierColumn{{Name: "name", Label: "名称"}}, Rows: []desk.DossierRow{{Cells: []string{number}}}}},
				Events:  []desk.DossierEvent{{Effective: "2020-01-01", Event: "登记", Agency: "commerce", Field: "legal_rep", From: number, To: "张䶮"}},
			},
		},
	}
	for i := range 60 {
		r.hits = append(r.hits, desk.EntityHit{ID: fmt.Sprintf("E%08d", 500+i), Code: fmt.Sprintf("9213972100%05dXAB", i), Name: fmt.Sprintf("青川县第%d便利店", i), Agencies: []string{"commerce"}})
	}
	return r
}

// innDossier is an inn that staffing turned into a company: some sources know, some do not.
func innDossier(now time.Time) desk.Dossier {
	taken := now.Add(-26 * time.Hour)
	golden := func(text, agency string) desk.DossierGolden {
		return desk.DossierGolden{Text: text, Agency: agency, Key: "CO03000003", As: "2026-08-28", At: taken}
	}
	cell := func(text, note string) desk.DossierCell { return desk.DossierCell{Text: text, Note: note} }
	x := desk.Dossier{
		ID: inn, Code: "91139721QD0000015A", Name: "青川县云岭山庄宾馆有限公司", Former: []string{"青川县云岭招待所", "青川县人民政府第二招待所"},
		Sources: []desk.DossierSource{
			{Agency: "commerce", Key: "CO03000003", File: "entities/commerce.ndjson", Line: 12, Delivery: 31, Taken: taken, UpdatedOn: "2026-08-28"},
			{Agency: "tax", Key: "91139721QD0000015A", File: "entities/tax.csv", Line: 77, Delivery: 32, Taken: taken, UpdatedOn: "2026-03-02"},
			{Agency: "statistics", Key: "ST03000004", File: "entities/statistics.csv", Line: 40, Delivery: 33, Taken: taken, UpdatedOn: "2026-06-27"},
			{Agency: "statistics", Key: "ST03000977", File: "entities/statistics.csv", Line: 978, Delivery: 33, Taken: taken},
			{Agency: "quality", Key: "QD0000015", File: "entities/quality.csv", Line: 3, Delivery: 12, Taken: taken.AddDate(0, -2, 0), UpdatedOn: "2018-06-01"},
		},
		Fields: []desk.DossierField{
			{Name: "name", Golden: golden("青川县云岭山庄宾馆有限公司", "commerce"), Cells: []desk.DossierCell{cell("青川县云岭山庄宾馆有限公司", "authority"), cell("青川县云岭山庄宾馆有限公司", ""), cell("青川县云岭招待所", "lag"), cell("云岭招待所餐饮部", "conflict"), cell("青川县云岭招待所", "conflict")}},
			{Name: "legal_rep", Golden: golden("欧阳素琴", "commerce"), Cells: []desk.DossierCell{cell("欧阳素琴", "authority"), cell("欧阳素琴", ""), cell("王强", "lag"), cell("王强", "conflict"), {}}},
			{Name: "address", Golden: golden("青川县学府街252号（东院）", "commerce"), Cells: []desk.DossierCell{cell("青川县学府街252号（东院）", "authority"), cell("学府街252号东院", ""), cell("河北省青川县学府街252号", "lag"), {}, cell("青川县城关镇人民路3号", "conflict")}},
			{Name: "capital", Golden: desk.DossierGolden{Text: "5,000,000.00", Means: "500 万元", Normal: "500000000", Agency: "commerce", Key: "CO03000003", As: "2026-08-28"}, Cells: []desk.DossierCell{{Text: "5,000,000.00 元", Note: "authority"}, {Text: "5000000 元"}, {}, {}, {}}},
			{Name: "established", Golden: golden("1988-04-08", "commerce"), Cells: []desk.DossierCell{cell("1988-04-08", "authority"), cell("1988-04", ""), {}, {}, {}}},
			{Name: "status", Golden: desk.DossierGolden{Text: "存续", Normal: "ACTIVE", Agency: "commerce", Key: "CO03000003", As: "2026-08-28"}, Cells: []desk.DossierCell{cell("存续", "authority"), cell("注销", "conflict"), cell("正常", ""), cell("正常", ""), cell("开业", "")}},
			{Name: "division", Golden: desk.DossierGolden{Text: "139721", Means: "青川县", Normal: "139721", Agency: "commerce", As: "2026-08-28"}, Cells: []desk.DossierCell{{Text: "139721", Note: "authority"}, {Text: "139721"}, {Text: "139721"}, {Text: "139721"}, {}}},
			{Name: "industry", Golden: desk.DossierGolden{Text: "H6110", Means: "旅游饭店", Normal: "H6110", Agency: "statistics", As: "2026-06-27"}, Cells: []desk.DossierCell{cell("H61", ""), cell("6110", ""), cell("H6110", "authority"), cell("H6210", "conflict"), {}}},
			{Name: "entity_type", Cells: []desk.DossierCell{cell("有限责任公司", ""), {}, {}, {}, {}}},
			{Name: "second_name", Cells: []desk.DossierCell{{}, {}, {}, {}, {}}},
			{Name: "employees", Cells: []desk.DossierCell{{}, {}, cell("36", ""), cell("4", ""), {}}},
		},
		Codes: []desk.DossierCode{
			{Kind: "uscc", Value: "91139721QD0000015A", Verdict: "valid", Sources: []string{"commerce", "tax"}},
			{Kind: "org_code", Value: "QD0000015", Verdict: "warn", Reason: "LOCAL_UNIT", Sources: []string{"statistics", "quality"}},
			{Kind: "reg_no", Value: "139721100012312", Verdict: "invalid", Reason: "CHECK", Sources: []string{"commerce"}},
		},
		History: []desk.DossierChange{
			{At: taken, Kind: "value", Field: "legal_rep", From: "王强", To: "欧阳素琴", Agency: "commerce", File: "entities/commerce.ndjson", Line: 12, Delivery: 31},
			{At: taken.Add(-time.Hour), Kind: "merged", Entities: []string{closed}, Agency: "tax", Delivery: 32},
			{At: taken.AddDate(0, -3, 0), Kind: "split", Entities: []string{"E00000043"}},
			{At: taken.AddDate(0, -4, 0), Kind: "code", Field: "uscc", To: "91139721QD0000015A", Agency: "commerce"},
			{At: taken.AddDate(-1, 0, 0), Kind: "first"},
		},
		Tables: []desk.DossierTable{
			{Name: "staffing.department", Label: "内设机构", Columns: []desk.DossierColumn{{Name: "department_no", Label: "序号"}, {Name: "name", Label: "名称"}, {Name: "duties", Label: "职责"}, {Name: "slots", Label: "编制数"}}, Rows: []desk.DossierRow{
				{Cells: []string{"1", "办公室", "文电、会务、机要、档案、财务和后勤", "5"}}, {Cells: []string{"2", "客房部", "", "3"}, Mark: "ended"},
			}},
			{Name: "staffing.online_name", Label: "网上名称", Columns: []desk.DossierColumn{{Name: "domain", Label: "域名"}, {Name: "registered_on", Label: "注册日期"}, {Name: "expires_on", Label: "到期日期"}}, Rows: []desk.DossierRow{
				{Cells: []string{"青川云岭.公益", "2019-05-01", "2026-05-01"}, Mark: "expired"}, {Cells: []string{"云岭山庄.公益", "2019-05-01", "2026-11-01"}, Mark: "expiring"}, {Cells: []string{"云岭.公益", "2025-05-01", "2028-05-01"}},
			}},
			{Name: "staffing.duty", Label: "权责清单", Columns: []desk.DossierColumn{{Name: "item_code", Label: "事项编码"}}},
		},
		Events: []desk.DossierEvent{
			{Effective: "2026-08-28", Event: "变更", Agency: "commerce", Field: "legal_rep", From: "王强", To: "欧阳素琴", Document: "（青）登记企变字〔2026〕第112号", File: "entities/commerce_events.ndjson", Line: 4},
			{Effective: "1988-04-08", Event: "登记", Agency: "commerce"},
		},
	}
	for i := range 20 {
		month := time.Date(2025, time.February, 1, 0, 0, 0, 0, time.UTC).AddDate(0, i, 0)
		n := int64(180 + 37*(i%7) - 11*i%5)
		x.Figures = append(x.Figures, desk.DossierFigure{Month: month.Format("200601"), Accepted: n, Finished: n - int64(i%4)*9, Overdue: int64(i % 4), Poor: int64(i % 3)})
	}
	return x
}

// registration makes up what an agency says of the inn, or of one that it may be.
func (o *office) registration(row *evidence.Row, n int) {
	row.Subject, row.Label = "entity.registration", "法人登记"
	field := func(name, label, value string) {
		row.Fields = append(row.Fields, evidence.Field{Name: name, Label: label, Value: value})
	}
	switch n % 4 {
	case 0:
		row.Agency, row.File = "commerce", "entities/commerce.ndjson"
		field("source_key", "来源编号", "CO03000003")
		field("uscc", "统一社会信用代码", "91139721QD0000015A")
		field("name", "名称", "青川县云岭山庄宾馆有限公司")
		field("legal_rep", "法定代表人", "欧阳素琴")
	case 1:
		row.Agency, row.File = "tax", "entities/tax.csv"
		field("source_key", "来源编号", string(idNumber(n))+"00")
		field("name", "名称", "云岭山庄宾馆")
		field("legal_rep", "法定代表人", "欧阳素琴")
	case 2:
		row.Agency, row.File = "statistics", "entities/statistics.csv"
		field("source_key", "来源编号", "ST03000004")
		field("name", "名称", "青川县云岭招待所")
		field("legal_rep", "法定代表人", "王强")
	default:
		row.Agency, row.File = "staffing", "entities/staffing.csv"
		field("source_key", "来源编号", "ST01")
		field("uscc", "统一社会信用代码", "12139721QD0000023B")
		field("name", "名称", "青川县云岭林场")
		field("legal_rep", "法定代表人", "王强")
	}
	field("address", "住所", []string{"青川县学府街252号（东院）", "学府街252号", "青川县城关镇人民路3号", ""}[n%4])
	field("status", "登记状态", []string{"存续", "注销", "正常", "正常"}[n%4])
	field("source", "来源部门", row.Agency)
}

func registrations(ns ...int64) (refs []state.Ref) {
	for _, n := range ns {
		refs = append(refs, state.RefOf("entity.registration", 0, n))
	}
	return refs
}

// about opens a case about a legal entity and gives its ID.
func (o *office) about(r queue.Ruling) string {
	o.t.Helper()
	if r.Key.Entity == "" {
		r.Key.Entity, r.Unit, r.Title = inn, "91139721QD0000015A", "青川县云岭山庄宾馆有限公司"
	}
	r.Present, r.Cause, r.Grounds.Version, r.Grounds.AsOf, r.Grounds.Rows = true, 7, 1, schemas.DateOf(o.clock()), len(r.Grounds.Evidence)
	if err := o.queue.Rule(context.Background(), []queue.Ruling{r}, nil); err != nil {
		o.t.Fatal(err)
	}
	return queue.CaseID(r.Key)
}

// conflict is a field of the inn in which tax differs from commerce, and statistics may still follow.
func conflict(field string) queue.Ruling {
	return queue.Ruling{
		Key: matcher.Key{Code: queue.CodeConflict, Detail: field}, Agencies: []string{"tax", "statistics"},
		Grounds: queue.Grounds{Evidence: registrations(40, 41, 42), Sides: []queue.Side{
			{Agency: "commerce", Key: "CO03000003", Value: "欧阳素琴", Role: queue.RoleAuthority, Row: 0},
			{Agency: "tax", Key: string(idNumber(41)) + "00", Value: "证 " + string(idNumber(41)), Role: queue.RoleDiffers, Row: 1},
			{Agency: "statistics", Key: "ST03000004", Value: "王强", Role: queue.RoleLag, Row: 2},
		}},
	}
}

// linkReview is a row of tax that may belong to either of two entities.
func linkReview(n int64) queue.Ruling {
	key := string(idNumber(int(n))) + "00"
	return queue.Ruling{
		Key: matcher.Key{Code: queue.CodeLinkReview, Detail: "tax:" + key}, Agencies: []string{"tax"},
		Grounds: queue.Grounds{Evidence: registrations(n), Sides: []queue.Side{
			{Agency: "tax", Key: key, Role: queue.RoleMember, Row: 0},
			{Agency: "commerce", Key: "CO03000003", Value: "青川县云岭山庄宾馆有限公司", Role: queue.RoleCandidate, Entity: inn, For: []string{"NAME_ALIKE", "REP_EQUAL"}, Against: []string{"ADDRESS_DIFFERS"}, Row: -1},
			{Agency: "staffing", Key: "ST01", Value: "青川县云岭林场", Role: queue.RoleCandidate, Entity: "E00000043", For: []string{"DIVISION_EQUAL"}, Against: []string{"NAME_DIFFERS", "REP_DIFFERS"}, Row: -1},
		}},
	}
}

// candidate is how forms and answers name a candidate of a case.
func (o *office) candidate(id string, n int) string {
	o.t.Helper()
	var c desk.CaseDetail
	p := o.program(access.Token{Account: "ops"})
	p.call(http.MethodGet, "/v1/cases/"+id, nil, &c)
	return c.Sides[n].Candidate
}

// entityCases has a case about a legal entity of every kind that a page can show.
func entityCases(o *office) map[string]string {
	o.t.Helper()
	bad := string(idNumber(45))
	ids := map[string]string{
		"open":           o.about(conflict("legal_rep")),
		"claimed by me":  o.about(conflict("address")),
		"review, mine":   o.about(linkReview(41)),
		"review, linked": o.about(linkReview(53)),
		"review, apart":  o.about(linkReview(57)),
		"accepted":       o.about(conflict("established")),
		"disputed":       o.about(conflict("status")),
		"clash":          o.about(queue.Ruling{Key: matcher.Key{Code: queue.CodeCodeClash}, Agencies: []string{"commerce", "staffing"}}),
		"duplicate":      o.about(queue.Ruling{Key: matcher.Key{Code: queue.CodeDuplicateCode, Detail: "commerce"}, Agencies: []string{"commerce"}}),
		"bad code": o.about(queue.Ruling{
			Key: matcher.Key{Code: queue.CodeBadCode, Detail: "tax:" + bad + "00:" + bad}, Agencies: []string{"tax"},
			Grounds: queue.Grounds{Evidence: registrations(45), Sides: []queue.Side{{Agency: "tax", Key: bad + "00", Value: bad, Role: queue.RoleMember}}},
		}),
		"orphan": o.about(queue.Ruling{
			Key: matcher.Key{Code: queue.CodeOrphan, Detail: "tax:" + bad, Entity: trader}, Unit: "tax:" + bad, Title: "小吃店 " + bad, Agencies: []string{"tax"},
		}),
	}
	// Asked some time ago, and no answer came.
	const since = 20 * 24 * time.Hour
	o.forward(-since)
	late := o.about(conflict("name"))
	o.decideAs(late, queue.Decision{Outcome: queue.OutcomeAuthority, Reason: "以登记机关为准。"})
	o.sendOf(late)
	o.forward(since)
	if _, err := o.queue.Lapse(context.Background()); err != nil {
		o.t.Fatal(err)
	}
	ids["late"] = late

	o.decideAs(ids["disputed"], queue.Decision{Outcome: queue.OutcomeDisputed, Right: "statistics", Reason: "统计实地核实。"})
	o.decideAs(ids["accepted"], queue.Decision{Outcome: queue.OutcomeAccepted, Until: schemas.DateOf(o.clock()).AddMonths(6), Reason: "写法不同。"})
	with := func(id string) string {
		c, _, err := o.queue.Get(context.Background(), id)
		if err != nil {
			o.t.Fatal(err)
		}
		return c.Grounds.Sides[1].Name()
	}
	o.decideAs(ids["review, linked"], queue.Decision{Outcome: queue.OutcomeSame, With: with(ids["review, linked"]), Reason: "同址同人。"})
	o.decideAs(ids["review, apart"], queue.Decision{Outcome: queue.OutcomeDifferent, With: with(ids["review, apart"]), Reason: "另一家。"})
	for _, name := range []string{"claimed by me", "review, mine"} {
		if _, err := o.queue.Claim(context.Background(), ids[name], "李梅"); err != nil {
			o.t.Fatal(err)
		}
	}
	return ids
}

// decideAs decides a case as 李梅.
func (o *office) decideAs(id string, d queue.Decision) {
	o.t.Helper()
	_, err := o.queue.Claim(context.Background(), id, "李梅")
	if err == nil {
		_, err = o.queue.Decide(context.Background(), id, "李梅", d)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// sendOf sends the corrections of a case.
func (o *office) sendOf(id string) {
	o.t.Helper()
	var ids []string
	for _, agency := range o.queue.Agencies() {
		waiting, err := o.queue.Pending(context.Background(), agency, 100)
		if err != nil {
			o.t.Fatal(err)
		}
		for _, w := range waiting {
			if w.Correction.Case == id {
				ids = append(ids, w.Correction.ID)
			}
		}
	}
	if err := o.queue.Sent(context.Background(), ids); err != nil {
		o.t.Fatal(err)
	}
}

// textOf is what a page says, without its marks.
func textOf(body string) string {
	return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " "))), " ")
}

func TestEntitySearch(t *testing.T) {
	o := open(t)
	chinese, english := o.signedIn("李梅", "zh-CN"), o.signedIn("李梅", "en")
	for _, test := range []struct {
		name   string
		b      *browser
		q      string
		status int
		hits   int
		want   []string
	}{
		{"nothing asked", chinese, "", 200, 0, []string{"法人查询", "输入代码或名称"}},
		{"blanks", english, " 　 ", 200, 0, []string{"Write a code or a name"}},
		{"one letter", chinese, "A", 400, 0, []string{"请输入 2 到 64 个字"}},
		{"one character that may be rare", chinese, "䶮", 200, 1, []string{"张䶮云岭小吃店"}},
		{"too long", english, strings.Repeat("云", 65), 400, 0, []string{"Please write 2 to 64 characters"}},
		{"no text", english, "\xff\xfe", 200, 0, nil},
		{"no hit", chinese, "火星", 200, 0, []string{"没有找到“火星”"}},
		{"hits", chinese, " 云岭  ", 200, 3, []string{"青川县云岭山庄宾馆有限公司", "曾用名 青川县云岭招待所", "91139721QD0000015A", "正常", "注销", "市场监管、税务、统计、质监", "共 3 个"}},
		{"hits in English", english, "云岭", 200, 3, []string{"formerly 青川县云岭招待所", "Active", "Closed", "Market regulation, Tax, Statistics, Quality", "Found: 3"}},
		{"more than fit", english, "便利店", 200, 50, []string{"There are more than these 50", "first 50"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := test.b.get("/entities?q=" + url.QueryEscape(test.q))
			if status != test.status {
				t.Errorf("gave %d, want %d", status, test.status)
			}
			if n := strings.Count(body, "<tr id=\"e-"); n != test.hits {
				t.Errorf("%d hits, want %d", n, test.hits)
			}
			text := textOf(body)
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("the page does not say %q: %s", want, text)
				}
			}
		})
	}
	for _, q := range o.known.asked {
		if q != strings.TrimSpace(q) || len(q) < 2 {
			t.Errorf("searched for %q", q)
		}
	}
	if _, body := chinese.get("/cases"); !strings.Contains(body, `role="search"`) {
		t.Error("the list has no search box")
	}
	if _, body := o.browser("en").get("/signin"); strings.Contains(body, `role="search"`) {
		t.Error("who is not signed in has a search box")
	}
	o.known.broken = errDisk
	if status, body := english.get("/entities?q=%E4%BA%91%E5%B2%AD"); status != http.StatusInternalServerError || strings.Contains(body, errDisk.Error()) {
		t.Errorf("a broken search gave %d, %s", status, body)
	}
	if status, _ := english.get("/entities/" + inn); status != http.StatusInternalServerError || len(o.reports) != 2 {
		t.Errorf("a broken register gave %d, reported %v", status, o.reports)
	}
}

func TestEntityPage(t *testing.T) {
	o := open(t)
	entityCases(o)
	for language, want := range map[string][]string{
		"zh-CN": {
			"青川县云岭山庄宾馆有限公司", "正常", "不一致 6 处", "更新滞后 3 处", "曾用名 青川县云岭招待所；青川县人民政府第二招待所", "认定值", "市场监管 2026-08-28",
			"欧阳素琴 权威", "王强 更新滞后 ST03000004", "王强 不一致 ST03000977", "500 万元", "entities/commerce.ndjson 第 12 行", "回执 31 号", "更新于 2018-06-01",
			"有效，有疑点 第九位为 B", "无效 校验码不符", "法定代表人：王强 → 欧阳素琴", "记录归并自： " + closed, "记录拆分自： E00000043", "首次入库", "登记信息不一致 名称 税务、统计 已发送 逾期未答复",
			"登记信息不一致 登记状态：李梅 决定：疑义核查 统计实地核实。", "内设机构", "已终止", "已过期", "即将到期", "没有记录。", "2026年9月 受理", "变更 市场监管", "（青）登记企变字〔2026〕第112号",
		},
		"en": {
			"Active", "differs: 6", "lags: 3", "What holds", "王强 lags", "Market regulation 2026-08-28", "line 12", "wrong check character", "Legal representative: 王强 → 欧阳素琴", "Records joined from " + closed,
			"expired", "expires soon", "2026-09 accepted", "decided: Disputed", "no answer in time",
		},
	} {
		status, body := o.signedIn("李梅", language).get("/entities/" + inn + "?q=" + url.QueryEscape("云岭"))
		if status != http.StatusOK {
			t.Fatalf("%s: %d", language, status)
		}
		text := textOf(body)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: the page does not say %q: %s", language, w, text)
			}
		}
		if !strings.Contains(body, `href="/entities?q=%E4%BA%91%E5%B2%AD"`) {
			t.Errorf("%s: no way back to the search", language)
		}
		if n := strings.Count(body, "<rect "); n != 60 {
			t.Errorf("%s: %d bars, want 60", language, n)
		}
	}
}

// Rows of one source share a column: what they agree on stands there once, the rest with the rows that say so.
func TestEntityColumns(t *testing.T) {
	o := open(t)
	_, body := o.signedIn("李梅", "zh-CN").get("/entities/" + inn)
	head := body[strings.Index(body, `class="compare`):]
	head = head[:strings.Index(head, "</thead>")]
	if got, want := textOf(head[strings.Index(head, ">")+1:]), "项目 认定值 市场监管 税务 统计 2 行 质监"; got != want {
		t.Errorf("the columns are %q, want %q", got, want)
	}
	for field, want := range map[string]string{
		"登记状态":  "存续 正常 市场监管 2026-08-28 | 存续 权威 | 注销 不一致 | 正常 | 开业",
		"行政区划":  "139721 青川县 市场监管 2026-08-28 | 139721 权威 | 139721 | 139721 | —",
		"法定代表人": "| 欧阳素琴 权威 | 欧阳素琴 | 王强 更新滞后 ST03000004 王强 不一致 ST03000977 | —",
		"从业人数":  "— | — | — | 36 ST03000004 4 ST03000977 | —",
		"类型":    "— | 有限责任公司 | — | — | —",
	} {
		_, row, _ := strings.Cut(body, `<th scope="row">`+field+"</th>")
		row, _, _ = strings.Cut(row, "</tr>")
		if got := textOf(strings.ReplaceAll(row, "</td>", " | ")); !strings.Contains(got, want) {
			t.Errorf("of %s the page says %q, want %q", field, got, want)
		}
	}
	if strings.Contains(body, "第二名称") {
		t.Error("a field is shown that nobody says anything of")
	}
}

func TestMergedEntity(t *testing.T) {
	o := open(t)
	b := o.signedIn("李梅", "en")
	status, body := b.get("/entities/" + closed)
	if status != http.StatusOK || !strings.Contains(body, closed+" was merged into this entity.") || !strings.Contains(body, "青川县云岭山庄宾馆有限公司") {
		t.Errorf("a merged entity gave %d, %s", status, body)
	}
	if _, body := b.get("/entities/" + inn + "?from=E00009999"); strings.Contains(body, "was merged into this entity") {
		t.Error("the page believes the address")
	}
	if status, body := b.get("/entities/E00009999"); status != http.StatusNotFound || !strings.Contains(body, "There is no legal entity of this ID") {
		t.Errorf("an unknown entity gave %d, %s", status, body)
	}
}

func TestWithoutEntities(t *testing.T) {
	o := open(t)
	plain, err := desk.New(desk.Options{Access: o.access, Queue: o.queue, Sources: o.sources, Now: o.clock, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	id := o.about(conflict("name"))
	o.server.Config.Handler, o.desk = plain, plain
	b := o.signedIn("李梅", "en")
	for _, path := range []string{"/entities?q=xx", "/entities/" + inn} {
		if status, _ := b.get(path); status != http.StatusNotFound {
			t.Errorf("%s gave %d", path, status)
		}
	}
	for _, path := range []string{"/cases", "/cases/" + id} {
		if status, body := b.get(path); status != http.StatusOK || strings.Contains(body, "/entities") || strings.Contains(body, `role="search"`) {
			t.Errorf("%s gave %d, or leads to legal entities", path, status)
		}
	}
}

func TestEntityCasePages(t *testing.T) {
	o := open(t)
	ids := entityCases(o)
	chinese, english := o.signedIn("李梅", "zh-CN"), o.signedIn("李梅", "en")
	for name, want := range map[string][2][]string{
		"open":           {{"登记信息不一致", "青川县云岭山庄宾馆有限公司", inn, "法定代表人", "市场监管 欧阳素琴 权威 CO03000003 entities/commerce.ndjson 第 41 行", "不一致", "统计 王强 更新滞后", "领取此事项"}, {"Market regulation 欧阳素琴 authority", "lags", "Claim this case"}},
		"claimed by me":  {{"以权威来源为准", "疑义核查", "哪个来源正确", "认可差异", "认可至", "统计 王强"}, {"Authority is right", "Which source is right", "Accepted until"}},
		"review, mine":   {{"待核记录与候选法人", "青川县学府街252号（东院） 住所不同", "91139721QD0000015A", "青川县云岭林场 名称不同", "候选 1", "候选 2", "名称相近", "法定代表人相同", "住所不同", "行政区划相同", "是同一法人", "不是同一法人", "数据有误", "与哪个候选法人比较", "E00000042 青川县云岭山庄宾馆有限公司 市场监管 CO03000003"}, {"Candidate 1", "similar name", "another address", "Same entity", "Compared with which candidate"}},
		"review, linked": {{"是同一法人 李梅 决定", "比较对象 市场监管 CO03000003", "关联决定已经生效", "撤回关联决定"}, {"Same entity decided by 李梅", "Compared with Market regulation CO03000003", "Take the link decision back"}},
		"review, apart":  {{"不是同一法人 李梅 决定", "撤回关联决定"}, {"Another entity decided by 李梅"}},
		"accepted":       {{"认可差异 李梅 决定", "认可至 " + schemas.DateOf(o.clock()).AddMonths(6).String()}, {"Difference accepted", "Accepted until"}},
		"disputed":       {{"疑义核查 李梅 决定", "正确来源 统计", "更正单位 市场监管"}, {"Right is Statistics", "Correction to Market regulation"}},
		"late":           {{"答复期限", "逾期未答复", "更正单位 税务", "答复期限已过，升级督办"}, {"Answer due", "no answer in time", "No answer in time: escalated"}},
		"clash":          {{"一主体多码"}, {"Entity code clash"}},
		"duplicate":      {{"一码多主体 ENTITY_DUPLICATE_CODE", "说明 市场监管"}, {"Detail Market regulation"}},
		"bad code":       {{"错码（校验不符）", "说明 税务 13*", "法人登记"}, {"Detail Tax 13*"}},
		"orphan":         {{"未见登记", "小吃店 139721***********"}, {"Entity orphan"}},
	} {
		for i, b := range []*browser{chinese, english} {
			status, body := b.get("/cases/" + ids[name])
			text := textOf(body)
			for _, w := range want[i] {
				if status != http.StatusOK || !strings.Contains(text, w) {
					t.Errorf("%s, %s: %d, the page does not say %q: %s", name, b.language, status, w, text)
				}
			}
		}
	}
	_, body := chinese.get("/cases?state=any")
	text := textOf(body)
	for _, want := range []string{"登记信息不一致 法定代表人 青川县云岭山庄宾馆有限公司 税务、统计", "逾期未答复", "错码（校验不符） 税务 13*"} {
		if !strings.Contains(text, want) {
			t.Errorf("the list does not say %q: %s", want, text)
		}
	}
	if !strings.Contains(text, fmt.Sprintf("共 %d 件", len(ids))) {
		t.Errorf("cases of several agencies are counted more than once: %s", text)
	}
}

// claimed opens a case about a legal entity, claims it and looks at it.
func (b *browser) claimed(r queue.Ruling) string {
	b.t.Helper()
	id := b.about(r)
	if _, err := b.queue.Claim(context.Background(), id, "李梅"); err != nil {
		b.t.Fatal(err)
	}
	b.get("/cases/" + id)
	return id
}

func TestWhatIsMissingInDecisionsOnEntities(t *testing.T) {
	o := open(t)
	b := o.signedIn("李梅", "en")
	differs, review := b.claimed(conflict("legal_rep")), b.claimed(linkReview(41))
	for _, test := range []struct {
		name   string
		id     string
		fields []string
		want   []string
	}{
		{"no day", differs, []string{"outcome", "accepted"}, []string{`id="until-error">Give the day`, `value="accepted" required checked`}},
		{"a day gone by", differs, []string{"outcome", "accepted", "until", "2020-01-01"}, []string{`value="2020-01-01"`, `id="until-error">Give the day`}},
		{"no day at all", differs, []string{"outcome", "accepted", "until", "soon"}, []string{`id="until-error">Give the day`}},
		{"nobody is right", differs, []string{"outcome", "disputed"}, []string{`id="right-error">Choose the source`}},
		{"the authority is right", differs, []string{"outcome", "disputed", "right", "commerce"}, []string{`id="right-error">Choose the source`}},
		{"an outcome of others", differs, []string{"outcome", "confirmed"}, []string{`id="outcome-error">Choose an outcome`}},
		{"no candidate", review, []string{"outcome", "same"}, []string{`id="with-error">Choose a candidate`}},
		{"odd candidate", review, []string{"outcome", "different", "with", inn}, []string{`id="with-error">Choose a candidate`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := b.post("/cases/"+test.id+"/decide", append([]string{"reason", "kept as typed"}, test.fields...)...)
			if status != http.StatusUnprocessableEntity || !strings.Contains(body, ">kept as typed</textarea>") {
				t.Errorf("gave %d", status)
			}
			for _, want := range test.want {
				if !strings.Contains(body, want) {
					t.Errorf("the page does not hold %s", want)
				}
			}
		})
	}
}

func TestDecisionsOnEntities(t *testing.T) {
	o := open(t)
	b := o.signedIn("李梅", "en")
	day := schemas.DateOf(o.clock()).AddMonths(3).String()
	differs, review := b.claimed(conflict("legal_rep")), b.claimed(linkReview(41))
	for _, test := range []struct {
		id     string
		fields []string
		check  func(c queue.Case) bool
	}{
		{differs, []string{"outcome", "accepted", "until", day}, func(c queue.Case) bool { return c.State == queue.Explained && c.Until.String() == day }},
		{b.claimed(conflict("address")), []string{"outcome", "disputed", "right", "statistics"}, func(c queue.Case) bool {
			return c.State == queue.Decided && c.Right == "statistics" && c.To == "commerce"
		}},
		{b.claimed(conflict("status")), []string{"outcome", "authority"}, func(c queue.Case) bool { return c.State == queue.Decided && c.To == "tax" }},
		{review, []string{"outcome", "same", "with", o.candidate(review, 1)}, func(c queue.Case) bool { return c.State == queue.Explained && c.Outcome == queue.OutcomeSame }},
	} {
		status, body := b.post("/cases/"+test.id+"/decide", append([]string{"reason", "looked into"}, test.fields...)...)
		c, _, err := o.queue.Get(t.Context(), test.id)
		if status != http.StatusOK || err != nil || !test.check(c) {
			t.Errorf("%v gave %d, %+v, %v: %s", test.fields, status, c, err, textOf(body))
		}
	}
	links, err := o.queue.Links(t.Context())
	want := []queue.LinkDecision{{Case: review, A: queue.RecordKey{Source: "tax", Key: string(idNumber(41)) + "00"}, B: queue.RecordKey{Source: "commerce", Key: "CO03000003"}, Same: true, Officer: "李梅", At: links[0].At}}
	if diff := cmp.Diff(want, links); err != nil || diff != "" {
		t.Errorf("the links differ, %v (-want +got):\n%s", err, diff)
	}

	if status, body := b.post("/cases/" + review + "/revoke"); status != http.StatusUnprocessableEntity || !strings.Contains(body, `id="reason-error">Write a reason`) {
		t.Errorf("taken back without a reason: %d, %s", status, textOf(body))
	}
	if status, body := b.post("/cases/"+review+"/revoke", "reason", "a branch"); status != http.StatusOK || !strings.Contains(body, "Claim this case") || !strings.Contains(body, "Link decision taken back by 李梅") {
		t.Errorf("taken back: %d, %s", status, textOf(body))
	}
	if status, body := b.post("/cases/"+review+"/revoke", "reason", "a branch"); status != http.StatusConflict || !strings.Contains(body, "was taken back already") {
		t.Errorf("taken back twice: %d, %s", status, textOf(body))
	}
	if links, err = o.queue.Links(t.Context()); err != nil || len(links) != 0 {
		t.Errorf("links that hold: %v, %v", links, err)
	}
}

func TestEntitiesAPI(t *testing.T) {
	o := open(t)
	ids := entityCases(o)
	p := o.program(access.Token{Account: "李梅"})
	var found struct {
		Entities []desk.EntityHit
		More     bool
	}
	if status, _ := p.call(http.MethodGet, "/v1/entities?q="+url.QueryEscape("云岭"), nil, &found); status != http.StatusOK || len(found.Entities) != 3 || found.More {
		t.Errorf("found %d, %+v", status, found)
	}
	if diff := cmp.Diff(o.known.hits[0], found.Entities[0]); diff != "" {
		t.Errorf("a hit differs (-want +got):\n%s", diff)
	}
	if p.call(http.MethodGet, "/v1/entities?q="+url.QueryEscape("便利店")+"&limit=2", nil, &found); len(found.Entities) != 2 || !found.More {
		t.Errorf("found %+v, want 2 of more", found)
	}
	if p.call(http.MethodGet, "/v1/entities?q=mars", nil, &found); found.Entities == nil || len(found.Entities) != 0 {
		t.Errorf("found %+v, want none", found)
	}
	var got desk.EntityDetail
	if status, _ := p.call(http.MethodGet, "/v1/entities/"+inn, nil, &got); status != http.StatusOK || len(got.Cases) != len(ids)-1 {
		t.Errorf("the entity gave %d, %d cases", status, len(got.Cases))
	}
	for i := range got.Cases {
		if c := &got.Cases[i]; c.Entity != inn || c.EntityName != "青川县云岭山庄宾馆有限公司" || c.Unit != "91139721QD0000015A" {
			t.Errorf("case %+v", c)
		}
	}
	want := innDossier(o.known.at)
	if diff := cmp.Diff(want, got.Dossier); diff != "" {
		t.Errorf("the dossier differs (-want +got):\n%s", diff)
	}
	var merged desk.EntityDetail
	if p.call(http.MethodGet, "/v1/entities/"+closed, nil, &merged); merged.MergedInto != inn {
		t.Errorf("a merged entity is %+v", merged)
	}
	p.call(http.MethodGet, "/v1/entities/"+trader, nil, &desk.EntityDetail{}) // call looks for whole identity numbers
	for name, id := range ids {
		var c desk.CaseDetail
		if status, _ := p.call(http.MethodGet, "/v1/cases/"+id, nil, &c); status != http.StatusOK || c.Entity == "" {
			t.Errorf("%s: %d, %+v", name, status, c)
		}
	}
	var c desk.CaseRow
	decision := map[string]string{"outcome": "same", "reason": "x", "with": o.candidate(ids["review, mine"], 2)}
	if status, problem := p.call(http.MethodPost, "/v1/cases/"+ids["review, mine"]+"/decide", decision, &c); status != http.StatusOK || c.State != "explained" {
		t.Errorf("linking gave %d, %+v", status, problem)
	}
	if status, problem := p.call(http.MethodPost, "/v1/cases/"+ids["review, mine"]+"/revoke", map[string]string{"reason": "x"}, &c); status != http.StatusOK || c.State != "open" {
		t.Errorf("taking back gave %d, %+v", status, problem)
	}
}

func TestEntitiesAPIProblems(t *testing.T) {
	o := open(t)
	ids := entityCases(o)
	p := o.program(access.Token{Account: "李梅"})
	for _, test := range []struct {
		name, method, path string
		body               any
		status             int
		code, field        string
	}{
		{"short", "GET", "/v1/entities?q=x", nil, 422, "invalid", "q"},
		{"empty", "GET", "/v1/entities?q=", nil, 422, "invalid", ""},
		{"limit", "GET", "/v1/entities?q=xx&limit=999", nil, 422, "invalid", "query.limit"},
		{"unknown", "GET", "/v1/entities/E00009999", nil, 404, "unknown_entity", ""},
		{"no day", "POST", "/v1/cases/" + ids["claimed by me"] + "/decide", map[string]string{"outcome": "accepted", "reason": "x"}, 422, "incomplete_decision", "until"},
		{"no candidate", "POST", "/v1/cases/" + ids["review, mine"] + "/decide", map[string]string{"outcome": "same", "reason": "x"}, 422, "incomplete_decision", "with"},
		{"no link", "POST", "/v1/cases/" + ids["open"] + "/revoke", map[string]string{"reason": "x"}, 409, "no_link", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, problem := p.call(test.method, test.path, test.body, nil)
			if status != test.status || problem.Type != "urn:hebian:problem:"+test.code || test.field != "" && problem.Field != test.field {
				t.Errorf("gave %d, %+v", status, problem)
			}
		})
	}
	o.known.broken = errors.New("no index")
	if status, problem := p.call(http.MethodGet, "/v1/entities?q=xx", nil, nil); status != http.StatusInternalServerError || strings.Contains(problem.Detail, "index") {
		t.Errorf("a broken register gave %d, %+v", status, problem)
	}
}

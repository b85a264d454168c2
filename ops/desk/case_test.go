package desk_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hebian/matcher/queue"
	"hebian/ops/desk"
)

func TestEveryStateIsShown(t *testing.T) {
	o := open(t)
	ids := everyState(o)
	chinese, english := o.signedIn("李梅", "zh-CN"), o.signedIn("李梅", "en")
	for name, want := range map[string][2][]string{
		"open":                 {{"无编领薪", "青川县第一中学", "领取此事项", "2026年9月", "编办", "处理之前请先核对", "finance/payroll-202609.csv", "staffing/slots.csv 第 41 行", "回执 12 号"}, {"Paid no slot", "Claim this case", "2026-09", "Before you act", "staffing/slots.csv, line 41", "receipt 12"}},
		"open, of a unit":      {{"超编", "事业全额", "列出 1 行，共 431 行"}, {"Over quota", "1 of 431 rows"}},
		"open, unnamed unit":   {{"12139721400000004D", "副职"}, {"12139721400000004D", "deputy posts"}},
		"open, bad identity":   {{"身份不明", "finance/payroll-202609.csv"}, {"Bad identity"}},
		"open, provisional":    {{"有来源尚未报齐", "领取此事项"}, {"A source is not complete yet"}},
		"open, relapsed":       {{"曾 1 次重新立项", "领取此事项", "疑点再现", "后续报送一致", "已停发"}, {"opened again: 1", "The finding came back"}},
		"open, lapsed":         {{"待领取", "领取此事项", "王强 领取"}, {"Open", "Claim this case"}},
		"claimed by me":        {{"办理中", "您已领取，至", "提交决定", "放回", "续期"}, {"In hand", "yours until", "Submit decision", "Give back"}},
		"claimed by another":   {{"王强 正在办理，有效至"}, {"王强 holds this case until"}},
		"decided":              {{"待发送", "情况属实", "更正正在等待发送", "更正单位"}, {"Decided", "Confirmed", "The correction waits", "Correction to"}},
		"sent":                 {{"已发送", "转办", "更正已送达"}, {"Sent", "Forwarded", "The correction was handed over"}},
		"settled":              {{"已办结", "数据有误", "后续报送已一致", "该疑点已不存在"}, {"Settled", "Data error", "A later delivery agrees", "the finding is gone"}},
		"explained":            {{"已说明", "情况正常", "不发送更正"}, {"Explained", "no correction goes out"}},
		"explained, then gone": {{"已说明", "该疑点已不存在", "疑点消失"}, {"Explained", "the finding is gone"}},
		"explained by itself":  {{"已说明", "后续报送使疑点消失", "无需处理"}, {"Explained", "A later delivery made the finding go away"}},
	} {
		for i, b := range []*browser{chinese, english} {
			status, body := b.get("/cases/" + ids[name])
			if status != http.StatusOK {
				t.Errorf("%s: %d", name, status)
			}
			for _, w := range want[i] {
				if !strings.Contains(body, w) {
					t.Errorf("%s, %s: the page does not say %q", name, b.language, w)
				}
			}
			if mayDecide := strings.Contains(body, "/decide"); mayDecide != (name == "claimed by me") {
				t.Errorf("%s: offers to decide: %v", name, mayDecide)
			}
			if mayClaim := strings.Contains(body, "/claim"); mayClaim != (strings.HasPrefix(name, "open") || name == "claimed by me") {
				t.Errorf("%s: offers to claim: %v", name, mayClaim)
			}
		}
	}
	if len(o.reports) > 0 {
		t.Errorf("errors were reported: %v", o.reports)
	}
}

func TestSourcesStandSideBySide(t *testing.T) {
	o := open(t)
	id := everyState(o)["open"]
	_, body := o.signedIn("李梅", "zh-CN").get("/cases/" + id)
	if n := strings.Count(body, `<article class="source`); n != 2 {
		t.Errorf("%d sources, want 2", n)
	}
	for _, want := range []string{"3 行", "1 行", "各来源不一致", "青川县财政局 11139721000000002B", "编制证号", "SN-004512", "基本工资", "津贴补贴", "绩效工资"} {
		if !strings.Contains(body, want) {
			t.Errorf("the sources do not say %q", want)
		}
	}
	for _, not := range []string{"人员标识", "终止日期"} {
		if strings.Contains(body, not) {
			t.Errorf("the sources say %q, which says nothing", not)
		}
	}
}

func TestSourcesThatCannotBeRead(t *testing.T) {
	o := open(t)
	id := everyState(o)["open"]
	o.lost = errDisk
	status, body := o.signedIn("李梅", "en").get("/cases/" + id)
	if status != http.StatusOK || !strings.Contains(body, "be read at this moment") || !strings.Contains(body, "Claim this case") {
		t.Errorf("the case is %d, %s", status, body)
	}
	if len(o.reports) != 1 || strings.Contains(body, errDisk.Error()) {
		t.Errorf("reported: %v", o.reports)
	}
}

func TestClaimAndDecide(t *testing.T) {
	o := open(t)
	id := everyState(o)["open"]
	b := o.signedIn("李梅", "zh-CN")
	b.get("/cases/" + id)
	status, body := b.post("/cases/" + id + "/claim?state=any")
	if status != http.StatusOK || !strings.Contains(body, "提交决定") || !strings.Contains(body, "?state=any") {
		t.Fatalf("claiming gave %d, %s", status, body)
	}
	if status, body = b.post("/cases/" + id + "/release"); status != http.StatusOK || !strings.Contains(body, "领取此事项") {
		t.Errorf("giving back gave %d, %s", status, body)
	}
	b.post("/cases/" + id + "/claim")
	status, body = b.post("/cases/"+id+"/decide", "outcome", "data_error", "reason", "编制漏录，\r\n已补。", "to", "hr")
	if status != http.StatusOK || !strings.Contains(body, "数据有误") || !strings.Contains(body, "组织人社") {
		t.Errorf("deciding gave %d, %s", status, body)
	}
	c, _, err := o.queue.Get(t.Context(), id)
	if err != nil || c.State != queue.Decided || c.Outcome != queue.OutcomeDataError || c.Reason != "编制漏录，\n已补。" || c.To != "hr" || c.Officer != "李梅" {
		t.Errorf("the case is %+v, %v", c, err)
	}
}

func TestConflictsAreToldInWords(t *testing.T) {
	o := open(t)
	ids := everyState(o)
	b := o.signedIn("李梅", "en")
	b.get("/cases")
	until := o.clock().Add(queue.LeaseTime).Format("15:04")
	if status, body := b.post("/cases/" + ids["claimed by another"] + "/claim"); status != http.StatusConflict || !strings.Contains(body, "王强 holds this case until "+until) {
		t.Errorf("a case of another's gave %d, want words with the time %s: %s", status, until, body)
	}
	if status, body := b.post("/cases/" + ids["settled"] + "/claim"); status != http.StatusConflict || !strings.Contains(body, "This case is now “Settled”") {
		t.Errorf("a settled case gave %d: %s", status, body)
	}
	o.forward(queue.LeaseTime - time.Minute)
	b.get("/cases")
	o.forward(2 * time.Minute)
	status, body := b.post("/cases/"+ids["claimed by me"]+"/decide", "outcome", "explained", "reason", "kept as typed")
	if status != http.StatusConflict || !strings.Contains(body, "Your claim has run out") || !strings.Contains(body, ">kept as typed</textarea>") {
		t.Errorf("a lapsed claim gave %d: %s", status, body)
	}
	// Claimed again, what was typed is in the form of the decision.
	_, body = b.post("/cases/"+ids["claimed by me"]+"/claim", "reason", "kept as typed", "outcome", "explained", "to", "hr")
	if !strings.Contains(body, "Submit decision") || !strings.Contains(body, ">kept as typed</textarea>") || !strings.Contains(body, `value="explained" required checked`) || !strings.Contains(body, `value="hr" selected`) {
		t.Errorf("claiming again gave %s", body)
	}
	for _, path := range []string{"/cases/0123456789abcdef", "/cases/nonsense", "/cases/0123456789abcdef/next", "/nowhere"} {
		if status, body := b.get(path); status != http.StatusNotFound || !strings.Contains(body, "no such page or case") {
			t.Errorf("%s gave %d", path, status)
		}
	}
}

func TestWhatIsMissingIsToldAtTheField(t *testing.T) {
	o := open(t)
	id := everyState(o)["claimed by me"]
	b := o.signedIn("李梅", "en")
	b.get("/cases/" + id)
	for _, test := range []struct {
		outcome, reason, to string
		want                []string
	}{
		{"confirmed", "", "hr", []string{`id="reason-error">Write a reason`, `aria-describedby="reason-hint reason-error" aria-invalid="true"`, `value="confirmed" required checked`, `value="hr" selected`}},
		{"confirmed", " \r\n　", "", []string{`id="reason-error">Write a reason`}},
		{"confirmed", strings.Repeat("长", 2001), "", []string{`id="reason-error">Write a reason`, strings.Repeat("长", 2001)}},
		{"", "looked into", "", []string{`id="outcome-error">Choose an outcome`, ">looked into</textarea>"}},
		{"nonsense", "looked into", "", []string{`id="outcome-error">Choose an outcome`}},
		{"confirmed", "looked into", "mars", []string{`id="to-error">Choose the agency`, ">looked into</textarea>"}},
	} {
		status, body := b.post("/cases/"+id+"/decide", "outcome", test.outcome, "reason", test.reason, "to", test.to)
		if status != http.StatusUnprocessableEntity || !strings.Contains(body, "The decision was not saved") {
			t.Errorf("%+v gave %d", test, status)
		}
		for _, want := range test.want {
			if !strings.Contains(body, want) {
				t.Errorf("%+v: the page does not hold %s", test, want)
			}
		}
	}
	if c, _, err := o.queue.Get(t.Context(), id); err != nil || c.State != queue.Claimed {
		t.Errorf("the case is %s, %v; want claimed", c.State, err)
	}
}

var (
	script  = regexp.MustCompile(`(?is)<script([^>]*)>(.*?)</script>`)
	inline  = regexp.MustCompile(`(?i)<[^>]*\s(on[a-z]+|style)\s*=|javascript:|<style|https?://`)
	numbers = regexp.MustCompile(`139721(19|20)[0-9]{9}[0-9X]`)
)

func getRequest(t *testing.T, address string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// everyPage calls fn with every kind of page, in both languages.
func everyPage(t *testing.T, o *office, fn func(name, body string, response *http.Response)) {
	t.Helper()
	ids := everyState(o)
	about := entityCases(o)
	for _, language := range []string{"zh-CN", "en"} {
		visitor, b := o.browser(language), o.signedIn("李梅", language)
		ask := func(b *browser, name string, request *http.Request) {
			_, body, response := b.do(request)
			fn(language+" "+name, body, response)
		}
		page := func(b *browser, path string) {
			ask(b, path, getRequest(t, o.server.URL+path))
		}
		page(visitor, "/signin")
		for _, path := range []string{"/cases", "/cases?state=any", "/cases?mine=1", "/cases?month=x", "/nowhere", "/cases?unit=nothing",
			"/entities", "/entities?q=x", "/entities?q=" + url.QueryEscape("云岭"), "/entities?q=" + string(idNumber(31)), "/entities/" + inn + "?q=" + string(idNumber(31)), "/entities/" + trader, "/entities/E00000000"} {
			page(b, path)
		}
		for _, id := range ids {
			page(b, "/cases/"+id)
		}
		for _, id := range about {
			page(b, "/cases/"+id)
		}
		ask(b, "taken", b.form("/cases/"+ids["claimed by another"]+"/claim", "token", b.token))
		ask(b, "incomplete", b.form("/cases/"+ids["claimed by me"]+"/decide", "token", b.token, "reason", "x"))
		ask(b, "refused", b.form("/cases/"+ids["claimed by me"]+"/decide"))
		o.lost = errDisk
		page(b, "/cases/"+ids["open"])
		o.lost = nil
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		page(b, "/")
	}
}

func TestPagesAreProtected(t *testing.T) {
	everyPage(t, open(t), func(name, body string, response *http.Response) {
		policy := response.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %s", name, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || response.Header.Get("X-Content-Type-Options") != "nosniff" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", name, response.Header)
		}
		for _, found := range script.FindAllStringSubmatch(body, -1) {
			if !strings.Contains(found[1], "src=\"/assets/") || found[2] != "" {
				t.Errorf("%s: an inline script: %s", name, found[0])
			}
		}
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s: inline or foreign: %s", name, found)
		}
	})
}

func TestNumbersAreMaskedEverywhere(t *testing.T) {
	pages := 0
	everyPage(t, open(t), func(name, body string, _ *http.Response) {
		pages++
		if found := numbers.FindString(body); found != "" {
			t.Errorf("%s shows %s", name, found)
		}
	})
	if pages < 40 {
		t.Errorf("looked at %d pages only", pages)
	}
}

func TestAssets(t *testing.T) {
	o := open(t)
	b := o.browser("en")
	_, body := b.get("/signin")
	paths := regexp.MustCompile(`/assets/[^"]+`).FindAllString(body, -1)
	if len(paths) < 3 {
		t.Fatalf("the page refers to %q", paths)
	}
	for _, path := range paths {
		_, _, response := b.do(getRequest(t, o.server.URL+path))
		if response.StatusCode != http.StatusOK || !strings.Contains(response.Header.Get("Cache-Control"), "immutable") || response.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %d, %v", path, response.StatusCode, response.Header)
		}
	}
	for _, path := range []string{"/assets/", "/assets/0/desk.css", "/assets/../desk.go"} {
		if status, _ := b.get(path); status == http.StatusOK {
			t.Errorf("%s is there", path)
		}
	}
}

// brokenQueue is one whose database is gone.
type brokenQueue struct{ *queue.Queue }

func (brokenQueue) List(context.Context, queue.Filter, string, int) ([]queue.Case, error) {
	return nil, errDisk
}

func TestWhatBreaksIsReportedAndNotShown(t *testing.T) {
	o := open(t)
	broken, err := desk.New(desk.Options{
		Access: o.access, Queue: brokenQueue{o.queue}, Sources: o.sources, Now: o.clock, Report: func(err error) { o.reports = append(o.reports, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b := o.signedIn("李梅", "en")
	o.server.Config.Handler = broken
	status, body := b.get("/cases")
	if status != http.StatusInternalServerError || strings.Contains(body, errDisk.Error()) || !strings.Contains(body, "operators were told") {
		t.Errorf("the list is %d, %s", status, body)
	}
	if len(o.reports) != 1 {
		t.Errorf("reported: %v", o.reports)
	}
	broken.IsFull = func(err error) bool { return errors.Is(err, errDisk) }
	if status, body := b.get("/cases"); status != http.StatusInsufficientStorage || !strings.Contains(body, "The disk is full") {
		t.Errorf("on a full disk the list is %d, %s", status, body)
	}
}

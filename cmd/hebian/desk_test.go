package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hebian/matcher/queue"
	"hebian/ops/desk"
)

// browser is a Chromium that reaches this machine and nothing else.
type browser struct {
	test *testing.T
	ctx  context.Context
	home string

	mu         sync.Mutex
	complaints []string // of its console
}

// deskMinutes is how long a test at the desk may take.
const deskMinutes = 3

// newBrowser starts a browser whose owner reads a language.
func newBrowser(t *testing.T, home, language string) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("HEBIAN_SKIP_NOTHING") != "" {
			t.Fatal("there is no Chromium to try the desk with")
		}
		t.Skip("no Chromium to try the desk with (with HEBIAN_SKIP_NOTHING set this fails)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1366, 768), chromedp.Flag("accept-lang", language), chromedp.UserDataDir(t.TempDir()),
		// A page that asks another host for something gets an error, which its console tells.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	limited, cancel := context.WithTimeout(allocator, deskMinutes*time.Minute)
	t.Cleanup(cancel)
	ctx, closeTab := chromedp.NewContext(limited)
	t.Cleanup(closeTab)
	b := &browser{test: t, ctx: ctx, home: home}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return // the browser is closed
			}
			if m.IsException() || m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning {
				b.mu.Lock()
				b.complaints = append(b.complaints, m.String())
				b.mu.Unlock()
			}
		}
	}()
	return b
}

// finder finds what people see on a page by what it is and how it is called, as a screen reader does.
const finder = `((role, name) => {
  const kinds = {
    button: "button", link: "a[href]", radio: "input[type=radio]", textbox: "input:not([type=hidden]):not([type=radio]), textarea",
    heading: "h1, h2, h3", alert: "[role=alert]", article: "article", row: "tbody tr",
  };
  const tidy = (text) => (text || "").replace(/\s+/g, " ").trim();
  const called = (e) => tidy(e.getAttribute("aria-label") || (e.labels && e.labels.length ? Array.from(e.labels, (l) => l.textContent).join(" ") : e.textContent));
  return Array.from(document.querySelectorAll(kinds[role])).filter((e) => e.getClientRects().length > 0 && called(e).includes(name));
})`

func found(role, name string) string {
	words, _ := json.Marshal([]string{role, name}) // strings always go
	return finder + "(..." + string(words) + ")"
}

// first is the first of what is found.
func first(role, name string) chromedp.JSPath { return chromedp.JSPath(found(role, name) + "[0]") }

// do does something as a person would, who first waits until it can be done.
func (b *browser) do(what string, action chromedp.Action[chromedp.Void]) {
	b.test.Helper()
	if err := chromedp.Do(b.ctx, action); err != nil {
		b.test.Fatalf("%s: %v\n%s\n%s", what, err, ask[string](b, "location.href"), b.text())
	}
}

func (b *browser) open(path string) {
	b.test.Helper()
	b.do("open "+path, chromedp.Navigate(b.home+path))
}

func (b *browser) press(role, name string) {
	b.test.Helper()
	b.do("press "+role+" "+name, chromedp.Click(first(role, name), chromedp.NodeVisible))
}

func (b *browser) write(name, text string) {
	b.test.Helper()
	b.do("write into "+name, chromedp.SendKeys(first("textbox", name), text, chromedp.NodeVisible))
}

// ask evaluates an expression on the page; the zero value while the page changes.
func ask[T any](b *browser, expression string) T {
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil && b.ctx.Err() != nil {
		b.test.Fatalf("ask %s: %v", expression, err)
	}
	return value
}

func (b *browser) text() string {
	return ask[string](b, "document.body ? document.body.innerText : ''")
}

// see waits until a text stands on the page.
func (b *browser) see(text string) {
	b.test.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(patience); !strings.Contains(b.text(), text); <-look.C {
		if time.Now().After(end) {
			b.test.Fatalf("the page does not say %q:\n%s", text, b.text())
		}
	}
}

// count counts what is found.
func (b *browser) count(role, name string) int { return ask[int](b, found(role, name)+".length") }

// quiet checks that the console is empty but for what is named, and that the page loaded nothing from elsewhere.
func (b *browser) quiet(but ...string) {
	b.test.Helper()
	for _, at := range ask[[]string](b, `performance.getEntriesByType("resource").map((e) => e.name)`) {
		if !strings.HasPrefix(at, b.home+"/") {
			b.test.Errorf("the page asks for %s", at)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, said := range b.complaints {
		expected := false
		for _, text := range but {
			expected = expected || strings.Contains(said, text)
		}
		if !expected {
			b.test.Errorf("the console says: %s", said)
		}
	}
}

// wholeNumber finds identity numbers that are not masked.
var wholeNumber = regexp.MustCompile(`[1-9][0-9]{5}(19|20)[0-9]{9}[0-9Xx]`)

// masked checks that the page holds identity numbers, and none whole, be it hidden.
func (b *browser) masked() {
	b.test.Helper()
	html := ask[string](b, "document.documentElement.outerHTML")
	if whole := wholeNumber.FindString(html); whole != "" {
		b.test.Errorf("the page holds an identity number: %s…", whole[:6])
	}
	if !regexp.MustCompile(`[0-9]{6}\*{6,}`).MatchString(html) {
		b.test.Error("the page holds no masked identity number")
	}
}

// open counts the open cases that the hub names of a rule, of all if empty.
func (d *shown) open(t *testing.T, code string) (n int) {
	t.Helper()
	for _, c := range d.allCases(t) {
		if isOpen(c) && (code == "" || c.Code == code) {
			n++
		}
	}
	return n
}

// An officer works at the desk, in a real browser: signs in, finds a case in the list, compares its sources, decides, and
// sees it settle.
func TestDesk(t *testing.T) {
	d := startDemo(t, "--pace", "5m", "--persons", "800")
	b := newBrowser(t, d.url, "zh-CN,zh")
	d.waitFor(t, "lin takes")

	b.open("/")
	b.write("账号", visitor)
	b.write("密码", d.password)
	b.press("button", "登录")
	b.see(fmt.Sprintf("共 %d 件", d.open(t, "")))
	for name, want := range map[string]int{"待领取": d.open(t, ""), "发薪单位不符": d.open(t, "PAYER_MISMATCH")} {
		if got := b.count("link", fmt.Sprintf("%s%d", name, want)); got != 1 {
			t.Errorf("%d links count %d cases at %s", got, want, name)
		}
	}
	b.masked()

	b.press("link", fmt.Sprintf("发薪单位不符%d", d.open(t, "PAYER_MISMATCH")))
	b.do("open the case", chromedp.Click(chromedp.CSS("tbody a"), chromedp.NodeVisible))
	b.see("编制在甲单位、工资由乙单位发放")
	for _, source := range []string{"财政 工资发放明细", "编办 编制占用"} {
		if b.count("article", source) != 1 {
			t.Errorf("there is no source %s:\n%s", source, b.text())
		}
	}
	for _, place := range []string{`finance/payroll-\d{6}\.csv`, `staffing/slots\.csv 第 \d+ 行`, `回执 \d+ 号`} {
		if !regexp.MustCompile(place).MatchString(b.text()) {
			t.Errorf("the case does not say %s:\n%s", place, b.text())
		}
	}
	b.masked()
	b.quiet()
	b.decide(t)
	b.settle(t, d)

	b.press("button", "退出")
	b.see("机构编制与工资发放核对")
	b.open("/cases")
	b.see("机构编制与工资发放核对") // nobody is signed in
	b.quiet("422")
	d.end(t)
}

// decide takes the case on the page and decides it, at first without a reason.
func (b *browser) decide(t *testing.T) {
	t.Helper()
	b.press("button", "领取此事项")
	b.see("您已领取")
	b.press("radio", "情况属实")
	b.write("理由", "   ")
	b.press("button", "提交决定")
	b.see("决定没有保存")
	told := ask[string](b, found("textbox", "理由")+`.map((e) => e.getAttribute("aria-invalid") + " " + e.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).textContent).join(" "))[0]`)
	if !strings.HasPrefix(told, "true ") || !strings.Contains(told, "请填写理由") {
		t.Errorf("at the field without a reason stands %q", told)
	}
	if !ask[bool](b, found("radio", "情况属实")+"[0].checked") {
		t.Error("the outcome chosen is forgotten")
	}
	b.write("理由", "未见借调批文，已与两个单位核实。")
	b.press("button", "提交决定")
	b.see(visitor + " 决定：情况属实")
	b.see("未见借调批文，已与两个单位核实。")
}

// settle waits until the agency has answered the case on the page.
func (b *browser) settle(t *testing.T, d *shown) {
	t.Helper()
	id := ask[string](b, `location.pathname.split("/")[2]`)
	eventually(t, "the case settles", func() bool { return d.look(t, id).State == string(queue.Settled) })
	b.open("/cases/" + id)
	for _, step := range []string{"立项", visitor + " 领取", visitor + " 决定：情况属实", "更正已送达财政", "后续报送一致，自动办结"} {
		b.see(step)
	}
	b.press("link", "返回清单")
	b.press("link", "已办结")
	b.see("共 ")
}

// The desk in English; a case that a colleague holds, at the same time, is told to be held.
func TestDeskInEnglish(t *testing.T) {
	d := startDemo(t, "--pace", "5m", "--persons", "800")
	b := newBrowser(t, d.url, "en-GB,en")
	d.waitFor(t, "lin takes")

	b.open("/")
	b.write("Account", visitor)
	b.write("Password", "not the password")
	b.press("button", "Sign in")
	b.see("Account or password is wrong.")
	b.write("Password", d.password)
	b.press("button", "Sign in")
	b.see("Cases: ")
	b.press("link", "In hand")
	b.see("lin, until ")
	b.do("open the case", chromedp.Click(chromedp.CSS("tbody a"), chromedp.NodeVisible))
	b.see("lin holds this case until")
	b.masked()
	if b.count("button", "Claim") != 0 {
		t.Error("a case that another holds can be claimed")
	}
	id := ask[string](b, `location.pathname.split("/")[2]`)
	if r, err := d.ask(officer, http.MethodPost, "/v1/cases/"+id+"/claim", nil); err != nil || r.status != http.StatusConflict || !strings.Contains(string(r.body), "lin holds the case") {
		t.Errorf("claimed at the same time: %d %s, %v", r.status, r.body, err)
	}
	b.press("link", "中文")
	b.see("lin 正在办理")
	b.press("link", "English")
	b.press("button", "Sign out")
	b.see("Every pay line against an establishment slot")
	b.quiet("401")
	d.end(t)
}

// An officer finds a legal entity by a part of its name, sees all sources beside each other, and decides a conflict there; the agency
// that was asked corrects its register, and the case settles.
func TestDeskEntities(t *testing.T) {
	d := startDemo(t, "--pace", "5m", "--persons", "800")
	b := newBrowser(t, d.url, "zh-CN,zh")
	d.waitFor(t, "lin takes")
	var c desk.CaseRow
	for _, one := range d.allCases(t) {
		if isOpen(one) && one.Code == queue.CodeConflict && one.Detail == "legal_rep" && (c.ID == "" || one.ID < c.ID) {
			c = one
		}
	}
	if c.ID == "" {
		t.Fatal("no two registers differ in the representative")
	}
	b.open("/")
	b.write("账号", visitor)
	b.write("密码", d.password)
	b.press("button", "登录")
	b.see("核查事项")
	name := []rune(c.EntityName)
	b.write("查法人", string(name[2:6]))
	b.press("button", "查询")
	b.see(c.Unit)
	b.press("link", c.EntityName)
	for _, says := range []string{c.Entity, "认定值", "法定代表人", "不一致", "市场监管", "税务", "首次入库", "统一社会信用代码"} {
		b.see(says)
	}
	b.quiet()

	b.open("/cases/" + c.ID)
	b.see("登记信息不一致")
	b.press("button", "领取此事项")
	b.press("radio", "以权威来源为准")
	b.write("理由", "以登记机关最近一次变更登记为准。")
	b.press("button", "提交决定")
	b.see(visitor + " 决定：")
	eventually(t, "the case settles", func() bool { return d.look(t, c.ID).State == string(queue.Settled) })
	b.open("/entities/" + c.Entity)
	b.see("已办结")
	b.quiet()
	d.end(t)
}

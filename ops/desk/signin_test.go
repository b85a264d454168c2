package desk_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSignIn(t *testing.T) {
	o := open(t)
	for language, want := range map[string][]string{
		"zh-CN": {"账号或密码不对", "待领取", "退出"},
		"en":    {"Account or password is wrong", "Open", "Sign out"},
	} {
		b := o.browser(language)
		status, body := b.signIn("李梅", "wrong password")
		if status != http.StatusUnauthorized || !strings.Contains(body, want[0]) || !strings.Contains(body, `value="李梅"`) {
			t.Errorf("%s: the wrong password gave %d, %s", language, status, body)
		}
		if strings.Contains(body, "wrong password\"") {
			t.Errorf("%s: the page repeats the password", language)
		}
		status, body = b.post("/signin", "name", "李梅", "password", password)
		if status != http.StatusOK || !strings.Contains(body, want[1]) || !strings.Contains(body, want[2]) {
			t.Errorf("%s: signing in gave %d, %s", language, status, body)
		}
	}
}

func TestLockoutIsToldInWords(t *testing.T) {
	o := open(t)
	b := o.browser("en")
	for range 4 {
		b.signIn("李梅", "wrong password")
	}
	until := o.clock().Add(15 * time.Minute).Format("15:04")
	for _, secret := range []string{"wrong password", password} {
		status, body := b.signIn("李梅", secret)
		if status != http.StatusTooManyRequests || !strings.Contains(body, "locked until "+until) {
			t.Errorf("the locked account gave %d, want one that says until %s: %s", status, until, body)
		}
	}
	o.forward(15 * time.Minute)
	if status, _ := b.signIn("李梅", password); status != http.StatusOK {
		t.Errorf("after the lock signing in gave %d", status)
	}
}

func TestSessionEnds(t *testing.T) {
	o := open(t)
	id := everyState(o)["sent"]
	for name, end := range map[string]func(b *browser){
		"idle": func(*browser) { o.forward(31 * time.Minute) },
		"password changed": func(*browser) {
			if err := o.access.ChangePassword(t.Context(), "李梅", password); err != nil {
				t.Error(err)
			}
		},
	} {
		b := o.signedIn("李梅", "en")
		end(b)
		status, body := b.get("/cases/" + id + "?state=any")
		if status != http.StatusOK || !strings.Contains(body, "Your session has ended") {
			t.Errorf("%s: the next page is %d, %s", name, status, body)
		}
		status, body = b.post("/signin", "name", "李梅", "password", password, "next", "/cases/"+id+"?state=any")
		if status != http.StatusOK || !strings.Contains(body, id) {
			t.Errorf("%s: signed in again the page is %d, want the case", name, status)
		}
	}
	b := o.signedIn("李梅", "en")
	b.get("/cases")
	if status, body := b.post("/signout"); status != http.StatusOK || !strings.Contains(body, `id="password"`) {
		t.Errorf("signing out led to %d, %s", status, body)
	}
	if _, body := b.get("/cases"); !strings.Contains(body, `id="password"`) {
		t.Error("signed out, the list is still there")
	}
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	o := open(t)
	id := everyState(o)["open"]
	b := o.signedIn("李梅", "en")
	b.get("/cases/" + id)
	claim := "/cases/" + id + "/claim"
	foreign := func(header, value string) *http.Request {
		request := b.form(claim, "token", b.token)
		request.Header.Set(header, value)
		return request
	}
	for name, request := range map[string]*http.Request{
		"no token":         b.form(claim),
		"wrong token":      b.form(claim, "token", strings.Repeat("x", len(b.token))),
		"another site":     foreign("Sec-Fetch-Site", "cross-site"),
		"another origin":   foreign("Origin", "https://evil.example"),
		"too large":        b.form(claim, "padding", strings.Repeat("x", 1<<20), "token", b.token),
		"sign-in no token": o.browser("en").form("/signin", "name", "李梅", "password", password),
	} {
		if status, body, _ := b.do(request); status != http.StatusForbidden || !strings.Contains(body, "Nothing was done") {
			t.Errorf("%s: %d, %s", name, status, body)
		}
	}
	if c, _, err := o.queue.Get(t.Context(), id); err != nil || c.State != "open" {
		t.Errorf("the case is %s, %v; want open", c.State, err)
	}
	if status, _ := b.post(claim); status != http.StatusOK {
		t.Errorf("our own form gave %d", status)
	}
}

func TestOperatorsLookOnly(t *testing.T) {
	o := open(t)
	id := everyState(o)["open"]
	b := o.signedIn("ops", "en")
	_, body := b.get("/cases/" + id)
	if strings.Contains(body, "/claim") || !strings.Contains(body, "Operators look at cases") {
		t.Errorf("an operator is offered to claim: %s", body)
	}
	for _, action := range []string{"claim", "release", "decide"} {
		if status, _ := b.post("/cases/"+id+"/"+action, "outcome", "explained", "reason", "x"); status != http.StatusForbidden {
			t.Errorf("%s by an operator gave %d, want 403", action, status)
		}
	}
}

func TestLanguage(t *testing.T) {
	o := open(t)
	for accept, want := range map[string]string{
		"": "zh-CN", "zh": "zh-CN", "en-GB,en;q=0.9": "en", "fr, en;q=0.5": "en", "zh-TW,en": "zh-CN", "fr": "zh-CN", ";;;": "zh-CN",
	} {
		if _, body := o.browser(accept).get("/signin"); !strings.Contains(body, `<html lang="`+want+`">`) {
			t.Errorf("for %q the page is not in %s", accept, want)
		}
	}
	b := o.browser("zh-CN")
	b.get("/signin?lang=en")
	if _, body := b.get("/signin"); !strings.Contains(body, `<html lang="en">`) {
		t.Error("the language that was chosen is forgotten")
	}
}

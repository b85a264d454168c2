package access_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hebian/hub/sqldb"
	"hebian/ops/access"
	accessdb "hebian/ops/access/sqldb"
)

// clock is set by a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T) (*access.Access, *clock) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), filepath.Join(t.TempDir(), "hebian.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store, err := accessdb.Open(t.Context(), db.DB)
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{now: time.Now().Truncate(time.Second)}
	return access.New(store, c.time), c
}

const (
	right = "correct horse battery"
	wrong = "incorrect horse battery"
)

func add(t *testing.T, a *access.Access, name string, role access.Role) {
	t.Helper()
	if err := a.Add(t.Context(), name, role, right); err != nil {
		t.Fatal(err)
	}
}

func TestAccounts(t *testing.T) {
	a, c := open(t)
	add(t, a, "李梅", access.Officer)
	add(t, a, "ops.1", access.Operator)
	if err := a.Add(t.Context(), "李梅", access.Officer, right); !errors.Is(err, access.ErrTaken) {
		t.Errorf("a second account of the same name: %v, want ErrTaken", err)
	}
	want := []access.Account{{Name: "ops.1", Role: access.Operator, Created: c.now}, {Name: "李梅", Role: access.Officer, Created: c.now}}
	got, err := a.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range got {
		if strings.Contains(account.Password, "horse") || !strings.HasPrefix(account.Password, "$argon2id$") {
			t.Errorf("the password of %s is kept as %s", account.Name, account.Password)
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(access.Account{}, "Password")); diff != "" {
		t.Errorf("accounts differ (-want +got):\n%s", diff)
	}
	if _, err := a.SignIn(t.Context(), " 李梅 ", right); err != nil {
		t.Errorf("sign in: %v", err)
	}
	if err := a.ChangePassword(t.Context(), "李梅", "another password"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SignIn(t.Context(), "李梅", right); !errors.Is(err, access.ErrWrong) {
		t.Errorf("sign in with the old password: %v, want ErrWrong", err)
	}
	if _, err := a.SignIn(t.Context(), "李梅", "another password"); err != nil {
		t.Errorf("sign in with the new password: %v", err)
	}
	if err := a.Remove(t.Context(), "李梅"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SignIn(t.Context(), "李梅", "another password"); !errors.Is(err, access.ErrWrong) {
		t.Errorf("sign in to a removed account: %v, want ErrWrong", err)
	}
	for name, err := range map[string]error{"Remove": a.Remove(t.Context(), "李梅"), "ChangePassword": a.ChangePassword(t.Context(), "李梅", right)} {
		if !errors.Is(err, access.ErrUnknown) {
			t.Errorf("%s of no account: %v, want ErrUnknown", name, err)
		}
	}
}

func TestBadAccounts(t *testing.T) {
	a, _ := open(t)
	for _, test := range []struct {
		name     string
		role     access.Role
		password string
	}{
		{"", access.Officer, right},
		{"a b", access.Officer, right},
		{"a\xff", access.Officer, right},
		{strings.Repeat("长", 33), access.Officer, right},
		{"mei", "king", right},
		{"mei", access.Officer, "nine char"},
		{"mei", access.Officer, strings.Repeat("x", 257)},
		{"mei.li", access.Officer, "Mei.Li-2026"},
	} {
		if err := a.Add(t.Context(), test.name, test.role, test.password); err == nil {
			t.Errorf("account %q of role %q with password %q was made", test.name, test.role, test.password)
		}
	}
}

// A name locks alike whether it has an account or not.
func TestLockout(t *testing.T) {
	for _, name := range []string{"mei", "nobody"} {
		t.Run(name, func(t *testing.T) {
			a, c := open(t)
			add(t, a, "mei", access.Officer)
			try := func(password string) error { _, err := a.SignIn(t.Context(), name, password); return err }
			var locked *access.LockedError
			for range 4 {
				if err := try(wrong); !errors.Is(err, access.ErrWrong) {
					t.Fatalf("a wrong try: %v, want ErrWrong", err)
				}
			}
			if err := try(wrong); !errors.As(err, &locked) || !locked.Until.Equal(c.now.Add(15*time.Minute)) {
				t.Fatalf("the fifth wrong try: %v, want locked for 15 minutes", err)
			}
			c.forward(14 * time.Minute)
			if err := try(right); !errors.As(err, &locked) {
				t.Errorf("the right password on a locked name: %v, want locked", err)
			}
			if _, err := a.SignIn(t.Context(), "other", wrong); !errors.Is(err, access.ErrWrong) {
				t.Errorf("a try under another name: %v, want ErrWrong", err)
			}
			c.forward(time.Minute)
			if err := try(wrong); !errors.Is(err, access.ErrWrong) {
				t.Errorf("the first wrong try after the lock: %v, want ErrWrong", err)
			}
			if err := try(right); (err == nil) != (name == "mei") {
				t.Errorf("the right password after the lock: %v", err)
			}
		})
	}
}

func TestWrongTriesAreForgotten(t *testing.T) {
	a, c := open(t)
	add(t, a, "mei", access.Officer)
	for round := range 3 {
		for range 4 {
			if _, err := a.SignIn(t.Context(), "mei", wrong); !errors.Is(err, access.ErrWrong) {
				t.Fatalf("round %d: %v, want ErrWrong", round, err)
			}
		}
		if round == 0 {
			c.forward(16 * time.Minute)
		} else if _, err := a.SignIn(t.Context(), "mei", right); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

func TestChangedPasswordLiftsTheLock(t *testing.T) {
	a, _ := open(t)
	add(t, a, "mei", access.Officer)
	for range 5 {
		a.SignIn(t.Context(), "mei", wrong) //nolint:errcheck // meant to be wrong
	}
	if err := a.ChangePassword(t.Context(), "mei", right); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SignIn(t.Context(), "mei", right); err != nil {
		t.Error(err)
	}
}

// However many try at once, no more than five passwords are compared.
func TestTriesSideBySideAllCount(t *testing.T) {
	a, _ := open(t)
	add(t, a, "mei", access.Officer)
	var mu sync.Mutex
	answers := map[string]int{}
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			_, err := a.SignIn(t.Context(), "mei", wrong)
			var locked *access.LockedError
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, access.ErrWrong):
				answers["wrong"]++
			case errors.As(err, &locked):
				answers["locked"]++
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if diff := cmp.Diff(map[string]int{"wrong": 4, "locked": 16}, answers); diff != "" {
		t.Errorf("answers differ (-want +got):\n%s", diff)
	}
}

func TestTooManyAtOnceAreSentAway(t *testing.T) {
	a, _ := open(t)
	var busy sync.Map
	var wait sync.WaitGroup
	for range 200 {
		wait.Go(func() {
			if _, err := a.SignIn(t.Context(), "mei", wrong); errors.Is(err, access.ErrBusy) {
				busy.Store("busy", true)
			}
		})
	}
	wait.Wait()
	if _, ok := busy.Load("busy"); !ok {
		t.Error("200 signed in at once, and nobody was sent away")
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	a, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.SignIn(ctx, "mei", wrong); !errors.Is(err, context.Canceled) {
		t.Errorf("sign in with a cancelled context: %v", err)
	}
}

func TestTokens(t *testing.T) {
	a, c := open(t)
	add(t, a, "mei", access.Officer)
	until := c.now.AddDate(1, 0, 0)
	ofAgency, id, err := a.Issue(t.Context(), access.Token{Label: "payroll", Agency: "finance", Expires: until})
	if err != nil {
		t.Fatal(err)
	}
	ofAccount, other, err := a.Issue(t.Context(), access.Token{Account: "mei", Expires: until})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(ofAgency, "hb_") || len(ofAgency) != 3+43 || ofAgency == ofAccount {
		t.Errorf("tokens are %q and %q", ofAgency, ofAccount)
	}
	who := func(secret string, want access.Caller, wantErr error) {
		t.Helper()
		got, err := a.Who(t.Context(), secret)
		if !cmp.Equal(got, want) || !errors.Is(err, wantErr) {
			t.Errorf("Who gave %+v, %v; want %+v, %v", got, err, want, wantErr)
		}
	}
	who(ofAgency, access.Caller{Agency: "finance"}, nil)
	who(ofAccount, access.Caller{Account: "mei", Role: access.Officer}, nil)
	for _, bad := range []string{"", "hb_", ofAgency + "A", ofAgency[3:], "hb_" + strings.Repeat("x", 1<<20)} {
		who(bad, access.Caller{}, access.ErrToken)
	}
	tried, third, err := a.Issue(t.Context(), access.Token{Agency: "tax", Scopes: []access.Scope{access.Deliver, access.Read}, Sandbox: true, Expires: until})
	if err != nil {
		t.Fatal(err)
	}
	trying := access.Caller{Agency: "tax", Scopes: []access.Scope{access.Deliver, access.Read}, Sandbox: true}
	who(tried, trying, nil)
	if !trying.For(access.Read) || trying.For(access.Pull) || !(&access.Caller{Agency: "tax"}).For(access.Pull) {
		t.Error("a token is for other things than its scopes")
	}
	want := []access.Token{
		{ID: id, Label: "payroll", Agency: "finance", Created: c.now, Expires: until, Used: c.now},
		{ID: other, Account: "mei", Created: c.now, Expires: until, Used: c.now},
		{ID: third, Agency: "tax", Scopes: trying.Scopes, Sandbox: true, Created: c.now, Expires: until, Used: c.now},
	}
	got, err := a.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tokens differ (-want +got):\n%s", diff)
	}
	if err := a.Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	who(ofAgency, access.Caller{}, access.ErrToken)
	if err := a.Revoke(t.Context(), id); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("revoked twice: %v, want ErrUnknown", err)
	}
	c.forward(until.Sub(c.now))
	who(ofAccount, access.Caller{}, access.ErrToken)
}

func TestRemovedAccountsTokensEnd(t *testing.T) {
	a, c := open(t)
	add(t, a, "mei", access.Officer)
	secret, _, err := a.Issue(t.Context(), access.Token{Account: "mei", Expires: c.now.AddDate(1, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Remove(t.Context(), "mei"); err != nil {
		t.Fatal(err)
	}
	add(t, a, "mei", access.Operator)
	if _, err := a.Who(t.Context(), secret); !errors.Is(err, access.ErrToken) {
		t.Errorf("the token of a removed account gave %v, want ErrToken", err)
	}
}

func TestBadTokens(t *testing.T) {
	a, c := open(t)
	later := c.now.Add(time.Hour)
	for name, token := range map[string]access.Token{
		"an account in the sandbox": {Account: "mei", Sandbox: true, Expires: time.Now().AddDate(10, 0, 0)},
		"no scope":                  {Agency: "tax", Scopes: []access.Scope{"all"}, Expires: time.Now().AddDate(10, 0, 0)},
		"for nobody":                {Expires: later},
		"for two":                   {Agency: "hr", Account: "mei", Expires: later},
		"expired":                   {Agency: "hr", Expires: c.now},
		"never expires":             {Agency: "hr"},
		"no account":                {Account: "mei", Expires: later},
	} {
		if _, _, err := a.Issue(t.Context(), token); err == nil {
			t.Errorf("a token %s was issued", name)
		}
	}
}

// site signs in at /in, out at /out, and says who is there anywhere else.
func site(t *testing.T, a *access.Access) (get func(path string) (string, *http.Response), jar http.CookieJar) {
	t.Helper()
	sessions := a.Sessions(false, func(_ http.ResponseWriter, _ *http.Request, err error) { t.Error(err) })
	server := httptest.NewServer(sessions.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		switch r.URL.Path {
		case "/in":
			var account access.Account
			if account, err = a.SignIn(r.Context(), "mei", right); err == nil {
				err = sessions.Begin(r.Context(), account)
			}
		case "/out":
			err = sessions.End(r.Context())
		}
		account, ok, lookup := sessions.Account(r.Context())
		if err = errors.Join(err, lookup); err != nil {
			t.Error(err)
		}
		if token := sessions.FormToken(r.Context()); ok != sessions.IsFormToken(r.Context(), token) || sessions.IsFormToken(r.Context(), token+"x") {
			t.Errorf("form token %q of a session that is signed in: %v", token, ok)
		}
		w.Write([]byte(account.Name)) //nolint:errcheck // the client is here
	})))
	t.Cleanup(server.Close)
	jar, _ = cookiejar.New(nil)
	client := server.Client()
	client.Jar = jar
	return func(path string) (string, *http.Response) {
		t.Helper()
		response, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body), response
	}, jar
}

func TestSessions(t *testing.T) {
	for _, test := range []struct {
		name   string
		do     func(t *testing.T, a *access.Access, c *clock, get func(string) (string, *http.Response))
		signed bool
	}{
		{"stays", func(*testing.T, *access.Access, *clock, func(string) (string, *http.Response)) {}, true},
		{"used now and then", func(_ *testing.T, _ *access.Access, c *clock, get func(string) (string, *http.Response)) {
			for range 20 {
				c.forward(29 * time.Minute)
				get("/")
			}
		}, true},
		{"idle", func(_ *testing.T, _ *access.Access, c *clock, _ func(string) (string, *http.Response)) {
			c.forward(31 * time.Minute)
		}, false},
		{"too long", func(_ *testing.T, _ *access.Access, c *clock, get func(string) (string, *http.Response)) {
			for range 37 {
				c.forward(20 * time.Minute)
				get("/")
			}
		}, false},
		{"signed out", func(_ *testing.T, _ *access.Access, _ *clock, get func(string) (string, *http.Response)) {
			get("/out")
		}, false},
		{"password changed", func(t *testing.T, a *access.Access, _ *clock, _ func(string) (string, *http.Response)) {
			if err := a.ChangePassword(t.Context(), "mei", right); err != nil {
				t.Error(err)
			}
		}, false},
		{"account removed", func(t *testing.T, a *access.Access, _ *clock, _ func(string) (string, *http.Response)) {
			if err := a.Remove(t.Context(), "mei"); err != nil {
				t.Error(err)
			}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, c := open(t)
			add(t, a, "mei", access.Officer)
			get, _ := site(t, a)
			if who, _ := get("/"); who != "" {
				t.Fatalf("before sign-in it is %q", who)
			}
			if who, _ := get("/in"); who != "mei" {
				t.Fatalf("signed in it is %q", who)
			}
			test.do(t, a, c, get)
			if who, _ := get("/"); (who == "mei") != test.signed {
				t.Errorf("it is %q", who)
			}
		})
	}
}

func TestCookie(t *testing.T) {
	a, _ := open(t)
	add(t, a, "mei", access.Officer)
	get, _ := site(t, a)
	if _, response := get("/"); len(response.Cookies()) != 0 {
		t.Error("a visitor who is not signed in gets a session")
	}
	_, response := get("/in")
	cookies := response.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies, want 1", len(cookies))
	}
	if c := cookies[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge != 0 {
		t.Errorf("the cookie is %s", c)
	}
	_, again := get("/in")
	if got := again.Cookies(); len(got) != 1 || got[0].Value == cookies[0].Value {
		t.Error("signing in again kept the cookie")
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tokenFile is a file with a token.
func tokenFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Contexts find the hub and the token; what is given wins over them, and a token goes to its own hub alone.
func TestContexts(t *testing.T) {
	t.Setenv("HEBIAN_CONFIG", filepath.Join(t.TempDir(), "contexts.yaml"))
	asked := map[string]string{} // the last token by hub
	hub := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked[name] = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			w.Write([]byte(`{"connectors":[]}`)) //nolint:errcheck // a test
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	one, two := hub("one"), hub("two")
	tokenOne, tokenTwo := tokenFile(t, "hb_one"), tokenFile(t, "hb_two")
	mustRun(t, "context", "add", "county", "--url", one+"/", "--token-file", tokenOne)
	mustRun(t, "context", "add", "trial", "--url", two, "--token-file", tokenTwo)
	for _, test := range []struct {
		name, hub, token string
		args             []string
		use, env         string
	}{
		{name: "the first is in use", hub: "one", token: "hb_one"},
		{name: "named", hub: "two", token: "hb_two", args: []string{"--context", "trial"}},
		{name: "named in the environment", hub: "two", token: "hb_two", env: "trial"},
		{name: "used", hub: "two", token: "hb_two", use: "trial"},
		{name: "another token", hub: "two", token: "hb_one", args: []string{"--token-file", tokenOne}},
		{name: "all given", hub: "one", token: "hb_two", args: []string{"--url", one, "--token-file", tokenTwo}},
		{name: "its own address", hub: "two", token: "hb_two", args: []string{"--url", two}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clear(asked)
			if test.use != "" {
				mustRun(t, "context", "use", test.use)
			}
			if test.env != "" {
				t.Setenv("HEBIAN_CONTEXT", test.env)
			}
			mustRun(t, append([]string{"connector", "list"}, test.args...)...)
			if len(asked) != 1 || asked[test.hub] != test.token {
				t.Errorf("asked was %v, want %s with %s", asked, test.hub, test.token)
			}
		})
	}
	clear(asked)
	if code, _, errs := hebian(t, "connector", "list", "--url", one); code != 2 || !strings.Contains(errs, "--token-file") || len(asked) > 0 {
		t.Errorf("another hub than that of the context: exit code %d: %s; asked was %v", code, errs, asked)
	}
}

// The file of contexts holds no token and is for its owner alone; what is wrong with a command or the file is said.
func TestContextFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "below", "contexts.yaml")
	t.Setenv("HEBIAN_CONFIG", path)
	const one, two = "http://127.0.0.1:1", "http://127.0.0.1:2"
	token := tokenFile(t, "hb_x")
	mustRun(t, "context", "add", "county", "--url", one+"/", "--token-file", token)
	mustRun(t, "context", "add", "county", "--url", one, "--token-file", token) // the same
	mustRun(t, "context", "add", "trial", "--url", two, "--token-file", token)
	mustRun(t, "context", "use", "trial")
	for _, test := range []struct {
		says string
		args []string
	}{
		{"known: county, trial", []string{"connector", "list", "--context", "nowhere"}},
		{"known: county, trial", []string{"context", "use", "nowhere"}},
		{"there is another context county", []string{"context", "add", "county", "--url", two, "--token-file", token}},
		{"no name for a context", []string{"context", "add", "a b", "--url", two, "--token-file", token}},
		{"want http://HOST:PORT", []string{"context", "add", "c", "--url", "two", "--token-file", token}},
	} {
		if code, _, errs := hebian(t, test.args...); code != 2 || !strings.Contains(errs, test.says) {
			t.Errorf("%v: exit code %d, want 2 and %q: %s", test.args, code, test.says, errs)
		}
	}
	text := readText(t, path)
	if strings.Contains(text, "hb_") {
		t.Errorf("a token stands in the file:\n%s", text)
	}
	if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("the file may be read by others: %v, %v", stat.Mode(), err)
	}
	mustRun(t, "context", "remove", "trial")
	if code, out, errs := hebian(t, "context", "list", "-o", "json"); code != 0 || strings.Contains(out, "trial") || !strings.Contains(out, `"use": ""`) {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if err := os.WriteFile(path, []byte("use: county\ncontext: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := hebian(t, "context", "list"); code != 2 || !strings.Contains(errs, "[2:1]") {
		t.Errorf("a broken file: exit code %d: %s", code, errs)
	}
}

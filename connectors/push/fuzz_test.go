package push

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func FuzzContentDigest(f *testing.F) {
	f.Add("sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:")
	f.Add("sha-512=:AA==:, sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:")
	f.Add("sha-256=ungWv48")
	f.Add("")
	f.Fuzz(func(t *testing.T, header string) {
		digest, ok := parseDigest(header)
		if !ok || header == "" {
			return
		}
		sum, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
		if err != nil || len(sum) != 32 {
			t.Fatalf("%q passes as %q", header, digest)
		}
		if again, ok := parseDigest("sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"); !ok || again != digest {
			t.Fatalf("%q is not read back", digest)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("-1")
	f.Add("Fri, 31 Dec 1999 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, header string) {
		if pause, _ := retryAfter(header); pause < 0 {
			t.Fatalf("%q means to wait %v", header, pause)
		}
	})
}

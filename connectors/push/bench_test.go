package push_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"hebian/connectors"
	"hebian/connectors/push"
)

// idle is a hub that takes everything in without looking at it.
type idle struct{ house }

func (*idle) Deliver(_ context.Context, u connectors.Upload) (connectors.Receipt, error) {
	return connectors.Receipt{Delivery: 1, Agency: u.Agency, File: u.Name, Outcome: connectors.Complete, Digest: u.Digest}, nil
}

func (*idle) ByKey(context.Context, string, string) (connectors.Receipt, bool, error) {
	return connectors.Receipt{}, false, nil
}

// BenchmarkUpload is the road alone, client and server on one machine: a month of 600,000 pay lines has some
// 60 MB.
func BenchmarkUpload(b *testing.B) {
	b.Run("whole", func(b *testing.B) { benchmarkUpload(b, size) })
	b.Run("parts", func(b *testing.B) { benchmarkUpload(b, size/4) }) // each brought to disk before its answer
}

const size = 60 << 20

func benchmarkUpload(b *testing.B, part int64) {
	profiles, err := connectors.Profiles()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	spool, err := connectors.NewSpool(filepath.Join(dir, "spool"), size, size)
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	push.Register(humago.New(mux, huma.DefaultConfig("hebian", "test")), push.Options{
		Hub: &idle{}, Uploads: filepath.Join(dir, "uploads"), Profiles: profiles, Spool: spool, Claims: &connectors.Claims{}, Log: slog.New(slog.DiscardHandler),
		Who: func(context.Context, string) (push.Caller, error) { return callers["hb_finance"], nil },
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	client, err := push.NewClient(server.URL, "hb_finance", nil)
	if err != nil {
		b.Fatal(err)
	}
	if part < size {
		client.InParts(size, part)
	}
	path := filepath.Join(dir, "payroll.csv")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Deliver(b.Context(), push.Shipment{Agency: "finance", File: "payroll-202609.csv", Path: path}); err != nil {
			b.Fatal(err)
		}
	}
}

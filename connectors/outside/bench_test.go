package outside_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"hebian/connectors/outside"
)

// One call with an answer of 4 MiB over the loopback interface.
func BenchmarkDo(b *testing.B) {
	body := bytes.Repeat([]byte(`{"id": "1"},`), 4<<20/12)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
	defer server.Close()
	client, err := outside.New(outside.Options{URL: server.URL, Allow: loopback, Rate: outside.Rate{PerSecond: 10_000, Burst: 10_000}})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := client.Do(b.Context(), http.MethodGet, "", nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

package watch_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"hebian/ops/watch"
)

var now = time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC)

func readings(context.Context) (watch.Readings, error) {
	return watch.Readings{
		Ledger: []watch.LedgerLine{{Dataset: "finance.pay_line", Accepted: 10, Delivered: 6, Quarantined: 1, Pending: 3}},
		Cases:  []watch.Cases{{Queue: "finance", State: "open", Count: 4, Oldest: now.Add(-time.Hour)}, {Queue: "finance", State: "settled", Count: 2, Oldest: now.Add(-9 * time.Hour)}, {Queue: "hr", State: "settled", Count: 1}},
		Flags:  map[string]int{"PAID_NO_SLOT": 7}, Entities: 3, Conflicts: []watch.Conflicts{{"CONFLICT", "lag", 2}},
		Quarantine: []watch.Quarantine{{Dataset: "finance.pay_line", Reason: "MISSING", Rows: 1}},
		Freshness:  []watch.Freshness{{Connector: "finance", Dataset: "finance.pay_line", Watermark: now.Add(-5 * 24 * time.Hour), LastSuccess: now.Add(-time.Hour)}, {Connector: "hr", Dataset: "hr.absence"}},
		LagRecords: 3, LagSince: now.Add(time.Minute), Judged: now.Add(-2 * time.Second), AsOf: now, Now: now,
	}, nil
}

func scrape(t *testing.T, h http.Handler) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestMetrics(t *testing.T) {
	m := watch.New("test", readings)
	m.Records("finance", "finance.pay_line", "in", "accepted", 9)
	m.Records("finance", "finance.pay_line", "in", "quarantined", 0)
	m.Delivered("finance", time.Second)
	m.Judged(20 * time.Millisecond)
	m.Retried("relay")
	refuse := m.Requests(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInsufficientStorage) }))
	refuse.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
	code, text := scrape(t, m.Handler())
	if code != 200 {
		t.Fatalf("status %d: %s", code, text)
	}
	for _, want := range []string{
		`hebian_records_total{connector="finance",dataset="finance.pay_line",direction="in",outcome="accepted"} 9`,
		`hebian_conservation_difference{dataset="finance.pay_line"} 0`,
		`hebian_pending{dataset="finance.pay_line"} 3`,
		`hebian_queue_cases{outcome="settled",queue="finance"} 2`,
		`hebian_queue_open{queue="finance"} 4`,
		`hebian_queue_open{queue="hr"} 0`,
		`hebian_queue_oldest_seconds{queue="finance"} 3600`, // of an open case, not of an older settled one
		`hebian_consumer_lag_seconds 0`,                     // received in the future: a clock jumped back
		`hebian_matcher_run_age_seconds 2`,
		`hebian_matcher_flags{rule="PAID_NO_SLOT"} 7`,
		`hebian_matcher_entities 3`,
		`hebian_matcher_entity_findings{kind="CONFLICT",state="lag"} 2`,
		`hebian_request_failures_total{reason="disk_full"} 1`,
		`hebian_retry_total{reason="relay"} 1`,
		`hebian_judge_duration_seconds_count 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(text, `hebian_watermark_timestamp_seconds{connector="hr"`) {
		t.Error("an agency that declared nothing has a watermark")
	}
	compareWithDocs(t, text)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// compareWithDocs holds the table of metrics in the documentation against what is served.
func compareWithDocs(t *testing.T, served string) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/serve.md")
	if err != nil {
		t.Fatal(err)
	}
	names := func(pattern, text string) []string {
		var all []string
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			all = append(all, match[1])
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	if diff := cmp.Diff(names("`(hebian_[a-z_]+)`", string(doc)), names(`(?m)^# TYPE (hebian_[a-z_]+) `, served)); diff != "" {
		t.Errorf("docs/serve.md and the metrics differ (-documented +served):\n%s", diff)
	}
}

// What can't be read is an error of the scrape, never a zero.
func TestReadingFails(t *testing.T) {
	m := watch.New("test", func(context.Context) (watch.Readings, error) {
		return watch.Readings{}, errors.New("database is gone")
	})
	if code, _ := scrape(t, m.Handler()); code != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", code)
	}
}

func TestHealth(t *testing.T) {
	why := "folding the log"
	w := httptest.NewRecorder()
	ready := watch.Readyz(func() string { return why })
	if ready(w, nil); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), why) {
		t.Errorf("not ready: %d %s", w.Code, w.Body)
	}
	why, w = "", httptest.NewRecorder()
	if ready(w, nil); w.Code != http.StatusOK {
		t.Errorf("ready: %d", w.Code)
	}
}

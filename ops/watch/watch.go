// Package watch shows operators how the hub does: metrics for Prometheus, health and readiness. What
// happens is counted as it happens; what stands is read when somebody asks. No person, no file name and no text
// of an error is ever a label. It decides nothing and keeps nothing.
package watch

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what happens in a hub and serves it beside what stands.
type Metrics struct {
	registry *prometheus.Registry

	records  *prometheus.CounterVec
	delivery *prometheus.HistogramVec
	judge    prometheus.Histogram
	requests *prometheus.HistogramVec
	failures *prometheus.CounterVec
	retries  *prometheus.CounterVec
}

// Buckets of durations, in seconds: a line is judged within milliseconds, a month taken in within seconds.
var (
	shortSeconds = []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}
	longSeconds  = []float64{.01, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300}
)

// New makes the metrics of a hub. read gives what stands; it is asked once a scrape.
func New(version string, read func(context.Context) (Readings, error)) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hebian_records_total",
			Help: "Rows that passed a door, by agency, subject, way and what became of them."}, []string{"connector", "dataset", "direction", "outcome"}),
		delivery: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hebian_delivery_duration_seconds",
			Help: "Time from the start of intake to the receipt.", Buckets: longSeconds}, []string{"connector"}),
		judge: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hebian_judge_duration_seconds",
			Help: "Time from when the judge hears of a delivery to its cases.", Buckets: shortSeconds}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hebian_request_duration_seconds",
			Help: "Time to answer a request, by class of status.", Buckets: shortSeconds, NativeHistogramBucketFactor: 1.1}, []string{"outcome"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hebian_request_failures_total",
			Help: "Requests that were refused or failed, by reason."}, []string{"reason"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hebian_retry_total",
			Help: "Steps that were tried again, by room and reason."}, []string{"reason"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hebian_build_info", Help: "1, with the version of this binary."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.records, m.delivery, m.judge, m.requests, m.failures, m.retries, build, &standing{read: read},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics. A reading that fails is told to the scraper as an error, never as zeros.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, EnableOpenMetrics: true, Timeout: scrapeSeconds * time.Second})
}

// scrapeSeconds bounds a scrape; Prometheus itself waits ten seconds by default.
const scrapeSeconds = 9

// Records counts records that passed a door. direction is in or out.
func (m *Metrics) Records(connector, dataset, direction, outcome string, n int64) {
	if n > 0 {
		m.records.WithLabelValues(connector, dataset, direction, outcome).Add(float64(n))
	}
}

// Delivered notes how long a delivery took from the start of intake to its receipt.
func (m *Metrics) Delivered(connector string, took time.Duration) {
	m.delivery.WithLabelValues(connector).Observe(took.Seconds())
}

// Judged notes how long it took from when the judge heard of a delivery to the cases that it brought.
func (m *Metrics) Judged(took time.Duration) { m.judge.Observe(took.Seconds()) }

// Retried notes that a step had to be tried again: judge or relay.
func (m *Metrics) Retried(step string) { m.retries.WithLabelValues(step).Inc() }

// Requests times every request that next answers.
func (m *Metrics) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		m.requests.WithLabelValues(strconv.Itoa(seen.status/100) + "xx").Observe(time.Since(started).Seconds())
		if seen.status >= 400 {
			m.failures.WithLabelValues(reason(seen.status)).Inc()
		}
	})
}

// reason groups the statuses of refusals, so that there are few.
func reason(status int) string {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return "malformed"
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "unknown"
	case http.StatusConflict:
		return "conflict"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "overloaded"
	case http.StatusInsufficientStorage:
		return "disk_full"
	}
	if status < 500 {
		return "other"
	}
	return "internal"
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Healthz answers while the process can answer at all.
func Healthz(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }

// Readyz answers whether the hub takes deliveries and judges them; why says what is in the way, and is
// empty when nothing is.
func Readyz(why func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if text := why(); text != "" {
			say(w, http.StatusServiceUnavailable, text)
			return
		}
		say(w, http.StatusOK, "ready")
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(text + "\n")) //nolint:errcheck // whoever asked may have gone
}

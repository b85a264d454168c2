package watch

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Readings is how a hub stands at one moment. Ledger, cases and outbox are read in one transaction each.
type Readings struct {
	Ledger      []LedgerLine
	Cases       []Cases
	Flags       map[string]int // of the last judgement, by rule
	Open        int            // cases that nobody has settled; one that two agencies must act on counts once
	Entities    int            // legal entities
	Conflicts   []Conflicts    // findings about them
	Quarantine  []Quarantine
	Freshness   []Freshness
	LagRecords  int64     // rows with a receipt that the matcher has not folded yet
	LagSince    time.Time // receipt of the oldest delivery that waits; zero: none waits
	OutboxSize  int64     // corrections decided and not yet with their agency
	OutboxSince time.Time // decision of the oldest of them; zero: none
	Judged      time.Time // end of the last judgement; zero: none yet
	AsOf        time.Time // day that is judged by
	Now         time.Time
}

// LedgerLine is the conservation of rows of one subject: Accepted = Delivered + Quarantined + Pending.
type LedgerLine struct {
	Dataset     string
	Accepted    int64
	Delivered   int64
	Quarantined int64
	Pending     int64
	Difference  int64 // anything but 0 is a lost or doubled row
}

// Cases counts cases of one queue in one state.
type Cases struct {
	Queue  string // agency that must act
	State  string
	Count  int
	Oldest time.Time // when the oldest of them opened
}

// Conflicts counts findings about legal entities.
type Conflicts struct {
	Kind  string
	State string // conflict or lag; empty for other kinds
	Count int
}

// Quarantine counts rows in quarantine.
type Quarantine struct {
	Dataset, Reason string
	Rows            int64
}

// Freshness is how far the data of an agency goes.
type Freshness struct {
	Connector, Dataset string
	Watermark          time.Time // end of the last month that the agency declared complete; zero: none
	LastSuccess        time.Time // receipt of the newest complete delivery; zero: none
}

// standing collects Readings at every scrape.
type standing struct {
	read func(context.Context) (Readings, error)
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hebian_"+name, help, labels, nil)
}

// What stands, with its labels.
var (
	accepted    = describe("accepted_total", "Rows of complete deliveries, by subject.", "dataset")
	delivered   = describe("delivered_total", "Rows of them that the matcher has folded.", "dataset")
	quarantined = describe("quarantined_total", "Rows of them that went to quarantine.", "dataset")
	pending     = describe("pending", "Rows of them that the matcher has not folded yet.", "dataset")
	difference  = describe("conservation_difference", "Accepted less delivered, quarantined and pending, read in one transaction. Anything but 0 is a lost or doubled row.", "dataset")

	queueCases  = describe("queue_cases", "Cases by the agency that must act and by state.", "queue", "outcome")
	queueOpen   = describe("queue_open", "Cases that nobody has settled, by the agency that must act.", "queue")
	queueOldest = describe("queue_oldest_seconds", "Age of the oldest case that nobody has settled.", "queue")
	flags       = describe("matcher_flags", "Findings of the last judgement, provisional ones among them, by rule.", "rule")
	entities    = describe("matcher_entities", "Legal entities that the sources describe.")
	conflicts   = describe("matcher_entity_findings", "Findings about legal entities as they are judged now, by kind and state.", "kind", "state")
	inQuarant   = describe("quarantine_pending", "Rows in quarantine that no later delivery has mended.", "dataset", "reason")

	lagRecords = describe("consumer_lag_records", "Rows with a receipt that the matcher has not folded yet.")
	lagSeconds = describe("consumer_lag_seconds", "Age of the oldest receipt whose rows the matcher has not folded yet.")
	runAge     = describe("matcher_run_age_seconds", "Time since the last judgement ended.")
	asOfDay    = describe("matcher_as_of_timestamp_seconds", "Day that is judged by.")
	outboxSize = describe("outbox_pending", "Corrections decided and not yet with their agency.")
	outboxAge  = describe("outbox_oldest_seconds", "Age of the oldest of them.")

	watermark   = describe("watermark_timestamp_seconds", "End of the last month that an agency declared complete.", "connector", "dataset")
	lastSuccess = describe("last_success_timestamp_seconds", "Receipt of the newest complete delivery.", "connector", "dataset")
)

// Describe names every series.
func (standing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{accepted, delivered, quarantined, pending, difference, queueCases, queueOpen, queueOldest, flags, entities, conflicts, inQuarant,
		lagRecords, lagSeconds, runAge, asOfDay, outboxSize, outboxAge, watermark, lastSuccess} {
		ch <- d
	}
}

// Collect reads how the hub stands.
func (s *standing) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeSeconds*time.Second)
	defer cancel()
	r, err := s.read(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(difference, err)
		return
	}
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	for _, l := range r.Ledger {
		send(accepted, prometheus.CounterValue, float64(l.Accepted), l.Dataset)
		send(delivered, prometheus.CounterValue, float64(l.Delivered), l.Dataset)
		send(quarantined, prometheus.CounterValue, float64(l.Quarantined), l.Dataset)
		send(pending, prometheus.GaugeValue, float64(l.Pending), l.Dataset)
		send(difference, prometheus.GaugeValue, float64(l.Difference), l.Dataset)
	}
	r.sendCases(send)
	for rule, n := range r.Flags {
		send(flags, prometheus.GaugeValue, float64(n), rule)
	}
	send(entities, prometheus.GaugeValue, float64(r.Entities))
	for _, c := range r.Conflicts {
		send(conflicts, prometheus.GaugeValue, float64(c.Count), c.Kind, c.State)
	}
	for _, q := range r.Quarantine {
		send(inQuarant, prometheus.GaugeValue, float64(q.Rows), q.Dataset, q.Reason)
	}
	send(lagRecords, prometheus.GaugeValue, float64(r.LagRecords))
	send(lagSeconds, prometheus.GaugeValue, r.age(r.LagSince))
	send(runAge, prometheus.GaugeValue, r.age(r.Judged))
	send(asOfDay, prometheus.GaugeValue, float64(r.AsOf.Unix()))
	send(outboxSize, prometheus.GaugeValue, float64(r.OutboxSize))
	send(outboxAge, prometheus.GaugeValue, r.age(r.OutboxSince))
	for _, f := range r.Freshness {
		if !f.Watermark.IsZero() {
			send(watermark, prometheus.GaugeValue, float64(f.Watermark.Unix()), f.Connector, f.Dataset)
		}
		if !f.LastSuccess.IsZero() {
			send(lastSuccess, prometheus.GaugeValue, float64(f.LastSuccess.UnixMilli())/1000, f.Connector, f.Dataset)
		}
	}
}

// closed are the states in which nobody has anything left to do.
var closed = map[string]bool{"settled": true, "explained": true}

func (r *Readings) sendCases(send func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
	open, oldest := map[string]int{}, map[string]time.Time{}
	for _, c := range r.Cases {
		send(queueCases, prometheus.GaugeValue, float64(c.Count), c.Queue, c.State)
		open[c.Queue] += 0
		if closed[c.State] {
			continue
		}
		open[c.Queue] += c.Count
		if t := oldest[c.Queue]; t.IsZero() || !c.Oldest.IsZero() && c.Oldest.Before(t) {
			oldest[c.Queue] = c.Oldest
		}
	}
	for queue, n := range open {
		send(queueOpen, prometheus.GaugeValue, float64(n), queue)
		send(queueOldest, prometheus.GaugeValue, r.age(oldest[queue]), queue)
	}
}

// age is how long ago something was, 0 if never: a clock that jumped back makes nothing negative.
func (r *Readings) age(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, r.Now.Sub(t).Seconds())
}

package queue

import (
	"maps"
	"slices"

	"hebian/hub"
)

// LedgerLine balances the rows of a subject. Difference is 0, or rows were lost or doubled.
type LedgerLine struct {
	Subject     string
	Accepted    int64 // rows read of all complete deliveries
	Delivered   int64 // good rows of those that were judged, as far as the matcher's fold bears them out
	Quarantined int64 // rows read that went to quarantine
	Pending     int64 // good rows of deliveries that were not judged yet
	Difference  int64 // Accepted − Delivered − Quarantined − Pending
}

// balance adds up a ledger. What receipts say and what the matcher folded meet here only: by its receipts a
// judged delivery changed how many rows of its file count, and the fold must have changed by as many.
type balance struct {
	lines map[string]*LedgerLine
	live  map[file]int64 // rows that count by the newest receipt
}

type file struct{ agency, name string }

func newBalance() *balance {
	return &balance{lines: map[string]*LedgerLine{}, live: map[file]int64{}}
}

// delivery takes the next complete delivery, in the order they came.
func (b *balance) delivery(d hub.Delivery, judged bool) {
	f, line := file{d.Agency, d.File}, b.line(d.Subject)
	line.Accepted += d.Accepted + d.Quarantined
	line.Quarantined += d.Quarantined
	if judged {
		line.Delivered += d.Accepted - (d.Live - b.live[f]) // folded adds what really came
	} else {
		line.Pending += d.Accepted
	}
	b.live[f] = d.Live
}

// folded takes the rows that the matcher folded of a subject.
func (b *balance) folded(subject string, rows int64) { b.line(subject).Delivered += rows }

func (b *balance) line(subject string) *LedgerLine {
	if b.lines[subject] == nil {
		b.lines[subject] = &LedgerLine{Subject: subject}
	}
	return b.lines[subject]
}

// ledger gives the lines, subject by subject.
func (b *balance) ledger() []LedgerLine {
	var ledger []LedgerLine
	for _, subject := range slices.Sorted(maps.Keys(b.lines)) {
		line := *b.lines[subject]
		line.Difference = line.Accepted - line.Delivered - line.Quarantined - line.Pending
		ledger = append(ledger, line)
	}
	return ledger
}

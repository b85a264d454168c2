// Package push is the road over HTTP. Its server half takes the files that agencies send, streamed to a spool
// and never held in memory, tells them what became of each, and lets them declare a month complete; its client
// half sends files and survives a hub that is slow, busy or away. What a file means is not its business: a
// whole file is handed to a Hub, which answers with a receipt.
package push

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"hebian/connectors"
	"hebian/connectors/life"
	"hebian/schemas"
)

// Hub is what the server asks of the house behind it. It answers with the errors of package connectors.
type Hub interface {
	Intake
	Receipts
	connectors.Periods
}

// Intake takes files in.
type Intake interface {
	// Deliver takes a file in; its answer stands for every row being on disk. A file that is not what its
	// profile says is no error: its receipt says so. The context does not end when the sender goes away.
	Deliver(ctx context.Context, u connectors.Upload) (connectors.Receipt, error)
	// ByKey finds the complete delivery that an agency sent under an idempotency key; it may find a held one too.
	ByKey(ctx context.Context, agency, key string) (r connectors.Receipt, found bool, err error)
	// Release takes a held delivery in after all, Discard lets it fall. by is the operator.
	Release(ctx context.Context, id int64, by string) (connectors.Receipt, error)
	Discard(ctx context.Context, id int64, by string) (connectors.Receipt, error)
}

// Receipts tells what became of deliveries.
type Receipts interface {
	// Receipt gives the receipt of a delivery, or ErrUnknown.
	Receipt(ctx context.Context, id int64) (connectors.Receipt, error)
	// Refused calls fn for each row of the delivery's file that is in quarantine, always in the same order. An
	// error of fn ends it and comes back.
	Refused(ctx context.Context, id int64, fn func(connectors.Refused) error) error
	// List gives receipts, the newest first.
	List(ctx context.Context, f Filter) ([]connectors.Receipt, error)
}

// Filter chooses receipts. What is empty chooses all.
type Filter struct {
	Agency    string
	File      string // as in receipts: finance/payroll-202609.csv
	Outcome   connectors.Outcome
	Connector string
	Before    int64 // below this number; 0: all
	Limit     int   // at most so many
}

// Quarantine is the rows that wait there to be mended.
type Quarantine interface {
	// Files lists the files of an agency that have rows in quarantine; "": of all.
	Files(ctx context.Context, agency string) ([]QuarantinedFile, error)
	// Rows calls fn for the rows of a file, in the order of delivery and line. An error of fn ends it and comes back.
	Rows(ctx context.Context, agency, file string, fn func(connectors.QuarantinedRow) error) error
	// Resubmit takes corrected rows in: those that fit and whose row still waits, which leaves quarantine. The others stay there as they were. ErrBusy, ErrFull.
	Resubmit(ctx context.Context, u connectors.Upload) (connectors.Receipt, error)
	// Retry reads rows again by the profile as it is now: those that fit come in and leave quarantine. None named: all of the file.
	Retry(ctx context.Context, agency, file string, rows []string, by string) (connectors.Receipt, error)
	// Discard lets rows fall, with the reason.
	Discard(ctx context.Context, agency, file string, rows []string, note, by string) (connectors.Receipt, error)
}

// QuarantinedFile is a file with rows in quarantine.
type QuarantinedFile struct {
	Agency   string `json:"agency"`
	File     string `json:"file" example:"finance/payroll-202609.csv"`
	Subject  string `json:"subject"`
	Delivery int64  `json:"delivery" doc:"The newest delivery of the file that counts."`
	Rows     int64  `json:"rows" doc:"Rows in quarantine."`
}

// Feeds are records that agencies pull.
type Feeds interface {
	// List names the feeds that an agency may pull; "": all there are.
	List(agency string) []Feed
	// Read calls fn for the records of a feed that are for an agency, behind a cursor ("": from the start), at most limit and bytes of JSON, and gives the
	// cursor behind them. more says that there are more at this moment. Whoever reads behind a cursor has all before it. ErrCursor.
	Read(ctx context.Context, feed, agency, after string, limit, bytes int, fn func(connectors.Out) error) (next string, more bool, err error)
}

// Feed is a stream of records.
type Feed struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// ErrCursor says that a cursor is none of the feed's.
var ErrCursor = errors.New("no cursor of this feed")

// Connectors is how connectors are watched and steered. It answers with the errors of package life.
type Connectors interface {
	List() []life.Status
	Get(name string) (life.Status, error)
	Pause(ctx context.Context, name, by, why string) error
	Resume(ctx context.Context, name, by string) error
	RunNow(ctx context.Context, name, by string) error
	Rewind(ctx context.Context, name, position, by string) error
	Reset(ctx context.Context, name, by string) error
	// Dispatches lists what a connector brought, the newest first, below a number; 0: all.
	Dispatches(ctx context.Context, name string, before int64, limit int) ([]Dispatched, error)
	// Resend brings a dispatch again, under its number. ErrUnknown.
	Resend(ctx context.Context, name string, number int64, by string) (Dispatched, error)
}

// Dispatched is what became of a dispatch.
type Dispatched struct {
	Number  int64     `json:"number"`
	Feed    string    `json:"feed"`
	Records int       `json:"records"`
	Digest  string    `json:"digest" doc:"sha256: and the digest of its records, one a line, in hexadecimal."`
	Created time.Time `json:"created"`
	Sent    time.Time `json:"sent,omitzero" doc:"When the partner had it; none: not yet."`
	Answer  string    `json:"answer,omitempty" doc:"What the partner said."`
	Tries   int       `json:"tries"`
	Error   string    `json:"error,omitempty" doc:"Why the last try did not reach the partner."`
}

// Limits bound what an agency may ask for. 0: no bound.
type Limits struct {
	RequestsPerSecond float64
	Burst             int
	DailyBytes        int64 // of files, by the house's day
}

// Caller is who holds a token.
type Caller struct {
	Name     string   // for the books: the account, or the agency
	Agency   string   // the agency that it may deliver for; "": none
	Operator bool     // may deliver for any agency, see every receipt and release what is held
	Sandbox  bool     // its token opens the sandbox only
	Scopes   []string // what its token is for: deliver, read, pull; none: all
}

// ErrToken says that a token is unknown, expired or withdrawn.
var ErrToken = errors.New("no such token")

// Options are what a server is made of. Without Quarantine, Connectors, Feeds or Expected there are no operations on them.
type Options struct {
	Hub      Hub
	Sandbox  Hub    // for callers whose token opens it; nil: such tokens open nothing
	Uploads  string // folder where uploads in parts lie; "": there are none
	Limits   Limits
	Feeds    Feeds
	Expected func(ctx context.Context, agency string, from, to schemas.Month) ([]connectors.Expected, error)

	Quarantine Quarantine
	Connectors Connectors

	Who      func(ctx context.Context, token string) (Caller, error) // ErrToken for a token that opens nothing
	Profiles []connectors.Profile
	Spool    *connectors.Spool
	Claims   *connectors.Claims  // shared with every other road that delivers
	Today    func() schemas.Date // the day by the house's reckoning
	Log      *slog.Logger        // for what is the hub's own fault: a sender learns of it only that it happened
}

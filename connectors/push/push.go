// Package push is the road over HTTP. Its server half takes the files that agencies send, streamed to a spool
// and never held in memory, tells them what became of each, and lets them declare a month complete; its client
// half sends files and survives a hub that is slow, busy or away. What a file means is not its business: a
// whole file is handed to a Hub, which answers with a receipt.
package push

import (
	"context"
	"errors"
	"log/slog"

	"hebian/connectors"
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
}

// Caller is who holds a token.
type Caller struct {
	Name     string // for the books: the account, or the agency
	Agency   string // the agency that it may deliver for; "": none
	Operator bool   // may deliver for any agency, see every receipt and release what is held
}

// ErrToken says that a token is unknown, expired or withdrawn.
var ErrToken = errors.New("no such token")

// Options are what a server is made of. All are needed.
type Options struct {
	Hub      Hub
	Who      func(ctx context.Context, token string) (Caller, error) // ErrToken for a token that opens nothing
	Profiles []connectors.Profile
	Spool    *connectors.Spool
	Claims   *connectors.Claims  // shared with every other road that delivers
	Today    func() schemas.Date // the day by the house's reckoning
	Log      *slog.Logger        // for what is the hub's own fault: a sender learns of it only that it happened
}

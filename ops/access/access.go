// Package access says who may sit at a desk or speak to the hub: accounts with passwords, sessions of a
// browser, and tokens for programs. It knows names and roles only; what a role may do is said where it
// is done.
package access

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Role is what an account is for.
type Role string

// The roles.
const (
	Officer  Role = "officer"  // takes cases and decides them
	Operator Role = "operator" // keeps the hub running: looks at everything, decides no case
)

// Caller is who speaks: an agency's system, or a person with an account.
type Caller struct {
	Agency  string // short name of the agency; empty for an account
	Account string // name of the account; empty for an agency
	Role    Role   // of the account
	Scopes  []Scope
	Sandbox bool // it speaks to the sandbox, which nothing leaves
}

// Scope is something that an agency's token is for.
type Scope string

// The scopes.
const (
	Deliver Scope = "deliver" // hand files over, declare months complete, mend refused rows
	Read    Scope = "read"    // receipts, refused rows, what is due
	Pull    Scope = "pull"    // feeds: corrections, findings, golden records
)

// Scopes are all there are.
var Scopes = []Scope{Deliver, Read, Pull}

// For says whether the caller's token is for something. Those of accounts, and those that name nothing, are for all.
func (c *Caller) For(s Scope) bool { return len(c.Scopes) == 0 || slices.Contains(c.Scopes, s) }

// Errors that callers branch on.
var (
	ErrWrong   = errors.New("name or password is wrong")
	ErrBusy    = errors.New("too many people are signing in at this moment; try again in some seconds")
	ErrToken   = errors.New("this token is not known, was revoked or has expired")
	ErrUnknown = errors.New("there is no such account or token")
	ErrTaken   = errors.New("there is such an account already")
)

// Clock tells the time by which locks, sessions and tokens end.
type Clock func() time.Time

// Access keeps accounts, tokens and sessions.
type Access struct {
	store  Store
	now    Clock
	hashes hasher
	nobody func() string // a hash that no password fits, for names that have no account
}

// New gives the access that is kept in a store.
func New(store Store, now Clock) *Access {
	return &Access{store, now, newHasher(), sync.OnceValue(func() string { return seal(randomText()) })}
}

// Store is where access is kept.
type Store interface {
	Accounts
	Tokens
	Sittings
	// ChangeTries replaces what is known of wrong tries under a key, in one transaction, and forgets
	// all whose last try was before stale. The zero value stands for none.
	ChangeTries(ctx context.Context, key string, stale time.Time, change func(Tries) Tries) error
}

// Accounts is the part of a store that keeps accounts.
type Accounts interface {
	AddAccount(ctx context.Context, a Account) error // ErrTaken
	ChangePassword(ctx context.Context, name, password string) error
	Account(ctx context.Context, name string) (Account, error) // ErrUnknown
	AllAccounts(ctx context.Context) ([]Account, error)        // in the order of their names
	RemoveAccount(ctx context.Context, name string) error      // with its tokens; ErrUnknown
}

// Tokens is the part of a store that keeps tokens, each under its SHA-256.
type Tokens interface {
	AddToken(ctx context.Context, digest []byte, t Token) (id int64, err error) // ErrUnknown: no such account
	Token(ctx context.Context, digest []byte) (Token, error)                    // ErrUnknown
	AllTokens(ctx context.Context) ([]Token, error)                             // in the order they were made
	TouchToken(ctx context.Context, id int64, used time.Time) error
	RemoveToken(ctx context.Context, id int64) error // ErrUnknown
}

// Sittings is the part of a store that keeps sessions, each under a digest of its cookie.
type Sittings interface {
	Sitting(ctx context.Context, key string, now time.Time) (content []byte, ok bool, err error)
	PutSitting(ctx context.Context, key string, content []byte, now, until time.Time) error // forgets those that ended
	RemoveSitting(ctx context.Context, key string) error
}

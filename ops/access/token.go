package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// tokenPrefix marks a token of this house, so that tools which search for leaked secrets find it.
const tokenPrefix = "hb_"

// maxTokenBytes is more than any token has.
const maxTokenBytes = 128

// touchEvery is how exactly the last use of a token is known: a write for each request would cost more than
// the request.
const touchEvery = time.Minute

// Token is what a program shows instead of a password. The secret itself is kept nowhere.
type Token struct {
	ID      int64     `json:"id"`
	Label   string    `json:"label,omitempty"` // what it is for, in words
	Agency  string    `json:"agency,omitempty"`
	Account string    `json:"account,omitempty"`
	Scopes  []Scope   `json:"scopes,omitempty"`  // what it is for; none: all that the agency may do
	Sandbox bool      `json:"sandbox,omitempty"` // it opens the sandbox only
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Used    time.Time `json:"used,omitzero"` // zero: never
}

// Issue makes a token for an agency or an account, whichever t names, and gives the secret, once.
func (a *Access) Issue(ctx context.Context, t Token) (secret string, id int64, err error) {
	now := a.now()
	switch {
	case (t.Agency == "") == (t.Account == ""):
		return "", 0, errors.New("issue token: it is either for an agency or for an account")
	case !now.Before(t.Expires):
		return "", 0, errors.New("issue token: its expiry lies in the past")
	case t.Agency == "" && (len(t.Scopes) > 0 || t.Sandbox):
		return "", 0, errors.New("issue token: scopes and the sandbox are for tokens of agencies")
	}
	for _, scope := range t.Scopes {
		if !slices.Contains(Scopes, scope) {
			return "", 0, fmt.Errorf("issue token: there is no scope %q; the scopes are %v", scope, Scopes)
		}
	}
	t.Created, t.Used = now, time.Time{}
	secret = tokenPrefix + randomText()
	if id, err = a.store.AddToken(ctx, digest(secret), t); err != nil {
		return "", 0, fmt.Errorf("issue token for %s%s: %w", t.Agency, t.Account, err)
	}
	return secret, id, nil
}

// Who says who shows a token; ErrToken if it is none that holds.
func (a *Access) Who(ctx context.Context, secret string) (Caller, error) {
	if !strings.HasPrefix(secret, tokenPrefix) || len(secret) > maxTokenBytes {
		return Caller{}, ErrToken
	}
	// Looked up by digest: how long that takes says nothing of the secret.
	t, err := a.store.Token(ctx, digest(secret))
	now := a.now()
	switch {
	case errors.Is(err, ErrUnknown), err == nil && !now.Before(t.Expires):
		return Caller{}, ErrToken
	case err != nil:
		return Caller{}, fmt.Errorf("look up token: %w", err)
	}
	if now.Sub(t.Used) >= touchEvery {
		// A full disk must not shut out those who come to see what is wrong.
		_ = a.store.TouchToken(ctx, t.ID, now)
	}
	if t.Agency != "" {
		return Caller{Agency: t.Agency, Scopes: t.Scopes, Sandbox: t.Sandbox}, nil
	}
	account, err := a.store.Account(ctx, t.Account)
	if err != nil {
		return Caller{}, fmt.Errorf("look up the account of token %d: %w", t.ID, err)
	}
	return Caller{Account: account.Name, Role: account.Role}, nil
}

// Tokens lists all tokens, without their secrets.
func (a *Access) Tokens(ctx context.Context) ([]Token, error) {
	all, err := a.store.AllTokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return all, nil
}

// Revoke ends a token.
func (a *Access) Revoke(ctx context.Context, id int64) error {
	if err := a.store.RemoveToken(ctx, id); err != nil {
		return fmt.Errorf("revoke token %d: %w", id, err)
	}
	return nil
}

func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

package access

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
)

// A session ends idleTime after its last page and longestTime after sign-in, whichever comes first.
const (
	idleTime    = 30 * time.Minute
	longestTime = 12 * time.Hour
	seenEvery   = time.Minute // how exactly the last page is known: a page costs no write
)

// What a session holds.
const (
	keyAccount = "account"
	keyStamp   = "stamp" // of the password it was begun with
	keyForm    = "form"  // the token in its forms
	keySeen    = "seen"  // time of its last page, Unix seconds
)

// Sessions are the browsers that are signed in.
type Sessions struct {
	access  *Access
	manager *scs.SessionManager
}

// Sessions gives the sessions of a site. secure says that it is reached over HTTPS only; fail answers
// a request whose session can't be read or kept.
func (a *Access) Sessions(secure bool, fail func(http.ResponseWriter, *http.Request, error)) *Sessions {
	name := "hebian"
	if secure {
		name = "__Host-hebian" // which browsers take over HTTPS only, and from no other host
	}
	// Not by scs.New, which starts a goroutine that never ends.
	m := &scs.SessionManager{
		Lifetime: longestTime, Store: sittings{a}, HashTokenInStore: true, Codec: scs.GobCodec{}, ErrorFunc: fail,
		Cookie: scs.SessionCookie{Name: name, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode},
	}
	return &Sessions{a, m}
}

// Wrap gives handlers the session of their request. The other methods need a request that came
// through it.
func (s *Sessions) Wrap(next http.Handler) http.Handler { return s.manager.LoadAndSave(next) }

// Begin signs an account in, under a new cookie: one that was planted before is worth nothing.
func (s *Sessions) Begin(ctx context.Context, a Account) error {
	if err := s.manager.Clear(ctx); err != nil {
		return fmt.Errorf("begin session: %w", err)
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return fmt.Errorf("begin session: %w", err)
	}
	s.manager.Put(ctx, keyAccount, a.Name)
	s.manager.Put(ctx, keyStamp, a.stamp())
	s.manager.Put(ctx, keyForm, randomText())
	s.manager.Put(ctx, keySeen, s.access.now().Unix())
	return nil
}

// Account says who is signed in, if anybody still is: a removed account and a changed password end a
// session at once.
func (s *Sessions) Account(ctx context.Context) (a Account, ok bool, err error) {
	name := s.manager.GetString(ctx, keyAccount)
	if name == "" {
		return Account{}, false, nil
	}
	a, err = s.access.store.Account(ctx, name)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return Account{}, false, fmt.Errorf("look up who is signed in: %w", err)
	}
	now, seen := s.access.now(), time.Unix(s.manager.GetInt64(ctx, keySeen), 0)
	if err != nil || a.stamp() != s.manager.GetString(ctx, keyStamp) || now.Sub(seen) > idleTime {
		return Account{}, false, s.End(ctx)
	}
	if now.Sub(seen) >= seenEvery {
		s.manager.Put(ctx, keySeen, now.Unix())
	}
	return a, true, nil
}

// Carried says whether a request came with the cookie of a session, be it one that has ended.
func (s *Sessions) Carried(r *http.Request) bool {
	_, err := r.Cookie(s.manager.Cookie.Name)
	return err == nil
}

// FormToken is what every form of the session carries, so that no other site can send one.
func (s *Sessions) FormToken(ctx context.Context) string { return s.manager.GetString(ctx, keyForm) }

// IsFormToken says whether a form carried the session's token.
func (s *Sessions) IsFormToken(ctx context.Context, token string) bool {
	want := s.FormToken(ctx)
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(token)) == 1
}

// End signs out.
func (s *Sessions) End(ctx context.Context) error {
	if err := s.manager.Destroy(ctx); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// sittings lets scs keep sessions in our store and by our clock.
type sittings struct{ *Access }

func (s sittings) FindCtx(ctx context.Context, key string) ([]byte, bool, error) {
	return s.store.Sitting(ctx, key, s.now())
}

func (s sittings) CommitCtx(ctx context.Context, key string, content []byte, until time.Time) error {
	return s.store.PutSitting(ctx, key, content, s.now(), until)
}

func (s sittings) DeleteCtx(ctx context.Context, key string) error {
	return s.store.RemoveSitting(ctx, key)
}

// scs calls the methods above; its interface asks for these too.

func (s sittings) Find(key string) ([]byte, bool, error) { return s.FindCtx(context.Background(), key) }

func (s sittings) Commit(key string, content []byte, until time.Time) error {
	return s.CommitCtx(context.Background(), key, content, until)
}

func (s sittings) Delete(key string) error { return s.DeleteCtx(context.Background(), key) }

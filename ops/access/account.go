package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of names and passwords, in characters and bytes. The upper ones keep hashing cheap.
const (
	maxNameCharacters     = 32
	minPasswordCharacters = 10
	maxPasswordBytes      = 256
)

// A name is locked for lockTime after maxTries wrong tries; tries further apart than that don't add up.
const (
	maxTries = 5
	lockTime = 15 * time.Minute
)

// Account is a person who signs in.
type Account struct {
	Name     string    `json:"name"`
	Role     Role      `json:"role"`
	Password string    `json:"-"` // argon2id, with its salt and parameters
	Created  time.Time `json:"created"`
}

// stamp changes with the password, so that sessions begun under an older one end.
func (a *Account) stamp() string {
	sum := sha256.Sum256([]byte(a.Password))
	return hex.EncodeToString(sum[:8])
}

// Tries is what is known of wrong tries to sign in under one name.
type Tries struct {
	Wrong int
	Last  time.Time
	Until time.Time // locked so long
}

// LockedError says that a name is locked after too many wrong tries.
type LockedError struct{ Until time.Time }

func (e *LockedError) Error() string {
	return "too many wrong tries; this name is locked until " + e.Until.Format(time.RFC3339)
}

// Add makes an account.
func (a *Access) Add(ctx context.Context, name string, role Role, password string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if role != Officer && role != Operator {
		return fmt.Errorf("role %q: an account is %s or %s", role, Officer, Operator)
	}
	sealed, err := a.sealPassword(ctx, name, password)
	if err != nil {
		return err
	}
	if err := a.store.AddAccount(ctx, Account{Name: name, Role: role, Password: sealed, Created: a.now()}); err != nil {
		return fmt.Errorf("add account %s: %w", name, err)
	}
	return nil
}

// ChangePassword gives an account another password, ends its sessions and lifts a lock.
func (a *Access) ChangePassword(ctx context.Context, name, password string) error {
	sealed, err := a.sealPassword(ctx, name, password)
	if err != nil {
		return err
	}
	if err := a.store.ChangePassword(ctx, name, sealed); err != nil {
		return fmt.Errorf("change password of %s: %w", name, err)
	}
	return a.changeTries(ctx, name, func(Tries) Tries { return Tries{} })
}

// Remove takes an account away, with its tokens; its sessions end.
func (a *Access) Remove(ctx context.Context, name string) error {
	if err := a.store.RemoveAccount(ctx, name); err != nil {
		return fmt.Errorf("remove account %s: %w", name, err)
	}
	return nil
}

// Accounts lists all accounts by name.
func (a *Access) Accounts(ctx context.Context) ([]Account, error) {
	all, err := a.store.AllAccounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return all, nil
}

// SignIn gives the account of a name and its password. It says no by ErrWrong, by a *LockedError
// after too many wrong tries, and by ErrBusy; it takes as long and locks as well for a name that has
// no account, so that nobody learns which names exist.
func (a *Access) SignIn(ctx context.Context, name, password string) (Account, error) {
	name = strings.TrimSpace(name)
	if checkName(name) != nil || len(password) > maxPasswordBytes {
		return Account{}, ErrWrong
	}
	leave, err := a.hashes.enter(ctx)
	if err != nil {
		return Account{}, err
	}
	defer leave()
	tries, locked, err := a.countTry(ctx, name)
	if err != nil {
		return Account{}, err
	}
	if locked {
		return Account{}, &LockedError{tries.Until}
	}
	account, known, err := a.compare(ctx, name, password)
	switch {
	case err != nil:
		return Account{}, err
	case known:
		return account, a.changeTries(ctx, name, func(Tries) Tries { return Tries{} })
	case !tries.Until.IsZero():
		return Account{}, &LockedError{tries.Until}
	}
	return Account{}, ErrWrong
}

// countTry counts a try as wrong before it is looked at, or tries side by side would go uncounted.
func (a *Access) countTry(ctx context.Context, name string) (tries Tries, locked bool, err error) {
	now := a.now()
	err = a.changeTries(ctx, name, func(t Tries) Tries {
		if locked = now.Before(t.Until); locked {
			tries = t
			return t
		}
		if !t.Until.IsZero() || now.Sub(t.Last) > lockTime {
			t = Tries{}
		}
		t.Wrong++
		t.Last = now
		if t.Wrong >= maxTries {
			t.Until = now.Add(lockTime)
		}
		tries = t
		return t
	})
	return tries, locked, err
}

// changeTries keeps tries under a digest: people type passwords where the name belongs.
func (a *Access) changeTries(ctx context.Context, name string, change func(Tries) Tries) error {
	sum := sha256.Sum256([]byte(name))
	if err := a.store.ChangeTries(ctx, hex.EncodeToString(sum[:]), a.now().Add(-lockTime), change); err != nil {
		return fmt.Errorf("count tries to sign in: %w", err)
	}
	return nil
}

// compare hashes once whether there is such an account or not.
func (a *Access) compare(ctx context.Context, name, password string) (account Account, fits bool, err error) {
	account, err = a.store.Account(ctx, name)
	known := !errors.Is(err, ErrUnknown)
	if err != nil && known {
		return Account{}, false, fmt.Errorf("look up an account: %w", err)
	}
	sealed := account.Password
	if !known {
		sealed = a.nobody()
	}
	fits, err = fitsPassword(sealed, password)
	return account, fits && known, err
}

func (a *Access) sealPassword(ctx context.Context, name, password string) (string, error) {
	switch n := utf8.RuneCountInString(password); {
	case n < minPasswordCharacters || len(password) > maxPasswordBytes:
		return "", fmt.Errorf("a password has %d characters or more, and at most %d bytes", minPasswordCharacters, maxPasswordBytes)
	case strings.Contains(strings.ToLower(password), strings.ToLower(name)):
		return "", errors.New("the password holds the name")
	}
	leave, err := a.hashes.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return seal(password), nil
}

func checkName(name string) error {
	bad := func(r rune) bool { return !unicode.In(r, unicode.L, unicode.N) && !strings.ContainsRune("._-", r) }
	if n := utf8.RuneCountInString(name); n == 0 || n > maxNameCharacters || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("an account's name has 1 to %d letters, digits, dots, hyphens and underscores", maxNameCharacters)
	}
	return nil
}

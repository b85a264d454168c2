package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Parameters of argon2id, as OWASP advises them for passwords: some 30 ms of one core.
const (
	memoryKiB  = 19 << 10
	passes     = 2
	threads    = 1
	saltBytes  = 16
	hashBytes  = 32
	hashingMax = 2  // hashes at a time: each holds memoryKiB
	waitingMax = 32 // who wait for their turn; beyond that it is no office signing in
)

// Bounds of the parameters in a stored hash: a damaged one must not take all memory.
const (
	maxMemoryKiB = 256 << 10
	maxPasses    = 16
)

// hasher bounds how many passwords are hashed at a time.
type hasher struct{ waiting, hashing chan struct{} }

func newHasher() hasher {
	return hasher{make(chan struct{}, hashingMax+waitingMax), make(chan struct{}, hashingMax)}
}

// enter waits for a turn; leave gives it back.
func (h hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.waiting <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	select {
	case h.hashing <- struct{}{}:
		return func() { <-h.hashing; <-h.waiting }, nil
	case <-ctx.Done():
		<-h.waiting
		return nil, ctx.Err()
	}
}

// seal hashes a password with a salt of its own. The text is as PHC writes it. The caller has a turn.
func seal(password string) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt) //nolint:errcheck // never fails
	hash := argon2.IDKey([]byte(password), salt, passes, memoryKiB, threads, hashBytes)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, threads, encode(salt), encode(hash))
}

// fitsPassword says whether a password is the sealed one. The caller has a turn. It hashes with the parameters of the
// sealed one, so that they can change without anybody losing a password.
func fitsPassword(sealed, password string) (bool, error) {
	damaged := errors.New("a stored password hash is damaged: give the account a new password")
	parts := strings.Split(sealed, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, damaged
	}
	var memory, time uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &lanes); err != nil {
		return false, damaged
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || memory > maxMemoryKiB || time < 1 || time > maxPasses || lanes < 1 || len(want) != hashBytes {
		return false, damaged
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, lanes, hashBytes)
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// randomText is 256 bits that nobody guesses, as text.
func randomText() string {
	random := make([]byte, 32)
	rand.Read(random) //nolint:errcheck // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}

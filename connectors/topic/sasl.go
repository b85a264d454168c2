package topic

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
)

// maxIterations bounds what a broker may make us compute; brokers ask for 4,096 to 16,384.
const maxIterations = 1 << 20

// signInError says that a broker does not let in who asks, or can't prove who it is.
type signInError struct{ reason string }

func (e *signInError) Error() string { return e.reason }

// methodError says that a broker doesn't know the way to sign in.
type methodError struct {
	method string
	known  []string
}

func (e *methodError) Error() string {
	if len(e.known) == 0 {
		return "the broker wants nobody to sign in there: unset sasl, or give the port of another listener"
	}
	return fmt.Sprintf("the broker does not know %s; it knows %s: change sasl", e.method, strings.Join(e.known, ", "))
}

// signIn proves who we are.
func (b *conn) signIn(ctx context.Context, c *Config) error {
	method := strings.ToUpper(string(c.SASL))
	a, err := b.ask(ctx, 0, handshakeKey, handshakeVersion, false, func(r *request) { r.str(method) })
	if err != nil {
		return err
	}
	code := kafkaError(a.int16())
	var known []string
	for range a.array(2) {
		known = append(known, a.str())
	}
	switch {
	case a.err != nil:
		return a.err
	case code == errMechanism, code == errSASLState:
		return &methodError{method, known}
	case code != 0:
		return code
	}
	if c.SASL == Plain {
		_, err := b.authenticate(ctx, "\x00"+c.User+"\x00"+c.Password)
		return err
	}
	exchange := scram{hash: sha256.New, user: c.User, password: c.Password, nonce: rand.Text()}
	if c.SASL == ScramSHA512 {
		exchange.hash = sha512.New
	}
	challenge, err := b.authenticate(ctx, exchange.first())
	if err != nil {
		return err
	}
	proof, err := exchange.answer(challenge)
	if err != nil {
		return err
	}
	last, err := b.authenticate(ctx, proof)
	if err != nil {
		return err
	}
	return exchange.verify(last)
}

// authenticate sends one text of the exchange and gives the broker's.
func (b *conn) authenticate(ctx context.Context, text string) (string, error) {
	a, err := b.ask(ctx, 0, authenticateKey, authenticateVersion, false, func(r *request) { r.bytes([]byte(text)) })
	if errors.Is(err, io.EOF) && ctx.Err() == nil {
		return "", &signInError{"the broker hangs up instead of letting the user in"}
	}
	if err != nil {
		return "", err
	}
	code, message, reply := kafkaError(a.int16()), a.str(), string(a.bytes())
	if a.err != nil {
		return "", a.err
	}
	if code != 0 {
		return "", &signInError{fmt.Sprintf("the broker does not let the user in: %s", short(message))}
	}
	return reply, nil
}

// scram is the exchange of RFC 5802, in which neither side shows the password.
type scram struct {
	hash           func() hash.Hash
	user, password string
	nonce          string

	bare      string // what is signed
	signature []byte // that the broker must give
}

var errScram = errors.New("the broker's part of the sign-in breaks its form")

func (s *scram) first() string {
	s.bare = "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s.user) + ",r=" + s.nonce
	return "n,," + s.bare
}

// answer proves that we know the password, if the broker's challenge is one.
func (s *scram) answer(challenge string) (string, error) {
	parts := strings.Split(challenge, ",")
	if len(parts) < 3 {
		return "", errScram
	}
	nonce, ok1 := strings.CutPrefix(parts[0], "r=")
	salted, ok2 := strings.CutPrefix(parts[1], "s=")
	count, ok3 := strings.CutPrefix(parts[2], "i=")
	if !ok1 || !ok2 || !ok3 || !strings.HasPrefix(nonce, s.nonce) || nonce == s.nonce {
		return "", errScram
	}
	salt, err := base64.StdEncoding.DecodeString(salted)
	if err != nil {
		return "", errScram
	}
	iterations, err := strconv.Atoi(count)
	if err != nil || iterations < 1 || iterations > maxIterations {
		return "", errScram
	}
	key, err := pbkdf2.Key(s.hash, s.password, salt, iterations, s.hash().Size())
	if err != nil {
		return "", fmt.Errorf("derive a key from the password: %w", err)
	}
	final := "c=biws,r=" + nonce
	signed := s.bare + "," + challenge + "," + final
	clientKey := s.mac(key, "Client Key")
	stored := s.hash()
	stored.Write(clientKey)
	proof := s.mac(stored.Sum(nil), signed)
	subtle.XORBytes(proof, proof, clientKey)
	s.signature = s.mac(s.mac(key, "Server Key"), signed)
	return final + ",p=" + base64.StdEncoding.EncodeToString(proof), nil
}

// verify says whether the broker knew the password, too.
func (s *scram) verify(last string) error {
	given, ok := strings.CutPrefix(last, "v=")
	signature, err := base64.StdEncoding.DecodeString(given)
	if !ok || err != nil || !hmac.Equal(signature, s.signature) {
		return &signInError{"the broker can't prove that it knows the password: it may be another's"}
	}
	return nil
}

func (s *scram) mac(key []byte, text string) []byte {
	mac := hmac.New(s.hash, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

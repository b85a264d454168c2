package topic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"

	"hebian/connectors"
)

// kafkaError is an error by Kafka's number; 0: none.
type kafkaError int16

// The errors that are told apart.
const (
	errOffset     kafkaError = 1
	errNoTopic    kafkaError = 3
	errMessage    kafkaError = 10
	errBatch      kafkaError = 18
	errTopicACL   kafkaError = 29
	errGroupACL   kafkaError = 30
	errClusterACL kafkaError = 31
	errMechanism  kafkaError = 33
	errSASLState  kafkaError = 34
	errSignIn     kafkaError = 58
)

// passing are errors that pass by themselves: a leader changes, a broker starts or is slow.
var passing = map[kafkaError]string{
	2:  "a message arrived damaged",
	5:  "the partition has no leader at this moment",
	6:  "the broker no longer leads the partition",
	7:  "the broker took too long",
	8:  "the broker is not available",
	9:  "the replica is not available",
	13: "the network broke",
	14: "the coordinator is loading",
	15: "the coordinator is not available",
	16: "it is not the coordinator",
	19: "too few replicas are in step",
	20: "too few replicas are in step",
	56: "the broker's disk fails",
	74: "the leader has changed",
	75: "the leader has changed",
	78: "the new leader does not know the end of the partition yet",
	89: "the broker throttles",
}

var named = map[kafkaError]string{
	errOffset:     "the offset is out of range",
	errNoTopic:    "there is no such topic",
	errMessage:    "a message is larger than the topic takes",
	errBatch:      "a batch is larger than the topic takes",
	errTopicACL:   "the user has no right to the topic",
	errGroupACL:   "the user has no right to the group",
	errClusterACL: "the user has no right to the cluster",
	errMechanism:  "the way to sign in is not known",
	errSASLState:  "the broker wants another way to sign in",
	errSignIn:     "the broker does not let the user in",
	35:            "the broker is too old or too new",
	44:            "the broker's policy forbids it",
	76:            "the broker can't read the compression",
	87:            "the broker refuses the message",
}

func (e kafkaError) Error() string {
	for _, names := range []map[kafkaError]string{passing, named} {
		if name, ok := names[e]; ok {
			return fmt.Sprintf("%s (Kafka's error %d)", name, int16(e))
		}
	}
	return "Kafka's error " + strconv.Itoa(int(e))
}

// errOld says that a broker doesn't speak as it must.
var errOld = errors.New("the broker is too old or too new, want Kafka 2.4 to 4")

// unfit is an error that a person must look at.
type unfit struct{ error }

func (u unfit) Unwrap() error { return u.error }

// mayPass says whether an error may pass within a moment, when the leaders are asked for anew.
func mayPass(err error) bool {
	var code kafkaError
	if errors.As(err, &code) {
		_, ok := passing[code]
		return ok || code == errNoTopic // a broker that has not heard of a new topic; whether it is there its place says
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return false // it has had its time
	}
	return err != nil && kindOf(err) == connectors.Unreachable && !errors.Is(err, errClosed)
}

// kindOf says what may help against an error.
func kindOf(err error) connectors.TroubleKind {
	var (
		code    kafkaError
		strange unfit
		signIn  *signInError
		method  *methodError
		cert    *tls.CertificateVerificationError
		op      *net.OpError
		ca      x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &code):
		switch {
		case code == errTopicACL || code == errGroupACL || code == errClusterACL || code == errSignIn:
			return connectors.Denied
		case passing[code] != "":
			return connectors.Unreachable
		}
		return connectors.Unfit
	case errors.As(err, &signIn):
		return connectors.Denied
	case errors.As(err, &op) && op.Op == "remote error": // of TLS: the broker refuses our certificate, or that there is none
		return connectors.Denied
	case errors.As(err, &strange), errors.As(err, &method), errors.As(err, &cert), errors.As(err, &ca), errors.Is(err, errScram), errors.Is(err, errOld),
		errors.Is(err, errForm), errors.Is(err, errTooLarge), errors.Is(err, errWantsTLS), errors.Is(err, errNoTLS):
		return connectors.Unfit
	}
	return connectors.Unreachable
}

// trouble says what an error means. ctx is the caller's.
func trouble(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, err)
	if ctx.Err() != nil {
		return err
	}
	return &connectors.Trouble{Kind: kindOf(err), Err: err}
}

// together is several errors on one line.
func together(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	return several(errs)
}

type several []error

func (s several) Error() string {
	var texts []string
	for _, err := range s {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

func (s several) Unwrap() []error { return s }

// maxMessage bounds what of a broker's words is repeated, in bytes.
const maxMessage = 200

// short is a broker's words fit to be repeated.
func short(message string) string {
	message = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, message)
	if len(message) > maxMessage {
		return strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return message
}

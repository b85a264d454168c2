// Package topic is the door to a partner's Kafka: messages of a topic are fetched as rows, and what goes out to the partner is
// written to a topic.
//
// It speaks the few requests that this takes by itself. The client library that the project knows can't be given a partner's broker:
// it delivers messages of aborted transactions, stops for good where a compacted batch has lost its last messages, and believes every
// length that it reads. From it comes what compresses.
package topic

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
)

// Config says which topic is read or written, where it is, and how.
type Config struct {
	Brokers []string `yaml:"brokers"` // host:port of some of them; the others are asked for
	Topic   string   `yaml:"topic"`   // it must be there

	TLS  bool   `yaml:"tls"` // whether the brokers speak TLS
	CA   string `yaml:"-"`   // certificates in PEM that the brokers' must come from; "": those of the system
	Cert string `yaml:"-"`   // our certificate in PEM, with Key; "": none
	Key  string `yaml:"-"`

	SASL     SASL   `yaml:"sasl"` // how to sign in; "": not at all
	User     string `yaml:"user"`
	Password string `yaml:"-"`

	Format    Format                                   `yaml:"format"`     // source: what the messages are; "": json
	Schema    string                                   `yaml:"-"`          // source, avro: the schema's text
	SchemaOf  func(id uint32) (text string, err error) `yaml:"-"`          // source, framed: the text of the schema of a number
	Start     Start                                    `yaml:"start"`      // source: where to begin the first time; "": earliest
	Follow    bool                                     `yaml:"follow"`     // source: a fetch does not end, but waits for more
	KeyColumn string                                   `yaml:"key_column"` // source: the column that gets a message's key; "": none
}

// SASL is a way to sign in.
type SASL string

// The ways to sign in.
const (
	Plain       SASL = "plain"
	ScramSHA256 SASL = "scram-sha-256"
	ScramSHA512 SASL = "scram-sha-512"
)

// Format is what messages are.
type Format string

// The formats that can be read.
const (
	JSON   Format = "json"   // an object each
	Avro   Format = "avro"   // a bare datum each, all of one schema
	Framed Format = "framed" // a datum each behind a zero byte and the number of its schema, as schema registries have it
)

// Start is where a topic is read from when nothing of it was read.
type Start string

// The places to begin.
const (
	Earliest Start = "earliest" // what the topic still has
	Latest   Start = "latest"   // what comes from now on
)

const (
	// maxBrokers bounds how many addresses are tried.
	maxBrokers = 32
	// maxPartitions bounds a topic; their offsets must have room in a position.
	maxPartitions = 1500
)

// topicName is what Kafka allows, which is harmless everywhere.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// Check says what is wrong with a configuration, by its key; nil: nothing.
func (c *Config) Check() error {
	if len(c.Brokers) == 0 || len(c.Brokers) > maxBrokers {
		return fmt.Errorf("brokers holds %d addresses, want 1 to %d", len(c.Brokers), maxBrokers)
	}
	for _, broker := range c.Brokers {
		if _, port, err := net.SplitHostPort(broker); err != nil || !isPort(port) {
			return fmt.Errorf("brokers: %q is no address, want host:port", broker)
		}
	}
	if !topicName.MatchString(c.Topic) || c.Topic == "." || c.Topic == ".." {
		return fmt.Errorf("topic is %q, want letters, digits, dots, hyphens and underscores", c.Topic)
	}
	if _, err := c.tls(); err != nil {
		return err
	}
	switch c.SASL {
	case "":
	case Plain, ScramSHA256, ScramSHA512:
		if c.User == "" || c.Password == "" {
			return fmt.Errorf("sasl is %s, so user and password must be given", c.SASL)
		}
	default:
		return fmt.Errorf("sasl is %q, want plain, scram-sha-256 or scram-sha-512", c.SASL)
	}
	switch c.Start {
	case "", Earliest, Latest:
	default:
		return fmt.Errorf("start is %q, want earliest or latest", c.Start)
	}
	if len(c.KeyColumn) > 256 {
		return fmt.Errorf("key_column has %d bytes, want at most 256", len(c.KeyColumn))
	}
	_, err := newFormat(c)
	return err
}

func isPort(s string) bool {
	port, err := strconv.ParseUint(s, 10, 16)
	return err == nil && port > 0
}

// tls gives what TLS needs; nil: the brokers don't speak it.
func (c *Config) tls() (*tls.Config, error) {
	if !c.TLS {
		if c.CA != "" || c.Cert != "" || c.Key != "" {
			return nil, errors.New("tls is false, but certificates for it are given")
		}
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(c.CA)) {
			return nil, errors.New("tls: ca holds no certificate in PEM")
		}
	}
	if c.Cert != "" || c.Key != "" {
		pair, err := tls.X509KeyPair([]byte(c.Cert), []byte(c.Key))
		if err != nil {
			return nil, fmt.Errorf("tls: cert and key can't be used: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Package webhook brings dispatches to a partner's HTTP service: one POST each, signed, so that the partner knows that it came
// from us and is whole, and under an idempotency key, so that it takes the same one once only.
package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"hebian/connectors"
	"hebian/connectors/outside"
)

// Config describes a partner's service. The secret is shared with the partner; SecretFile names a file, and who reads the
// configuration puts what it holds, without the line end, into Secret.
type Config struct {
	outside.Options `yaml:",inline"`

	SecretFile string         `yaml:"secret_file"` // signs what is sent
	Secret     outside.Secret `yaml:"-"`
}

const (
	// minSecret is what HMAC-SHA256 should have at least; a shorter one can be guessed.
	minSecret = 16
	// maxAnswer is what is kept of an answer: the contract of connectors.Sink.
	maxAnswer = 1 << 10
	// maxBody bounds what is read of an answer where the configuration does not.
	maxBody = 1 << 20
)

// Check says which key does not do.
func (c *Config) Check() error {
	if c.SecretFile == "" && c.Secret == "" {
		return errors.New("secret_file: want the name of the file with the secret that signs what is sent")
	}
	if c.Secret != "" && len(c.Secret) < minSecret {
		return fmt.Errorf("secret_file: the secret has %d bytes, want %d or more", len(c.Secret), minSecret)
	}
	return c.Options.Check()
}

// Sink is a partner's service.
type Sink struct {
	client *outside.Client
	secret string
}

// New makes a sink. An error says which key of the configuration does not do.
func New(c Config) (*Sink, error) {
	if c.Secret == "" {
		return nil, errors.New("secret_file: the secret is empty")
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.MaxBody == 0 {
		c.MaxBody = maxBody
	}
	client, err := outside.New(c.Options)
	if err != nil {
		return nil, err
	}
	return &Sink{client: client, secret: string(c.Secret)}, nil
}

// Send implements connectors.Sink. 2xx means that the partner has the dispatch, even if the rest of the answer did not come, and so
// does 409, with which it says that it has it already.
func (s *Sink) Send(ctx context.Context, d connectors.Dispatch) (answer string, err error) {
	body, err := write(&d)
	if err != nil {
		return "", fmt.Errorf("write dispatch %s: %w", d.ID(), err)
	}
	id, digest := d.ID(), sha256.Sum256(body)
	header := http.Header{
		"Content-Type": {"application/json"}, "Idempotency-Key": {id}, headerDispatch: {id},
		"Content-Digest": {"sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":"},
	}
	a, err := s.client.DoEach(ctx, http.MethodPost, "", func() http.Header {
		sign(s.secret, header, id, body, time.Now())
		return header
	}, body)
	if err != nil && (a == nil || a.Status != http.StatusConflict && a.Status/100 != 2) {
		return "", err
	}
	return cut(a.Body), nil
}

// Close implements connectors.Sink.
func (s *Sink) Close() error { return s.client.Close() }

// State says whether the partner failed so often that it is left alone for now, and until when it is.
func (s *Sink) State() (open bool, until time.Time) { return s.client.State() }

// Body is what is sent.
type Body struct {
	ID        string   `json:"id"` // of the dispatch
	Connector string   `json:"connector"`
	Feed      string   `json:"feed"`
	Number    int64    `json:"number"`
	Agency    string   `json:"agency"`
	Records   []Record `json:"records"`
}

// Record is one record of a Body.
type Record struct {
	ID     string          `json:"id"`
	Key    string          `json:"key"`
	Record json.RawMessage `json:"record"` // an object
}

// write makes a dispatch's body, always the same bytes.
func write(d *connectors.Dispatch) ([]byte, error) {
	if len(d.Records) > connectors.DispatchRecords {
		return nil, fmt.Errorf("%d records, want at most %d", len(d.Records), connectors.DispatchRecords)
	}
	b := Body{ID: d.ID(), Connector: d.Connector, Feed: d.Feed, Number: d.Number, Agency: d.Agency, Records: make([]Record, len(d.Records))}
	for i, r := range d.Records {
		b.Records[i] = Record{ID: r.ID, Key: r.Key, Record: r.JSON}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // records go as they are
	if err := encoder.Encode(b); err != nil {
		return nil, err
	}
	return bytes.TrimRight(text.Bytes(), "\n"), nil
}

// cut keeps the beginning of an answer, as text.
func cut(body []byte) string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(body[:min(len(body), 2*maxAnswer)]), ""))
	if len(text) <= maxAnswer {
		return text
	}
	end := maxAnswer
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

package push

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/sony/gobreaker/v2"

	"hebian/connectors"
	"hebian/schemas"
)

const (
	// maxAnswerBytes bounds what is read of an answer; a page of refused rows has some hundred kilobytes.
	maxAnswerBytes = 16 << 20
	// callTimeout is how long one try may take, files apart.
	callTimeout = 30 * time.Second
	// budget is how long a call may take with all its tries, files apart.
	budget = 3 * time.Minute
)

// Client sends files to a hub and asks it questions. Calls may run side by side: they share what is known of
// the hub's health.
type Client struct {
	http    *resty.Client
	breaker *gobreaker.CircuitBreaker[answer]

	partsFrom, partBytes int64
}

// NewClient makes a client for the hub at an address such as "http://hub:8080". token opens its doors. transport
// carries the requests; nil is the usual one.
func NewClient(address, token string, transport http.RoundTripper) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("address of the hub is %q, want http://HOST:PORT or https://HOST", address)
	}
	client := resty.New().
		SetBaseURL(base.String()).
		SetAuthToken(token).
		SetHeader("Accept", "application/json").
		SetResponseBodyLimit(maxAnswerBytes).
		SetRedirectPolicy(resty.RedirectPolicyFunc(stay)).
		SetPreRequestHook(stream).
		SetDisableWarn(true). // a token over plain HTTP is the operator's choice within the office
		SetLogger(silent{})   // errors are returned
	if transport != nil {
		client.SetTransport(transport)
	}
	return &Client{http: client, breaker: newBreaker(), partsFrom: partsFrom, partBytes: partBytes}, nil
}

// Shipment is a file to deliver.
type Shipment struct {
	Agency string
	File   string // its name at the hub, without a path
	Path   string // where it lies
	Mode   connectors.Mode
	Key    string        // idempotency key; "": see Deliver
	Period schemas.Month // that it is of, where its name does not say it; 0: not said
}

// Deliver sends a file, again if need be: each try sends all of it, under the same key. A large file goes in parts,
// if the hub takes them, and each try sends what the hub lacks. A *Problem says why the hub refused it. The receipt
// of a held file is no error.
//
// Without a key of the caller's, a whole file, or one to merge, goes under a key for this call alone, so that a file
// that is sent, replaced and sent again counts again; rows to add or remove go under a key made of the bytes and
// names, so that a repeat after a crash does not double them.
func (c *Client) Deliver(ctx context.Context, s Shipment) (connectors.Receipt, error) {
	var r connectors.Receipt
	s.Mode = cmp.Or(s.Mode, connectors.Full)
	digest, size, err := digestOf(s.Path)
	if err != nil {
		return r, fmt.Errorf("read file to deliver: %w", err)
	}
	moving := time.Duration(size/slowestBytes) * time.Second // at the slowest that the hub bears
	limit := 2 * (takeInLimit + moving)
	if s.Key == "" && (s.Mode == connectors.Add || s.Mode == connectors.Remove) {
		s.Key = s.key(digest)
	}
	if size >= c.partsFrom {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if r, err = c.deliverParts(ctx, s, digest, size); err == nil {
			return r, nil
		}
		if !errors.Is(err, errNoParts) {
			return r, fmt.Errorf("deliver %s/%s in parts: %w", s.Agency, s.File, err)
		}
	}
	s.Key = cmp.Or(s.Key, rand.Text())
	header := map[string]string{
		"Content-Type":    "application/octet-stream",
		"Content-Digest":  "sha-256=:" + base64.StdEncoding.EncodeToString(digest) + ":",
		"Idempotency-Key": s.Key,
	}
	path := "/v1/deliveries/" + url.PathEscape(s.Agency) + "/" + url.PathEscape(s.File) + "?mode=" + url.QueryEscape(string(s.Mode))
	if s.Period != 0 {
		path += "&period=" + s.Period.String()
	}
	call := call{
		method: http.MethodPost, path: path, header: header,
		body:    &source{size: size, open: func() (io.ReadCloser, error) { return reopen(s.Path, size) }},
		timeout: takeInLimit + moving, budget: limit,
	}
	if err := c.do(ctx, call, &r); err != nil {
		return r, fmt.Errorf("deliver %s/%s: %w", s.Agency, s.File, err)
	}
	return r, nil
}

// takeInLimit is how long the hub may take from the last byte of a file to its receipt; a hundred million rows
// are some ten minutes of work.
const takeInLimit = 15 * time.Minute

// key makes an idempotency key of the bytes and names.
func (s Shipment) key(digest []byte) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%x %q %q %q", digest, s.Agency, s.File, s.Mode))
	return hex.EncodeToString(sum[:16])
}

// Complete declares a month complete, for the agency of the token, or for the one named.
func (c *Client) Complete(ctx context.Context, agency string, month schemas.Month, d Declare) (Completeness, error) {
	var out Completeness
	path := "/v1/periods/" + month.String() + "/complete"
	if agency != "" {
		path += "?agency=" + url.QueryEscape(agency)
	}
	if err := c.Call(ctx, http.MethodPut, path, d, &out); err != nil {
		return out, fmt.Errorf("declare %s complete: %w", month, err)
	}
	return out, nil
}

// Receipt reads a receipt, with refused rows from the given one on.
func (c *Client) Receipt(ctx context.Context, id, from int64) (ReceiptPage, error) {
	var out ReceiptPage
	if err := c.Call(ctx, http.MethodGet, fmt.Sprintf("%s?from=%d", where(id), from), nil, &out); err != nil {
		return out, fmt.Errorf("read receipt %d: %w", id, err)
	}
	return out, nil
}

// Call sends in as JSON, if it is not nil, and reads the answer into out, if that is not nil. path begins
// with / and may hold a query. It is tried again like all others, so the hub must bear a repeat.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	call := call{method: method, path: path, timeout: callTimeout, budget: budget}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("write request: %w", err)
		}
		call.header = map[string]string{"Content-Type": "application/json"}
		call.body = &source{size: int64(len(body)), open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}
	}
	return c.do(ctx, call, out)
}

// call is a request that may be sent several times.
type call struct {
	method, path    string
	header          map[string]string
	body            *source // nil: none
	timeout, budget time.Duration
}

// source is a body that can be read from its start again and again.
type source struct {
	size int64
	open func() (io.ReadCloser, error)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// sourceKey is where a request's context holds its body on the way to stream.
type sourceKey struct{}

// stream gives a request its body. Given to resty as its body, a reader would be read into memory whole.
func stream(_ *resty.Client, r *http.Request) error {
	body, ok := r.Context().Value(sourceKey{}).(*source)
	if !ok {
		return nil
	}
	var err error
	if r.Body, err = body.open(); err != nil {
		return err
	}
	r.ContentLength, r.GetBody = body.size, body.open
	return nil
}

// try sends a request once.
func (c *Client) try(ctx context.Context, call call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, call.timeout)
	defer cancel()
	if call.body != nil {
		ctx = context.WithValue(ctx, sourceKey{}, call.body)
	}
	response, err := c.http.R().SetContext(ctx).SetHeaders(call.header).Execute(call.method, call.path)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode(), header: response.Header(), body: response.Body()}
	if a.status >= http.StatusMultipleChoices {
		return a, a.problem()
	}
	return a, nil
}

// problem reads what the hub, or something in front of it, has against a request.
func (a answer) problem() *Problem {
	var p Problem
	if err := json.Unmarshal(a.body, &p); err != nil || p.Type == "" {
		text := http.StatusText(a.status)
		p = Problem{Type: "about:blank", Title: text, Detail: fmt.Sprintf("the answer is %d %s, and not from a hub", a.status, text)}
	}
	p.Status = a.status
	return &p
}

// digestOf reads a file once for its SHA-256 and size.
func digestOf(path string) (digest []byte, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	sum := sha256.New()
	if size, err = io.Copy(sum, file); err != nil {
		return nil, 0, err
	}
	return sum.Sum(nil), size, nil
}

// reopen opens a file for another try. One that changed meanwhile is not the one that was announced.
func reopen(path string, size int64) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if stat, err := file.Stat(); err != nil || stat.Size() != size {
		file.Close()
		return nil, &fs.PathError{Op: "send", Path: path, Err: connectors.ErrChanged}
	}
	return file, nil
}

// stay does not follow redirects: a token goes to the hub alone.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// silent is a resty.Logger that says nothing.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// refusal is the problem in an error, or nil.
func refusal(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}

package outside

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"golang.org/x/net/http/httpguts"

	"hebian/connectors"
)

// AuthKind is a way to show who we are.
type AuthKind string

// The ways.
const (
	NoAuth AuthKind = "none"
	APIKey AuthKind = "api_key" // a header of the partner's choice holds the secret
	Bearer AuthKind = "bearer"  // Authorization: Bearer, and the secret
	Basic  AuthKind = "basic"   // a user's name, and the secret as its password
	OAuth2 AuthKind = "oauth2"  // client credentials: the secret gets tokens from token_url
)

// Auth says how we show a partner who we are. The secret is never part of the configuration: SecretFile names a file, and who
// reads the configuration puts what it holds, without the line end, into Secret.
type Auth struct {
	Kind       AuthKind `yaml:"kind"` // (none)
	SecretFile string   `yaml:"secret_file"`
	Header     string   `yaml:"header"`    // api_key: such as X-Api-Key
	User       string   `yaml:"user"`      // basic
	TokenURL   string   `yaml:"token_url"` // oauth2
	ClientID   string   `yaml:"client_id"` // oauth2
	Scopes     []string `yaml:"scopes"`    // oauth2

	Secret Secret `yaml:"-"`
}

func (a *Auth) check() error {
	switch a.Kind {
	case "", NoAuth:
		return nil
	case Bearer:
	case APIKey:
		if !httpguts.ValidHeaderFieldName(a.Header) {
			return fmt.Errorf("auth.header: %q is no name of a header", a.Header)
		}
	case Basic:
		if a.User == "" || strings.ContainsRune(a.User, ':') {
			return fmt.Errorf("auth.user: %q, want a name without a colon", a.User)
		}
	case OAuth2:
		if _, err := checkURL("auth.token_url", a.TokenURL); err != nil {
			return err
		}
		if a.ClientID == "" {
			return errors.New("auth.client_id: want the name that the partner knows us by")
		}
	default:
		return fmt.Errorf("auth.kind: %q, want none, api_key, bearer, basic or oauth2", a.Kind)
	}
	if a.SecretFile == "" && a.Secret == "" {
		return errors.New("auth.secret_file: want the name of the file with the secret")
	}
	return nil
}

// authorizer gives the header that shows who we are.
type authorizer interface {
	// header gives a name, "" for none, and a value. It may ask for a token and take a while. An error may be a *failure.
	header(ctx context.Context) (name, value string, err error)
	// forget says that a value of header was not accepted, and says in turn whether another may be.
	forget(value string) bool
}

func newAuthorizer(a Auth, client *resty.Client) (authorizer, error) {
	secret := string(a.Secret)
	if a.Kind != "" && a.Kind != NoAuth && !headerValue(secret) {
		return nil, errors.New("auth.secret_file: the secret is empty, or has a line end or a blank around it")
	}
	switch a.Kind {
	case APIKey:
		return fixed{a.Header, secret}, nil
	case Bearer:
		return fixed{"Authorization", "Bearer " + secret}, nil
	case Basic:
		return fixed{"Authorization", basic(a.User, secret)}, nil
	case OAuth2:
		return &tokens{auth: a, client: client, one: make(chan struct{}, 1)}, nil
	}
	return fixed{}, nil
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// fixed is a header that stays the same.
type fixed struct{ name, value string }

func (f fixed) header(context.Context) (string, string, error) { return f.name, f.value, nil }
func (fixed) forget(string) bool                               { return false }

const (
	// tokenEarly is how long before its end a token is renewed, so that it does not end on the way; of a short one a quarter.
	tokenEarly = time.Minute
	// tokenUnsaid is how long a token counts whose end is not said; longestToken is for how long one counts at most.
	tokenUnsaid  = 5 * time.Minute
	longestToken = 24 * time.Hour
	// maxTokenBytes bounds an answer with a token; those that name everything they allow have a few kilobytes.
	maxTokenBytes = 64 << 10
)

// tokens gets tokens by OAuth 2.0 client credentials (RFC 6749, 4.4) and keeps the last one until shortly before its end.
type tokens struct {
	auth   Auth
	client *resty.Client

	one   chan struct{} // holds one value while somebody looks at the fields below, or asks: the others wait for the same token
	value string        // of the header; "": none
	until time.Time
}

func (t *tokens) header(ctx context.Context) (string, string, error) {
	select {
	case t.one <- struct{}{}:
	case <-ctx.Done():
		return "", "", ctx.Err()
	}
	defer func() { <-t.one }()
	if t.value == "" || !time.Now().Before(t.until) {
		token, lasts, err := t.ask(ctx)
		if err != nil {
			return "", "", err
		}
		t.value, t.until = "Bearer "+token, time.Now().Add(lasts-min(tokenEarly, lasts/4))
	}
	return "Authorization", t.value, nil
}

// forget drops a token. One that another call has renewed meanwhile stays.
func (t *tokens) forget(value string) bool {
	t.one <- struct{}{} // held for the length of one request at most
	defer func() { <-t.one }()
	if t.value == value {
		t.value = ""
	}
	return true
}

// ask gets a token and says how long it lasts.
func (t *tokens) ask(ctx context.Context) (token string, lasts time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(t.auth.Scopes) > 0 {
		form.Set("scope", strings.Join(t.auth.Scopes, " "))
	}
	q := t.client.R().SetContext(ctx).SetResponseBodyLimit(maxTokenBytes).
		SetHeader("Authorization", basic(url.QueryEscape(t.auth.ClientID), url.QueryEscape(string(t.auth.Secret)))).
		SetHeader("Content-Type", "application/x-www-form-urlencoded").
		SetHeader("Accept", "application/json").
		SetBody([]byte(form.Encode()))
	a, f := send(q, http.MethodPost, t.auth.TokenURL)
	if f != nil {
		f.err = fmt.Errorf("ask for a token: %w", f.err)
		if a != nil && a.Status == http.StatusBadRequest { // invalid_client, invalid_scope and the like
			f.kind = connectors.Denied
		}
		return "", 0, f
	}
	if token, lasts, err = readToken(a.Body); err != nil {
		return "", 0, &failure{kind: connectors.Unfit, err: fmt.Errorf("ask for a token: %w", err)}
	}
	return token, lasts, nil
}

// readToken reads the answer of a token endpoint.
func readToken(body []byte) (token string, lasts time.Duration, err error) {
	var answer struct {
		Token   string          `json:"access_token"`
		Type    string          `json:"token_type"`
		Seconds json.RawMessage `json:"expires_in"` // a number; some write it as text
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", 0, errors.New("the answer is not a token's JSON") // and what it is may hold a secret
	}
	if !headerValue(answer.Token) || answer.Type != "" && !strings.EqualFold(answer.Type, "bearer") {
		return "", 0, errors.New("the answer holds no bearer token")
	}
	lasts = tokenUnsaid
	var seconds float64
	if json.Unmarshal([]byte(strings.Trim(string(answer.Seconds), `"`)), &seconds) == nil && seconds > 0 {
		lasts = time.Duration(min(seconds, longestToken.Seconds()) * float64(time.Second))
	}
	return answer.Token, lasts, nil
}

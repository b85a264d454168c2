package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
)

// maxUploads bounds how many files may be on their way at once: a few for each agency of a county. Each costs
// a buffer and its room in the spool.
const maxUploads = 16

// maxAgencyUploads bounds those of one agency, so that no other has to wait for it.
const maxAgencyUploads = 4

// slots counts the uploads on their way, by agency.
type slots struct {
	mu  sync.Mutex
	all int
	of  map[string]int
}

func (s *slots) take(agency string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == maxUploads || s.of[agency] == maxAgencyUploads {
		return false
	}
	s.all++
	s.of[agency]++
	return true
}

func (s *slots) giveBack(agency string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	s.of[agency]--
}

// Server is the road's end at the hub.
type Server struct {
	Options
	api     api
	slots   slots
	limits  *limits
	uploads *uploads
}

// Register adds the operations of the doors to an API, which is no huma.Group.
func Register(on huma.API, o Options) {
	s := &Server{Options: o, api: api{on}, slots: slots{of: map[string]int{}}, uploads: &uploads{dir: o.Uploads}}
	s.limits = newLimits(o.Limits, s.agencies())
	document(on.OpenAPI())
	s.registerDeliveries()
	if o.Uploads != "" {
		s.registerUploads()
	}
	s.registerReceipts()
	s.registerHeld()
	s.registerPeriods()
	s.registerProfiles()
	if o.Quarantine != nil {
		s.registerQuarantine()
	}
	if o.Feeds != nil {
		s.registerFeeds()
	}
	if o.Connectors != nil {
		s.registerConnectors()
	}
	if o.Expected != nil {
		s.registerExpected()
	}
}

// security is the name of the scheme in the OpenAPI document.
const security = "bearer"

// document adds what the operations share to the OpenAPI document.
func document(doc *huma.OpenAPI) {
	if doc.Components.SecuritySchemes == nil {
		doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{}
	}
	if doc.Components.SecuritySchemes[security] == nil {
		doc.Components.SecuritySchemes[security] = &huma.SecurityScheme{
			Type: "http", Scheme: "bearer", Description: "A token of an agency or of an account: hb_ and its random part.",
		}
	}
	doc.Tags = append(doc.Tags,
		&huma.Tag{Name: tagDeliveries, Description: "Files that agencies hand over, and their receipts."},
		&huma.Tag{Name: tagPeriods, Description: "Months that agencies declare complete, and what is due."},
		&huma.Tag{Name: tagQuarantine, Description: "Rows that were refused: have them back, correct them, send them again."},
		&huma.Tag{Name: tagFeeds, Description: "Records that agencies pull: corrections, findings, golden records."},
		&huma.Tag{Name: tagConnectors, Description: "What fetches from agencies and brings to them."})
}

// The tags of the operations.
const (
	tagDeliveries = "deliveries"
	tagPeriods    = "periods"
)

// operation fills in what all operations have: the token, and the problems that follow from it.
func (s *Server) operation(op huma.Operation, says map[int]string) huma.Operation {
	op.Security = []map[string][]string{{security: {}}}
	op.Middlewares = huma.Middlewares{s.authenticate}
	op.RejectUnknownQueryParameters = true // ?mod=add must not pass for a whole file
	says[http.StatusUnauthorized] = "unauthorized: no token, or one that opens nothing."
	says[http.StatusInternalServerError] = "internal: the hub's own fault."
	says[http.StatusForbidden] = strings.TrimPrefix(says[http.StatusForbidden]+" forbidden: the token is not for this. sandbox_closed: the token opens the sandbox, which this is no part of.", " ")
	says[http.StatusTooManyRequests] = strings.TrimPrefix(says[http.StatusTooManyRequests]+" too_many_requests: the agency asks for more than the hub answers; Retry-After says when to come again.", " ")
	if says[http.StatusServiceUnavailable] == "" {
		says[http.StatusServiceUnavailable] = "closing: the hub is about to stop."
	}
	if says[http.StatusInsufficientStorage] == "" {
		says[http.StatusInsufficientStorage] = "disk_full: no room on the disk."
	}
	if says[http.StatusUnprocessableEntity] == "" {
		says[http.StatusUnprocessableEntity] = "invalid: the request is not understood."
	}
	s.api.answers(&op, says)
	return op
}

// The scopes of tokens.
const (
	scopeDeliver = "deliver" // hand files over and declare months complete
	scopeRead    = "read"    // see what became of them
	scopePull    = "pull"    // pull feeds
)

// allows says whether the caller's token is for something.
func (c Caller) allows(scope string) bool {
	return len(c.Scopes) == 0 || slices.Contains(c.Scopes, scope)
}

// scoped keeps callers out of an operation whose tokens are for none of the scopes.
func scoped(op huma.Operation, scopes ...string) huma.Operation {
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		if slices.ContainsFunc(scopes, callerOf(ctx.Context()).allows) {
			next(ctx)
			return
		}
		write(ctx, scopeNeeded(scopes[0]))
	})
	return op
}

// callerKey is where a request's context holds its caller.
type callerKey struct{}

// authenticate finds out who calls before anything else of the request is looked at.
func (s *Server) authenticate(ctx huma.Context, next func(huma.Context)) {
	scheme, token, _ := strings.Cut(ctx.Header("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		write(ctx, unauthorized())
		return
	}
	caller, err := s.Who(ctx.Context(), token)
	switch {
	case errors.Is(err, ErrToken):
		write(ctx, unauthorized())
	case err != nil:
		write(ctx, s.fault(ctx.Context(), "look up a token", err))
	default:
		if refused := s.admit(caller); refused != nil {
			write(ctx, refused)
			return
		}
		if err := s.uploads.sweep(); err != nil {
			s.Log.ErrorContext(ctx.Context(), "uploads in parts are not swept", "error", err)
		}
		next(huma.WithValue(ctx, callerKey{}, caller))
	}
}

// admit turns away callers whose sandbox is closed, and those that ask too often.
func (s *Server) admit(caller Caller) *Problem {
	if caller.Sandbox && s.Sandbox == nil {
		return sandboxClosed()
	}
	if caller.Operator || caller.Agency == "" {
		return nil
	}
	if pause := s.limits.wait(caller.Agency); pause > 0 {
		return tooManyRequests(pause)
	}
	return nil
}

// hub is the house behind the doors that a caller's token opens.
func (s *Server) hub(caller Caller) Hub {
	if caller.Sandbox {
		return s.Sandbox
	}
	return s.Hub
}

// write answers with a problem where huma does not do it.
func write(ctx huma.Context, p *Problem) {
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	json.NewEncoder(ctx.BodyWriter()).Encode(p) //nolint:errcheck // the caller has gone
}

func callerOf(ctx context.Context) Caller {
	caller, _ := ctx.Value(callerKey{}).(Caller)
	return caller
}

// may says whether the caller may act for an agency.
func (c Caller) may(agency string) bool { return c.Operator || c.Agency != "" && c.Agency == agency }

// profile finds the profile of an agency for a caller that may act for it.
func (s *Server) profile(caller Caller, agency string) (*connectors.Profile, *Problem) {
	at := slices.IndexFunc(s.Profiles, func(p connectors.Profile) bool { return p.Agency == agency })
	switch {
	case at < 0:
		return nil, unknown("agency", "单位", "agency", agency, s.agencies())
	case !caller.may(agency):
		return nil, forbidden(agency)
	}
	return &s.Profiles[at], nil
}

func (s *Server) agencies() []string {
	var names []string
	for _, p := range s.Profiles {
		names = append(names, p.Agency)
	}
	return names
}

// fault says what an error of the hub means to a sender. What is nobody's doing outside goes to the log, and
// the sender learns only that it happened.
func (s *Server) fault(ctx context.Context, doing string, err error) *Problem {
	switch {
	case errors.Is(err, connectors.ErrClosing), errors.Is(err, context.Canceled):
		return closing()
	case errors.Is(err, connectors.ErrFull), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		s.Log.ErrorContext(ctx, "no room on the disk", "doing", doing, "error", err)
		return diskFull()
	}
	s.Log.ErrorContext(ctx, "request failed", "doing", doing, "error", err)
	return internal()
}

// where is the address of a receipt.
func where(id int64) string { return fmt.Sprintf("/v1/receipts/%d", id) }

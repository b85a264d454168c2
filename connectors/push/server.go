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
	api   api
	slots slots
}

// Register adds the operations of the doors to an API, which is no huma.Group.
func Register(on huma.API, o Options) {
	s := &Server{Options: o, api: api{on}, slots: slots{of: map[string]int{}}}
	document(on.OpenAPI())
	s.registerDeliveries()
	s.registerReceipts()
	s.registerHeld()
	s.registerPeriods()
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
		&huma.Tag{Name: tagPeriods, Description: "Months that agencies declare complete."})
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
	says[http.StatusUnauthorized] = "unauthorized: no token, or one that opens nothing."
	says[http.StatusInternalServerError] = "internal: the hub's own fault."
	if says[http.StatusUnprocessableEntity] == "" {
		says[http.StatusUnprocessableEntity] = "invalid: the request is not understood."
	}
	s.api.answers(&op, says)
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
		next(huma.WithValue(ctx, callerKey{}, caller))
	}
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

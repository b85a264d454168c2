package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/evidence"
	"hebian/matcher/state"
	"hebian/ops/access"
	"hebian/ops/desk"
	"hebian/ops/watch"
	"hebian/schemas"
)

// apiVersion is the version of the HTTP interface, not of the program.
const apiVersion = "1.0.0"

// handler is everything that the hub answers over HTTP: the interface for agencies and programs under /v1, the
// officers' pages, and what operators watch.
func (s *service) handler() (http.Handler, error) {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("hebian", apiVersion)
	config.Info.Description = "The exchange hub of the establishment office: deliveries in, cases out."
	config.DocsPath = ""     // its page would fetch scripts from elsewhere
	config.CreateHooks = nil // no $schema in every answer
	api := humago.New(mux, config)
	push.Register(api, push.Options{
		Hub: doors{s}, Who: s.whoPushes, Profiles: s.agencies, Spool: s.spool, Claims: &s.claims, Today: s.today, Log: s.logger,
		Sandbox: s.sandbox, Uploads: s.folder(uploadFolder), Quarantine: mending{doors{s}}, Connectors: steering{s}, Feeds: s.feeds, Expected: s.expected,
		Limits: push.Limits{RequestsPerSecond: s.config.Limits.RequestsPerSecond, Burst: s.config.Limits.Burst, DailyBytes: s.config.Limits.DailyMBytes << 20},
	})
	pages, err := desk.New(desk.Options{
		Access: s.access, Queue: wakingQueue{s.queue, s}, Sources: s.sources, UnitName: s.units.of, Now: s.now, Secure: s.secure, IsFull: isFull,
		Entities: dossiers{s},
		Report:   func(err error) { s.logger.Error("the desk can't answer", "error", err) },
	})
	if err != nil {
		return nil, err
	}
	pages.Register(api)
	s.registerStatus(push.Speaking(api))
	s.registerFlags(push.Speaking(api))
	s.registerEntities(push.Speaking(api))
	mux.HandleFunc("/v1/", nowhere(mux))
	mux.Handle("GET /metrics", s.metrics.Handler())
	mux.HandleFunc("GET /healthz", watch.Healthz)
	mux.HandleFunc("GET /readyz", watch.Readyz(s.notReady))
	mux.Handle("/", pages)
	counted := s.metrics.Requests(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.answering.Add(1)
		defer s.answering.Done()
		counted.ServeHTTP(w, r)
	}), nil
}

// sources reads the rows that a finding stands on.
func (s *service) sources(ctx context.Context, refs []state.Ref) ([]evidence.Row, error) {
	return evidence.Rows(ctx, s.log, s.deliveries, refs)
}

// today is the day by the house's reckoning, which never goes back.
func (s *service) today() schemas.Date {
	s.court.RLock()
	defer s.court.RUnlock()
	return max(s.day, schemas.DateOf(s.now()))
}

// whoPushes says for whom a token delivers: an agency for itself, an operator for any.
func (s *service) whoPushes(ctx context.Context, token string) (push.Caller, error) {
	who, err := s.access.Who(ctx, token)
	switch {
	case errors.Is(err, access.ErrToken):
		return push.Caller{}, push.ErrToken
	case err != nil:
		return push.Caller{}, err
	case who.Agency != "":
		caller := push.Caller{Name: who.Agency, Agency: who.Agency, Sandbox: who.Sandbox}
		for _, scope := range who.Scopes {
			caller.Scopes = append(caller.Scopes, string(scope))
		}
		return caller, nil
	}
	return push.Caller{Name: who.Account, Operator: who.Role == access.Operator}, nil
}

// uploadFolder is where uploads in parts lie, below the data folder.
const uploadFolder = "uploads"

// expected lists what an agency has promised for some months, and what came of it.
func (s *service) expected(ctx context.Context, agency string, from, to schemas.Month) ([]connectors.Expected, error) {
	at := slices.IndexFunc(s.agencies, func(p connectors.Profile) bool { return p.Agency == agency })
	if at < 0 {
		return nil, connectors.ErrUnknown
	}
	var failed error
	all := s.agencies[at].Calendar(from, to, s.today(), func(file string, period schemas.Month) schemas.Date {
		day, err := s.came(ctx, agency, file, period)
		failed = cmp.Or(failed, err)
		return day
	})
	return all, failed
}

// maxLooked is how many deliveries of a file are looked at to find the first of a period: a daily one of nearly three years.
const maxLooked = 1000

// came is the day on which the first delivery of a file for a period came; 0: none did. A file whose name tells no month counts for the
// period that its delivery says, or else the last that had ended when it came. What becomes of rows that had come before is no delivery.
func (s *service) came(ctx context.Context, agency, file string, period schemas.Month) (day schemas.Date, err error) {
	next := period.Add(1) // the last month of the period after it
	if found, ok := connectors.Describe(s.agencies, file); ok && found.Due != nil {
		next = period.Add(found.Due.Every.Months())
	}
	all, err := s.deliveries.List(ctx, hub.ReceiptFilter{Agency: agency, File: file, Outcome: hub.Complete, Limit: maxLooked})
	for _, r := range all {
		on := schemas.DateOf(r.Finished.Local())
		if r.Mode == hub.Discard || r.Note == correctedNote || r.Note == againNote {
			continue
		}
		if r.Period == period || r.Period == 0 && on > period.Last() && on <= next.Last() {
			day = on // the oldest comes last
		}
	}
	return day, err
}

// staff lets accounts in and agencies not: what it guards shows the persons of all agencies.
func (s *service) staff(ctx huma.Context, next func(huma.Context)) {
	scheme, token, _ := strings.Cut(ctx.Header("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		token = ""
	}
	who, err := s.access.Who(ctx.Context(), strings.TrimSpace(token))
	switch {
	case errors.Is(err, access.ErrToken):
		refuse(ctx, problem(http.StatusUnauthorized, "unauthorized", "No valid token",
			"Send the token of an account as Authorization: Bearer hb_….", "请用 Authorization: Bearer hb_… 提供帐号的有效令牌。"))
	case err != nil:
		s.logger.Error("look up a token", "error", err)
		refuse(ctx, internal("The token can't be looked up.", "无法核对令牌。"))
	case who.Account == "":
		refuse(ctx, problem(http.StatusForbidden, "forbidden", "Not allowed", "This is for accounts, not for agencies.", "仅限帐号访问，单位令牌无权访问。"))
	default:
		next(ctx)
	}
}

// problem is an answer that says what is wrong, after RFC 9457.
func problem(status int, code, title, detail, detailZH string) *push.Problem {
	return &push.Problem{Type: "urn:hebian:problem:" + code, Title: title, Status: status, Detail: detail, DetailZH: detailZH}
}

// internal is the problem of what is the hub's own fault; its log says more.
func internal(detail, detailZH string) *push.Problem {
	return problem(http.StatusInternalServerError, "internal", "The hub made a mistake", detail, detailZH)
}

// refuse answers with a problem where huma does not do it.
func refuse(ctx huma.Context, p *push.Problem) {
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	json.NewEncoder(ctx.BodyWriter()).Encode(p) //nolint:errcheck // whoever asked may have gone
}

// nowhere answers who asks for an address below /v1 that there is not, or by a method that it does not have.
func nowhere(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := problem(http.StatusNotFound, "unknown_address", "Unknown address", "There is nothing at that address; /openapi.json describes what there is.", "没有此地址，接口说明见 /openapi.json。")
		if allowed := methodsAt(mux, r); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			p = problem(http.StatusMethodNotAllowed, "unknown_method", "Not by this method", "That address is asked by "+strings.Join(allowed, ", ")+" (curl: -X POST -T FILE).", "此地址的可用方法："+strings.Join(allowed, "、")+"。")
		}
		w.Header().Set("Content-Type", p.ContentType(""))
		w.WriteHeader(p.Status)
		json.NewEncoder(w).Encode(p) //nolint:errcheck // whoever asked may have gone
	}
}

// methodsAt names the methods that the address of a request has.
func methodsAt(mux *http.ServeMux, r *http.Request) (allowed []string) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := mux.Handler(&other); pattern != "/v1/" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// forStaff fills in what operations for accounts have: the token, and the problems that may be answered.
func (s *service) forStaff(api huma.API, op huma.Operation, says map[int]string) huma.Operation {
	op.Security, op.Middlewares, op.Tags = []map[string][]string{{"bearer": {}}}, huma.Middlewares{s.staff}, []string{"operation"}
	op.RejectUnknownQueryParameters = true // ?asof= must not pass for today
	says[http.StatusUnauthorized] = "unauthorized: no token, or one that opens nothing."
	says[http.StatusForbidden] = "forbidden: a token of an agency."
	says[http.StatusInternalServerError] = "internal: the hub's own fault."
	says[http.StatusUnprocessableEntity] = "invalid: the request is not understood."
	push.Answers(api, &op, says)
	return op
}

func (s *service) registerStatus(api huma.API) {
	type output struct{ Body hubStatus }
	huma.Register(api, s.forStaff(api, huma.Operation{
		OperationID: "get-status", Method: http.MethodGet, Path: "/v1/status", Summary: "How the hub does",
	}, map[int]string{}), func(ctx context.Context, _ *struct{}) (*output, error) {
		st, err := s.status(ctx)
		if err != nil {
			s.logger.Error("read status", "error", err)
			return nil, internal("The status can't be read.", "无法读取运行状态。")
		}
		return &output{hubStatus(st)}, nil
	})
}

// flagsInput asks for the flags as of a day.
type flagsInput struct {
	AsOf string `query:"as_of" doc:"Day to judge by, YYYY-MM-DD. Default: the day that the hub judges by." example:"2026-09-30"`
}

func (s *service) registerFlags(api huma.API) {
	huma.Register(api, s.forStaff(api, huma.Operation{
		OperationID: "get-flags", Method: http.MethodGet, Path: "/v1/flags.csv", Summary: "All flags as of a day, as hebian check writes them",
		Description: "Everything that was delivered counts, and what was not delivered counts as empty. The file holds identity numbers in full.",
		Responses: map[string]*huma.Response{"200": {
			Description: "code,person,unit,month,detail", Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, map[int]string{
		http.StatusServiceUnavailable: "behind: deliveries are still being judged; Retry-After says when to come again.",
	}), func(ctx context.Context, in *flagsInput) (*huma.StreamResponse, error) {
		day := s.judgedDay()
		if in.AsOf != "" {
			ok := false
			if day, ok = schemas.ParseDate(in.AsOf); !ok {
				return nil, problem(http.StatusUnprocessableEntity, "invalid", "The request is not understood", "as_of is no day YYYY-MM-DD.", "as_of 应为日期 YYYY-MM-DD。")
			}
		}
		result, err := s.flagsAsOf(ctx, day)
		switch {
		case errors.Is(err, errBehind):
			return nil, huma.ErrorWithHeaders(problem(http.StatusServiceUnavailable, "behind", "Not judged yet", "Deliveries are still being judged; ask again.", "报送尚在核对，请稍后再试。"), http.Header{"Retry-After": {"10"}})
		case err != nil:
			s.logger.Error("judge for flags.csv", "error", err)
			return nil, internal("The flags can't be judged.", "无法核对。")
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) { s.sendFlags(ctx, result) }}, nil
	})
}

func (s *service) sendFlags(ctx huma.Context, result matcher.Result) {
	ctx.SetHeader("Content-Type", "text/csv; charset=utf-8")
	ctx.SetHeader("Cache-Control", "no-store")
	w := bufio.NewWriterSize(ctx.BodyWriter(), 1<<16)
	if err := errors.Join(writeFlags(w, judgement{Result: result}), w.Flush()); err != nil {
		s.logger.Warn("flags.csv was cut off", "error", err)
	}
}

func (s *service) judgedDay() schemas.Date {
	s.court.RLock()
	defer s.court.RUnlock()
	return s.day
}

// spoolFolder is where files lie while they are taken in, below the data folder.
const spoolFolder = "spool"

func (s *service) folder(name string) string { return filepath.Join(s.dir, name) }

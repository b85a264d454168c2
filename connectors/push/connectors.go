package push

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
	"hebian/connectors/life"
)

const tagConnectors = "connectors"

type connectorsOutput struct {
	Body struct {
		Connectors []life.Status `json:"connectors"`
	}
}

// ConnectorAddress names a connector in the address of a request.
type ConnectorAddress struct {
	Name string `path:"name" maxLength:"64" doc:"Name of the connector, as the hub's configuration has it." example:"tax-rest"`
}

type connectorOutput struct{ Body life.Status }

type pauseInput struct {
	ConnectorAddress
	Body *struct {
		Why string `json:"why,omitempty" maxLength:"1024" doc:"Why it is paused, in 1,024 bytes of UTF-8 at most."`
	} `required:"false" nameHint:"Pause"`
}

type rewindInput struct {
	ConnectorAddress
	Body struct {
		Position string `json:"position" minLength:"1" maxLength:"65536" doc:"Where it goes on from, in its own words: 65,536 bytes at most."`
	} `nameHint:"Rewind"`
}

// maxWhy bounds why a connector is paused, in bytes: it stands in the books with every act.
const maxWhy = 1 << 10

type dispatchesInput struct {
	ConnectorAddress
	Before int64 `query:"before" minimum:"0" doc:"Those below this number; 0: from the newest on."`
	Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most."`
}

type dispatchesOutput struct {
	Body struct {
		Dispatches []Dispatched `json:"dispatches" doc:"The newest first."`
	}
}

type resendInput struct {
	ConnectorAddress
	Number int64 `path:"number" minimum:"1" doc:"Number of the dispatch."`
}

type dispatchOutput struct{ Body Dispatched }

func (s *Server) registerConnectors() {
	says := func(conflict string) map[int]string {
		m := map[int]string{http.StatusNotFound: "unknown_connector: the known ones are named. unknown_dispatch: it brought none of that number."}
		if conflict != "" {
			m[http.StatusConflict] = conflict
		}
		return m
	}
	const at = "/v1/connectors/{name}"
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "list-connectors", Method: http.MethodGet, Path: "/v1/connectors", Summary: "See how connectors do", Tags: []string{tagConnectors},
		Description: "An agency sees its own, an operator all.",
	}, says("")), scopeRead), s.listConnectors)
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "get-connector", Method: http.MethodGet, Path: at, Summary: "See how a connector does", Tags: []string{tagConnectors},
		Description: "Its state with the reason, its position, and what it counted.",
	}, says("")), scopeRead), s.connector)
	s.registerSteering(at, says)
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "list-dispatches", Method: http.MethodGet, Path: at + "/dispatches", Summary: "See what a connector brought", Tags: []string{tagConnectors},
		Description: "Numbered dispatches with what the partner answered.",
	}, says("")), scopeRead), s.dispatches)
	m := says("")
	m[http.StatusBadGateway] = "not_brought: the partner could not be reached, or did not take it."
	huma.Register(s.api, s.operation(huma.Operation{
		OperationID: "resend-dispatch", Method: http.MethodPost, Path: at + "/dispatches/{number}/resend", Summary: "Bring a dispatch again", Tags: []string{tagConnectors},
		Description: "For operators. The same records under the same number.",
	}, m), s.resend)
}

// registerSteering adds what operators do to connectors, below the address of one.
func (s *Server) registerSteering(at string, says func(conflict string) map[int]string) {
	op := func(verb, summary, description, conflict string) huma.Operation {
		m := says(conflict)
		if verb == "pause" || verb == "rewind" {
			m = withBody(m)
		}
		return s.operation(huma.Operation{
			OperationID: verb + "-connector", Method: http.MethodPost, Path: at + "/" + verb, Summary: summary, Tags: []string{tagConnectors},
			Description: "For operators. " + description + " It is remembered with who did it.",
		}, m)
	}
	const notYet = "running: its run has not ended yet."
	huma.Register(s.api, op("pause", "Pause a connector", "It stays so until it is resumed, also when the hub starts anew. A run on its way is interrupted.", notYet), s.pause)
	huma.Register(s.api, op("resume", "Resume a connector", "One that is not paused goes on as it does.", ""), s.steer(Connectors.Resume))
	huma.Register(s.api, op("run", "Run a connector now", "Whatever it waits for.", "paused: it is paused."), s.steer(Connectors.RunNow))
	huma.Register(s.api, op("rewind", "Have a connector go on from another position", "Rows that it reads again change nothing.", "not_paused: it must be paused first. "+notYet), s.rewind)
	huma.Register(s.api, op("reset", "Have a connector begin anew", "Rows that it reads again change nothing. Its counts stay.", "not_paused: it must be paused first. "+notYet), s.steer(Connectors.Reset))
}

// theirs are the connectors that a caller may see.
func (s *Server) theirs(ctx context.Context) []life.Status {
	caller := callerOf(ctx)
	all := []life.Status{}
	for _, c := range s.Connectors.List() {
		if caller.may(c.Agency) && !caller.Sandbox {
			all = append(all, c)
		}
	}
	return all
}

func (s *Server) listConnectors(ctx context.Context, _ *struct{}) (*connectorsOutput, error) {
	out := &connectorsOutput{}
	out.Body.Connectors = s.theirs(ctx)
	return out, nil
}

// see finds a connector that the caller may see. To others there is none.
func (s *Server) see(ctx context.Context, name string) (life.Status, *Problem) {
	theirs := s.theirs(ctx)
	at := slices.IndexFunc(theirs, func(c life.Status) bool { return c.Name == name })
	if at >= 0 {
		return theirs[at], nil
	}
	var known []string
	for _, c := range theirs {
		known = append(known, c.Name)
	}
	return life.Status{}, unknown("connector", "连接器", "connector", name, known)
}

func (s *Server) connector(ctx context.Context, in *ConnectorAddress) (*connectorOutput, error) {
	c, refused := s.see(ctx, in.Name)
	if refused != nil {
		return nil, refused
	}
	return &connectorOutput{c}, nil
}

func (s *Server) pause(ctx context.Context, in *pauseInput) (*connectorOutput, error) {
	why := ""
	if in.Body != nil {
		why = in.Body.Why
	}
	if len(why) > maxWhy {
		return nil, notUnderstood("Why has 1,024 bytes at most.", "why 最多 1024 字节。")
	}
	return s.steer(func(c Connectors, ctx context.Context, name, by string) error { return c.Pause(ctx, name, by, why) })(ctx, &in.ConnectorAddress)
}

func (s *Server) rewind(ctx context.Context, in *rewindInput) (*connectorOutput, error) {
	position := in.Body.Position
	if len(position) > connectors.MaxPosition {
		return nil, notUnderstood("A position has 65,536 bytes at most.", "position 最多 65536 字节。")
	}
	return s.steer(func(c Connectors, ctx context.Context, name, by string) error {
		return c.Rewind(ctx, name, position, by)
	})(ctx, &in.ConnectorAddress)
}

// steer lets an operator act on a connector. What was begun is done, whether or not the operator still waits.
func (s *Server) steer(act func(c Connectors, ctx context.Context, name, by string) error) func(context.Context, *ConnectorAddress) (*connectorOutput, error) {
	return func(ctx context.Context, in *ConnectorAddress) (*connectorOutput, error) {
		caller := callerOf(ctx)
		if _, refused := s.see(ctx, in.Name); refused != nil {
			return nil, refused
		}
		if !caller.Operator {
			return nil, operatorOnly()
		}
		err := act(s.Connectors, context.WithoutCancel(ctx), in.Name, caller.Name)
		switch {
		case errors.Is(err, life.ErrNotPaused):
			return nil, problem(http.StatusConflict, "not_paused", "Not paused", "Pause the connector first.", "请先暂停该连接器。")
		case errors.Is(err, life.ErrPaused):
			return nil, problem(http.StatusConflict, "paused", "Paused", "The connector is paused; resume it.", "该连接器已暂停，请先恢复。")
		case errors.Is(err, life.ErrRunning):
			return nil, problem(http.StatusConflict, "running", "Still running", "The connector is paused, but its run has not ended yet; ask again.", "已暂停，但本次运行尚未结束，请稍后再试。")
		case err != nil:
			return nil, s.fault(ctx, "steer connector "+in.Name, err)
		}
		return s.connector(ctx, in)
	}
}

func (s *Server) dispatches(ctx context.Context, in *dispatchesInput) (*dispatchesOutput, error) {
	if _, refused := s.see(ctx, in.Name); refused != nil {
		return nil, refused
	}
	all, err := s.Connectors.Dispatches(ctx, in.Name, in.Before, in.Limit)
	if err != nil {
		return nil, s.fault(ctx, "list dispatches", err)
	}
	out := &dispatchesOutput{}
	out.Body.Dispatches = append([]Dispatched{}, all...)
	return out, nil
}

func (s *Server) resend(ctx context.Context, in *resendInput) (*dispatchOutput, error) {
	caller := callerOf(ctx)
	if _, refused := s.see(ctx, in.Name); refused != nil {
		return nil, refused
	}
	if !caller.Operator {
		return nil, operatorOnly()
	}
	d, err := s.Connectors.Resend(ctx, in.Name, in.Number, caller.Name)
	var trouble *connectors.Trouble
	switch {
	case errors.Is(err, connectors.ErrUnknown):
		return nil, problem(http.StatusNotFound, "unknown_dispatch", "Unknown dispatch", "The connector brought none of that number.", "该连接器没有此编号的发送。")
	case errors.As(err, &trouble):
		return nil, problem(http.StatusBadGateway, "not_brought", "Not brought", "The partner did not take it: "+trouble.Error(), "对方未接收："+trouble.Error())
	case err != nil:
		return nil, s.fault(ctx, "bring a dispatch again", err)
	}
	return &dispatchOutput{d}, nil
}

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

type steerInput struct {
	ConnectorAddress
	Verb string `path:"verb" enum:"pause,resume,run,rewind,reset" doc:"pause and resume; run: now; rewind: go on from another position; reset: begin anew. The last two want it paused."`
	Body *struct {
		Why      string `json:"why,omitempty" maxLength:"1024" doc:"Why it is paused, in 1,024 bytes of UTF-8 at most."`
		Position string `json:"position,omitempty" maxLength:"65536" doc:"Where a rewound connector goes on from, in its own words: 65,536 bytes at most. Needed to rewind."`
	} `required:"false"`
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
	huma.Register(s.api, s.operation(huma.Operation{
		OperationID: "steer-connector", Method: http.MethodPost, Path: at + "/{verb}", Summary: "Pause, resume, run, rewind or reset a connector", Tags: []string{tagConnectors},
		Description: "For operators. Each act is remembered with who did it. Rows that a rewound connector reads again change nothing.",
	}, withBody(says("not_paused: it must be paused first. paused: it is paused. running: its run has not ended yet."))), s.steer)
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

func (s *Server) steer(ctx context.Context, in *steerInput) (*connectorOutput, error) {
	caller := callerOf(ctx)
	if _, refused := s.see(ctx, in.Name); refused != nil {
		return nil, refused
	}
	if !caller.Operator {
		return nil, operatorOnly()
	}
	why, position := "", ""
	if in.Body != nil {
		why, position = in.Body.Why, in.Body.Position
	}
	switch {
	case len(why) > maxWhy || len(position) > connectors.MaxPosition:
		return nil, notUnderstood("Why has 1,024 bytes at most, and a position 65,536.", "why 最多 1024 字节，position 最多 65536 字节。")
	case in.Verb == "rewind" && position == "":
		return nil, notUnderstood("Rewind wants a position; reset begins anew from the start.", "rewind 须提供 position；从头开始请用 reset。")
	}
	var err error
	switch ctx := context.WithoutCancel(ctx); in.Verb {
	case "pause":
		err = s.Connectors.Pause(ctx, in.Name, caller.Name, why)
	case "resume":
		err = s.Connectors.Resume(ctx, in.Name, caller.Name)
	case "run":
		err = s.Connectors.RunNow(ctx, in.Name, caller.Name)
	case "rewind":
		err = s.Connectors.Rewind(ctx, in.Name, position, caller.Name)
	case "reset":
		err = s.Connectors.Reset(ctx, in.Name, caller.Name)
	}
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
	return s.connector(ctx, &in.ConnectorAddress)
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

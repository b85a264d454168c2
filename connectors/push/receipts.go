package push

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
)

// pageRows is how many refused rows a receipt shows at once.
const pageRows = 1000

// ReceiptPage is a receipt with refused rows.
type ReceiptPage struct {
	connectors.Receipt
	Refused []connectors.Refused `json:"refused" doc:"Rows of the file in quarantine, 1,000 at most."`
	Next    string               `json:"next,omitempty" doc:"Address of the next ones." example:"/v1/receipts/12?from=1000"`
}

type receiptInput struct {
	ID   int64 `path:"id" minimum:"1" doc:"Number of the delivery."`
	From int64 `query:"from" minimum:"0" doc:"How many refused rows to pass over."`
}

type receiptPageOutput struct {
	Body ReceiptPage
}

type deliveryInput struct {
	ID int64 `path:"id" minimum:"1" doc:"Number of the delivery."`
}

// ReceiptList is receipts, the newest first.
type ReceiptList struct {
	Receipts []connectors.Receipt `json:"receipts"`
	Next     string               `json:"next,omitempty" doc:"Address of older ones." example:"/v1/receipts?before=12&limit=100"`
}

type receiptsInput struct {
	Agency    string             `query:"agency" maxLength:"64" doc:"One agency only."`
	File      string             `query:"file" maxLength:"400" doc:"One file only, as receipts name it." example:"finance/payroll-202609.csv"`
	Outcome   connectors.Outcome `query:"outcome" enum:"open,complete,failed,held,discarded" doc:"Deliveries that ended so."`
	Connector string             `query:"connector" maxLength:"64" doc:"What one connector fetched."`
	Before    int64              `query:"before" minimum:"0" doc:"Deliveries below this number; 0: all."`
	Limit     int                `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most."`
}

type receiptsOutput struct {
	Body ReceiptList
}

func (s *Server) registerReceipts() {
	says := func() map[int]string {
		return map[int]string{http.StatusNotFound: "unknown_receipt: there is none of that number, or it is another agency's."}
	}
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "list-receipts",
		Method:      http.MethodGet,
		Path:        "/v1/receipts",
		Summary:     "List receipts",
		Description: "What became of deliveries, the newest first. An agency sees its own, an operator those of all agencies.",
		Tags:        []string{tagDeliveries},
	}, map[int]string{
		http.StatusForbidden: "forbidden: the token is another agency's.",
		http.StatusNotFound:  "unknown_agency: the known ones are named.",
	}), scopeRead), s.receipts)
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "get-receipt",
		Method:      http.MethodGet,
		Path:        "/v1/receipts/{id}",
		Summary:     "Read a receipt",
		Description: "What became of a delivery, with the rows that were refused: file, line, column and reason.",
		Tags:        []string{tagDeliveries},
	}, says()), scopeRead, scopeDeliver), s.receipt)
	op := scoped(s.operation(huma.Operation{
		OperationID: "list-refused-rows",
		Method:      http.MethodGet,
		Path:        "/v1/receipts/{id}/refused.ndjson",
		Summary:     "Read all refused rows",
		Description: "All rows of the delivery's file that are in quarantine, one JSON object a line, streamed. An answer that breaks off is not whole.",
		Tags:        []string{tagDeliveries},
	}, says()), scopeRead, scopeDeliver)
	row := huma.SchemaFromType(s.api.OpenAPI().Components.Schemas, reflect.TypeFor[connectors.Refused]())
	op.Responses["200"] = &huma.Response{
		Description: "The rows.",
		Content:     map[string]*huma.MediaType{ndjson: {Schema: row}},
	}
	huma.Register(s.api, op, s.refused)
}

// receipt answers with a page of a receipt.
func (s *Server) receipt(ctx context.Context, in *receiptInput) (*receiptPageOutput, error) {
	r, refused := s.receiptOf(ctx, in.ID)
	if refused != nil {
		return nil, refused
	}
	page := ReceiptPage{Receipt: r, Refused: []connectors.Refused{}}
	errFull := errors.New("the page is full")
	var seen int64
	err := s.hub(callerOf(ctx)).Refused(ctx, in.ID, func(row connectors.Refused) error {
		switch seen++; {
		case seen <= in.From:
		case len(page.Refused) == pageRows:
			page.Next = fmt.Sprintf("%s?from=%d", where(in.ID), in.From+pageRows)
			return errFull
		default:
			page.Refused = append(page.Refused, row)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, s.fault(ctx, "read refused rows", err)
	}
	return &receiptPageOutput{Body: page}, nil
}

// receipts lists receipts.
func (s *Server) receipts(ctx context.Context, in *receiptsInput) (*receiptsOutput, error) {
	caller := callerOf(ctx)
	agency := cmp.Or(in.Agency, caller.Agency)
	if agency != "" {
		if _, refused := s.profile(caller, agency); refused != nil {
			return nil, refused
		}
	} else if !caller.Operator {
		return nil, operatorOnly()
	}
	filter := Filter{Agency: agency, File: in.File, Outcome: in.Outcome, Connector: in.Connector, Before: in.Before, Limit: in.Limit + 1} // one more shows whether there are more
	found, err := s.hub(caller).List(ctx, filter)
	if err != nil {
		return nil, s.fault(ctx, "list receipts", err)
	}
	out := &receiptsOutput{Body: ReceiptList{Receipts: []connectors.Receipt{}}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.Next = in.next(found[in.Limit-1].Delivery)
	}
	out.Body.Receipts = append(out.Body.Receipts, found...)
	return out, nil
}

// next is the address of what comes after a receipt of the list.
func (in *receiptsInput) next(last int64) string {
	query := url.Values{"before": {strconv.FormatInt(last, 10)}, "limit": {strconv.Itoa(in.Limit)}}
	for name, value := range map[string]string{"agency": in.Agency, "file": in.File, "outcome": string(in.Outcome), "connector": in.Connector} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "/v1/receipts?" + query.Encode()
}

// receiptOf gives a receipt to those who may see it. To the others there is none.
func (s *Server) receiptOf(ctx context.Context, id int64) (connectors.Receipt, *Problem) {
	caller := callerOf(ctx)
	r, err := s.hub(caller).Receipt(ctx, id)
	switch {
	case errors.Is(err, connectors.ErrUnknown), err == nil && !caller.may(r.Agency):
		return r, unknownReceipt(id)
	case err == nil && !caller.allows(scopeRead) && !caller.delivered(r):
		return r, scopeNeeded(scopeRead)
	case err != nil:
		return r, s.fault(ctx, "read a receipt", err)
	}
	return r, nil
}

// delivered says whether the caller handed over what a receipt is of, or its agency did.
func (c Caller) delivered(r connectors.Receipt) bool {
	return r.By == c.Name || c.Agency == r.Agency && r.Connector == ""
}

// ndjson is the media type of lines of JSON.
const ndjson = "application/x-ndjson"

// refused streams the refused rows of a delivery.
func (s *Server) refused(ctx context.Context, in *deliveryInput) (*huma.StreamResponse, error) {
	if _, refused := s.receiptOf(ctx, in.ID); refused != nil {
		return nil, refused
	}
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", ndjson)
		out.SetStatus(http.StatusOK)
		w := bufio.NewWriterSize(out.BodyWriter(), 1<<16)
		lines := json.NewEncoder(w)
		lines.SetEscapeHTML(false)
		err := s.hub(callerOf(ctx)).Refused(ctx, in.ID, func(row connectors.Refused) error { return lines.Encode(row) })
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			if ctx.Err() == nil {
				s.Log.ErrorContext(ctx, "request failed", "doing", "stream refused rows", "error", err)
			}
			panic(http.ErrAbortHandler) // the only way left to tell the reader that this was not all
		}
	}}, nil
}

func (s *Server) registerHeld() {
	says := func() map[int]string {
		return map[int]string{
			http.StatusForbidden:           "forbidden: only an operator may do this.",
			http.StatusNotFound:            "unknown_receipt: there is none of that number.",
			http.StatusConflict:            "not_held: the delivery does not wait for an operator. busy: the same file is being taken in.",
			http.StatusServiceUnavailable:  "closing: the hub is about to stop.",
			http.StatusInsufficientStorage: "disk_full: no room on the disk.",
		}
	}
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "release-delivery",
		Method:      http.MethodPost,
		Path:        "/v1/receipts/{id}/release",
		Summary:     "Take a held delivery in",
		Description: "An operator's yes to a file that takes back more of its earlier rows than the limit.",
		Tags:        []string{tagDeliveries},
	}, says()), scopeDeliver), s.settle(func(ctx context.Context, hub Hub, id int64, by string) (connectors.Receipt, error) {
		return hub.Release(ctx, id, by)
	}))
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "discard-delivery",
		Method:      http.MethodPost,
		Path:        "/v1/receipts/{id}/discard",
		Summary:     "Let a held delivery fall",
		Description: "An operator's no: what was delivered earlier stays.",
		Tags:        []string{tagDeliveries},
	}, says()), scopeDeliver), s.settle(func(ctx context.Context, hub Hub, id int64, by string) (connectors.Receipt, error) {
		return hub.Discard(ctx, id, by)
	}))
}

type settledOutput struct {
	Body connectors.Receipt
}

// settle lets an operator decide about a held delivery.
func (s *Server) settle(decide func(ctx context.Context, hub Hub, id int64, by string) (connectors.Receipt, error)) func(context.Context, *deliveryInput) (*settledOutput, error) {
	return func(ctx context.Context, in *deliveryInput) (*settledOutput, error) {
		caller := callerOf(ctx)
		if !caller.Operator {
			return nil, operatorOnly()
		}
		r, err := decide(context.WithoutCancel(ctx), s.hub(caller), in.ID, caller.Name)
		switch {
		case errors.Is(err, connectors.ErrUnknown):
			return nil, unknownReceipt(in.ID)
		case errors.Is(err, connectors.ErrNotHeld):
			return nil, notHeld(in.ID)
		case errors.Is(err, connectors.ErrBusy):
			return nil, busy(fmt.Sprintf("the file of delivery %d", in.ID))
		case err != nil:
			return nil, s.fault(ctx, "settle a held delivery", err)
		}
		return &settledOutput{Body: r}, nil
	}
}

package push

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

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

func (s *Server) registerReceipts() {
	says := func() map[int]string {
		return map[int]string{http.StatusNotFound: "unknown_receipt: there is none of that number, or it is another agency's."}
	}
	huma.Register(s.api, s.operation(huma.Operation{
		OperationID: "get-receipt",
		Method:      http.MethodGet,
		Path:        "/v1/receipts/{id}",
		Summary:     "Read a receipt",
		Description: "What became of a delivery, with the rows that were refused: file, line, column and reason.",
		Tags:        []string{tagDeliveries},
	}, says()), s.receipt)
	op := s.operation(huma.Operation{
		OperationID: "list-refused-rows",
		Method:      http.MethodGet,
		Path:        "/v1/receipts/{id}/refused.ndjson",
		Summary:     "Read all refused rows",
		Description: "All rows of the delivery's file that are in quarantine, one JSON object a line, streamed. An answer that breaks off is not whole.",
		Tags:        []string{tagDeliveries},
	}, says())
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
	err := s.Hub.Refused(ctx, in.ID, func(row connectors.Refused) error {
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

// receiptOf gives a receipt to those who may see it. To the others there is none.
func (s *Server) receiptOf(ctx context.Context, id int64) (connectors.Receipt, *Problem) {
	r, err := s.Hub.Receipt(ctx, id)
	switch {
	case errors.Is(err, connectors.ErrUnknown), err == nil && !callerOf(ctx).may(r.Agency):
		return r, unknownReceipt(id)
	case err != nil:
		return r, s.fault(ctx, "read a receipt", err)
	}
	return r, nil
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
		err := s.Hub.Refused(ctx, in.ID, func(row connectors.Refused) error { return lines.Encode(row) })
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
	huma.Register(s.api, s.operation(huma.Operation{
		OperationID: "release-delivery",
		Method:      http.MethodPost,
		Path:        "/v1/receipts/{id}/release",
		Summary:     "Take a held delivery in",
		Description: "An operator's yes to a file that takes back more of its earlier rows than the limit.",
		Tags:        []string{tagDeliveries},
	}, says()), s.settle(func(ctx context.Context, id int64, by string) (connectors.Receipt, error) {
		return s.Hub.Release(ctx, id, by)
	}))
	huma.Register(s.api, s.operation(huma.Operation{
		OperationID: "discard-delivery",
		Method:      http.MethodPost,
		Path:        "/v1/receipts/{id}/discard",
		Summary:     "Let a held delivery fall",
		Description: "An operator's no: what was delivered earlier stays.",
		Tags:        []string{tagDeliveries},
	}, says()), s.settle(func(ctx context.Context, id int64, by string) (connectors.Receipt, error) {
		return s.Hub.Discard(ctx, id, by)
	}))
}

type settledOutput struct {
	Body connectors.Receipt
}

// settle lets an operator decide about a held delivery.
func (s *Server) settle(decide func(ctx context.Context, id int64, by string) (connectors.Receipt, error)) func(context.Context, *deliveryInput) (*settledOutput, error) {
	return func(ctx context.Context, in *deliveryInput) (*settledOutput, error) {
		caller := callerOf(ctx)
		if !caller.Operator {
			return nil, operatorOnly()
		}
		r, err := decide(context.WithoutCancel(ctx), in.ID, caller.Name)
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

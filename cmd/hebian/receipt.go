package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"hebian/connectors"
	"hebian/connectors/push"
)

// receiptCommand is the commands about what became of a delivery to a hub that runs.
type receiptCommand struct {
	Show    receiptShow    `cmd:"" help:"Show a receipt with the rows that were refused."`
	Release receiptRelease `cmd:"" help:"Say yes to a delivery that is held, as an operator."`
	Discard receiptDiscard `cmd:"" help:"Let a delivery that is held fall, as an operator."`
}

// oneReceipt is a delivery of a hub.
type oneReceipt struct {
	ID int64 `arg:"" help:"Number of the delivery."`
	hubAddress
	format
}

type receiptShow struct {
	From int64 `help:"How many refused rows to pass over; at most 1,000 are shown."`
	oneReceipt
}

func (c *receiptShow) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	page, err := client.Receipt(ctx, c.ID, c.From)
	if err != nil {
		return err
	}
	return c.print(s.out, page, func(w io.Writer) { writeReceipt(w, &page) })
}

func writeReceipt(w io.Writer, page *push.ReceiptPage) {
	sentTable(w, []connectors.Receipt{page.Receipt})
	if page.Error != "" {
		fmt.Fprintf(w, "\n%s: %s\n", page.Outcome, printable(page.Error))
	}
	if len(page.Refused) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable(w, "line", "column", "reason", "")
	for _, r := range page.Refused {
		t.AppendRow([]any{r.Line, printable(r.Column), r.Reason, printable(r.Detail)})
	}
	t.Render()
	if page.Next != "" {
		fmt.Fprintln(w, "There are more: pass these over with --from.")
	}
}

type receiptRelease struct{ oneReceipt }

func (c *receiptRelease) Run(ctx context.Context, s streams) error {
	return c.settle(ctx, s, "release")
}

type receiptDiscard struct{ oneReceipt }

func (c *receiptDiscard) Run(ctx context.Context, s streams) error {
	return c.settle(ctx, s, "discard")
}

// settle says yes or no to a held delivery.
func (c *oneReceipt) settle(ctx context.Context, s streams, what string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var r connectors.Receipt
	if err := client.Call(ctx, http.MethodPost, fmt.Sprintf("/v1/receipts/%d/%s", c.ID, what), nil, &r); err != nil {
		return err
	}
	return c.print(s.out, r, func(w io.Writer) { sentTable(w, []connectors.Receipt{r}) })
}

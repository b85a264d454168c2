package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"hebian/connectors"
	"hebian/connectors/push"
)

// receiptCommand is the commands about what became of a delivery to a hub that runs.
type receiptCommand struct {
	Show    receiptShow    `cmd:"" help:"Show a receipt with the rows that were refused."`
	Release receiptRelease `cmd:"" help:"Say yes to a delivery that is held, as an operator."`
	Discard receiptDiscard `cmd:"" help:"Let a delivery that is held fall, as an operator."`
}

// receiptList is the command that lists receipts.
type receiptList struct {
	Agency    string `help:"Of this agency only."`
	File      string `placeholder:"FILE" help:"Of this file only, as receipts name it: finance/payroll-202609.csv."`
	Outcome   string `enum:",open,complete,failed,held,discarded" default:"" help:"That ended so: open, complete, failed, held or discarded."`
	Connector string `help:"Of what this connector fetched."`
	Before    int64  `placeholder:"NUMBER" help:"Of deliveries below this number."`
	Limit     int    `default:"50" help:"Receipts at most."`
	hubAddress
	format
}

// receiptPage is how many receipts the hub gives at once.
const receiptPage = 1000

func (c *receiptList) Run(ctx context.Context, s streams) error {
	if c.Limit < 1 || c.Before < 0 {
		return usageError("--limit must be 1 or more, and --before not below 0")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	all := push.ReceiptList{Receipts: []connectors.Receipt{}}
	for before := c.Before; ; {
		query := url.Values{"limit": {strconv.Itoa(min(c.Limit-len(all.Receipts), receiptPage))}}
		for name, value := range map[string]string{"agency": c.Agency, "file": c.File, "outcome": c.Outcome, "connector": c.Connector} {
			if value != "" {
				query.Set(name, value)
			}
		}
		if before > 0 {
			query.Set("before", strconv.FormatInt(before, 10))
		}
		var page push.ReceiptList
		if err := client.Call(ctx, http.MethodGet, "/v1/receipts?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		all.Receipts, all.Next = append(all.Receipts, page.Receipts...), page.Next
		if page.Next == "" || len(page.Receipts) == 0 || len(all.Receipts) >= c.Limit {
			break
		}
		before = all.Receipts[len(all.Receipts)-1].Delivery
	}
	return c.print(s.out, all, func(w io.Writer) { writeReceipts(w, &all) })
}

func writeReceipts(w io.Writer, all *push.ReceiptList) {
	t := newTable(w, "delivery", "at", "file", "mode", "rows read", "accepted", "quarantined", "settled", "outcome", "by")
	for i := range all.Receipts {
		r := &all.Receipts[i]
		t.AppendRow([]any{r.Delivery, instant(r.Started), r.File, r.Mode, count(r.RowsRead), count(r.Accepted), count(r.Quarantined), count(r.Settled), r.Outcome,
			printable(cmp.Or(r.Connector, r.By, r.Agency))})
	}
	t.Render()
	if all.Next != "" {
		fmt.Fprintln(w, "There are more: ask for more with --limit, or for older ones with --before.")
	}
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

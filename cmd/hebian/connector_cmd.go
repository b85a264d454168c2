package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"hebian/connectors/life"
	"hebian/connectors/push"
)

// steerCommand is the commands that watch and steer the connectors of a hub that runs.
type steerCommand struct {
	List       connectorList       `cmd:"" help:"See how all connectors do."`
	Show       connectorShow       `cmd:"" help:"See how one does, and what operators did to it."`
	Pause      connectorPause      `cmd:"" help:"Stop it until it is resumed, as an operator."`
	Resume     connectorResume     `cmd:"" help:"Let a paused one go on, as an operator."`
	Run        connectorRun        `cmd:"" help:"Have it run now, as an operator."`
	Rewind     connectorRewind     `cmd:"" help:"Have a paused one go on from another position, as an operator."`
	Reset      connectorReset      `cmd:"" help:"Have a paused one begin anew, as an operator."`
	Dispatches connectorDispatches `cmd:"" help:"See what it brought to its partner."`
	Resend     connectorResend     `cmd:"" help:"Bring a dispatch again, under its number, as an operator."`
}

type connectorList struct {
	hubAddress
	format
}

func (c *connectorList) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var all struct {
		Connectors []life.Status `json:"connectors"`
	}
	if err := client.Call(ctx, http.MethodGet, "/v1/connectors", nil, &all); err != nil {
		return err
	}
	return c.print(s.out, all, func(w io.Writer) {
		t := newTable(w, "connector", "agency", "road", "", "state", "since", "next run", "rows", "quarantined", "last success", "why")
		for i := range all.Connectors {
			k := &all.Connectors[i]
			t.AppendRow([]any{k.Name, k.Agency, k.Road, k.Direction, standing(k), instant(k.Since), instant(k.Until), count(k.Rows), count(k.Quarantined), instant(k.LastSuccess), printable(k.Reason)})
		}
		t.Render()
	})
}

// standing is the state of a connector; one that was paused may not have ended its run yet.
func standing(k *life.Status) string {
	if k.Paused && k.State != life.Paused {
		return string(k.State) + ", to be paused"
	}
	return string(k.State)
}

// oneConnector is a connector of a hub.
type oneConnector struct {
	Name string `arg:"" help:"Name of the connector."`
	hubAddress
	format
}

func (c *oneConnector) path(more string) string {
	return "/v1/connectors/" + url.PathEscape(c.Name) + more
}

type connectorShow struct{ oneConnector }

func (c *connectorShow) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var k life.Status
	if err := client.Call(ctx, http.MethodGet, c.path(""), nil, &k); err != nil {
		return err
	}
	return c.print(s.out, k, func(w io.Writer) { writeConnector(w, &k) })
}

// writeConnector prints a connector for a person.
func writeConnector(w io.Writer, k *life.Status) {
	fmt.Fprintf(w, "%s of %s, %s by %s: %s\n", k.Name, k.Agency, map[life.Direction]string{life.In: "fetches", life.Out: "brings"}[k.Direction], k.Road, printable(k.About))
	fmt.Fprintf(w, "%s since %s", standing(k), instant(k.Since))
	if !k.Until.IsZero() {
		fmt.Fprintf(w, ", next run %s", instant(k.Until))
	}
	if k.Reason != "" {
		fmt.Fprintf(w, ": %s", printable(k.Reason))
	}
	fmt.Fprintf(w, "\nposition: %s\n\n", cmp.Or(printable(k.Position), "from the start"))
	t := newTable(w, "runs", "failures", "in a row", "deliveries", "last", "rows", "accepted", "quarantined", "last run", "last success")
	t.AppendRow([]any{count(k.Runs), count(k.Failures), count(k.ConsecutiveFailures), count(k.Deliveries), k.LastDelivery, count(k.Rows), count(k.Accepted), count(k.Quarantined), instant(k.LastRun), instant(k.LastSuccess)})
	t.Render()
	if len(k.Acts) == 0 {
		return
	}
	fmt.Fprintln(w)
	t = newTable(w, "at", "by", "what", "why", "position before")
	for _, a := range k.Acts {
		t.AppendRow([]any{instant(a.At), printable(a.By), a.What, printable(a.Why), printable(a.From)})
	}
	t.Render()
}

// steer does something to the connector and prints how it stands then.
func (c *oneConnector) steer(ctx context.Context, s streams, verb string, with map[string]string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if with == nil {
		with = map[string]string{}
	}
	var k life.Status
	if err := client.Call(ctx, http.MethodPost, c.path("/"+verb), with, &k); err != nil {
		return err
	}
	return c.print(s.out, k, func(w io.Writer) { fmt.Fprintf(w, "%s is %s\n", k.Name, standing(&k)) })
}

type connectorPause struct {
	oneConnector
	Why string `help:"Why, for those who come after."`
}

func (c *connectorPause) Run(ctx context.Context, s streams) error {
	with := map[string]string{}
	if c.Why != "" {
		with["why"] = c.Why
	}
	return c.steer(ctx, s, "pause", with)
}

type connectorResume struct{ oneConnector }

func (c *connectorResume) Run(ctx context.Context, s streams) error {
	return c.steer(ctx, s, "resume", nil)
}

type connectorRun struct{ oneConnector }

func (c *connectorRun) Run(ctx context.Context, s streams) error { return c.steer(ctx, s, "run", nil) }

type connectorRewind struct {
	oneConnector
	To string `required:"" placeholder:"POSITION" help:"Where to go on from, in the connector's own words, as connector show gives positions."`
}

func (connectorRewind) Help() string {
	return `Rows that are fetched again change nothing; records that are brought again have the same ids. What lies between the present
position and a later one is passed over.`
}

func (c *connectorRewind) Run(ctx context.Context, s streams) error {
	return c.steer(ctx, s, "rewind", map[string]string{"position": c.To})
}

type connectorReset struct {
	oneConnector
	Yes bool `help:"Needed: the connector fetches or brings everything again."`
}

func (c *connectorReset) Run(ctx context.Context, s streams) error {
	if !c.Yes {
		return usageError(fmt.Sprintf("%s would begin anew, and fetch or bring everything again; say so with --yes", c.Name))
	}
	return c.steer(ctx, s, "reset", nil)
}

type connectorDispatches struct {
	oneConnector
	Before int64 `placeholder:"NUMBER" help:"Those below this number."`
	Limit  int   `default:"50" help:"Dispatches at most, 1,000."`
}

func (c *connectorDispatches) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var all struct {
		Dispatches []push.Dispatched `json:"dispatches"`
	}
	query := url.Values{"before": {strconv.FormatInt(c.Before, 10)}, "limit": {strconv.Itoa(c.Limit)}}
	if err := client.Call(ctx, http.MethodGet, c.path("/dispatches?"+query.Encode()), nil, &all); err != nil {
		return err
	}
	return c.print(s.out, all, func(w io.Writer) { writeDispatches(w, all.Dispatches) })
}

func writeDispatches(w io.Writer, all []push.Dispatched) {
	t := newTable(w, "number", "feed", "records", "made", "brought", "tries", "answer")
	for _, d := range all {
		t.AppendRow([]any{d.Number, d.Feed, count(d.Records), instant(d.Created), brought(d.Sent), d.Tries, printable(cmp.Or(d.Error, d.Answer))})
	}
	t.Render()
}

func brought(at time.Time) string { return cmp.Or(instant(at), "not yet") }

type connectorResend struct {
	oneConnector
	Number int64 `required:"" help:"Number of the dispatch, as connector dispatches gives it."`
}

func (c *connectorResend) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var d push.Dispatched
	if err := client.Call(ctx, http.MethodPost, c.path(fmt.Sprintf("/dispatches/%d/resend", c.Number)), nil, &d); err != nil {
		return err
	}
	return c.print(s.out, d, func(w io.Writer) { writeDispatches(w, []push.Dispatched{d}) })
}

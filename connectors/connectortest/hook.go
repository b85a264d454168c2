package connectortest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"hebian/connectors"
	"hebian/connectors/webhook"
)

const (
	// hookTolerance is how old a signature may be that a simulated receiver takes.
	hookTolerance = 5 * time.Minute
	// hookBytes bounds a dispatch's body: its records and their IDs and keys.
	hookBytes = 2*connectors.DispatchBytes + 1<<20
)

// Hook is a partner's webhook on the loopback interface: it takes signed dispatches, each once. It can be made to fail in the ways
// that services do.
type Hook struct {
	Faulty
	secret string
	again  int // status of the answer to a dispatch that is there already

	bodiesMu sync.Mutex
	bodies   []webhook.Body
	ids      map[string]bool
	tries    int
	refused  []error
}

// NewHook opens a receiver that shares a secret with its sender. again is the status that it answers a dispatch with that it has
// already: 200 or 409.
func NewHook(secret string, again int) (*Hook, error) {
	h := &Hook{secret: secret, again: again, ids: map[string]bool{}}
	return h, h.serve(http.HandlerFunc(h.receive))
}

// Bodies lists the dispatches taken, in the order in which they came.
func (h *Hook) Bodies() []webhook.Body {
	h.bodiesMu.Lock()
	defer h.bodiesMu.Unlock()
	return slices.Clone(h.bodies)
}

// Received lists the records of all dispatches taken.
func (h *Hook) Received() (all []connectors.Out) {
	for _, body := range h.Bodies() {
		for _, r := range body.Records {
			all = append(all, connectors.Out{ID: r.ID, Key: r.Key, JSON: r.Record})
		}
	}
	return all
}

// Tries is how many dispatches arrived, taken or not.
func (h *Hook) Tries() int {
	h.bodiesMu.Lock()
	defer h.bodiesMu.Unlock()
	return h.tries
}

// Refused lists why dispatches were not taken.
func (h *Hook) Refused() []error {
	h.bodiesMu.Lock()
	defer h.bodiesMu.Unlock()
	return slices.Clone(h.refused)
}

// receive takes a dispatch.
func (h *Hook) receive(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, hookBytes))
	if err == nil {
		err = webhook.Verify(h.secret, r.Header, text, time.Now(), hookTolerance)
	}
	var body webhook.Body
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	h.bodiesMu.Lock()
	defer h.bodiesMu.Unlock()
	h.tries++
	switch {
	case err != nil:
		h.refused = append(h.refused, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
	case h.ids[body.ID]:
		w.WriteHeader(h.again)
	default:
		h.ids[body.ID] = true
		h.bodies = append(h.bodies, body)
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "taken") //nolint:errcheck // into memory
	}
}

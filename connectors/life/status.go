package life

import (
	"time"

	"hebian/connectors"
)

// State says what a connector is at.
type State string

// The states.
const (
	Running     State = "running"
	Waiting     State = "waiting"            // for its next run
	NoFile      State = "waiting for a file" // that its partner is to hand over
	BackingOff  State = "backing off"        // its partner, or the hub itself, could not; it tries again by itself
	CircuitOpen State = "circuit open"       // its partner failed so often that it is left alone for a while
	Failed      State = "failed"             // a person must act; it is tried again now and then
	Paused      State = "paused"             // by an operator
)

// Status is how a connector is doing.
type Status struct {
	Name      string    `json:"name"`
	Agency    string    `json:"agency"`
	Road      string    `json:"road" doc:"How records travel." example:"rest"`
	Direction Direction `json:"direction" enum:"in,out" doc:"As seen from the hub."`
	About     string    `json:"about,omitempty" doc:"Where it leads."`
	State     State     `json:"state" enum:"running,waiting,waiting for a file,backing off,circuit open,failed,paused"`
	Reason    string    `json:"reason,omitempty" doc:"Why it is in that state: what its partner answered, or what an operator said."`
	Since     time.Time `json:"since" doc:"When it came into that state."`
	Until     time.Time `json:"until,omitzero" doc:"When it runs next; none while it runs or is paused."`
	Position  string    `json:"position" doc:"Where it goes on from, in its own words; empty: from the start."`
	Paused    bool      `json:"paused" doc:"An operator has paused it. While its run has not ended yet its state is still running."`
	Tally
	Acts []Act `json:"acts,omitempty" doc:"What operators did to it, the last twenty or fewer, oldest first."`
}

// Tally counts what a connector did since it was first set up. What was handed over is counted together with the position; runs and
// failures may be up to a minute behind after a kill.
type Tally struct {
	LastRun             time.Time `json:"last_run,omitzero" doc:"When its last run began."`
	LastSuccess         time.Time `json:"last_success,omitzero" doc:"When it last handed something over, or found that there was nothing more."`
	Runs                int64     `json:"runs" doc:"Runs that have ended."`
	Failures            int64     `json:"failures" doc:"Runs that ended in trouble. A missing file is none."`
	ConsecutiveFailures int64     `json:"consecutive_failures" doc:"Failures since it last came on."`
	Rows                int64     `json:"rows" doc:"Rows handed over."`
	Accepted            int64     `json:"accepted"`
	Quarantined         int64     `json:"quarantined" doc:"Rows refused; each is kept with the reason."`
	Deliveries          int64     `json:"deliveries" doc:"Receipts, or dispatches that the partner has."`
	LastDelivery        int64     `json:"last_delivery,omitempty" doc:"Number of the last receipt or dispatch."`
}

// Act is something that an operator did to a connector.
type Act struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	What What      `json:"what" enum:"paused,resumed,run now,rewound,reset"`
	Why  string    `json:"why,omitempty"`
	From string    `json:"from" doc:"The position before."`
}

// What names an act.
type What string

// The acts.
const (
	DidPause  What = "paused"
	DidResume What = "resumed"
	DidRunNow What = "run now"
	DidRewind What = "rewound"
	DidReset  What = "reset"
)

const (
	// maxActs is what a page shows. actBytes bounds the positions in them, which are written with every batch: of long ones fewer acts stay.
	maxActs  = 20
	actBytes = 4 * connectors.MaxPosition
)

// remember adds an act and forgets the oldest.
func remember(acts []Act, a Act) []Act {
	acts = append(acts[:len(acts):len(acts)], a)
	bytes := 0
	for i := len(acts) - 1; i >= 0; i-- {
		if bytes += len(acts[i].From); bytes > actBytes || len(acts)-i > maxActs {
			return acts[i+1:]
		}
	}
	return acts
}

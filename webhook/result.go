package webhook

import (
	"net/http"

	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// answer is the document that answers a webhook.
type answer struct {
	Results []result      `json:"results"`
	Skipped []skippedJSON `json:"skipped,omitempty"`
	// Note says what was done about a request that asks for no scaling, such as the confirmation of a subscription.
	Note string `json:"note,omitempty"`
}

type skippedJSON struct {
	Alert  string `json:"alert,omitempty"`
	Pool   string `json:"pool,omitempty"`
	Reason string `json:"reason"`
}

// result is the answer to one intent.
type result struct {
	board.Decision
	// Accepted says that the intent is on disk and will be carried out. Duplicate says that the same intent came
	// before: Operation is then the operation of the first such intent.
	Accepted  bool   `json:"accepted"`
	Duplicate bool   `json:"duplicate"`
	Operation string `json:"operation,omitempty"`
	State     string `json:"state,omitempty"`
	// Result is what became of the operation, and Error is why it failed. Both are empty if the operation is not done.
	Result string `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
	// Previous is an earlier operation of the same alert that should have scaled the pool and did not. It is set if the
	// alert is decided afresh for that reason.
	Previous *previous `json:"previous,omitempty"`
}

// previous is an operation and what became of it.
type previous struct {
	Operation string `json:"operation"`
	Result    string `json:"result"`
	Error     string `json:"error,omitempty"`
}

func resultOf(s queue.Submission) result {
	r := result{Decision: board.DecisionOf(s.Decision), Accepted: s.Accepted, Duplicate: s.Duplicate}
	if s.Operation.ID != "" {
		op := s.Operation
		r.Operation, r.State, r.Result, r.Error = op.ID, string(op.State), string(op.Result), board.OneLine(op.Error, dialect.MaxReason)
	}
	if p := s.Previous; p != nil {
		r.Previous = &previous{Operation: p.ID, Result: string(p.Result), Error: board.OneLine(p.Error, dialect.MaxReason)}
	}
	return r
}

// statusOf returns 202 if an intent was accepted, or was accepted before and is not done yet. It returns 200 if there
// is nothing to wait for.
func statusOf(subs []queue.Submission) int {
	for _, s := range subs {
		if s.Accepted || s.Duplicate && s.Operation.State != queue.Done {
			return http.StatusAccepted
		}
	}
	return http.StatusOK
}

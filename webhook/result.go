package webhook

import (
	"net/http"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// answer is what a webhook is answered with.
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

// result is what an intent was answered with.
type result struct {
	board.Decision
	// Accepted says that it is on disk and will be carried out, and Duplicate that it was asked for before: see the operation.
	Accepted  bool   `json:"accepted"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Operation string `json:"operation,omitempty"`
	State     string `json:"state,omitempty"`
}

func resultOf(s scale.Submission) result {
	r := result{Decision: board.DecisionOf(s.Decision), Accepted: s.Accepted, Duplicate: s.Duplicate}
	if s.Operation.ID != "" {
		r.Operation, r.State = s.Operation.ID, string(s.Operation.State)
	}
	return r
}

// statusOf is 202 where anything was accepted, now or before and not done yet, and 200 where there is nothing to wait for.
func statusOf(subs []scale.Submission) int {
	for _, s := range subs {
		if s.Accepted || s.Duplicate && s.Operation.State != scale.Done {
			return http.StatusAccepted
		}
	}
	return http.StatusOK
}
